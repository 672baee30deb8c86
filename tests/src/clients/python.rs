//! pip, twine, uv and poetry, in a home of their own.

use super::{Run, installed};
use crate::User;
use crate::pypi::Distribution;
use crate::skip;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    Pip,
    Poetry,
    Python,
    Twine,
    Uv,
}

impl Program {
    fn path(self) -> PathBuf {
        let name = match self {
            Self::Pip => "pip",
            Self::Poetry => "poetry",
            Self::Python => "python",
            Self::Twine => "twine",
            Self::Uv => "uv",
        };
        installed("pypi/bin").join(name)
    }
}

/// All of them, for one registry.
pub struct Python {
    home: TempDir,
    /// A mount's URL without a trailing slash.
    pub registry: String,
}

impl Python {
    /// None when one of them is not installed.
    pub fn find(registry: &str) -> Option<Self> {
        let all = [Program::Pip, Program::Poetry, Program::Python, Program::Twine, Program::Uv];
        for program in all {
            skip::unless_installed(program.path())?;
        }
        Some(Self { home: tempfile::tempdir().expect("a home"), registry: registry.to_owned() })
    }

    /// A folder below the home; made when it is not there.
    pub fn folder(&self, name: &str) -> PathBuf {
        let folder = self.home.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// A file below the home, with its folders.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, content).expect("written");
        path
    }

    /// Runs it in this folder below the home.
    pub async fn run(&self, program: Program, folder: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new(program.path());
        command.args(arguments).current_dir(self.folder(folder)).env_clear().envs(self.environment());
        Run::of(command).await
    }

    /// `twine upload` of these files.
    pub async fn twine(&self, user: &User, more: &[&str], distributions: &[&Distribution]) -> Run {
        let files: Vec<String> = distributions
            .iter()
            .map(|distribution| {
                let path = format!("dist/{}", distribution.filename);
                self.write(&path, &distribution.content).to_string_lossy().into_owned()
            })
            .collect();
        let url = format!("{}/legacy/", self.registry);
        let mut arguments = vec!["upload", "--non-interactive", "--disable-progress-bar"];
        arguments.extend(["--repository-url", &url, "-u", &user.name, "-p", &user.password]);
        arguments.extend(more);
        arguments.extend(files.iter().map(String::as_str));
        self.run(Program::Twine, ".", &arguments).await
    }

    /// `pip install` into this folder below the home.
    pub async fn pip_install(&self, target: &str, more: &[&str]) -> Run {
        let index = format!("{}/simple/", self.registry);
        let mut arguments = vec!["install", "--no-cache-dir", "--index-url", &index, "--target", target];
        arguments.extend(more);
        self.run(Program::Pip, ".", &arguments).await
    }

    /// `uv pip install` into this folder below the home.
    pub async fn uv_install(&self, target: &str, more: &[&str]) -> Run {
        let index = format!("{}/simple/", self.registry);
        let python = Program::Python.path();
        let python = python.to_string_lossy();
        let mut arguments = vec!["pip", "install", "--no-cache", "--python", &python];
        arguments.extend(["--default-index", &index, "--target", target]);
        arguments.extend(more);
        self.run(Program::Uv, ".", &arguments).await
    }

    /// What a module prints that was installed there.
    pub async fn import(&self, target: &str, module: &str) -> String {
        let mut command = Command::new(Program::Python.path());
        command.args(["-c", &format!("import {module}")]).current_dir(self.home.path()).env_clear();
        command.envs(self.environment()).env("PYTHONPATH", self.folder(target));
        Run::of(command).await.ok().trim().to_owned()
    }

    /// The home itself.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let home = self.home.path();
        let mut path = installed("pypi/bin").into_os_string();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        vec![
            ("HOME", home.into()),
            ("PATH", path),
            ("LANG", "C.UTF-8".into()),
            ("NO_COLOR", "1".into()),
            ("COLUMNS", "200".into()),
            ("PIP_CONFIG_FILE", "/dev/null".into()),
            ("PIP_NO_INPUT", "1".into()),
            ("PIP_DISABLE_PIP_VERSION_CHECK", "1".into()),
            ("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring".into()),
            ("POETRY_VIRTUALENVS_IN_PROJECT", "true".into()),
            ("POETRY_NO_INTERACTION", "1".into()),
            ("UV_PYTHON_DOWNLOADS", "never".into()),
            ("UV_CACHE_DIR", home.join("uv-cache").into()),
        ]
    }
}
