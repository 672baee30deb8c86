//! cargo-deny: the one on `PATH`, else one built once into the cache.

use crate::command;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

const VERSION: &str = "0.20.2";

/// The program. Building it takes some minutes, once a machine.
pub fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(program) = command::on_path("cargo-deny") {
        return Ok(program);
    }
    let folder = workspace.cache.join("tools").join(format!("cargo-deny-{VERSION}"));
    let program = folder.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    let build = folder.join("build");
    let mut install = command::cargo(&workspace.root);
    install.args(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]).arg(&folder);
    install.arg("--target-dir").arg(&build);
    // It runs for a second and is built for minutes: less optimising is quicker over all.
    install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_LTO", "off");
    install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    command::run(&mut install).context("cargo-deny is needed to check licences and sources")?;
    fs::remove_dir_all(&build).context("its build folder cannot be removed")?;
    Ok(program)
}
