//! Debian's packages, where we may install them: the container tools, and what other kinds of
//! program need.

use super::Client;
use crate::command;
use std::process::Command;
use std::sync::OnceLock;

/// Whether the lists were fetched, once a run.
static UPDATED: OnceLock<bool> = OnceLock::new();

/// Name of the program, and the package that brings it. Any version will do: they are the
/// distribution's to pin.
const PROGRAMS: [(&str, &str); 6] = [
    ("skopeo", "skopeo"),
    ("podman", "podman"),
    ("buildah", "buildah"),
    // What buildah and podman run commands with.
    ("crun", "crun"),
    // What the page for plugin authors asks its routes with.
    ("curl", "curl"),
    // Only its command line is used; no daemon is started.
    ("docker", "docker.io"),
];

/// Installs the container tools that are not there, all at once; tells what then runs.
pub fn ensure() -> Vec<Client> {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| version(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    let installed = if missing.is_empty() { Ok(()) } else { install(&missing) };
    PROGRAMS
        .into_iter()
        .map(|(name, _)| {
            let failed = || installed.clone().err().unwrap_or_else(|| format!("`{name} --version` fails"));
            Client { name, version: version(name).ok_or_else(failed) }
        })
        .collect()
}

/// The last word of the first line that has a number: `skopeo version 1.9.3`.
fn version(program: &str) -> Option<String> {
    let told = command::answer(Command::new(program).arg("--version"))?;
    let words = told.lines().next()?.split_whitespace();
    words
        .map(|word| word.trim_end_matches(','))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// Installs these packages; a sentence saying why not otherwise.
pub fn install(packages: &[&str]) -> Result<(), String> {
    if command::on_path("apt-get").is_none() {
        return Err(format!("install {} (there is no apt-get here)", packages.join(" ")));
    }
    if command::answer(Command::new("id").arg("-u")).as_deref() != Some("0") {
        return Err(format!("install {} (only root may)", packages.join(" ")));
    }
    let updated = *UPDATED.get_or_init(|| command::succeeds(apt().arg("update")).unwrap_or(false));
    let installed = updated
        && command::succeeds(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
            .unwrap_or(false);
    if installed { Ok(()) } else { Err(format!("apt-get could not install {}", packages.join(" "))) }
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
    apt
}
