//! The Go tool, and the plugin of `examples/go-proxy` for it.

use super::{Run, system};
use crate::Registry;
use crate::registry::guests;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// Builds `go.wasm` as the README of the example says, with its own lock file, and nothing beside it.
pub async fn build_proxy() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/go-proxy");
    let target = tempfile::tempdir().expect("a folder");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--release", "--target", "wasm32-wasip2", "--locked"]).current_dir(example);
    build.env("CARGO_TARGET_DIR", target.path());
    Run::of(build).await.ok();
    fs::create_dir_all(guests()).expect("a folder for guests");
    let beside = guests().join(format!("go.{}", std::process::id()));
    fs::copy(target.path().join("wasm32-wasip2/release/go_proxy.wasm"), &beside)
        .expect("the plugin is copied");
    fs::rename(&beside, guests().join("go.wasm")).expect("the plugin takes its place");
}

/// A Go module with a home of its own, whose only proxy is the registry's `/go`.
pub struct Go {
    home: TempDir,
    program: PathBuf,
    proxy: String,
}

impl Go {
    /// None where the Go tool is missing.
    pub fn module(registry: &Registry) -> Option<Self> {
        let program = system("go")?.get_program().into();
        let home = tempfile::tempdir().expect("a home");
        fs::write(home.path().join("go.mod"), "module app\n\ngo 1.20\n").expect("written");
        Some(Self { home, program, proxy: registry.url("/go") })
    }

    /// In the module's folder.
    pub async fn run(&self, arguments: &[&str]) -> Run {
        let inside = |name: &str| self.home.path().join(name);
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.home.path()).env_clear();
        command.env("HOME", inside("home")).env("GOCACHE", inside("cache"));
        // Files that the Go tool may remove again, and that a temporary folder may too.
        command.env("GOMODCACHE", inside("modules")).env("GOFLAGS", "-modcacherw");
        command.env("GOPROXY", &self.proxy).env("GOSUMDB", "off").env("GOTOOLCHAIN", "local");
        Run::of(command).await
    }

    /// A file of the module.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.home.path().join(name), text).expect("written");
    }
}
