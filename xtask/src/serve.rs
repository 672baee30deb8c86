//! `cargo xtask serve`: from a fresh checkout to a registry that answers.

use crate::workspace::Workspace;
use crate::{command, plugins};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

/// What is served.
#[derive(clap::Args)]
pub struct Options {
    /// The configuration to serve
    #[arg(long, default_value = "registry.toml")]
    config: PathBuf,
}

/// Builds plugins and host, then serves until it is stopped.
pub fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    eprintln!("building the plugins, then the host: the first time takes some minutes");
    plugins::build(workspace)?;
    command::run(
        command::cargo(&workspace.root)
            .args(["build", "--package", "packhouse", "--bin", "packhouse"])
            .env("CARGO_TARGET_DIR", &workspace.target),
    )?;
    let mut packhouse = Command::new(workspace.program("packhouse"));
    packhouse.current_dir(&workspace.root).arg("--config").arg(&options.config).arg("serve");
    // In our place, so that a signal meant for the server reaches it and nothing else.
    Err(packhouse.exec()).context("the server does not start")
}

#[cfg(test)]
mod tests {
    #[test]
    fn building_this_program_is_shown_too() {
        let cargo = include_str!("../../.cargo/config.toml");
        let alias = cargo.lines().find(|line| line.starts_with("xtask = ")).unwrap();
        assert!(!alias.contains("--quiet") && !alias.contains("-q "), "{alias}");
    }
}
