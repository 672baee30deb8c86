//! Debian's packages, where we may install them.

use crate::command;
use std::process::Command;
use std::sync::OnceLock;

/// Whether the lists were fetched, once a run.
static UPDATED: OnceLock<bool> = OnceLock::new();

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
