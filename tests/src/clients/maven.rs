//! Maven 3.8, 3.9 and 4, each with a home of its own. All share one folder for what comes from
//! Maven Central: Maven's own plugins, which every build needs. What comes from the registry under
//! test lies in a local repository of its own.

use super::{Run, installed};
use crate::User;
use crate::skip;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::process::Command;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Debian's.
    V3_8,
    V3_9,
    V4,
}

impl Version {
    pub const ALL: [Self; 3] = [Self::V3_8, Self::V3_9, Self::V4];

    fn program(self) -> PathBuf {
        match self {
            Self::V3_8 => PathBuf::from("/usr/bin/mvn"),
            Self::V3_9 => installed("maven/3.9/bin/mvn"),
            Self::V4 => installed("maven/4/bin/mvn"),
        }
    }
}

/// One of them, for one registry.
pub struct Maven {
    home: TempDir,
    program: PathBuf,
    /// A mount's URL without a trailing slash.
    pub registry: String,
}

impl Maven {
    /// None when it is not installed.
    pub fn find(version: Version, registry: &str) -> Option<Self> {
        let program = skip::unless_installed(version.program())?;
        let maven =
            Self { home: tempfile::tempdir().expect("a home"), program, registry: registry.to_owned() };
        maven.sign_in(None);
        Some(maven)
    }

    /// Writes `settings.xml`: the registry's user, and the repositories of every build. Its artifacts
    /// come from the registry with the strict checksum policy.
    pub fn sign_in(&self, user: Option<&User>) {
        let server = user.map_or_else(String::new, |user| {
            format!(
                "<servers><server><id>loop</id><username>{}</username><password>{}</password></server></servers>",
                user.name, user.password
            )
        });
        let policy =
            "<enabled>true</enabled><updatePolicy>always</updatePolicy><checksumPolicy>fail</checksumPolicy>";
        let repository = |kind: &str| {
            format!(
                "<{kind}><id>loop</id><url>{}</url><releases>{policy}</releases><snapshots>{policy}</snapshots></{kind}>",
                self.registry
            )
        };
        let settings = format!(
            "<settings>{server}<pluginGroups><pluginGroup>com.example</pluginGroup></pluginGroups><profiles><profile><id>loop</id><repositories>{}</repositories><pluginRepositories>{}</pluginRepositories></profile></profiles><activeProfiles><activeProfile>loop</activeProfile></activeProfiles></settings>",
            repository("repository"),
            repository("pluginRepository")
        );
        self.write("settings.xml", settings);
    }

    /// A file below the home, with its folders.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, content).expect("written");
        path
    }

    /// Below the home.
    pub fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Where its files from the registry lie.
    pub fn local(&self) -> PathBuf {
        self.path("local")
    }

    /// Forgets what it has fetched from the registry.
    pub fn forget(&self) {
        let _ = fs::remove_dir_all(self.local());
    }

    /// Runs it in this folder below the home.
    pub async fn run(&self, folder: &str, arguments: &[&str]) -> Run {
        let mut command = Command::new(&self.program);
        self.prepare(folder);
        let settings = self.path("settings.xml");
        command.args(["--batch-mode", "--no-transfer-progress", "--strict-checksums", "-s"]).arg(settings);
        command.arg(format!("-Dmaven.repo.local={}", self.local().display()));
        command.args(arguments).current_dir(self.path(folder));
        command.env("HOME", self.home.path()).env_remove("MAVEN_OPTS").env("MAVEN_SKIP_RC", "1");
        Run::of(command).await
    }

    /// `mvn deploy` of the project in this folder.
    pub async fn deploy(&self, folder: &str, more: &[&str]) -> Run {
        let target = format!("-DaltDeploymentRepository=loop::default::{}", self.registry);
        let mut arguments = vec!["clean", "deploy", "-DskipTests", &target];
        arguments.extend(more);
        self.run(folder, &arguments).await
    }

    /// The local repository begins with Maven's own plugins, which hard links make cheap.
    fn prepare(&self, folder: &str) {
        fs::create_dir_all(self.path(folder)).expect("a folder");
        let (shared, local) = (installed("maven/repository"), self.local());
        if !local.exists() {
            fs::create_dir_all(&local).expect("a folder");
            if shared.is_dir() {
                link_below(&shared, &local);
            }
        }
    }
}

fn link_below(source: &Path, target: &Path) {
    for file in crate::registry::files_below(source) {
        let copy = target.join(&file);
        fs::create_dir_all(copy.parent().expect("a parent")).expect("a folder");
        // These are never written again; the others are, and not as new files.
        let is_kept = [".jar", ".pom"].iter().any(|ending| file.ends_with(ending));
        let linked = is_kept && fs::hard_link(source.join(&file), &copy).is_ok();
        if !linked {
            fs::copy(source.join(&file), copy).expect("a copy");
        }
    }
}
