//! What comes from npm: the clients that speak it, and the storage services s3rver and azurite; pinned, installed
//! together by whichever npm the machine has.

use super::{Client, debian};
use crate::command;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Everything installed, in npm's own words; also the stamp that says it is done.
const MANIFEST: &str = r#"{
  "private": true,
  "dependencies": {
    "@yarnpkg/cli-dist": "4.18.1",
    "azurite": "3.37.0",
    "bun": "1.4.5",
    "deno": "2.9.6",
    "npm": "11.19.1",
    "pnpm": "12.21.0",
    "s3rver": "3.7.1",
    "yarn": "1.22.22"
  }
}
"#;

/// Name, what runs it (none: it runs by itself), and the program below `node_modules`.
const PROGRAMS: [(&str, Option<&str>, &str); 8] = [
    ("npm", Some("node"), "npm/bin/npm-cli.js"),
    ("pnpm", None, ".bin/pnpm"),
    ("yarn classic", Some("node"), "yarn/bin/yarn.js"),
    ("yarn berry", Some("node"), "@yarnpkg/cli-dist/bin/yarn.js"),
    ("bun", None, ".bin/bun"),
    ("deno", None, ".bin/deno"),
    ("s3rver", Some("node"), "s3rver/bin/s3rver.js"),
    ("azurite", Some("node"), "azurite/dist/src/blob/main.js"),
];

/// Installs them into `folder/node` unless they are there; tells what then runs.
pub fn ensure(folder: &Path) -> Vec<Client> {
    let home = folder.join("node");
    let installed = node().and_then(|()| install(&home));
    PROGRAMS
        .iter()
        .map(|(name, runner, path)| {
            let version = installed.clone().and_then(|()| version(&home, *runner, path));
            Client { name, version }
        })
        .collect()
}

fn node() -> Result<(), String> {
    if command::on_path("node").is_some() && command::on_path("npm").is_some() {
        return Ok(());
    }
    debian::install(&["nodejs", "npm"])
}

fn install(home: &Path) -> Result<(), String> {
    let stamp = home.join("installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == MANIFEST) {
        return Ok(());
    }
    prepare(home).map_err(|error| format!("{} cannot be written: {error}", home.display()))?;
    let mut npm = Command::new("npm");
    npm.current_dir(home).args([
        "install",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    ]);
    if !command::succeeds(&mut npm).unwrap_or(false) {
        return Err("`npm install` of the clients failed".to_owned());
    }
    fs::write(&stamp, MANIFEST).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}

fn prepare(home: &Path) -> std::io::Result<()> {
    if home.exists() {
        fs::remove_dir_all(home)?;
    }
    fs::create_dir_all(home)?;
    fs::write(home.join("package.json"), MANIFEST)
}

fn version(home: &Path, runner: Option<&str>, path: &str) -> Result<String, String> {
    let program = home.join("node_modules").join(path);
    let mut command = match runner {
        Some(runner) => Command::new(runner),
        None => Command::new(&program),
    };
    if runner.is_some() {
        command.arg(&program);
    }
    command.current_dir(home).arg("--version");
    command::answer(&mut command)
        .and_then(|printed| printed.lines().next().map(str::to_owned))
        .ok_or_else(|| format!("`{} --version` fails", program.display()))
}
