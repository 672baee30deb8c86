//! What the host in memory holds: one for each thread, the one that was made last.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use packhouse_scope::{Access, Actions, Entry, Grant};

use super::Host;
use super::hash;
use super::policy::{self, Identity};
pub(crate) use super::usage::{OpenObject, Resource, Usage, call, open_object, resource};
use crate::Error;
use crate::auth::Token;
use crate::description::Description;
use crate::log::Level;
use crate::types::{Digest, ObjectInfo, Precondition};

pub(crate) type Shared = Rc<RefCell<State>>;

thread_local! {
    static CURRENT: RefCell<Option<Shared>> = const { RefCell::new(None) };
}

/// The host that calls on this thread reach.
pub(crate) fn current() -> Shared {
    CURRENT.with_borrow_mut(|current| Rc::clone(current.get_or_insert_with(Shared::default)))
}

/// Others work before a key is changed, if a test has asked for it.
pub(crate) fn work_meanwhile(key: &str) {
    let state = current();
    let work = state.borrow_mut().meanwhile.get_mut(key).and_then(VecDeque::pop_front);
    if let Some(work) = work {
        work(&Host { state });
    }
}

pub(crate) fn make_current(state: &Shared) {
    CURRENT.with_borrow_mut(|current| *current = Some(Rc::clone(state)));
}

/// What the message of [`end`] begins with.
const ENDED: &str = "the host ends the request: ";

/// As [`ENDED`], for a request that used more than it may.
const EXCEEDED: &str = "the host ends the request, which exceeds a limit: ";

/// Ends the request, as the real host does. A request that a test sends is answered with 500 and
/// this reason ([`super::Reply::fault`]); outside a request, the test ends.
#[expect(clippy::panic, reason = "as the real host ends the guest")]
pub(crate) fn end(why: &str) -> ! {
    panic!("{ENDED}{why}")
}

/// The same for what the request used more of than it may: it is answered with 507.
#[expect(clippy::panic, reason = "as the real host ends the guest")]
pub(crate) fn exceed(limit: &str) -> ! {
    panic!("{EXCEEDED}{limit}")
}

/// Why the host ended a request or a step.
pub(crate) struct Ended {
    pub(crate) why: String,
    pub(crate) status: u16,
}

/// What `work` results in, or why the host ended it.
pub(crate) fn unless_ended<T>(work: impl FnOnce() -> T) -> Result<T, Ended> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let said = panic.downcast_ref::<String>();
        let ended = |begin: &str, status| {
            let why = said.and_then(|said| said.strip_prefix(begin))?;
            Some(Ended { why: why.to_owned(), status })
        };
        ended(ENDED, 500).or_else(|| ended(EXCEEDED, 507)).unwrap_or_else(|| resume_unwind(panic))
    })
}

/// A line that a plugin wrote to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub level: Level,
    pub message: String,
    pub fields: Vec<(String, String)>,
}

#[derive(Clone)]
pub(crate) struct Object {
    pub(crate) info: ObjectInfo,
    pub(crate) bytes: Rc<[u8]>,
}

pub(crate) struct User {
    pub(crate) id: String,
    /// Whether owners who are recorded by this name alone mean this user.
    pub(crate) owns_by_name: bool,
    pub(crate) rules: Vec<Grant>,
    pub(crate) password: Option<String>,
    pub(crate) email: Option<String>,
}

pub(crate) struct StoredToken {
    pub(crate) token: Token,
    pub(crate) owner: String,
    pub(crate) secret: String,
    /// Was it issued without a password check?
    pub(crate) idle: bool,
    /// The id of the token that it was made with.
    pub(crate) parent: Option<String>,
}

/// A signed access token; what is in a real one.
pub(crate) struct Signed {
    pub(crate) secret: String,
    pub(crate) identity: Option<Identity>,
    pub(crate) access: Vec<Entry>,
    pub(crate) expires: u64,
}

/// How signed access tokens are configured.
pub(crate) struct AccessRules {
    pub(crate) enabled: bool,
    /// The token server that is not the mount itself.
    pub(crate) realm: Option<String>,
}

pub(crate) struct StoredUpload {
    pub(crate) label: String,
    /// The user who started it.
    pub(crate) owner: Option<String>,
    pub(crate) bytes: Vec<u8>,
}

/// What others do meanwhile.
pub(crate) type Work = Box<dyn FnOnce(&Host)>;
/// Somebody else's change of an object.
pub(crate) type Others = Box<dyn FnOnce(Option<Vec<u8>>) -> Option<Vec<u8>>>;

pub(crate) struct State {
    pub(crate) objects: BTreeMap<String, Object>,
    pub(crate) staging: BTreeMap<u64, Rc<[u8]>>,
    pub(crate) uploads: BTreeMap<String, StoredUpload>,
    pub(crate) protocol: Option<String>,
    /// The mount's name. By default, it is the protocol's name.
    pub(crate) mount: Option<String>,
    /// None are known before the protocol is described: then nothing implies anything.
    pub(crate) actions: Actions,
    /// As the description says; none before the protocol is described.
    pub(crate) declared: Option<BTreeMap<String, bool>>,
    /// As a test says.
    pub(crate) features: BTreeMap<String, bool>,
    pub(crate) settings: String,
    pub(crate) users: BTreeMap<String, User>,
    /// The names that removed users had.
    pub(crate) removed_users: BTreeSet<String>,
    pub(crate) tokens: Vec<StoredToken>,
    pub(crate) anonymous: Vec<Grant>,
    pub(crate) grants: BTreeSet<String>,
    pub(crate) caller: Option<Identity>,
    pub(crate) rejection: Option<String>,
    /// What the caller's access token holds, if they sent one.
    pub(crate) bearer: Option<Access>,
    /// What it lacked when that was last asked for.
    pub(crate) lacking: Option<String>,
    /// Why their token did not allow what was last asked for, though the user may do it.
    pub(crate) limited: Option<String>,
    /// Why the host answers 401 instead of the plugin: rejected credentials met a filter.
    pub(crate) refused: Option<String>,
    pub(crate) access_rules: AccessRules,
    /// Seconds for which passwords are not looked at.
    pub(crate) retry_after: Option<u64>,
    pub(crate) signed: Vec<Signed>,
    pub(crate) base_url: String,
    /// By the host's clock.
    pub(crate) now: u64,
    /// How far the store's clock is ahead of the host's, in milliseconds.
    pub(crate) store_ahead: i64,
    pub(crate) log: Vec<LogLine>,
    pub(crate) upload_limit: u64,
    /// How many uploads one caller may have open.
    pub(crate) most_uploads: u64,
    /// The same, if the last start of an upload was refused because of it.
    pub(crate) reached_uploads: Option<u64>,
    pub(crate) document_limit: u64,
    pub(crate) lost_races: BTreeMap<String, VecDeque<Option<Vec<u8>>>>,
    /// What others do before a key is changed.
    pub(crate) meanwhile: BTreeMap<String, VecDeque<Work>>,
    /// What is written while a key is read in pieces.
    pub(crate) read_races: BTreeMap<String, VecDeque<Vec<u8>>>,
    /// What others make of a key after a change that is made, and how that is answered.
    pub(crate) lost_answers: BTreeMap<String, VecDeque<(Others, Error)>>,
    pub(crate) failures: VecDeque<Error>,
    /// During a step of maintenance in which nothing may be changed.
    pub(crate) is_read_only: bool,
    /// How many bytes more the store takes; any number unless a test has set it.
    pub(crate) room: Option<u64>,
    /// Whether it takes an empty object when it is full.
    pub(crate) takes_empty: bool,
    /// Reads, writes, removals and listings so far.
    pub(crate) calls: u64,
    pub(crate) usage: Usage,
    serial: u64,
}

impl Default for State {
    fn default() -> State {
        State {
            objects: BTreeMap::new(),
            staging: BTreeMap::new(),
            uploads: BTreeMap::new(),
            protocol: None,
            mount: None,
            actions: Actions::default(),
            declared: None,
            features: BTreeMap::new(),
            settings: "{}".to_owned(),
            users: BTreeMap::new(),
            removed_users: BTreeSet::new(),
            tokens: Vec::new(),
            anonymous: Vec::new(),
            grants: BTreeSet::new(),
            caller: None,
            rejection: None,
            bearer: None,
            lacking: None,
            limited: None,
            refused: None,
            access_rules: AccessRules { enabled: true, realm: None },
            retry_after: None,
            signed: Vec::new(),
            base_url: "https://registry.example.com/demo".to_owned(),
            now: 1_767_225_600_000,
            store_ahead: 0,
            log: Vec::new(),
            upload_limit: 1 << 30,
            most_uploads: 500,
            reached_uploads: None,
            document_limit: 96 << 20,
            lost_races: BTreeMap::new(),
            meanwhile: BTreeMap::new(),
            read_races: BTreeMap::new(),
            lost_answers: BTreeMap::new(),
            failures: VecDeque::new(),
            is_read_only: false,
            room: None,
            takes_empty: true,
            calls: 0,
            usage: Usage::default(),
            serial: 0,
        }
    }
}

impl State {
    /// Never the same twice on one host.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// The user of this name, who is added if missing.
    pub(crate) fn user(&mut self, name: &str) -> &mut User {
        let number = self.next_serial();
        let owns_by_name = !self.removed_users.contains(name);
        self.users.entry(name.to_owned()).or_insert_with(|| User {
            id: format!("00000000-0000-4000-8000-{number:012x}"),
            owns_by_name,
            rules: Vec::new(),
            password: None,
            email: None,
        })
    }

    /// The same at every run, so that tests can be repeated.
    pub(crate) fn random(&mut self, count: u32) -> Vec<u8> {
        let count = usize::try_from(count).unwrap_or(0);
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let seed = format!("packhouse random {}", self.next_serial());
            let digests = hash::all(seed.as_bytes(), &[crate::digests::SHA512]);
            let block = digests.into_iter().flatten().map(|digest| digest.bytes());
            block.for_each(|block| bytes.extend(block.unwrap_or_default()));
        }
        bytes.truncate(count);
        bytes
    }

    /// Takes over what the description says; what a test has set stays.
    pub(crate) fn describe(&mut self, description: Description) {
        self.actions = policy::actions(&description)
            .unwrap_or_else(|why| end(&format!("the plugin is not loaded: {why}")));
        let features = description.features.into_iter();
        let declared: BTreeMap<_, _> = features.map(|feature| (feature.name, feature.enabled)).collect();
        if let Some(unknown) = self.features.keys().find(|name| !declared.contains_key(*name)) {
            end(&format!("the mount's features name `{unknown}`, which the plugin does not have"));
        }
        self.declared = Some(declared);
        self.protocol = Some(description.protocol);
    }

    /// Is the feature on? Never, when the description does not name it.
    pub(crate) fn feature(&self, name: &str) -> bool {
        let set = self.features.get(name).copied();
        match &self.declared {
            Some(declared) => declared.get(name).is_some_and(|default| set.unwrap_or(*default)),
            None => set.unwrap_or(false),
        }
    }

    /// Revokes a token, and those that were made with it.
    pub(crate) fn revoke(&mut self, id: &str) {
        self.tokens.retain(|stored| stored.token.id != id);
        let made_with_it = |stored: &&StoredToken| stored.parent.as_deref() == Some(id);
        while let Some(made) = self.tokens.iter().find(made_with_it).map(|stored| stored.token.id.clone()) {
            self.revoke(&made);
        }
    }

    /// By the store's clock.
    pub(crate) fn store_now(&self) -> u64 {
        self.now.saturating_add_signed(self.store_ahead)
    }

    pub(crate) fn look_up(&mut self, key: &str) -> Result<Option<Object>, Error> {
        self.calls += 1;
        self.fail_if_asked()?;
        check_key(key)?;
        Ok(self.objects.get(key).cloned())
    }

    /// One version of an object: `NotFound` if there is none, `Conflict` if there is another version.
    pub(crate) fn look_up_version(&mut self, key: &str, version: &str) -> Result<Object, Error> {
        let object = self.look_up(key)?.ok_or(Error::NotFound)?;
        if object.info.version == version { Ok(object) } else { Err(Error::Conflict) }
    }

    /// The error that a test has asked for.
    pub(crate) fn fail_if_asked(&mut self) -> Result<(), Error> {
        self.failures.pop_front().map_or(Ok(()), Err)
    }

    /// `Denied` in a step of maintenance that may change nothing.
    pub(crate) fn check_writable(&self) -> Result<(), Error> {
        if self.is_read_only {
            return Err(Error::Denied("this run may change nothing".to_owned()));
        }
        Ok(())
    }

    pub(crate) fn check_precondition(&self, key: &str, precondition: Precondition<'_>) -> Result<(), Error> {
        let version = self.objects.get(key).map(|object| object.info.version.as_str());
        let holds = match precondition {
            Precondition::Any => true,
            Precondition::Absent => version.is_none(),
            Precondition::Version(expected) => version == Some(expected),
        };
        if holds { Ok(()) } else { Err(Error::Conflict) }
    }

    /// The only way to write an object.
    pub(crate) fn write(
        &mut self,
        key: &str,
        bytes: impl Into<Rc<[u8]>>,
        precondition: Precondition<'_>,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo, Error> {
        self.calls += 1;
        self.fail_if_asked()?;
        self.check_writable()?;
        self.check_place(key)?;
        self.lose_race(key)?;
        self.check_precondition(key, precondition)?;
        let bytes = bytes.into();
        self.take_room(bytes.len() as u64)?;
        self.give_room(key);
        let info = self.insert(key, bytes, content_type);
        self.lose_answer(key).map_or(Ok(info), Err)
    }

    /// False when nothing was there.
    pub(crate) fn remove(&mut self, key: &str, precondition: Precondition<'_>) -> Result<bool, Error> {
        self.calls += 1;
        self.fail_if_asked()?;
        self.check_writable()?;
        check_key(key)?;
        self.lose_race(key)?;
        self.check_precondition(key, precondition)?;
        self.give_room(key);
        let was_there = self.objects.remove(key).is_some();
        self.lose_answer(key).map_or(Ok(was_there), Err)
    }

    /// The new bytes are written before the old ones go.
    fn take_room(&mut self, bytes: u64) -> Result<(), Error> {
        let Some(room) = &mut self.room else { return Ok(()) };
        let is_taken = bytes > 0 || self.takes_empty;
        let Some(left) = room.checked_sub(bytes).filter(|_| is_taken) else {
            let message = "no space is left".to_owned();
            return Err(Error::Other { code: "storage-full".to_owned(), message });
        };
        *room = left;
        Ok(())
    }

    fn give_room(&mut self, key: &str) {
        let size = self.objects.get(key).map_or(0, |object| object.info.size);
        self.room = self.room.map(|room| room + size);
    }

    /// Somebody else writes after a change whose answer is lost, if a test has asked for it.
    /// How it is answered instead.
    fn lose_answer(&mut self, key: &str) -> Option<Error> {
        let (others, error) = self.lost_answers.get_mut(key)?.pop_front()?;
        let there = self.objects.get(key).cloned();
        match others(there.as_ref().map(|object| object.bytes.to_vec())) {
            Some(bytes) => {
                let content_type = there.and_then(|object| object.info.content_type);
                self.insert(key, bytes.into(), content_type.as_deref());
            }
            None => drop(self.objects.remove(key)),
        }
        Some(error)
    }

    pub(crate) fn insert(&mut self, key: &str, bytes: Rc<[u8]>, content_type: Option<&str>) -> ObjectInfo {
        let info = ObjectInfo {
            key: key.to_owned(),
            size: bytes.len() as u64,
            version: format!("v{}", self.next_serial()),
            modified: Some(self.store_now()),
            content_type: content_type.map(str::to_owned),
        };
        let object = Object { info: info.clone(), bytes };
        self.objects.insert(key.to_owned(), object);
        info
    }

    /// Somebody else writes first, if a test has asked for it.
    fn lose_race(&mut self, key: &str) -> Result<(), Error> {
        let Some(loss) = self.lost_races.get_mut(key).and_then(VecDeque::pop_front) else {
            return Ok(());
        };
        match loss {
            Some(bytes) => {
                self.insert(key, bytes.into(), None);
                Ok(())
            }
            None => Err(Error::Conflict),
        }
    }

    /// Somebody else writes while it is read, if a test has asked for it.
    pub(crate) fn race_reading(&mut self, key: &str) {
        if let Some(bytes) = self.read_races.get_mut(key).and_then(VecDeque::pop_front) {
            self.insert(key, bytes.into(), None);
        }
    }

    /// A valid key that is no folder and below no object.
    pub(crate) fn check_place(&self, key: &str) -> Result<(), Error> {
        check_key(key)?;
        let folder = format!("{key}/");
        let below = self.objects.range(folder.clone()..).next();
        if below.is_some_and(|(other, _)| other.starts_with(&folder)) {
            return Err(clash(format!("`{key}` is a folder")));
        }
        for (slash, _) in key.match_indices('/') {
            let parent = key.get(..slash).unwrap_or_default();
            if self.objects.contains_key(parent) {
                return Err(clash(format!("`{parent}` is an object, no folder")));
            }
        }
        Ok(())
    }

    pub(crate) fn stage(&mut self, bytes: Vec<u8>) -> u64 {
        let serial = self.next_serial();
        self.staging.insert(serial, bytes.into());
        serial
    }

    pub(crate) fn staged(&self, serial: u64) -> Result<Rc<[u8]>, Error> {
        self.staging.get(&serial).cloned().ok_or(Error::NotFound)
    }

    /// The digest of a part, bounded by the end.
    pub(crate) fn digest_part(
        bytes: &[u8],
        offset: u64,
        length: u64,
        compute: &[&str],
    ) -> Result<Vec<Digest>, Error> {
        let part = part(bytes, offset, length);
        if (part.len() as u64) < length {
            return Err(Error::Invalid("the range ends after the end of the object".to_owned()));
        }
        hash::all(part, compute)
    }
}

/// At most `length` bytes from `offset`, fewer only at the end.
pub(crate) fn part(bytes: &[u8], offset: u64, length: u64) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    bytes.get(start..end.min(bytes.len())).unwrap_or_default()
}

/// How the host answers a write of a key that would be an object and a folder at once.
fn clash(message: String) -> Error {
    Error::Other { code: "clash".to_owned(), message }
}

/// The rules of `wit/storage.wit`.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    let invalid = |reason: &str| Err(Error::Invalid(format!("the key `{key}` {reason}")));
    if key.len() > 1024 {
        return invalid("is longer than 1024 bytes");
    }
    if key.chars().any(char::is_control) {
        return invalid("has a control character");
    }
    if key == ".packhouse" || key.starts_with(".packhouse/") {
        return invalid("belongs to the host");
    }
    for segment in key.split('/') {
        match segment {
            "" => return invalid("has an empty segment"),
            "." | ".." => return invalid("has a segment `.` or `..`"),
            long if long.len() > 255 => return invalid("has a segment above 255 bytes"),
            _ => {}
        }
    }
    Ok(())
}
