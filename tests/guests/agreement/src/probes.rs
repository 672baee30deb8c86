//! The probes, by name. The keys of a probe begin with its name.

mod access;
mod bodies;
mod limits;
mod objects;
mod tokens;

use packhouse_plugin::{Call, Error, Response};

use crate::Said;

/// Calls the host and reports the results. If it returns a response, that is the answer.
pub type Probe = fn(&Call, &mut Said) -> Result<Option<Response>, Error>;

const PROBES: [&[(&str, Probe)]; 5] =
    [&access::PROBES, &bodies::PROBES, &limits::PROBES, &objects::PROBES, &tokens::PROBES];

pub fn find(name: &str) -> Option<Probe> {
    PROBES.iter().copied().flatten().find(|(probe, _)| *probe == name).map(|(_, probe)| *probe)
}
