//! Maven 3.9 and 4, pinned, from Maven Central; Debian's Maven 3.8 fetches them. Then the plugins that
//! Maven runs every build with, once, for all tests.

use super::Client;
use crate::command;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The folder of each, and its version. Both are also the stamp that says it is done.
const VERSIONS: [(&str, &str); 2] = [("3.9", "3.9.11"), ("4", "4.0.0-rc-4")];
/// What fetches them.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy";
/// What the tests' builds do. Raise the number in the stamp with each change.
const GOALS: [&str; 7] = [
    "clean",
    "package",
    "org.apache.maven.plugins:maven-source-plugin:3.3.1:jar",
    "org.apache.maven.plugins:maven-javadoc-plugin:3.11.2:jar",
    "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies",
    "deploy",
    "-DaltDeploymentRepository=here::default::file:target/repository",
];
const STAMP: &str = "1";

/// A project with all that the tests' projects have.
const POM: &str = r#"<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>com.example</groupId>
  <artifactId>warm</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.source>11</maven.compiler.source>
    <maven.compiler.target>11</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <build><plugins><plugin>
    <artifactId>maven-jar-plugin</artifactId>
    <version>3.4.2</version>
    <executions><execution><goals><goal>test-jar</goal></goals></execution></executions>
  </plugin></plugins></build>
  <dependencies><dependency>
    <groupId>org.apache.maven</groupId>
    <artifactId>maven-plugin-api</artifactId>
    <version>3.8.7</version>
    <scope>provided</scope>
  </dependency></dependencies>
</project>
"#;

/// Installs them into `folder/maven` unless they are there; tells what then runs.
pub fn ensure(folder: &Path) -> Vec<Client> {
    let home = folder.join("maven");
    let mut found: Vec<Client> = VERSIONS
        .iter()
        .zip(["maven 3.9", "maven 4"])
        .map(|((name, version), title)| Client { name: title, version: install(&home, name, version) })
        .collect();
    let warmed = if found.iter().all(|client| client.version.is_ok()) {
        warm(&home)
    } else {
        Err("Maven is missing".to_owned())
    };
    found.push(Client { name: "maven plugins", version: warmed.map(|()| "fetched".to_owned()) });
    found
}

fn install(home: &Path, name: &str, version: &str) -> Result<String, String> {
    let target = home.join(name);
    let stamp = target.join("installed.txt");
    if !fs::read_to_string(&stamp).is_ok_and(|there| there == version) {
        fetch(home, &target, version)?;
        fs::write(&stamp, version)
            .map_err(|error| format!("{} cannot be written: {error}", stamp.display()))?;
    }
    let program = target.join("bin/mvn");
    let told = command::answer(Command::new(&program).args(["--batch-mode", "--version"]));
    told.map(|_| version.to_owned()).ok_or_else(|| format!("`{} --version` fails", program.display()))
}

fn fetch(home: &Path, target: &Path, version: &str) -> Result<(), String> {
    let packed = home.join(format!("apache-maven-{version}-bin.tar.gz"));
    let made = fs::create_dir_all(target);
    made.map_err(|error| format!("{} cannot be made: {error}", target.display()))?;
    let mut copy = Command::new("mvn");
    copy.args(["--batch-mode", "--quiet", COPY]);
    copy.arg(format!("-Dartifact=org.apache.maven:apache-maven:{version}:tar.gz:bin"));
    copy.arg(format!("-DoutputDirectory={}", home.display()));
    copy.arg(format!("-Dmaven.repo.local={}", home.join("repository").display()));
    let mut unpack = Command::new("tar");
    unpack.args(["-xzf"]).arg(&packed).args(["--strip-components=1", "-C"]).arg(target);
    let is_there =
        command::succeeds(&mut copy).unwrap_or(false) && command::succeeds(&mut unpack).unwrap_or(false);
    if is_there { Ok(()) } else { Err(format!("Maven {version} could not be fetched from Maven Central")) }
}

/// Builds a project with each of them, so that what they need lies in `repository`.
fn warm(home: &Path) -> Result<(), String> {
    let project = home.join("warm");
    let stamp = project.join("warmed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == STAMP) {
        return Ok(());
    }
    let write = |path: &str, text: &str| {
        let path = project.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, text)
    };
    write("pom.xml", POM)
        .and_then(|()| {
            write("src/main/java/demo/Warm.java", "package demo;\n/** Warm. */\npublic class Warm {}\n")
        })
        .and_then(|()| write("src/test/java/demo/Cold.java", "package demo;\nclass Cold {}\n"))
        .map_err(|error| format!("{} cannot be written: {error}", project.display()))?;
    let programs = ["/usr/bin/mvn".into(), home.join("3.9/bin/mvn"), home.join("4/bin/mvn")];
    for program in programs {
        let mut build = Command::new(&program);
        build.args(["--batch-mode", "--quiet"]).args(GOALS).current_dir(&project);
        build.arg(format!("-Dmaven.repo.local={}", home.join("repository").display()));
        if !command::succeeds(&mut build).unwrap_or(false) {
            return Err(format!("`{} {}` fails", program.display(), GOALS.join(" ")));
        }
    }
    fs::write(&stamp, STAMP).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}
