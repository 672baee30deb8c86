//! Programs that the tests and checks need and the checkout does not hold: found, or
//! installed into the cache folder outside the checkout, or named as missing with the reason.
//!
//! Each kind of program has its file; this one only asks them and tells.

mod debian;
mod golang;
mod maven;
mod node;
mod pypi;
mod python;
mod ruby;
mod system;

use crate::workspace::Workspace;
use std::path::PathBuf;

/// What the tests of real clients can count on.
pub struct Clients {
    /// Folder handed to the tests as `PACKHOUSE_CLIENTS`.
    pub folder: PathBuf,
    /// In the order of the list: each with its version, or why it is missing.
    pub found: Vec<Client>,
}

/// One program: a package manager, or a server that the tests start.
pub struct Client {
    pub name: &'static str,
    pub version: Result<String, String>,
}

impl Clients {
    /// Installs what is missing, as far as it may.
    pub fn ensure(workspace: &Workspace) -> Self {
        let folder = workspace.cache.join("clients");
        let mut found = node::ensure(&folder);
        found.extend(pypi::ensure(&folder));
        found.extend(debian::ensure());
        found.extend(maven::ensure(&folder));
        found.extend(python::ensure(&folder));
        found.extend(golang::ensure(&folder));
        found.extend(ruby::ensure(&folder));
        found.extend(system::ensure(&folder));
        Self { folder, found }
    }

    /// One sentence for each that is not there.
    pub fn missing(&self) -> Vec<String> {
        self.found
            .iter()
            .filter_map(|client| client.version.as_ref().err().map(|why| format!("{}: {why}", client.name)))
            .collect()
    }
}

/// `cargo xtask clients`: true when all are there.
pub fn run(workspace: &Workspace) -> bool {
    let clients = Clients::ensure(workspace);
    for client in &clients.found {
        match &client.version {
            Ok(version) => println!("{:<16} {version}", client.name),
            Err(why) => println!("{:<16} missing: {why}", client.name),
        }
    }
    clients.missing().is_empty()
}
