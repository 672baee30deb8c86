//! Setting up a host, and looking at what a plugin has left in it.

use packhouse_scope::{Access, Entry};

use super::policy::{self, Identity};
use super::request::Actor;
use super::state::{self, LogLine, Shared};
use super::upkeep::Upkeep;
use crate::auth::Wanted;
use crate::types::{ObjectInfo, Precondition};
use crate::{Error, Protocol};

/// A host in memory. `storage`, `auth` and the other modules use the host that was created last on
/// this thread, also outside a request.
pub struct Host {
    pub(super) state: Shared,
}

impl Default for Host {
    fn default() -> Host {
        Host::new()
    }
}

impl Host {
    /// An empty host, on which nobody may do anything. The time is 2026-01-01 00:00 UTC.
    pub fn new() -> Host {
        let state = Shared::default();
        state::make_current(&state);
        Host { state }
    }

    /// Gives the mount another name than that of the protocol.
    #[must_use]
    pub fn mounted_as(self, name: &str) -> Host {
        self.state.borrow_mut().mount = Some(name.to_owned());
        self
    }

    /// Adds a user with scopes `{mount}:{kind}:{name}:{action}`; `*` matches any characters. An
    /// action also allows the actions that it implies in the protocol's description. A scope after a
    /// `!` denies instead, whatever else allows it.
    #[must_use]
    pub fn user(self, name: &str, scopes: &[&str]) -> Host {
        {
            let mut state = self.state.borrow_mut();
            let user = state.user(name);
            user.rules.extend(scopes.iter().map(|rule| policy::rule(rule)));
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

    /// The id of a user's account; empty if there is no such user.
    pub fn account_id(&self, name: &str) -> String {
        let state = self.state.borrow();
        state.users.get(name).map(|user| user.id.clone()).unwrap_or_default()
    }

    /// Sets the password of a user, for [`crate::auth::authenticate_password`].
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

    /// Sets what everybody may do, signed in or not. A scope after a `!` is not public.
    #[must_use]
    pub fn anonymous_grants(self, scopes: &[&str]) -> Host {
        let rules = scopes.iter().map(|rule| policy::rule(rule));
        self.state.borrow_mut().anonymous.extend(rules);
        self
    }

    /// Adds a right to the mount's `grants`, e.g. `login`.
    #[must_use]
    pub fn grant(self, wish: &str) -> Host {
        self.state.borrow_mut().grants.insert(wish.to_owned());
        self
    }

    /// Behaves as after too many wrong passwords: no password is verified for this many seconds.
    #[must_use]
    pub fn throttled(self, seconds: u64) -> Host {
        self.state.borrow_mut().retry_after = Some(seconds);
        self
    }

    /// Configures an external token server at this address. It issues the signed access tokens,
    /// instead of the protocol's own endpoint.
    #[must_use]
    pub fn token_server(self, realm: &str) -> Host {
        self.state.borrow_mut().access_rules.realm = Some(realm.to_owned());
        self
    }

    /// Disables signed access tokens.
    #[must_use]
    pub fn without_access_tokens(self) -> Host {
        self.state.borrow_mut().access_rules.enabled = false;
        self
    }

    /// Turns a feature on or off. The default is in the description.
    #[must_use]
    pub fn feature(self, name: &str, enabled: bool) -> Host {
        self.state.borrow_mut().features.insert(name.to_owned(), enabled);
        self
    }

    /// Sets the mount's settings, which are a JSON object.
    #[must_use]
    pub fn settings(self, settings: &serde_json::Value) -> Host {
        self.state.borrow_mut().settings = settings.to_string();
        self
    }

    /// Whether the protocol can use the mount's settings: [`Protocol::check_settings`].
    pub fn check_settings<P: Protocol>(&self) -> Result<(), crate::Error> {
        super::state::make_current(&self.state);
        self.state.borrow_mut().describe(P::describe());
        P::check_settings()
    }

    /// Sets the URL at which clients reach the mount. The default is
    /// `https://registry.example.com/demo`.
    #[must_use]
    pub fn base_url(self, base_url: &str) -> Host {
        base_url.clone_into(&mut self.state.borrow_mut().base_url);
        self
    }

    /// Sets how many uploads one caller may have open. The default is 500.
    #[must_use]
    pub fn most_uploads(self, most: u64) -> Host {
        self.state.borrow_mut().most_uploads = most;
        self
    }

    /// Sets the mount's limit of an upload in bytes. The default is 1 GiB.
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

    /// Reads the defaults of features and the read actions from a protocol's description. Sending a
    /// request does this too.
    #[must_use]
    pub fn describe<P: Protocol>(self) -> Host {
        self.state.borrow_mut().describe(P::describe());
        self
    }

    /// A user of [`Host::user`].
    pub fn as_user(&self, name: &str) -> Actor {
        Actor::new(&self.state).signed_in(Identity { name: name.to_owned(), ..Identity::default() })
    }

    /// A user whose credentials can only read.
    pub fn as_reader(&self, name: &str) -> Actor {
        Actor::new(&self.state).signed_in(Identity {
            name: name.to_owned(),
            read_only: true,
            ..Identity::default()
        })
    }

    /// An anonymous caller: the request has no credentials.
    pub fn anonymous(&self) -> Actor {
        Actor::new(&self.state)
    }

    /// A caller whose credentials are not valid, for this reason.
    pub fn rejected(&self, reason: &str) -> Actor {
        Actor::new(&self.state).rejected(reason)
    }

    /// The bearer of this token, opaque or signed. An unknown, revoked or expired token is not
    /// valid.
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

    /// The bearer of an access token that the token server of [`Host::token_server`] has signed for
    /// these actions. They are allowed without a grant.
    pub fn with_outside_access(&self, access: &[Wanted]) -> Actor {
        let entries = access.iter().map(policy::entry).collect();
        Actor::new(&self.state).bearing(None, Access { entries, outside: true })
    }

    /// The content of a signed access token; none if it is no such token.
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

    /// Prepares a run of maintenance, which begins at [`Host::store_now`].
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

    /// Writes an object without a precondition. `Invalid` if the key is not valid.
    pub fn insert(&self, key: &str, bytes: impl AsRef<[u8]>) -> Result<ObjectInfo, Error> {
        let mut state = self.state.borrow_mut();
        state.check_place(key)?;
        Ok(state.insert(key, bytes.as_ref().into(), None))
    }

    /// Gives an object this version, e.g. an earlier one. On some stores the same bytes always have
    /// the same version.
    pub fn set_version(&self, key: &str, version: &str) {
        let mut state = self.state.borrow_mut();
        if let Some(object) = state.objects.get_mut(key) {
            version.clone_into(&mut object.info.version);
        }
    }

    /// Like [`Host::insert`], with a content type, e.g. one that an earlier system has stored.
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

    /// Removes an object. False if it did not exist.
    pub fn remove(&self, key: &str) -> bool {
        let mut state = self.state.borrow_mut();
        let removed = state.remove(key, Precondition::Any);
        removed.unwrap_or(false)
    }

    /// Makes the next write of `key` a `Conflict`, although nothing has changed. Can be called
    /// several times.
    pub fn conflict_next(&self, key: &str) {
        let mut state = self.state.borrow_mut();
        state.lost_races.entry(key.to_owned()).or_default().push_back(None);
    }

    /// Somebody else writes these bytes just before the next write of `key`.
    pub fn race(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        let races = state.lost_races.entry(key.to_owned()).or_default();
        races.push_back(Some(bytes.into()));
    }

    /// Others work just before the next [`storage::put`](crate::storage::put) or
    /// [`storage::remove`](crate::storage::remove) of `key`: `work` may call all of the SDK. May be called
    /// several times, also by `work`.
    pub fn meanwhile(&self, key: &str, work: impl FnOnce(&Host) + 'static) {
        let mut state = self.state.borrow_mut();
        state.meanwhile.entry(key.to_owned()).or_default().push_back(Box::new(work));
    }

    /// The answer to the next change of `key` is lost, and somebody else changes the object before
    /// the host repeats its request. The change is made. Then `others` gets the object, and returns
    /// what somebody else makes of it. The plugin gets `Conflict`. Can be called several times.
    pub fn lose_answer(&self, key: &str, others: impl FnOnce(Option<Vec<u8>>) -> Option<Vec<u8>> + 'static) {
        let mut state = self.state.borrow_mut();
        state.lost_answers.entry(key.to_owned()).or_default().push_back((Box::new(others), Error::Conflict));
    }

    /// The next change of `key` is made, but the plugin gets this error, as if the store had
    /// stopped answering in between. Can be called several times.
    pub fn break_answer(&self, key: &str, error: Error) {
        let mut state = self.state.borrow_mut();
        state.lost_answers.entry(key.to_owned()).or_default().push_back((Box::new(|there| there), error));
    }

    /// Somebody else writes these bytes just before the next piece of `key` is read, for objects
    /// that are read in pieces (above 1 MiB, or through a `Reader`). Can be called several times.
    pub fn race_reading(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state.borrow_mut();
        state.read_races.entry(key.to_owned()).or_default().push_back(bytes.into());
    }

    /// Makes the next call to the storage fail. Can be called several times.
    pub fn fail_next(&self, error: Error) {
        self.state.borrow_mut().failures.push_back(error);
    }

    /// Limits the free space of the store to this many bytes. A write beyond it is `storage-full`.
    /// Removing an object frees its space. Empty objects use none.
    pub fn set_room(&self, bytes: u64) {
        self.state.borrow_mut().room = Some(bytes);
    }

    /// Makes the store full: it accepts nothing more, not even an empty object.
    pub fn set_full(&self) {
        let mut state = self.state.borrow_mut();
        (state.room, state.takes_empty) = (Some(0), false);
    }

    /// Sets the host's clock, in milliseconds since the Unix epoch. The store's clock moves by the
    /// same time.
    pub fn set_now(&self, moment: u64) {
        self.state.borrow_mut().now = moment;
    }

    pub fn now(&self) -> u64 {
        self.state.borrow().now
    }

    /// Sets the store's clock this many milliseconds ahead of the host's clock, or behind it. By
    /// default, the two agree.
    pub fn set_store_ahead(&self, milliseconds: i64) {
        self.state.borrow_mut().store_ahead = milliseconds;
    }

    /// The time by the store's clock.
    pub fn store_now(&self) -> u64 {
        self.state.borrow().store_now()
    }

    /// How many objects were read, written, looked up or removed, and how many pages were listed,
    /// since the host was created.
    pub fn store_calls(&self) -> u64 {
        self.state.borrow().calls
    }

    /// The number of staged bytes that a plugin still holds.
    pub fn staged(&self) -> usize {
        self.state.borrow().staging.len()
    }

    /// The ids of the uploads that were started and have not ended.
    pub fn uploads(&self) -> Vec<String> {
        self.state.borrow().uploads.keys().cloned().collect()
    }

    /// The lines that the plugin has written to the log.
    pub fn log(&self) -> Vec<LogLine> {
        self.state.borrow().log.clone()
    }
}
