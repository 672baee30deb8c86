//! The clients that speak OCI: container tools, chart and artifact tools, a signer, and the
//! docker command line; each in a home of its own, over plain http.

use super::{Run, installed, system};
use crate::Registry;
use crate::skip;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Skopeo,
    Podman,
    Buildah,
    Crane,
    Oras,
    Regctl,
    Helm,
    Cosign,
    Docker,
}

/// One of them, set to speak to one registry, signed in to none at first.
pub struct Tool {
    pub kind: Kind,
    program: PathBuf,
    home: TempDir,
    registry: String,
}

impl Tool {
    /// None when it is not installed.
    pub async fn find(kind: Kind, registry: &Registry) -> Option<Self> {
        Self::find_at(kind, &registry.address()).await
    }

    /// For the registry at this address, e.g. a proxy's before it.
    pub async fn find_at(kind: Kind, address: &str) -> Option<Self> {
        let program = kind.program()?;
        let home = tempfile::tempdir().expect("a home");
        let tool = Self { kind, program, home, registry: address.to_owned() };
        tool.settle();
        if kind == Kind::Regctl {
            tool.run(&["registry", "set", "--skip-check", "--tls", "disabled", &tool.registry]).await.ok();
        }
        Some(tool)
    }

    /// Runs it in its home.
    pub async fn run(&self, arguments: &[&str]) -> Run {
        self.tell("", arguments).await
    }

    /// Runs it in its home with this on its standard input.
    pub async fn tell(&self, input: impl AsRef<[u8]>, arguments: &[&str]) -> Run {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.home()).env_clear();
        let home = self.home();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
        for folder in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"] {
            command.env(folder, home.join(folder));
        }
        command.env("DOCKER_CONFIG", home.join("docker"));
        command.env("REGISTRY_AUTH_FILE", home.join("auth.json"));
        command.env("CONTAINERS_STORAGE_CONF", home.join("storage.conf"));
        // cosign: a key without a password, no outside host to be asked, signatures as referrers.
        command.env("COSIGN_PASSWORD", "").env("TUF_MIRROR", "http://127.0.0.1:9");
        command.env("COSIGN_EXPERIMENTAL", "1");
        Run::with_input(command, input.as_ref()).await
    }

    /// Signs in, in its own way. Not every client asks the registry whether it may.
    pub async fn login(&self, user: &str, password: &str) -> Run {
        let registry = self.registry.as_str();
        let arguments: Vec<&str> = match self.kind {
            Kind::Skopeo | Kind::Podman | Kind::Buildah => {
                vec!["login", "--tls-verify=false", "-u", user, "--password-stdin", registry]
            }
            Kind::Docker => vec!["login", "-u", user, "--password-stdin", registry],
            Kind::Crane => vec!["auth", "login", registry, "-u", user, "--password-stdin"],
            Kind::Oras => vec!["login", "--plain-http", registry, "-u", user, "--password-stdin"],
            Kind::Regctl => vec!["registry", "login", registry, "-u", user, "--pass-stdin"],
            Kind::Helm => {
                vec!["registry", "login", registry, "-u", user, "--password-stdin", "--plain-http"]
            }
            Kind::Cosign => vec!["login", registry, "-u", user, "--password-stdin"],
        };
        self.tell(password, &arguments).await
    }

    /// `127.0.0.1:PORT/` and this, e.g. `team/image:tag`.
    pub fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry)
    }

    /// As skopeo writes it: `docker://` before it.
    pub fn transport(&self, rest: &str) -> String {
        format!("docker://{}/{rest}", self.registry)
    }

    /// Where it runs, and where relative paths begin.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file in its home.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("written");
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.home().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// For the tools that share containers/image and containers/storage: plain http here, and
    /// storage that needs no mounts.
    fn settle(&self) {
        let registries = format!("[[registry]]\nlocation = {}\ninsecure = true\n", json!(self.registry));
        self.write(".config/containers/registries.conf", registries);
        let (root, run) = (self.home().join("storage"), self.home().join("running"));
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            root.display(),
            run.display()
        );
        self.write("storage.conf", storage);
        let policy = r#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
        self.write(".config/containers/policy.json", policy);
        // One that is named must be there.
        self.write("auth.json", "{}");
    }
}

impl Kind {
    /// Where it lies: of Debian's on `PATH`, of the others where they were built.
    fn program(self) -> Option<PathBuf> {
        let name = format!("{self:?}").to_lowercase();
        match self {
            Self::Skopeo | Self::Podman | Self::Buildah | Self::Docker => {
                system(&name).map(|command| PathBuf::from(command.get_program()))
            }
            _ => skip::unless_installed(installed(&format!("go/{name}"))),
        }
    }
}
