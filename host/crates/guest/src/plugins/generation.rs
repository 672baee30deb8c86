//! One loaded version of a plugin, and what can be asked of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::capabilities::{Ground, RequestContext, StepContext};
use crate::description::Description;
use crate::ownership::Page;
use crate::plugins::cache::CodeInUse;
use crate::plugins::linked::Linked;
use crate::plugins::loader::Loaded;
use crate::plugins::sandbox::{CallError, Sandbox};
use crate::plugins::slot::Unloadable;
use packhouse_auth::Holder;
use packhouse_http::respond::Reply;

/// Characters of the reason why a plugin does not describe itself: its last words are in it.
const LONGEST_REASON: usize = 1200;

/// One loaded version of a plugin.
pub struct Generation {
    /// Counts up for each version of one plugin that came to serve.
    pub number: u64,
    /// Of the file's content.
    pub hash: String,
    pub loaded: SystemTime,
    pub description: Arc<Description>,
    /// What the generation that served before offered and this one does not, a few words each.
    pub lost: Vec<String>,
    /// Whether it came to serve a mount.
    served: AtomicBool,
    linked: Linked,
    sandbox: Arc<Sandbox>,
    /// Keeps its compiled code in the cache.
    _code: CodeInUse,
}

impl Generation {
    /// Links a component and asks it what it is. A number comes when it takes over.
    pub(super) async fn of(loaded: Loaded, hash: String, sandbox: Arc<Sandbox>) -> Result<Self, Unloadable> {
        let linked = sandbox.link(&loaded.component).map_err(|error| Unloadable::Ever(error.to_string()))?;
        let description = sandbox.describe(&linked).await.map_err(|error| match error {
            CallError::Busy(_) | CallError::Deadline(_) => Unloadable::Now(error.to_string()),
            error => Unloadable::Ever(error.to_string().chars().take(LONGEST_REASON).collect()),
        })?;
        Ok(Self {
            number: 0,
            hash,
            loaded: SystemTime::now(),
            description: Arc::new(description),
            lost: Vec::new(),
            served: AtomicBool::new(false),
            linked,
            sandbox,
            _code: loaded.code,
        })
    }

    /// It serves a mount. Logged the first time.
    pub fn note_service(&self, plugin: &str, mount: &str) {
        if !self.has_served() && !self.served.swap(true, Ordering::Relaxed) {
            let number = self.number;
            tracing::info!(
                plugin,
                generation = number,
                mount,
                "plugin {plugin} serves [mount.{mount}] with its generation {number}"
            );
        }
    }

    pub fn has_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    pub(super) fn offers(&self) -> Offers {
        Offers {
            description: Arc::clone(&self.description),
            maintenance: self.has_maintenance(),
            ownership: self.has_ownership(),
        }
    }

    /// Answers one request in a fresh instance.
    pub async fn handle(&self, request: Box<RequestContext>) -> Result<Reply, CallError> {
        self.sandbox.handle(&self.linked, request).await
    }

    /// Whether it can look after what it has stored.
    pub fn has_maintenance(&self) -> bool {
        self.linked.has_maintenance()
    }

    /// Does one step of maintenance in a fresh instance. Gives where the next one goes on;
    /// none at the end.
    pub async fn step(&self, step: Box<StepContext>) -> Result<Option<String>, CallError> {
        self.sandbox.step(&self.linked, step).await
    }

    /// Whether it can say who owns what.
    pub fn has_ownership(&self) -> bool {
        self.linked.has_ownership()
    }

    /// Asks in a fresh instance for one page of what a user owns.
    pub async fn owned_by(
        &self,
        ground: Box<Ground>,
        holder: &Holder,
        cursor: Option<&str>,
    ) -> Result<Page, CallError> {
        self.sandbox.owned_by(&self.linked, ground, holder, cursor).await
    }

    /// Takes a user off one owner list, in a fresh instance. False when they were not on it.
    pub async fn disown(
        &self,
        ground: Box<Ground>,
        holder: &Holder,
        kind: &str,
        thing: &str,
    ) -> Result<bool, CallError> {
        self.sandbox.disown(&self.linked, ground, holder, (kind, thing)).await
    }
}

/// What a generation offered, without its code.
pub(super) struct Offers {
    description: Arc<Description>,
    maintenance: bool,
    ownership: bool,
}

impl Offers {
    /// What of it `next` does not offer. The operator is told. Two protocols have nothing to compare.
    pub fn lost_by(&self, next: &Generation) -> Vec<String> {
        if self.description.protocol != next.description.protocol {
            return Vec::new();
        }
        let mut lost = self.description.loses(&next.description);
        if self.maintenance && !next.has_maintenance() {
            lost.push("maintenance (`gc`, `verify`, `reindex`)".to_owned());
        }
        if self.ownership && !next.has_ownership() {
            lost.push("ownership (`packhouse user remove` cannot list what a user owns)".to_owned());
        }
        lost
    }
}
