//! Preconditions of requests that change something (`If-Match` and others, RFC 9110 §13).
//!
//! Whether they are met depends on the present answer to a GET of the same address. So the host
//! first asks the plugin for it, in another instance. If they are not met, the plugin still answers
//! the request, and the host ends it before its first change: the request may fail for another
//! reason, which comes first (§13.2.1). It knows no header of HTTP; `respond` does.

use std::time::Duration;

use http::Method;

use super::refusals::{away, failure_of};
use super::{Asked, Dispatcher};
use crate::auth::{Credentials, Session};
use crate::body::RequestBody;
use crate::capabilities::resources::Resources;
use crate::mounts::Found;
use crate::plugins::Generation;
use crate::respond::{Failure, Preconditions, Reply};
use crate::turns::Turn;

impl Dispatcher {
    /// Waits until no other conditional request changes the same address; not longer than for a place.
    pub(super) async fn take_turn(&self, found: &Found<'_>) -> Result<Turn, Failure> {
        let patience = self.settings.patience;
        let address = format!("{} {}", found.mount.name, found.path);
        let turn = tokio::time::timeout(patience, self.turns.take(address)).await;
        turn.map_err(|_| Failure::Busy { retry_after: Duration::from_secs(1) })
    }

    /// Whether the preconditions of a request are met by what a GET is answered now. The session is the
    /// one that makes the change; the credentials are the same again.
    pub(super) async fn look(
        &self,
        asked: &Asked<'_>,
        found: &Found<'_>,
        generation: &Generation,
        (session, credentials): (&mut Session, Credentials),
        resources: &Resources,
    ) -> Result<Preconditions, Failure> {
        let shape = generation.description.failure_shape.clone();
        let caller = session.caller().await.map_err(|error| away(&error))?;
        if !asked.is_anonymous && !caller.has_credentials() {
            // A wrong password must not be tried once more. The plugin refuses the change anyway.
            return Ok(Preconditions { are_met: false, shape });
        }
        let session = self.session(found, generation, credentials, asked.peer.ip);
        let nothing = RequestBody::new(String::new(), self.settings.bodies);
        let mut context = self.context(asked, found, generation, nothing, session, resources.clone())?;
        context.method = Method::GET;
        let answered = generation.handle(context).await;
        let (reply, _) = answered.map_err(|error| failure_of(&found.mount.plugin, &error))?;
        Ok(Preconditions::of_change(&asked.parts.headers, Reply { shape, ..reply }).await)
    }
}
