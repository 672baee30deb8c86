//! The process itself: started, heard, signalled.

use super::home::{Home, program};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

const READY: &str = "packhouse is listening on http://";
/// The first start of a plugin compiles it, and two cores may be busy with other tests.
const PATIENCE: Duration = Duration::from_mins(1);

/// Killed when dropped.
pub struct Process {
    child: Child,
    id: u32,
    address: SocketAddr,
    logs: Logs,
}

/// How a process ended that did not stay.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<String>>);

impl Logs {
    fn push(&self, line: &str) {
        let _ = writeln!(self.0.lock().expect("nobody panics here"), "{line}");
    }
}

/// `packhouse`, in its home, with nothing of our own environment that it would read.
pub(crate) fn command(home: &Home) -> Command {
    command_with(home, "registry.toml")
}

fn command_with(home: &Home, configuration: &str) -> Command {
    let mut command = match home.options.open_files {
        Some(limit) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &limit.to_string()]).arg(program());
            shell
        }
        None => Command::new(program()),
    };
    command.current_dir(home.path()).arg("--config").arg(home.path().join(configuration));
    command.env("PACKHOUSE_ADMIN_PASSWORD", super::ADMIN_PASSWORD);
    command.envs(home.options.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

impl Process {
    pub(super) async fn start(home: &Home) -> Self {
        let mut child = command(home).arg("serve").spawn().expect("`packhouse` starts: is it built?");
        let logs = Logs::default();
        let (ready, mut addresses) = mpsc::unbounded_channel();
        let output = child.stdout.take().expect("a pipe");
        let errors = child.stderr.take().expect("a pipe");
        let id = child.id().expect("it runs");
        let (ours, theirs) = (logs.clone(), logs.clone());
        tokio::spawn(each_line(output, move |line| {
            ours.push(line);
            if let Some(address) = line.strip_prefix(READY) {
                // Nobody listens any more after the first.
                let _ = ready.send(address.trim_end_matches('/').parse::<SocketAddr>());
            }
        }));
        tokio::spawn(each_line(errors, move |line| theirs.push(line)));
        let address = match timeout(PATIENCE, addresses.recv()).await {
            Ok(Some(Ok(address))) => address,
            Ok(Some(Err(error))) => {
                panic!("the ready line holds no address: {error}\n{}", logs.text())
            }
            Ok(None) => {
                panic!("packhouse ended before it was ready: {:?}\n{}", child.wait().await, logs.text())
            }
            Err(tokio::time::error::Elapsed { .. }) => {
                panic!("packhouse is not ready after {PATIENCE:?}\n{}", logs.text())
            }
        };
        Self { child, id, address, logs }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn logs(&self) -> String {
        self.logs.text()
    }

    pub(super) async fn signal(&self, name: &str) {
        let signalled = Command::new("kill").args([&format!("-{name}"), &self.id.to_string()]).status().await;
        assert!(signalled.expect("`kill` runs").success(), "SIG{name} reaches the process");
    }

    pub(super) async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM").await;
        timeout(PATIENCE, self.child.wait()).await.expect("it ends after SIGTERM").expect("an exit code")
    }

    pub(super) async fn kill(&mut self) {
        self.child.kill().await.expect("SIGKILL reaches the process");
    }
}

impl Logs {
    fn text(&self) -> String {
        self.0.lock().expect("nobody panics here").clone()
    }
}

/// For starts that are refused.
pub(super) async fn run_to_the_end(home: &Home, file: &str) -> Ended {
    let child = command_with(home, file).arg("serve").spawn().expect("`packhouse` starts: is it built?");
    let output =
        timeout(PATIENCE, child.wait_with_output()).await.expect("it refuses to start").expect("its output");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

async fn each_line(pipe: impl AsyncRead + Unpin, mut take: impl FnMut(&str)) {
    let mut lines = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        take(&line);
    }
}
