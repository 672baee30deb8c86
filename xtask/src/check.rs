//! `cargo xtask check`: checks the source without running it.

use crate::tools::CARGO_DENY;
use crate::workspace::Workspace;
use crate::{command, contract, plugins, target};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// Every step runs, also after one that failed. True when all went well.
pub fn run(workspace: &Workspace) -> Result<bool> {
    target::ensure()?;
    let deny = CARGO_DENY.ensure(workspace)?;
    let mut steps = vec![
        ("fmt", cargo(workspace, &["fmt", "--all", "--check"])),
        ("clippy", cargo(workspace, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])),
        ("clippy of plugins", clippy_of_plugins(workspace)?),
    ];
    let mut deny = Command::new(deny);
    deny.current_dir(&workspace.root).args(["check", "bans", "licenses", "sources"]);
    steps.push(("deny", deny));
    for example in examples(workspace)? {
        let manifest = example.display().to_string();
        steps
            .push(("fmt of an example", cargo(workspace, &["fmt", "--check", "--manifest-path", &manifest])));
        let fetch = ["fetch", "--locked", "--manifest-path", &manifest];
        steps.push(("lock file of an example", cargo(workspace, &fetch)));
    }

    let mut failed = Vec::new();
    for (name, mut step) in steps {
        let started = Instant::now();
        if !command::succeeds(&mut step)? {
            failed.push(name);
        }
        eprintln!("  {name}: {:.1} s", started.elapsed().as_secs_f64());
    }
    if !contract::check(workspace)? {
        failed.push("contract");
    }
    if !failed.is_empty() {
        println!("check failed: {}", failed.join(", "));
    }
    Ok(failed.is_empty())
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(arguments).env("CARGO_TARGET_DIR", &workspace.target);
    cargo
}

/// The manifests of `examples/*`. They are no members of the workspace, and have lock files of their
/// own, which a change of the SDK's dependencies makes stale.
fn examples(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = workspace.root.join("examples");
    let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut manifests = Vec::new();
    for entry in entries {
        manifests.push(entry?.path().join("Cargo.toml"));
    }
    manifests.retain(|manifest| manifest.is_file());
    manifests.sort();
    Ok(manifests)
}

/// The SDK and the plugins as they are built for the sandbox: code that is not seen natively.
fn clippy_of_plugins(workspace: &Workspace) -> Result<Command> {
    let mut clippy = cargo(workspace, &["clippy", "--lib", "--profile", "plugin", "--target", target::WASM]);
    clippy.args(["--package", "packhouse-plugin"]);
    for package in plugins::packages(workspace)? {
        clippy.args(["--package", &package]);
    }
    clippy.args(["--", "-D", "warnings"]);
    Ok(clippy)
}
