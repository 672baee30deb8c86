//! Whether plugins that were built for a released contract can be served by this one: each folder
//! of `wit/released` beside `wit`, as `wit/README.md` promises.

use crate::command;
use crate::tools::WASM_TOOLS;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of the present contract, after every release: two of one version cannot be compared.
const NEXT: &str = "0.1.9999";

/// True when this contract holds all that was released, and a released one was not touched.
pub fn check(workspace: &Workspace) -> Result<bool> {
    let tools = WASM_TOOLS.ensure(workspace)?;
    let wit = workspace.root.join("wit");
    let (current, interfaces) = (version(&wit)?, texts(&wit)?);
    let next: Vec<_> = interfaces
        .iter()
        .map(|(name, text)| (name.clone(), text.replace(&package(&current), &package(NEXT))))
        .collect();
    let mut holds = true;
    for released in folders(&wit.join("released"))? {
        let version = version(&released)?;
        let texts = texts(&released)?;
        if version == current && texts != interfaces {
            println!(
                "wit/ says that it is {version}, which was released and is another: give it the next version"
            );
            holds = false;
        }
        let both = workspace.target.join("contract").join(&version);
        lay_out(&both, &next, &texts)?;
        for world in worlds(&texts) {
            let mut check = Command::new(&tools);
            check.args(["component", "semver-check"]);
            check.arg("--prev").arg(format!("packhouse:plugin/{world}@{version}"));
            check.arg("--new").arg(format!("packhouse:plugin/{world}@{NEXT}")).arg(&both);
            holds &= command::succeeds(&mut check)?;
        }
    }
    Ok(holds)
}

/// The worlds that plugins are built against. Each world with an optional export is one of them, so that
/// the export keeps its shape. The host alone uses `complete`, which gets every new optional export.
fn worlds(texts: &[(String, String)]) -> Vec<&str> {
    let lines = texts.iter().flat_map(|(_, text)| text.lines());
    let named = lines.filter_map(|line| line.strip_prefix("world ")?.strip_suffix(" {"));
    named.filter(|world| *world != "complete").collect()
}

/// A package in this folder: the contract as it comes next, with the released one to compare with.
fn lay_out(folder: &Path, next: &[(String, String)], released: &[(String, String)]) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    let beside = folder.join("deps/released");
    fs::create_dir_all(&beside).with_context(|| format!("{} cannot be made", beside.display()))?;
    for (folder, texts) in [(folder, next), (&beside, released)] {
        for (name, text) in texts {
            fs::write(folder.join(name), text).with_context(|| format!("{name} cannot be written"))?;
        }
    }
    Ok(())
}

fn package(version: &str) -> String {
    format!("package packhouse:plugin@{version};")
}

/// The package's, from `world.wit`.
fn version(folder: &Path) -> Result<String> {
    let world = folder.join("world.wit");
    let text = fs::read_to_string(&world).with_context(|| format!("{} cannot be read", world.display()))?;
    let named =
        text.lines().find_map(|line| line.strip_prefix("package packhouse:plugin@")?.strip_suffix(';'));
    Ok(named.with_context(|| format!("{} names no package", world.display()))?.to_owned())
}

/// Names and contents of the interfaces, sorted.
fn texts(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().extension().is_some_and(|extension| extension == "wit") {
            texts.push((name, fs::read_to_string(entry.path())?));
        }
    }
    ensure!(!texts.is_empty(), "{} holds no interface", folder.display());
    texts.sort();
    Ok(texts)
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(parent).with_context(|| format!("{} cannot be read", parent.display()))? {
        folders.push(entry?.path());
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn each_world_of_a_contract_is_compared_but_the_one_that_grows() {
        let wit = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit"));
        let named = |folder: PathBuf| worlds(&texts(&folder).unwrap()).join(" ");
        assert_eq!(named(wit.join("released/0.1.0")), "protocol caretaker");
        assert_eq!(named(wit), "protocol caretaker registrar configured");
    }
}
