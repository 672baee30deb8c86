//! Composer and PHP as the distribution has them, in a home of their own.

use super::{Run, system};
use crate::composer::Library;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// A home, and projects in it.
pub struct Composer {
    home: TempDir,
    program: PathBuf,
    php: PathBuf,
    /// A mount's URL without a trailing slash.
    pub registry: String,
}

impl Composer {
    /// None when one of the two is not installed.
    pub fn find(registry: &str) -> Option<Self> {
        let program = |name| system(name).map(|command| PathBuf::from(command.get_program()));
        let (program, php) = (program("composer")?, program("php")?);
        let home = tempfile::tempdir().expect("a home");
        Some(Self { home, program, php, registry: registry.to_owned() })
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

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.home.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A project that looks at this registry alone, with more members in its `composer.json`.
    pub fn project(&self, name: &str, members: &Value) {
        let mut manifest = json!({
            "name": format!("consumer/{name}"), "description": "A consumer", "license": "MIT",
            "repositories": [{ "type": "composer", "url": self.registry }, { "packagist.org": false }],
            "config": { "secure-http": false },
        });
        let members = members.as_object().expect("an object").clone();
        manifest.as_object_mut().expect("an object").extend(members);
        self.write(&format!("{name}/composer.json"), manifest.to_string());
    }

    /// The user's credentials for the registry (`auth.json`).
    pub fn sign_in(&self, address: &str, user: &str, password: &str) {
        let auth = json!({ "http-basic": { address: { "username": user, "password": password } } });
        self.write(".composer/auth.json", auth.to_string());
    }

    /// `composer ARGUMENTS` in a project. Its cache is the home's, as that of a user is.
    pub async fn run(&self, project: &str, arguments: &[&str]) -> Run {
        let mut command = self.command(&self.program, project);
        command.args(arguments).args(["--no-interaction", "--no-ansi"]);
        Run::of(command).await
    }

    /// What PHP prints for this expression, with the project's autoloader.
    pub async fn php(&self, project: &str, expression: &str) -> String {
        let script = format!("require 'vendor/autoload.php'; echo {expression};");
        let mut command = self.command(&self.php, project);
        command.args(["-r", &script]);
        Run::of(command).await.ok()
    }

    fn command(&self, program: &Path, project: &str) -> Command {
        let home = self.home.path();
        let mut command = Command::new(program);
        command.current_dir(self.folder(project)).env_clear();
        command.env("HOME", home).env("COMPOSER_HOME", home.join(".composer"));
        command.env("COMPOSER_ALLOW_SUPERUSER", "1").env("COMPOSER_NO_INTERACTION", "1");
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
        command
    }

    /// A library's archive below the home.
    pub fn archive(&self, library: &Library) -> PathBuf {
        self.write(&format!("archives/{}.zip", library.name.replace('/', "-")), &library.content)
    }
}
