//! gem and Bundler, in a home of their own: Debian's, and the newest in JRuby.

use super::{Run, installed, system};
use crate::skip;
use crate::terminal::Terminal;
use portable_pty::CommandBuilder;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RubyKind {
    /// RubyGems 3.3 and Bundler 2.3.
    Debian,
    /// RubyGems 4.0 and Bundler 4.0.
    JRuby,
}

/// One of them, for one registry.
pub struct Ruby {
    pub kind: RubyKind,
    home: TempDir,
    /// What runs a program of it: `ruby -S`, or Java with JRuby.
    begin: Vec<OsString>,
    /// A mount's URL without a trailing slash.
    pub registry: String,
    token: Option<String>,
}

impl Ruby {
    /// None when it is not installed.
    pub fn find(kind: RubyKind, registry: &str, token: Option<&str>) -> Option<Self> {
        let begin = match kind {
            RubyKind::Debian => vec![system("ruby")?.get_program().to_owned(), "-S".into()],
            RubyKind::JRuby => {
                let jar = skip::unless_installed(installed("ruby/jruby-complete.jar"))?;
                let java = java()?;
                vec![
                    java.into(),
                    "-Xshare:auto".into(),
                    "-XX:TieredStopAtLevel=1".into(),
                    "-jar".into(),
                    jar.into(),
                    "-S".into(),
                ]
            }
        };
        let home = tempfile::tempdir().expect("a home");
        let sources = format!("---\n:sources:\n- {registry}/\n:update_sources: true\ngem: --no-document\n");
        fs::write(home.path().join(".gemrc"), sources).expect("written");
        Some(Self { kind, home, begin, registry: registry.to_owned(), token: token.map(str::to_owned) })
    }

    /// `gem` in its home.
    pub async fn gem(&self, arguments: &[&str]) -> Run {
        self.run("gem", ".", arguments).await
    }

    /// `bundle` in this folder below the home.
    pub async fn bundle(&self, folder: &str, arguments: &[&str]) -> Run {
        self.run("bundle", folder, arguments).await
    }

    /// Runs this program in this folder below the home.
    pub async fn run(&self, program: &str, folder: &str, arguments: &[&str]) -> Run {
        Run::of(self.command(program, folder, arguments)).await
    }

    /// `gem signin` at a terminal.
    pub fn sign_in(&self) -> Terminal {
        let command = self.command("gem", ".", &["signin"]);
        let mut builder = CommandBuilder::new(command.as_std().get_program());
        builder.args(command.as_std().get_args());
        builder.cwd(self.home.path());
        builder.env_clear();
        for (name, value) in command.as_std().get_envs() {
            builder.env(name, value.expect("it is set"));
        }
        builder.env("RUBYGEMS_HOST", &self.registry);
        Terminal::run(builder)
    }

    /// What a Ruby program prints that sees the installed gems.
    pub async fn eval(&self, code: &str) -> String {
        let file = self.write("eval.rb", code);
        self.run(&file.to_string_lossy(), ".", &[]).await.ok().trim().to_owned()
    }

    /// Builds a gem whose module tells its version; `more` is in its gemspec.
    pub async fn build(&self, name: &str, version: &str, more: &str) -> PathBuf {
        let folder = format!("build/{name}-{version}");
        let module = crate::rubygems::module(name);
        self.write(
            &format!("{folder}/lib/{name}.rb"),
            format!("module {module}\n  VERSION = {version:?}\nend\n"),
        );
        let spec = format!(
            "Gem::Specification.new do |s|\n  s.name = {name:?}\n  s.version = {version:?}\n  s.summary = 'A gem called {name}'\n  \
             s.authors = ['Ann']\n  s.files = ['lib/{name}.rb']\n  s.homepage = 'https://example.com/{name}'\n  s.license = 'MIT'\n{more}\nend\n"
        );
        self.write(&format!("{folder}/{name}.gemspec"), spec);
        let file = self.home.path().join(format!("{folder}/built.gem"));
        let output = file.to_string_lossy().into_owned();
        self.run("gem", &folder, &["build", &format!("{name}.gemspec"), "--output", &output]).await.ok();
        file
    }

    /// Builds a gem and pushes it.
    pub async fn push(&self, name: &str, version: &str, more: &str) -> Run {
        let file = self.build(name, version, more).await;
        self.gem(&["push", &file.to_string_lossy(), "--host", &self.registry]).await
    }

    /// A folder with this Gemfile, whose source is the registry.
    pub fn gemfile(&self, folder: &str, gems: &str) {
        self.write(&format!("{folder}/Gemfile"), format!("source {:?}\n{gems}\n", self.registry));
    }

    /// A file below the home, with its folders.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, content).expect("written");
        path
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.home.path().join(path)).expect("a file")
    }

    /// Forgets what was installed and what it knows of the index.
    pub fn forget(&self) {
        for folder in ["gems", ".gem", ".local", ".cache", ".bundle"] {
            // Nothing may have been installed yet.
            let _ = fs::remove_dir_all(self.home.path().join(folder));
        }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn command(&self, program: &str, folder: &str, arguments: &[&str]) -> Command {
        let folder = self.home.path().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        let (first, rest) = self.begin.split_first().expect("a program");
        let mut command = Command::new(first);
        command.args(rest);
        // `-S` finds a program by its name, and one that is a path.
        command.arg(program).args(arguments);
        command.current_dir(folder).env_clear().envs(self.environment());
        command
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let home = self.home.path();
        let gems = home.join("gems");
        let mut environment: Vec<(&'static str, OsString)> = vec![
            ("HOME", home.into()),
            ("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", gems.join("bin").display()).into()),
            ("LANG", "C.UTF-8".into()),
            ("GEM_HOME", gems.clone().into()),
            ("BUNDLE_USER_HOME", home.join(".bundle").into()),
            ("BUNDLE_SILENCE_ROOT_WARNING", "true".into()),
            ("BUNDLE_RETRY", "0".into()),
            ("BUNDLE_FROZEN", "false".into()),
            ("DEBIAN_DISABLE_RUBYGEMS_INTEGRATION", OsString::new()),
        ];
        if let Some(token) = &self.token {
            environment.push(("GEM_HOST_API_KEY", token.into()));
        }
        environment
    }
}

/// One of version 21 or later, as JRuby needs; several may be installed.
fn java() -> Option<PathBuf> {
    let homes = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten().map(|entry| entry.path());
    let homes = std::env::var_os("JAVA_HOME").map(PathBuf::from).into_iter().chain(homes);
    let found = homes
        .map(|home| home.join("bin/java"))
        .find(|java| version(java).is_some_and(|version| version >= 21));
    if found.is_none() {
        skip::skip("Java 21");
    }
    found
}

/// As the file `release` beside it says.
fn version(java: &Path) -> Option<u32> {
    let release = fs::read_to_string(java.parent()?.parent()?.join("release")).ok()?;
    let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=\""))?;
    version.split(['.', '"', '-']).next()?.parse().ok()
}
