//! Setting up a host, and looking at what a plugin has left in it.

use packhouse_scope::{Access, Entry};

use super::policy::{self, Identity};
use super::request::Actor;
use super::state::{self, LogLine, Shared};
use super::upkeep::Upkeep;
use crate::auth::Wanted;
use crate::types::{ObjectInfo, Precondition};
use crate::{Error, Protocol};

/// A host in memory. The one that was made last on this thread is the one that
/// `storage`, `auth` and the others reach, also outside a request.
pub struct Host {
    pub(super) state: Shared,
}

impl Default for Host {
    fn default() -> Host {
        Host::new()
    }
}

impl Host {
    /// Empty, nobody may do anything, and it is 2026-01-01 00:00 UTC.
    pub fn new() -> Host {
        let state = Shared::default();
        state::make_current(&state);
        Host { state }
    }

    /// The mount has another name than the protocol.
    #[must_use]
    pub fn mounted_as(self, name: &str) -> Host {
        self.state.borrow_mut().mount = Some(name.to_owned());
        self
    }

    /// Adds a user with scopes `{mount}:{kind}:{name}:{action}`; `*` is anything. An action allows
    /// what the protocol's description says that it implies.
    #[must_use]
    pub fn user(self, name: &str, scopes: &[&str]) -> Host {
        {
            let mut state = self.state.borrow_mut();
            let user = state.user(name);
            user.scopes.extend(scopes.iter().map(|scope| policy::scope(scope)));
        }
        self
    }

    /// Removes a user. A user who gets the name later, with [`Host::user`], is another account.
    #[must_use]
    pub fn remove_user(self, name: &str) -> Host {
        {
            let mut state = self.state.borrow_mut();
            state.users.remove(name);
            state.removed_users.insert(name.to_owned());
            state.tokens.retain(|token| token.owner != name);
        }
        self
    }

    /// The id of a user's account; empty when there is no such user.
    pub fn account_id(&self, name: &str) -> String {
        let state = self.state.borrow();
        state.users.get(name).map(|user| user.id.clone()).unwrap_or_default()
    }

    /// What a user can sign in with ([`crate::auth::authenticate_password`]).
    #[must_use]
    pub fn password(self, name: &str, password: &str) -> Host {
        {
            let mut state = self.state.borrow_mut();
            let user = state.user(name);
            user.password = Some(password.to_owned());
        }
        self
    }

    #[must_use]
    pub fn email(self, name: &str, email: &str) -> Host {
        {
            let mut state = self.state.borrow_mut();
            let user = state.user(name);
            user.email = Some(email.to_owned());
        }
        self
    }

    /// What everybody may do, signed in or not.
    #[must_use]
    pub fn anonymous_grants(self, scopes: &[&str]) -> Host {
        let scopes = scopes.iter().map(|scope| policy::scope(scope));
        self.state.borrow_mut().anonymous.extend(scopes);
        self
    }

    /// Grants the mount a wish, e.g. `login`.
    #[must_use]
    pub fn grant(self, wish: &str) -> Host {
        self.state.borrow_mut().grants.insert(wish.to_owned());
        self
    }

    /// Too many wrong passwords were sent: none is looked at for so many seconds.
    #[must_use]
    pub fn throttled(self, seconds: u64) -> Host {
        self.state.borrow_mut().retry_after = Some(seconds);
        self
    }

    /// Signed access tokens come from this address, not from the protocol's own endpoint.
    #[must_use]
    pub fn token_server(self, realm: &str) -> Host {
        self.state.borrow_mut().access_rules.realm = Some(realm.to_owned());
        self
    }

    /// Signed access tokens are switched off.
    #[must_use]
    pub fn without_access_tokens(self) -> Host {
        self.state.borrow_mut().access_rules.enabled = false;
        self
    }

    /// Turns a feature on or off; without it, what the description says.
    #[must_use]
    pub fn feature(self, name: &str, enabled: bool) -> Host {
        self.state.borrow_mut().features.insert(name.to_owned(), enabled);
        self
    }

    /// The mount's settings, an object of JSON.
    #[must_use]
    pub fn settings(self, settings: &serde_json::Value) -> Host {
        self.state.borrow_mut().settings = settings.to_string();
        self
    }

    /// Where clients reach the mount; `https://registry.example.com/demo` unless set.
    #[must_use]
    pub fn base_url(self, base_url: &str) -> Host {
        base_url.clone_into(&mut self.state.borrow_mut().base_url);
        self
    }

    /// The mount's limit of an upload in bytes; 1 GiB unless set.
    #[must_use]
    pub fn upload_limit(self, limit: u64) -> Host {
        self.state.borrow_mut().upload_limit = limit;
        self
    }

    /// The most bytes that a plugin may write into a response; 96 MiB unless set, as in the real
    /// host.
    #[must_use]
    pub fn reply_limit(self, limit: u64) -> Host {
        self.state.borrow_mut().document_limit = limit;
        self
    }

    /// Takes the features' defaults and read actions from a protocol's description, as
    /// sending a request does.
    #[must_use]
    pub fn describe<P: Protocol>(self) -> Host {
        self.state.borrow_mut().describe(P::describe());
        self
    }

    /// Somebody of [`Host::user`].
    pub fn as_user(&self, name: &str) -> Actor {
        Actor::new(&self.state).signed_in(Identity { name: name.to_owned(), ..Identity::default() })
    }

    /// A user who signed in with something that can only read.
    pub fn as_reader(&self, name: &str) -> Actor {
        Actor::new(&self.state).signed_in(Identity {
            name: name.to_owned(),
            read_only: true,
            ..Identity::default()
        })
    }

    /// Nobody: no credentials were sent.
    pub fn anonymous(&self) -> Actor {
        Actor::new(&self.state)
    }

    /// Somebody whose credentials do not count, and why.
    pub fn rejected(&self, reason: &str) -> Actor {
        Actor::new(&self.state).rejected(reason)
    }

    /// The bearer of this token, opaque or signed; one that is unknown, revoked or expired does not
    /// count.
    pub fn with_token(&self, secret: &str) -> Actor {
        let state = self.state.borrow();
        if let Some(signed) = state.signed.iter().find(|signed| signed.secret == secret) {
            let token = signed.identity.as_ref().and_then(|identity| identity.token.as_ref());
            if state.now >= signed.expires {
                return self.rejected("the access token has expired");
            }
            if token.is_some_and(|id| !state.tokens.iter().any(|stored| stored.token.id == *id)) {
                return self.rejected("the token that the access token was made with was revoked");
            }
            let bearer = Access { entries: signed.access.clone(), outside: false };
            return Actor::new(&self.state).bearing(signed.identity.clone(), bearer);
        }
        match state.identity_of(secret) {
            Ok(identity) => Actor::new(&self.state).signed_in(identity),
            Err(why) => self.rejected(why),
        }
    }

    /// The bearer of an access token that the token server of [`Host::token_server`] signed for this;
    /// its word counts alone.
    pub fn with_outside_access(&self, access: &[Wanted]) -> Actor {
        let entries = access.iter().map(policy::entry).collect();
        Actor::new(&self.state).bearing(None, Access { entries, outside: true })
    }

    /// What a signed access token holds; none when it is no such token.
    pub fn access(&self, secret: &str) -> Option<Vec<Wanted>> {
        let state = self.state.borrow();
        let found = state.signed.iter().find(|signed| signed.secret == secret);
        let wanted = |entry: &Entry| Wanted {
            kind: entry.kind.clone(),
            name: entry.name.clone(),
            actions: entry.actions.clone(),
        };
        found.map(|signed| signed.access.iter().map(wanted).collect())
    }

    /// A run of maintenance that is about to begin, now by [`Host::store_now`].
    pub fn upkeep(&self) -> Upkeep<'_> {
        Upkeep::new(Shared::clone(&self.state))
    }

    /// All keys, in order.
    pub fn objects(&self) -> Vec<String> {
        self.state.borrow().objects.keys().cloned().collect()
    }

    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        let state = self.state.borrow();
        state.objects.get(key).map(|object| object.bytes.to_vec())
    }

    pub fn object_info(&self, key: &str) -> Option<ObjectInfo> {
        let state = self.state.borrow();
        state.objects.get(key).map(|object| object.info.clone())
    }

    /// An object as JSON; `Null` if there is no object or it is not JSON.
    pub fn object_json(&self, key: &str) -> serde_json::Value {
        let bytes = self.object(key).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Writes an object, whatever is there. `Invalid` for a key that cannot be.
    pub fn insert(&self, key: &str, bytes: impl AsRef<[u8]>) -> Result<ObjectInfo, Error> {
        let mut state = self.state.borrow_mut();
        state.check_place(key)?;
        Ok(state.insert(key, bytes.as_ref().into(), None))
    }

    /// Gives an object this version, e.g. one that it had before: on some stores the same
    /// bytes always have the same.
    pub fn set_version(&self, key: &str, version: &str) {
        let mut state = self.state.borrow_mut();
        if let Some(object) = state.objects.get_mut(key) {
            version.clone_into(&mut object.info.version);
        }
    }

    /// As [`Host::insert`], with a content type, as an earlier system may have stored it.
    pub fn insert_typed(
        &self,
        key: &str,
        bytes: impl AsRef<[u8]>,
        content_type: &str,
    ) -> Result<ObjectInfo, Error> {
        let mut state = self.state.borrow_mut();
        state.check_place(key)?;
        Ok(state.insert(key, bytes.as_ref().into(), Some(content_type)))
    }

    /// Removes an object; false when nothing was there.
    pub fn remove(&self, key: &str) -> bool {
        let mut state = self.state.borrow_mut();
        let removed = state.remove(key, Precondition::Any);
        removed.unwrap_or(false)
    }

    /// The next write to `key` loses: it is a `Conflict`, and nothing has changed. May
    /// be called several times.
    pub fn conflict_next(&self, key: &str) {
        let mut state = self.state.borrow_mut();
        state.lost_races.entry(key.to_owned()).or_default().push_back(None);
    }

    /// Somebody else writes these bytes just before the next write to `key`.
    pub fn race(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        let races = state.lost_races.entry(key.to_owned()).or_default();
        races.push_back(Some(bytes.into()));
    }

    /// The answer to the next change of `key` is lost, and somebody else changes the object before the
    /// host asks again: the change is made, then `others` gets what is there and gives what they make
    /// of it, and the plugin gets `Conflict`. May be called several times.
    pub fn lose_answer(&self, key: &str, others: impl FnOnce(Option<Vec<u8>>) -> Option<Vec<u8>> + 'static) {
        let mut state = self.state.borrow_mut();
        state.lost_answers.entry(key.to_owned()).or_default().push_back((Box::new(others), Error::Conflict));
    }

    /// The next change of `key` is made, and answered with this error all the same, as when
    /// the store went away in between. May be called several times.
    pub fn break_answer(&self, key: &str, error: Error) {
        let mut state = self.state.borrow_mut();
        state.lost_answers.entry(key.to_owned()).or_default().push_back((Box::new(|there| there), error));
    }

    /// Somebody else writes these bytes just before the next piece of `key` is read: what
    /// is read in pieces (above 1 MiB, or through a `Reader`). May be called several times.
    pub fn race_reading(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        state.read_races.entry(key.to_owned()).or_default().push_back(bytes.into());
    }

    /// The next call to the storage fails. May be called several times.
    pub fn fail_next(&self, error: Error) {
        self.state.borrow_mut().failures.push_back(error);
    }

    /// The store has room for so many bytes more. What is written beyond is `storage-full`;
    /// removing gives room. Empty objects take none.
    pub fn set_room(&self, bytes: u64) {
        self.state.borrow_mut().room = Some(bytes);
    }

    /// The store takes nothing more, not even an empty object.
    pub fn set_full(&self) {
        let mut state = self.state.borrow_mut();
        (state.room, state.takes_empty) = (Some(0), false);
    }

    /// Milliseconds since the Unix epoch. The store's clock moves along.
    pub fn set_now(&self, moment: u64) {
        self.state.borrow_mut().now = moment;
    }

    pub fn now(&self) -> u64 {
        self.state.borrow().now
    }

    /// Sets the store's clock so many milliseconds ahead of the host's, or behind it. They
    /// agree unless this is called.
    pub fn set_store_ahead(&self, milliseconds: i64) {
        self.state.borrow_mut().store_ahead = milliseconds;
    }

    /// What time it is by the store's clock.
    pub fn store_now(&self) -> u64 {
        self.state.borrow().store_now()
    }

    /// How many objects were read, written, looked up or removed, and pages listed, since the host
    /// was made.
    pub fn store_calls(&self) -> u64 {
        self.state.borrow().calls
    }

    /// Bytes that were staged and are still held by somebody.
    pub fn staged(&self) -> usize {
        self.state.borrow().staging.len()
    }

    /// Ids of the uploads that were started and not ended.
    pub fn uploads(&self) -> Vec<String> {
        self.state.borrow().uploads.keys().cloned().collect()
    }

    /// What the plugin has written to the log.
    pub fn log(&self) -> Vec<LogLine> {
        self.state.borrow().log.clone()
    }
}
