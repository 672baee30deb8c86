//! Answers what a user owns, for commands. It opens the storage and the plugins at the first
//! question, so that a command that takes access away does that before anything that can fail.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use super::{Inventory, Thing, Unknown};
use crate::app;
use crate::auth::{Area, Holder, Targets};
use crate::config::Config;
use crate::maintenance::Caretaker;
use crate::storage::Company;

/// A source of answers.
pub trait Desk: Send + Sync {
    /// What scopes can refer to.
    fn targets(&self) -> BoxFuture<'_, Targets>;
    /// The mount of this name, and the actions of its protocol; a sentence if that is not known.
    fn area<'a>(&'a self, mount: &'a str) -> BoxFuture<'a, Result<Area, String>>;
    /// Whether the user is in the list of owners of this thing; a sentence if that is not known.
    fn owns<'a>(&'a self, holder: &'a Holder, thing: &'a Thing) -> BoxFuture<'a, Result<bool, String>>;
    /// What the user owns, and which mounts did not answer.
    fn owned_by<'a>(&'a self, holder: &'a Holder) -> BoxFuture<'a, Inventory>;
    /// Removes the user from these owner lists. Returns which lists could not be changed, and why.
    fn disown<'a>(&'a self, holder: &'a Holder, things: &'a [Thing]) -> BoxFuture<'a, Vec<(Thing, String)>>;
}

/// The plugins of a configuration.
pub struct OfConfig<'a> {
    config: &'a Config,
    opened: OnceCell<Result<Caretaker, String>>,
}

impl<'a> OfConfig<'a> {
    pub fn new(config: &'a Config) -> Self {
        Self { config, opened: OnceCell::new() }
    }

    async fn caretaker(&self) -> Result<&Caretaker, String> {
        let open = || async {
            if !self.config.storage.is_lasting() {
                return Err("the storage is the server's own memory, which cannot be read from here".into());
            }
            app::open_caretaker(self.config, false).await.map_err(|error| error.to_string())
        };
        self.opened.get_or_init(open).await.as_ref().map_err(Clone::clone)
    }

    /// Besides running hosts only if the store keeps the changes of several processes apart.
    async fn disown_as_guest(
        &self,
        holder: &Holder,
        things: &[Thing],
    ) -> Result<Vec<(Thing, String)>, String> {
        let caretaker = self.caretaker().await?;
        let entered = caretaker.storage.enter(Company::Guest).await;
        let presence = entered.map_err(|error| error.to_string())?;
        let failed = tokio::select! {
            failed = caretaker.disown(holder, things) => Ok(failed),
            () = presence.lost() => Err("a host has taken over the storage: run the command again".to_owned()),
        };
        presence.leave().await;
        failed
    }
}

impl Desk for OfConfig<'_> {
    fn targets(&self) -> BoxFuture<'_, Targets> {
        app::targets(self.config).boxed()
    }

    fn area<'a>(&'a self, mount: &'a str) -> BoxFuture<'a, Result<Area, String>> {
        app::area(self.config, mount).boxed()
    }

    fn owns<'a>(&'a self, holder: &'a Holder, thing: &'a Thing) -> BoxFuture<'a, Result<bool, String>> {
        async move { self.caretaker().await?.owns(holder, thing).await }.boxed()
    }

    fn owned_by<'a>(&'a self, holder: &'a Holder) -> BoxFuture<'a, Inventory> {
        async move {
            match self.caretaker().await {
                Ok(caretaker) => caretaker.owned_by(holder).await,
                Err(why) => Inventory { things: Vec::new(), unknown: vec![Unknown { mount: None, why }] },
            }
        }
        .boxed()
    }

    fn disown<'a>(&'a self, holder: &'a Holder, things: &'a [Thing]) -> BoxFuture<'a, Vec<(Thing, String)>> {
        async move {
            match self.disown_as_guest(holder, things).await {
                Ok(failed) => failed,
                Err(why) => things.iter().map(|thing| (thing.clone(), why.clone())).collect(),
            }
        }
        .boxed()
    }
}
