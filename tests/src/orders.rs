//! The registry's own commands, run beside a running process or without one.

use crate::registry::{Ended, Registry, command};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A slow disk takes its time over 50,000 gems.
const PATIENCE: Duration = Duration::from_mins(30);

impl Registry {
    /// Runs `packhouse ARGUMENTS` to its end. It logs only warnings and errors.
    pub async fn order(&self, arguments: &[&str]) -> Ended {
        let child = self.begin(arguments).spawn().expect("`packhouse` starts: is it built?");
        end(child, arguments).await
    }

    /// As [`Registry::order`], killed by SIGKILL as soon as it prints a line with this.
    /// Panics when it ends before.
    pub async fn order_and_kill(&self, arguments: &[&str], at: &str) {
        let mut child = self.begin(arguments).spawn().expect("`packhouse` starts: is it built?");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let found = timeout(PATIENCE, async {
            while let Some(line) = lines.next_line().await.expect("text") {
                if line.contains(at) {
                    return true;
                }
            }
            false
        });
        assert!(found.await.expect("it goes on"), "`packhouse {}` never said {at:?}", arguments.join(" "));
        child.kill().await.expect("SIGKILL reaches the process");
    }

    fn begin(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.home());
        command.args(["--log", "warn"]).args(arguments).stdin(Stdio::null());
        command
    }
}

async fn end(child: Child, arguments: &[&str]) -> Ended {
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    let output = output.unwrap_or_else(|_| panic!("`packhouse {}` does not end", arguments.join(" ")));
    let output = output.expect("its output");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ended {
    /// What it printed. Panics, showing all, unless it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self.stdout
    }
}
