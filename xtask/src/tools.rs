//! Programs of cargo's world that check the source: the one on `PATH`, else one built once into
//! the cache.

use crate::command;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;

/// A program that `cargo install` builds.
pub struct Tool {
    name: &'static str,
    version: &'static str,
    options: &'static [&'static str],
    why: &'static str,
}

pub const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    options: &[],
    why: "cargo-deny is needed to check licences and sources",
};

pub const WASM_TOOLS: Tool = Tool {
    name: "wasm-tools",
    version: "1.263.0",
    options: &["--no-default-features", "--features", "component"],
    why: "wasm-tools is needed to compare the contract with its releases",
};

impl Tool {
    /// The program. Building it takes some minutes, once a machine.
    pub fn ensure(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(program) = command::on_path(self.name) {
            return Ok(program);
        }
        let folder = workspace.cache.join("tools").join(format!("{}-{}", self.name, self.version));
        let program = folder.join("bin").join(self.name);
        if program.is_file() {
            return Ok(program);
        }
        let build = folder.join("build");
        let mut install = command::cargo(&workspace.root);
        install.args(["install", self.name, "--locked", "--version", self.version, "--root"]).arg(&folder);
        install.args(self.options).arg("--target-dir").arg(&build);
        // It runs for a second and is built for minutes: less optimising is quicker over all.
        install.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_LTO", "off");
        install.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
        command::run(&mut install).context(self.why)?;
        fs::remove_dir_all(&build).context("its build folder cannot be removed")?;
        Ok(program)
    }
}
