//! A server of somebody else, started on a port that the operating system chooses.

use crate::wait;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::NamedTempFile;

/// A server process. Dropping it kills the process.
pub struct Server {
    child: Child,
    port: u16,
    output: NamedTempFile,
}

impl Server {
    /// Runs `command`, which must be told to listen on port 0 of 127.0.0.1; returns when it listens.
    pub async fn start(mut command: Command) -> Self {
        let output = NamedTempFile::new().expect("a file for its output");
        let told = format!("{command:?}");
        let writer = || Stdio::from(output.reopen().expect("a file of ours"));
        command.stdin(Stdio::null()).stdout(writer()).stderr(writer());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{told} does not start: {error}"));
        let id = child.id();
        let port = wait::until(&format!("that {told} listens"), || {
            let ended = child.try_wait().expect("a child of ours");
            let said = || fs::read_to_string(output.path()).unwrap_or_default();
            assert!(ended.is_none(), "{told} ended with {ended:?}: {}", said());
            std::future::ready(listening(id))
        })
        .await;
        Self { child, port, output }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// SIGKILL; returns when it has ended.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("a child of ours");
    }

    /// What it has written so far.
    pub fn output(&self) -> String {
        fs::read_to_string(self.output.path()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port of a process's first listening TCP socket: its open sockets by number, found again
/// in the kernel's table (proc(5): state `0A` is LISTEN; the local address is `HEX:PORT`).
fn listening(process: u32) -> Option<u16> {
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{process}/fd"))
        .ok()?
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|target: PathBuf| {
            let target = target.to_str()?.to_owned();
            Some(target.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        })
        .collect();
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        fs::read_to_string(table).ok()?.lines().find_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
            let ours = *state == "0A" && sockets.iter().any(|socket| socket == inode);
            ours.then(|| u16::from_str_radix(local.rsplit(':').next()?, 16).ok())?
        })
    })
}
