//! Builds the plugins of `plugins/*` into `plugins/*.wasm`, and the guests that only tests
//! load (`tests/guests/*`) into the target directory.
//!
//! A file is replaced by a rename, and only when its bytes changed, so that a running host
//! sees whole files and no needless generations.

use crate::workspace::{Workspace, cargo_home};
use crate::{command, target};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROFILE: &str = "plugin";

/// Every plugin of the workspace, installed where the host watches.
pub fn build(workspace: &Workspace) -> Result<()> {
    target::ensure()?;
    let crates = crates_below(&workspace.plugins())?;
    build_together(workspace, &crates)?;
    install_all(workspace, &crates, &workspace.plugins())
}

/// Every fixture guest, installed below the target directory.
pub fn build_guests(workspace: &Workspace) -> Result<()> {
    let guests = crates_below(&workspace.root.join("tests/guests"))?;
    if guests.is_empty() {
        return Ok(());
    }
    target::ensure()?;
    for guest in &guests {
        build_alone(workspace, guest)?;
    }
    install_all(workspace, &guests, &workspace.guests())
}

/// The packages of the plugins, for commands that pick them by name.
pub fn packages(workspace: &Workspace) -> Result<Vec<String>> {
    Ok(crates_below(&workspace.plugins())?.into_iter().map(|guest| guest.package).collect())
}

struct Guest {
    /// The folder's name, and so the file's: `npm` becomes `npm.wasm`.
    name: String,
    package: String,
    manifest: PathBuf,
}

fn crates_below(folder: &Path) -> Result<Vec<Guest>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut guests = Vec::new();
    for entry in entries {
        let folder = entry?.path();
        let manifest = folder.join("Cargo.toml");
        if let (Some(name), true) = (folder.file_name(), manifest.is_file()) {
            let package = package_name(&manifest)?;
            guests.push(Guest { name: name.to_string_lossy().into_owned(), package, manifest });
        }
    }
    guests.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(guests)
}

fn package_name(manifest: &Path) -> Result<String> {
    let text = fs::read_to_string(manifest)?;
    let document: toml::Table = text.parse().with_context(|| format!("{} is no TOML", manifest.display()))?;
    let name = document.get("package").and_then(|package| package.get("name")).and_then(|name| name.as_str());
    name.map(str::to_owned).with_context(|| format!("{} has no package.name", manifest.display()))
}

fn build_together(workspace: &Workspace, guests: &[Guest]) -> Result<()> {
    let mut cargo = build_for_the_sandbox(workspace);
    for guest in guests {
        cargo.args(["--package", &guest.package]);
    }
    command::run(&mut cargo)
}

fn build_for_the_sandbox(workspace: &Workspace) -> Command {
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(["build", "--lib", "--profile", PROFILE, "--target", target::WASM]);
    cargo.env(FLAGS, without_our_paths(workspace)).env("CARGO_TARGET_DIR", &workspace.target);
    cargo
}

/// Where cargo takes flags for what it compiles for the sandbox.
const FLAGS: &str = "CARGO_ENCODED_RUSTFLAGS";

/// Flags by which a component, in the places that its panics name, says nothing of this machine,
/// and so has the same bytes on every one.
fn without_our_paths(workspace: &Workspace) -> String {
    let mut flags = vec![format!("--remap-path-prefix={}=.", workspace.root.display())];
    let registries = fs::read_dir(cargo_home().join("registry/src"));
    for registry in registries.into_iter().flatten().flatten() {
        flags.push(format!("--remap-path-prefix={}=crates", registry.path().display()));
    }
    flags.sort();
    flags.join("\u{1f}")
}

/// For a guest that may lie outside the workspace.
fn build_alone(workspace: &Workspace, guest: &Guest) -> Result<()> {
    command::run(build_for_the_sandbox(workspace).arg("--manifest-path").arg(&guest.manifest))
}

fn install_all(workspace: &Workspace, guests: &[Guest], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let built = workspace.target.join(target::WASM).join(PROFILE);
    for guest in guests {
        let source = built.join(format!("{}.wasm", guest.package.replace('-', "_")));
        let installed = folder.join(format!("{}.wasm", guest.name));
        let changed = install(&source, &installed).with_context(|| {
            format!("{} cannot be installed as {}", source.display(), installed.display())
        })?;
        eprintln!("  {} {}", installed.display(), if changed { "installed" } else { "unchanged" });
    }
    Ok(())
}

/// True when the file was replaced.
fn install(source: &Path, installed: &Path) -> Result<bool> {
    let bytes = fs::read(source)?;
    if fs::read(installed).is_ok_and(|there| there == bytes) {
        return Ok(false);
    }
    let temporary = installed.with_extension("wasm.new");
    fs::write(&temporary, &bytes)?;
    fs::rename(&temporary, installed)?;
    Ok(true)
}
