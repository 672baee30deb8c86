//! npm 11, pnpm, yarn classic, yarn berry, bun and deno.

use super::{Run, installed};
use crate::npm::Package;
use crate::skip;
use portable_pty::CommandBuilder;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Npm,
    Pnpm,
    YarnClassic,
    YarnBerry,
    Bun,
    Deno,
}

/// One of them, signed in to one registry or to none.
pub struct Client {
    pub kind: Kind,
    home: TempDir,
    registry: String,
}

/// A folder with a `package.json`.
pub struct Project {
    pub folder: PathBuf,
}

impl Client {
    /// None when it is not installed. `registry` is a mount's URL without a trailing slash.
    pub fn find(kind: Kind, registry: &str, token: Option<&str>) -> Option<Self> {
        skip::unless_installed(installed(&kind.program()))?;
        let home = tempfile::tempdir().expect("a home");
        let client = Self { kind, home, registry: format!("{registry}/") };
        client.sign_in(token);
        Some(client)
    }

    /// Writes the token to where this client reads it, or forgets it.
    pub fn sign_in(&self, token: Option<&str>) {
        let (registry, plain) = (&self.registry, self.registry.trim_start_matches("http:"));
        let mut rc =
            format!("registry={registry}\nfund=false\naudit=false\nupdate-notifier=false\nloglevel=warn\n");
        rc.extend(token.map(|token| format!("{plain}:_authToken={token}\n")));
        fs::write(self.home.path().join(".npmrc"), rc).expect("written");
        let quoted = json!(registry);
        fs::write(self.home.path().join(".yarnrc"), format!("registry {quoted}\n")).expect("written");
        let mut berry = format!(
            "npmRegistryServer: {quoted}\nnpmPublishRegistry: {quoted}\nunsafeHttpWhitelist: [\"127.0.0.1\"]\n\
             enableTelemetry: false\nnpmMinimalAgeGate: 0\nnodeLinker: node-modules\nenableGlobalCache: false\n"
        );
        berry.extend(token.map(|token| format!("npmAuthToken: {}\n", json!(token))));
        fs::write(self.home.path().join(".yarnrc.yml"), berry).expect("written");
    }

    /// A folder with these fields in its `package.json`, and an `index.js`.
    pub fn project(&self, folder: &str, manifest: &Value) -> Project {
        let folder = self.home.path().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("package.json"), manifest.to_string()).expect("written");
        fs::write(folder.join("index.js"), "module.exports = 1;\n").expect("written");
        // Berry looks upwards for a project: this one ends here.
        fs::write(folder.join("yarn.lock"), "").expect("written");
        Project { folder }
    }

    /// A folder that holds this package, ready to be published.
    pub fn package(&self, package: &Package) -> Project {
        let folder = format!("{}-{}", package.name.replace('/', "-"), package.version);
        self.project(&folder, &package.manifest())
    }

    /// A folder that wants these packages, e.g. `[("demo", "^1.0.0")]`.
    pub fn consumer(&self, folder: &str, dependencies: &[(&str, &str)]) -> Project {
        let wanted: Value =
            dependencies.iter().map(|(name, range)| ((*name).to_owned(), json!(range))).collect();
        self.project(
            folder,
            &json!({"name": "consumer", "version": "1.0.0", "private": true, "dependencies": wanted}),
        )
    }

    /// Runs it there.
    pub async fn run(&self, project: &Project, arguments: &[&str]) -> Run {
        let mut command = Command::new(self.program());
        command.args(self.script()).args(arguments).current_dir(&project.folder);
        command.env_clear().envs(self.environment());
        Run::of(command).await
    }

    /// The same command for a terminal.
    pub fn on_terminal(&self, project: &Project, arguments: &[&str]) -> CommandBuilder {
        let mut command = CommandBuilder::new(self.program());
        command.args(self.script());
        command.args(arguments);
        command.cwd(&project.folder);
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        command.env("TERM", "dumb");
        command
    }

    /// A file below its home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn program(&self) -> OsString {
        if self.kind.is_script() { "node".into() } else { installed(&self.kind.program()).into() }
    }

    fn script(&self) -> Option<PathBuf> {
        self.kind.is_script().then(|| installed(&self.kind.program()))
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let home = self.home.path();
        vec![
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("HOME", home.into()),
            ("XDG_CACHE_HOME", home.join("cache").into()),
            ("XDG_CONFIG_HOME", home.join("config").into()),
            ("XDG_DATA_HOME", home.join("share").into()),
            ("NO_COLOR", "1".into()),
            ("BROWSER", "none".into()),
        ]
    }
}

impl Project {
    /// What node says to this expression here. Panics when it throws.
    pub async fn node(&self, expression: &str) -> String {
        let mut command = Command::new("node");
        command.args(["--print", expression]).current_dir(&self.folder);
        Run::of(command).await.ok().trim().to_owned()
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.join(file), content).expect("written");
    }

    /// Removes what was installed; lock files stay.
    pub fn forget_modules(&self) {
        fs::remove_dir_all(self.folder.join("node_modules")).expect("there were modules");
    }
}

impl Kind {
    /// Whether node runs it. The others are programs of their own.
    fn is_script(self) -> bool {
        matches!(self, Self::Npm | Self::YarnClassic | Self::YarnBerry)
    }

    fn program(self) -> String {
        let path = match self {
            Self::Npm => "npm/bin/npm-cli.js",
            Self::Pnpm => ".bin/pnpm",
            Self::YarnClassic => "yarn/bin/yarn.js",
            Self::YarnBerry => "@yarnpkg/cli-dist/bin/yarn.js",
            Self::Bun => ".bin/bun",
            Self::Deno => ".bin/deno",
        };
        format!("node/node_modules/{path}")
    }
}
