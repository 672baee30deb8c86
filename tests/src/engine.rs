//! Storage services that others wrote, started by the tests, each with a bucket of its own.
//!
//! `cargo xtask clients` installs them, and reports those that are missing.

use crate::clients::installed;
use crate::server::Server;
use crate::skip;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use tempfile::TempDir;

pub(crate) const BUCKET: &str = "packages";
/// s3rver knows this pair only, so all are given it.
pub(crate) const KEY: &str = "S3RVER";
pub(crate) const SECRET: &str = "S3RVER";
/// The account of azurite and its key, which are the same everywhere.
const AZURE_ACCOUNT: &str = "devstoreaccount1";
const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
pub(crate) const REGION: &str = "us-east-1";

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The most complete; its objects are files.
    VersityGw,
    /// Keeps everything in memory; checks no signatures.
    Moto,
    /// Ignores the conditions of writes: the last write wins.
    S3rver,
    /// Azure Blob Storage by its makers; its containers are made by the tests.
    Azurite,
}

/// One running server with an empty bucket; stops when dropped, and its objects are gone then.
pub struct Engine {
    kind: Kind,
    server: Mutex<Server>,
    folder: TempDir,
}

impl Engine {
    /// None when it is not installed.
    pub async fn start(kind: Kind) -> Option<Arc<Self>> {
        skip::unless_installed(kind.program())?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(kind.command(&folder)).await;
        if kind == Kind::Moto {
            let bucket = format!("http://127.0.0.1:{}/{BUCKET}", server.port());
            let made = reqwest::Client::new().put(bucket).send().await.expect("it answers");
            assert!(made.status().is_success(), "no bucket: {made:?}");
        }
        Some(Arc::new(Self { kind, server: Mutex::new(server), folder }))
    }

    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server().port()
    }

    /// SIGKILL, and the same on the same objects and another port.
    pub async fn kill_and_start(&self) {
        self.server().kill();
        let server = Server::start(self.kind.command(&self.folder)).await;
        *self.server() = server;
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().expect("nobody panics with it")
    }

    /// `127.0.0.1:PORT/KEY/SECRET`; for Azure `URL ACCOUNT KEY`.
    pub fn address(&self) -> String {
        let port = self.port();
        match self.kind {
            Kind::Azurite => {
                format!("http://127.0.0.1:{port}/{AZURE_ACCOUNT} {AZURE_ACCOUNT} {AZURE_KEY}")
            }
            _ => format!("127.0.0.1:{port}/{KEY}/{SECRET}"),
        }
    }

    /// The folder with its objects as files; none if the engine stores them in another way.
    pub(crate) fn bucket(&self) -> Option<PathBuf> {
        (self.kind == Kind::VersityGw).then(|| self.folder.path().join(BUCKET))
    }

    /// What the server has written so far.
    pub fn output(&self) -> String {
        self.server().output()
    }
}

/// The `[storage]` table for an engine at this port, which may be a proxy's before it.
pub(crate) fn configuration(port: u16) -> String {
    format!(
        "[storage]\ntype = \"s3\"\nendpoint = \"127.0.0.1\"\nport = {port}\nuse_ssl = false\n\
         region = \"{REGION}\"\nbucket_name = \"{BUCKET}\"\naccess_key = \"{KEY}\"\naccess_secret = \"{SECRET}\"\n"
    )
}

impl Kind {
    fn program(self) -> PathBuf {
        match self {
            Self::VersityGw => installed("go/versitygw"),
            Self::Moto => installed("python/bin/moto_server"),
            Self::S3rver => installed("node/node_modules/s3rver/bin/s3rver.js"),
            Self::Azurite => installed("node/node_modules/azurite/dist/src/blob/main.js"),
        }
    }

    fn command(self, folder: &TempDir) -> Command {
        let program = self.program();
        match self {
            Self::VersityGw => {
                std::fs::create_dir_all(folder.path().join(BUCKET)).expect("a bucket");
                let mut command = Command::new(program);
                command.args([
                    "--port",
                    "127.0.0.1:0",
                    "--region",
                    REGION,
                    "--keep-alive",
                    "--quiet",
                    "posix",
                ]);
                command.arg(folder.path()).env("ROOT_ACCESS_KEY", KEY).env("ROOT_SECRET_KEY", SECRET);
                command
            }
            Self::Moto => {
                let mut command = Command::new(program);
                command.args(["-H", "127.0.0.1", "-p", "0"]);
                command
            }
            Self::S3rver => {
                let mut command = Command::new("node");
                command.arg(program).arg("--directory").arg(folder.path());
                command.args([
                    "--address",
                    "127.0.0.1",
                    "--port",
                    "0",
                    "--silent",
                    "--configure-bucket",
                    BUCKET,
                ]);
                command
            }
            Self::Azurite => {
                let mut command = Command::new("node");
                command.arg(program).arg("--location").arg(folder.path());
                command.args(["--blobHost", "127.0.0.1", "--blobPort", "0"]);
                command.args(["--skipApiVersionCheck", "--disableTelemetry", "--silent"]);
                command
            }
        }
    }
}
