//! The probes, by name. The keys of a probe begin with its name.

#![allow(clippy::unnecessary_wraps, reason = "all probes have one type")]

mod access;
mod bodies;
mod documents;
mod limits;
mod objects;
mod sessions;
mod tokens;

use packhouse_plugin::{Call, Error, Response};

use crate::Said;

/// Calls the host and reports the results. If it returns a response, that is the answer.
pub type Probe = fn(&Call, &mut Said) -> Result<Option<Response>, Error>;

const PROBES: [&[(&str, Probe)]; 7] = [
    &access::PROBES,
    &bodies::PROBES,
    &documents::PROBES,
    &limits::PROBES,
    &objects::PROBES,
    &sessions::PROBES,
    &tokens::PROBES,
];

pub fn find(name: &str) -> Option<Probe> {
    PROBES.iter().copied().flatten().find(|(probe, _)| *probe == name).map(|(_, probe)| *probe)
}
