//! Cargo itself: the one that these tests were built with.

use super::Run;
use crate::terminal::Terminal;
use portable_pty::CommandBuilder;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// What the registry is called in its configuration.
const REGISTRY: &str = "loop";

/// Cargo with a home of its own, which knows one registry.
pub struct Cargo {
    home: TempDir,
}

impl Cargo {
    /// `index` is the URL of the index, with or without `/index` and without a trailing slash.
    pub fn new(index: &str, token: Option<&str>) -> Self {
        let cargo = Self { home: tempfile::tempdir().expect("a home") };
        fs::create_dir(cargo.cargo_home()).expect("a folder");
        let configuration = format!(
            "[registries.{REGISTRY}]\nindex = \"sparse+{index}/\"\ncredential-provider = [\"cargo:token\"]\n\
             [registry]\nglobal-credential-providers = [\"cargo:token\"]\ndefault = \"{REGISTRY}\"\n\
             [net]\nretry = 0\n[term]\ncolor = \"never\"\n"
        );
        fs::write(cargo.cargo_home().join("config.toml"), configuration).expect("written");
        if let Some(token) = token {
            let credentials = format!("[registries.{REGISTRY}]\ntoken = {token:?}\n");
            fs::write(cargo.cargo_home().join("credentials.toml"), credentials).expect("written");
        }
        cargo
    }

    /// Runs it there.
    pub async fn run(&self, folder: &Path, arguments: &[&str]) -> Run {
        Run::of(self.command(folder, arguments)).await
    }

    /// `cargo login` at a terminal, where it says at which address tokens are to be had.
    pub fn log_in(&self, address: &str, token: &str) {
        let command = self.command(self.home.path(), &["login"]);
        let mut builder = CommandBuilder::new(command.as_std().get_program());
        builder.args(command.as_std().get_args());
        builder.cwd(self.home.path());
        builder.env_clear();
        for (name, value) in command.as_std().get_envs() {
            builder.env(name, value.expect("it is set"));
        }
        let mut terminal = Terminal::run(builder);
        terminal.answer(address, token);
        terminal.end();
    }

    /// A folder with these files.
    pub fn project(&self, folder: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.path(folder);
        for (path, content) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, content).expect("written");
        }
        folder
    }

    /// A program that prints the value of an expression, with these lines of `[dependencies]`.
    pub fn program(&self, folder: &str, dependencies: &str, expression: &str) -> PathBuf {
        let manifest = format!(
            "[package]\nname = \"{folder}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n{dependencies}\n"
        );
        let code = format!("fn main() {{ println!(\"{{}}\", {expression}); }}\n");
        self.project(folder, &[("Cargo.toml", &manifest), ("src/main.rs", &code)])
    }

    /// Below its home.
    pub fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Forgets what it has downloaded, and what it knows of the index.
    pub fn forget_downloads(&self) {
        // Nothing may have been downloaded yet.
        let _ = fs::remove_dir_all(self.cargo_home().join("registry"));
    }

    fn cargo_home(&self) -> PathBuf {
        self.path(".cargo")
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let variable = |name| std::env::var_os(name);
        let program = variable("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        let rustup = variable("RUSTUP_HOME")
            .unwrap_or_else(|| PathBuf::from(variable("HOME").unwrap_or_default()).join(".rustup").into());
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(folder).env_clear();
        command.env("PATH", path_with(program.parent())).env("RUSTUP_HOME", rustup);
        command.env("HOME", self.home.path()).env("CARGO_HOME", self.cargo_home());
        command
    }
}

/// The compiler beside this cargo is found before any other.
fn path_with(folder: Option<&Path>) -> OsString {
    let before = folder.filter(|folder| folder.is_absolute()).map(Path::to_path_buf);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(before.into_iter().chain(std::env::split_paths(&path))).expect("paths of ours")
}
