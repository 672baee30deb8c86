//! `cargo xtask dist`: packs the files that a server needs, as a folder and as a `tar.gz` of it.

use crate::workspace::Workspace;
use crate::{command, plugins};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The options of `dist`.
#[derive(clap::Args)]
pub struct Options {
    /// The folder for the result; by default `dist` in cargo's target directory
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
    copy_texts(&workspace.root, folder)?;
    for entry in fs::read_dir(workspace.plugins())? {
        let path = entry?.path();
        if let (Some(name), true) = (path.file_name(), path.extension().is_some_and(|end| end == "wasm")) {
            copy(&path, &folder.join("plugins").join(name))?;
        }
    }
    Ok(())
}

/// The configuration, and the pages that it, the README and `--help` name.
fn copy_texts(root: &Path, folder: &Path) -> Result<()> {
    let pages = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"];
    for name in ["registry.toml"].iter().chain(&pages) {
        copy(&root.join(name), &folder.join(name))?;
    }
    for part in ["docs", "wit"] {
        copy_files(&root.join(part), &folder.join(part))?;
    }
    for entry in fs::read_dir(root.join("plugins"))? {
        let page = entry?.path().join("README.md");
        if let (Ok(path), true) = (page.strip_prefix(root), page.is_file()) {
            copy(&page, &folder.join(path))?;
        }
    }
    Ok(())
}

/// The files directly in a folder.
fn copy_files(source: &Path, target: &Path) -> Result<()> {
    for entry in fs::read_dir(source)? {
        let path = entry?.path();
        if let (Some(name), true) = (path.file_name(), path.is_file()) {
            copy(&path, &target.join(name))?;
        }
    }
    Ok(())
}

fn copy(source: &Path, target: &Path) -> Result<()> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(source, target).map(|_| ()).with_context(|| format!("{} cannot be copied", source.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    /// The relative targets of the links of a page, without the part after `#`.
    fn links(text: &str) -> impl Iterator<Item = &str> {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let relative = targets.filter(|target| !target.contains("://"));
        relative.filter_map(|target| target.split('#').next()).filter(|path| !path.is_empty())
    }

    fn pages_below(folder: &Path) -> Vec<PathBuf> {
        let mut pages = Vec::new();
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                pages.extend(pages_below(&path));
            } else if path.extension().is_some_and(|end| end == "md") {
                pages.push(path);
            }
        }
        pages
    }

    #[test]
    fn every_relative_link_of_the_archive_leads_to_a_file_of_it() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        copy_texts(root, folder.path()).unwrap();
        let (mut count, mut broken) = (0, Vec::new());
        for page in pages_below(folder.path()) {
            let text = fs::read_to_string(&page).unwrap();
            for link in links(&text) {
                count += 1;
                if !page.parent().unwrap().join(link).exists() {
                    broken.push(format!("{}: {link}", page.strip_prefix(folder.path()).unwrap().display()));
                }
            }
        }
        assert!(count > 10, "{count} links were found");
        assert_eq!(broken, Vec::<String>::new());
    }

    #[test]
    fn the_archive_has_the_readme_of_each_plugin() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        copy_texts(root, folder.path()).unwrap();
        for plugin in ["cargo", "composer", "maven", "npm", "oci", "pypi", "rubygems"] {
            assert!(folder.path().join("plugins").join(plugin).join("README.md").is_file(), "{plugin}");
        }
    }
}
