//! The real host: each call is an import of `wit/`, its types made those of this crate.

mod auth;
mod convert;
mod http;
mod storage;
mod upkeep;
mod uploads;

pub(crate) use auth::{
    Account, account_id, authenticate, bearer_challenge, caller, check, check_listed, check_owned,
    filter_allowed, grant, has_credentials, is_public, rejection, retry_after, sign_access, user_exists,
};
pub(crate) use http::{Body, Part, Request, Response};
pub(crate) use storage::{
    Reader, Staged, Writer, copy, digests, get, get_many, list_objects, put, remove, stat, stat_many,
    store_now, wait_turn,
};
pub(crate) use upkeep::Step;
pub(crate) use uploads::{Upload, reached_limit};

use self::convert::{from_digests, owned};
use crate::Error;
use crate::bindings::packhouse::plugin::{clock, digests, log, random, settings};
use crate::log::Level;
use crate::types::Digest;

pub(crate) fn now() -> u64 {
    clock::now()
}

pub(crate) fn passed(moment: u64) -> bool {
    clock::passed(moment)
}

pub(crate) fn random(count: u32) -> Vec<u8> {
    random::bytes(count)
}

pub(crate) fn settings() -> String {
    settings::get()
}

pub(crate) fn feature(name: &str) -> bool {
    settings::feature(name)
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::write(level, message, &convert::pairs(fields));
}

pub(crate) fn digests_of(bytes: &[u8], algorithms: &[&str]) -> Result<Vec<Digest>, Error> {
    Ok(from_digests(digests::of_bytes(bytes, &owned(algorithms))?))
}

pub(crate) struct Hasher(digests::Hasher);

impl Hasher {
    pub(crate) fn new(algorithms: &[&str]) -> Hasher {
        Hasher(digests::Hasher::new(&owned(algorithms)))
    }

    pub(crate) fn update(&self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.0.update(bytes)?)
    }

    pub(crate) fn digests(&self) -> Result<Vec<Digest>, Error> {
        Ok(from_digests(self.0.digests()?))
    }
}
