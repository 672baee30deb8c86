//! `cargo xtask dist`: what is copied to a server, as a folder and as a `tar.gz` of it.

use crate::workspace::Workspace;
use crate::{command, plugins};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where it goes.
#[derive(clap::Args)]
pub struct Options {
    /// Folder for the result; the target directory's `dist` unless said
    #[arg(long)]
    into: Option<PathBuf>,
}

/// A release build of the host with its plugins and the default configuration.
pub fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    plugins::build(workspace)?;
    command::run(
        command::cargo(&workspace.root)
            .args(["build", "--release", "--package", "packhouse", "--bin", "packhouse"])
            .env("CARGO_TARGET_DIR", &workspace.target),
    )?;
    let into = options.into.clone().unwrap_or_else(|| workspace.target.join("dist"));
    let name = format!(
        "packhouse-{}-{}-{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let folder = into.join(&name);
    lay_out(workspace, &folder)?;
    let archive = format!("{name}.tar.gz");
    command::run(Command::new("tar").current_dir(&into).args(["-czf", &archive, &name]))?;
    println!("{}", into.join(archive).display());
    Ok(true)
}

fn lay_out(workspace: &Workspace, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder.join("plugins"))?;
    copy(&workspace.target.join("release/packhouse"), &folder.join("packhouse"))?;
    for name in ["registry.toml", "README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE"] {
        copy(&workspace.root.join(name), &folder.join(name))?;
    }
    // The README links to them.
    fs::create_dir_all(folder.join("docs"))?;
    for entry in fs::read_dir(workspace.root.join("docs"))? {
        let path = entry?.path();
        if let Some(name) = path.file_name() {
            copy(&path, &folder.join("docs").join(name))?;
        }
    }
    for entry in fs::read_dir(workspace.plugins())? {
        let path = entry?.path();
        if let (Some(name), true) = (path.file_name(), path.extension().is_some_and(|end| end == "wasm")) {
            copy(&path, &folder.join("plugins").join(name))?;
        }
    }
    Ok(())
}

fn copy(source: &Path, target: &Path) -> Result<()> {
    fs::copy(source, target).map(|_| ()).with_context(|| format!("{} cannot be copied", source.display()))
}
