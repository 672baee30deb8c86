//! The host in memory, called as a component calls the real one. It keeps to what
//! `wit/*.wit` says, limits included; the state itself is `testing`'s.

mod auth;
mod body;
mod http;
mod storage;
mod unpack;
mod upkeep;
mod uploads;

pub(crate) use auth::{
    Account, account_id, authenticate, bearer_challenge, caller, check, check_listed, check_owned,
    filter_allowed, grant, has_credentials, is_public, rejection, retry_after, sign_access, user_exists,
};
pub(crate) use body::{Body, Part};
pub(crate) use http::{Request, Response, Sent};
pub(crate) use storage::{
    Reader, Staged, Writer, copy, digests, get, get_many, list_objects, put, remove, stat, stat_many,
    store_now, wait_turn,
};
pub(crate) use upkeep::Step;
pub(crate) use uploads::{Upload, reached_limit};

use std::cell::RefCell;

use crate::log::Level;
use crate::testing::hash;
use crate::testing::state::{self, LogLine, Resource};
use crate::types::Digest;
use crate::{Error, PIECE};

/// Random bytes of one call.
const MOST_RANDOM: u32 = 1024;

/// What every function that takes or gives bytes refuses.
fn within_piece(length: usize) -> Result<(), Error> {
    if length > PIECE {
        return Err(Error::Invalid("more than 1 MiB in one call".to_owned()));
    }
    Ok(())
}

pub(crate) fn now() -> u64 {
    state::current().borrow().now
}

pub(crate) fn passed(moment: u64) -> bool {
    now() >= moment
}

pub(crate) fn random(count: u32) -> Vec<u8> {
    if count > MOST_RANDOM {
        state::end("more than 1024 random bytes at once");
    }
    state::current().borrow_mut().random(count)
}

pub(crate) fn settings() -> String {
    state::current().borrow().settings.clone()
}

pub(crate) fn feature(name: &str) -> bool {
    let state = state::current();
    let state = state.borrow();
    state.feature(name)
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    state::current().borrow_mut().log.push(LogLine {
        level,
        message: message.to_owned(),
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    });
}

pub(crate) fn digests_of(bytes: &[u8], algorithms: &[&str]) -> Result<Vec<Digest>, Error> {
    within_piece(bytes.len())?;
    hash::all(bytes, algorithms)
}

pub(crate) struct Hasher {
    algorithms: Vec<String>,
    bytes: RefCell<Vec<u8>>,
    _resource: Resource,
}

impl Hasher {
    pub(crate) fn new(algorithms: &[&str]) -> Hasher {
        Hasher {
            algorithms: algorithms.iter().map(|&name| name.to_owned()).collect(),
            bytes: RefCell::default(),
            _resource: state::resource(),
        }
    }

    pub(crate) fn update(&self, bytes: &[u8]) -> Result<(), Error> {
        within_piece(bytes.len())?;
        hash::all(&[], &self.algorithms)?;
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn digests(&self) -> Result<Vec<Digest>, Error> {
        hash::all(&self.bytes.borrow(), &self.algorithms)
    }
}
