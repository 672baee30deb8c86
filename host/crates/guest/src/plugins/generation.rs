//! One loaded version of a plugin, and the calls that it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::capabilities::{Ground, RequestContext, StepContext};
use crate::description::Description;
use crate::inputs::Inputs;
use crate::mount::Mount;
use crate::ownership::Page;
use crate::plugins::cache::CodeInUse;
use crate::plugins::checked::{Checked, Unusable};
use crate::plugins::linked::Linked;
use crate::plugins::loader::Loaded;
use crate::plugins::sandbox::{CallError, Sandbox};
use crate::plugins::slot::Unloadable;
use packhouse_auth::Holder;
use packhouse_common::text::printable_up_to;
use packhouse_http::respond::Reply;

/// The most characters of the reason why a plugin did not describe itself. The reason includes its
/// last log lines.
const LONGEST_REASON: usize = 1200;

/// One loaded version of a plugin.
pub struct Generation {
    /// The number of this version. Each version of a plugin that serves gets the next number.
    pub number: u64,
    /// The hash of the file's content.
    pub hash: String,
    pub loaded: SystemTime,
    pub description: Arc<Description>,
    /// What the previous serving generation offered and this one does not, in a few words each.
    pub lost: Vec<String>,
    /// Whether it has served a mount.
    served: AtomicBool,
    /// Whether it can use the settings of mounts.
    checked: Checked,
    linked: Linked,
    sandbox: Arc<Sandbox>,
    /// Keeps its compiled code in the cache.
    _code: CodeInUse,
}

impl Generation {
    /// Links a component and calls its description. It gets a number when it begins to serve.
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
            checked: Checked::default(),
            linked,
            sandbox,
            _code: loaded.code,
        })
    }

    /// Records that it serves a mount. Logs this the first time.
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

    /// Whether the plugin can use the settings of a mount, or why not. A plugin without the export
    /// accepts all settings.
    pub async fn check_settings(&self, mount: &Mount) -> Result<(), Unusable> {
        if !self.linked.checks_settings() {
            return Ok(());
        }
        let ask = async || {
            let (mount, description) = (Arc::new(mount.clone()), Arc::clone(&self.description));
            let answer = self.sandbox.check_settings(&self.linked, mount, description).await;
            answer.map_err(|error| match error {
                CallError::Busy(_) | CallError::Deadline(_) | CallError::NoMemory(_) => {
                    Unusable::Unknown(error.to_string())
                }
                error => Unusable::Refused(printable_up_to(&error.to_string(), LONGEST_REASON).to_string()),
            })
        };
        self.checked.get(&mount.name, ask).await
    }

    pub(super) fn offers(&self) -> Offers {
        Offers {
            description: Arc::clone(&self.description),
            maintenance: self.has_maintenance(),
            ownership: self.has_ownership(),
        }
    }

    /// Answers one request in a fresh instance. Also returns what the reply depends on.
    pub async fn handle(&self, request: Box<RequestContext>) -> Result<(Reply, Inputs), CallError> {
        self.sandbox.handle(&self.linked, request).await
    }

    /// Whether the plugin exports maintenance.
    pub fn has_maintenance(&self) -> bool {
        self.linked.has_maintenance()
    }

    /// Does one step of maintenance in a fresh instance. Returns where the next step continues;
    /// none at the end.
    pub async fn step(&self, step: Box<StepContext>) -> Result<Option<String>, CallError> {
        self.sandbox.step(&self.linked, step).await
    }

    /// Whether the plugin exports ownership.
    pub fn has_ownership(&self) -> bool {
        self.linked.has_ownership()
    }

    /// Asks the plugin, in a fresh instance, for one page of what a user owns.
    pub async fn owned_by(
        &self,
        ground: Box<Ground>,
        holder: &Holder,
        cursor: Option<&str>,
    ) -> Result<Page, CallError> {
        self.sandbox.owned_by(&self.linked, ground, holder, cursor).await
    }

    /// Removes a user from one owner list, in a fresh instance. False if the list did not name the
    /// user.
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
    /// What `next` no longer offers, for the operator. Empty for another protocol.
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
