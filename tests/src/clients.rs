//! Real package managers, each in a home of its own that no configuration of ours reaches.
//!
//! They are installed by `cargo xtask clients`; one that is missing is told there.

mod cargo;
mod node;

pub use cargo::Cargo;
pub use node::{Client, Kind, Project};

use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_mins(3);

/// How a client ended.
#[derive(Debug)]
pub struct Run {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
    command: String,
}

impl Run {
    pub(crate) async fn of(mut command: Command) -> Self {
        let told = format!("{:?}", command.as_std());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().unwrap_or_else(|error| panic!("{told} does not start: {error}"));
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

    /// What it said. Panics when the client did not fail.
    #[track_caller]
    pub fn fails(self) -> String {
        assert!(!self.success, "{}\nshould fail: {}\n{}", self.command, self.stdout, self.stderr);
        format!("{}\n{}", self.stdout, self.stderr)
    }
}
