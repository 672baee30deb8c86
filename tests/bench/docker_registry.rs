//! docker-registry, the program of the distribution project, on a folder of its own, where
//! it is installed.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;

use packhouse_tests::clients;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::transfer::Server;

/// A running server, ended when it is dropped.
pub struct DockerRegistry {
    pub server: Server,
    child: Child,
    _folder: TempDir,
}

impl DockerRegistry {
    /// None where it is not installed.
    pub async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address =
            TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
        let configuration = folder.path().join("config.yml");
        let lines = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\n\
             storage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n\
             http:\n  addr: {address}\n",
            folder.path().join("data").display()
        );
        std::fs::write(&configuration, lines).expect("a configuration");
        let child =
            [clients::installed("go/registry"), PathBuf::from("registry")].iter().find_map(|program| {
                let mut command = Command::new(program);
                command.arg("serve").arg(&configuration).env("OTEL_TRACES_EXPORTER", "none");
                command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().ok()
            })?;
        let address = address.to_string();
        while TcpStream::connect(&address).await.is_err() {
            tokio::task::yield_now().await;
        }
        Some(Self { server: Server { address }, child, _folder: folder })
    }

    pub fn process(&self) -> u32 {
        self.child.id().expect("it runs")
    }
}
