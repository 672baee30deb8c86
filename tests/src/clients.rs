//! Real package managers, each in a home of its own that no configuration of ours reaches.
//!
//! `cargo xtask clients` installs them, and reports those that are missing.

mod cargo;
pub mod componentize;
mod composer;
pub mod conformance;
mod desk;
pub mod golang;
mod maven;
mod node;
pub mod oci;
mod python;
mod ruby;

pub use cargo::Cargo;
pub use composer::Composer;
pub use desk::Desk;
pub use maven::{Maven, Version as MavenVersion};
pub use node::{Client, Kind, Project};
pub use python::{Program, Python};
pub use ruby::{Ruby, RubyKind};

use crate::skip;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// Long enough for a gigabyte on a slow machine; it only ends what hangs.
const PATIENCE: Duration = Duration::from_mins(15);

/// How a client ended.
#[derive(Debug)]
pub struct Run {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
    command: String,
}

impl Run {
    pub(crate) async fn of(command: Command) -> Self {
        Self::with_input(command, b"").await
    }

    /// Its output is read once it has taken all its input.
    pub(crate) async fn with_input(mut command: Command, input: &[u8]) -> Self {
        let told = format!("{:?}", command.as_std());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{told} does not start: {error}"));
        let mut stdin = child.stdin.take().expect("a pipe");
        // One that reads no input may have ended already.
        let _ = stdin.write_all(input).await;
        drop(stdin);
        let output = timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("{told} does not end")).expect("its output");
        Self {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            command: told,
        }
    }

    /// Standard output. Panics, showing all, when the client failed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(self.success, "{}\nfailed: {}\n{}", self.command, self.stdout, self.stderr);
        self.stdout
    }

    /// The output of a client that failed. Panics if it did not fail.
    #[track_caller]
    pub fn fails(self) -> String {
        assert!(!self.success, "{}\nshould fail: {}\n{}", self.command, self.stdout, self.stderr);
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// A program below the folder that `cargo xtask clients` fills; it may be missing.
pub fn installed(program: &str) -> PathBuf {
    std::env::var_os("PACKHOUSE_CLIENTS").map_or_else(default_folder, PathBuf::from).join(program)
}

/// As `cargo xtask clients` chooses it.
fn default_folder() -> PathBuf {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache =
        || variable("XDG_CACHE_HOME").unwrap_or_else(|| variable("HOME").unwrap_or_default().join(".cache"));
    variable("PACKHOUSE_CACHE").unwrap_or_else(|| cache().join("packhouse")).join("clients")
}

/// A program that `cargo xtask clients` has the system install; `None` where it is missing.
pub fn system(program: &str) -> Option<std::process::Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian installs servers in this folder, which is not in the PATH of every user.
    folders.push(PathBuf::from("/usr/sbin"));
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file());
    if found.is_none() {
        skip::skip(program);
    }
    found.map(std::process::Command::new)
}
