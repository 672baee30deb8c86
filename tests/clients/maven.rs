//! Maven 3.8, 3.9 and 4 at work: a parent with two modules, snapshots, a plugin by its prefix,
//! releases that are never replaced, checksums, a private repository.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Maven, MavenVersion};
use packhouse_tests::maven::{metadata, put, versions};
use packhouse_tests::{Options, Registry, User};
use std::fs;

const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

struct Desk {
    registry: Registry,
    maven: Maven,
    user: User,
}

/// A registry and somebody who may deploy to it; none when this Maven is missing.
async fn desk(version: MavenVersion, options: Options) -> Option<Desk> {
    let registry = Registry::start(options).await;
    let maven = Maven::find(version, &registry.url("/maven"))?;
    let user = registry.user("deployer", &["maven:artifact:com.example:write"]).await;
    maven.sign_in(Some(&user));
    Some(Desk { registry, maven, user })
}

/// The head of a POM, and what is built with which Java.
fn pom(name: &str, version: &str, more: &str) -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n<modelVersion>4.0.0</modelVersion>\n\
         <groupId>com.example</groupId><artifactId>{name}</artifactId><version>{version}</version>\n\
         <properties><maven.compiler.source>11</maven.compiler.source><maven.compiler.target>11</maven.compiler.target>\
         <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>\n{more}\n</project>\n"
    )
}

fn dependency(name: &str, version: &str, more: &str) -> String {
    format!(
        "<dependency><groupId>com.example</groupId><artifactId>{name}</artifactId><version>{version}</version>{more}</dependency>"
    )
}

impl Desk {
    /// A library with one class, which says `word`.
    fn library(&self, folder: &str, version: &str, word: &str) {
        self.maven.write(&format!("{folder}/pom.xml"), pom("lib", version, ""));
        let class = format!(
            "package demo;\n/** Lib. */\npublic class Lib {{ public static String word() {{ return \"{word}\"; }} }}\n"
        );
        self.maven.write(&format!("{folder}/src/main/java/demo/Lib.java"), class);
    }

    /// A project that needs these, and copies them into `target/dependency`.
    fn consumer(&self, folder: &str, dependencies: &str) {
        let more = format!("<dependencies>{dependencies}</dependencies>");
        self.maven.write(&format!("{folder}/pom.xml"), pom("consumer", "1", &more));
    }

    /// Resolves them from the registry, with nothing of it in the local repository.
    async fn resolve(&self, folder: &str) -> Vec<String> {
        self.maven.forget();
        self.maven.run(folder, &["-U", COPY]).await.ok();
        let mut names: Vec<String> = fs::read_dir(self.maven.path(&format!("{folder}/target/dependency")))
            .unwrap_or_else(|error| panic!("{error}"))
            .map(|entry| {
                entry.unwrap_or_else(|error| panic!("{error}")).file_name().to_string_lossy().into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

macro_rules! with_each_maven {
    ($($story:ident),+ $(,)?) => {
        mod maven_3_8 { $(#[tokio::test] async fn $story() { super::$story(super::MavenVersion::V3_8).await; })+ }
        mod maven_3_9 { $(#[tokio::test] async fn $story() { super::$story(super::MavenVersion::V3_9).await; })+ }
        mod maven_4 { $(#[tokio::test] async fn $story() { super::$story(super::MavenVersion::V4).await; })+ }
    };
}

with_each_maven! {
    a_parent_with_two_modules_is_deployed_and_resolved,
    a_snapshot_is_deployed_three_times_and_the_newest_is_resolved,
    a_release_is_never_replaced,
}

async fn a_parent_with_two_modules_is_deployed_and_resolved(version: MavenVersion) {
    let Some(desk) = desk(version, Options::maven()).await else { return };
    let parent = "<packaging>pom</packaging><modules><module>core</module><module>app</module></modules>\
         <build><plugins><plugin><artifactId>maven-jar-plugin</artifactId><version>3.4.2</version>\
         <executions><execution><goals><goal>test-jar</goal></goals></execution></executions></plugin></plugins></build>";
    desk.maven.write("all/pom.xml", pom("parent", "1.0", parent));
    for (name, more) in [
        ("core", String::new()),
        ("app", format!("<dependencies>{}</dependencies>", dependency("core", "${project.version}", ""))),
    ] {
        let head = "<parent><groupId>com.example</groupId><artifactId>parent</artifactId><version>1.0</version></parent>";
        let pom = format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>{head}<artifactId>{name}</artifactId>{more}</project>"
        );
        desk.maven.write(&format!("all/{name}/pom.xml"), pom);
        desk.maven.write(
            &format!("all/{name}/src/main/java/demo/{name}/Main.java"),
            format!("package demo.{name};\n/** Main. */\npublic class Main {{}}\n"),
        );
        desk.maven.write(
            &format!("all/{name}/src/test/java/demo/{name}/Cold.java"),
            format!("package demo.{name};\nclass Cold {{}}\n"),
        );
    }
    let target = format!("-DaltDeploymentRepository=loop::default::{}", desk.maven.registry);
    let goals = [
        "package",
        "org.apache.maven.plugins:maven-source-plugin:3.3.1:jar",
        "org.apache.maven.plugins:maven-javadoc-plugin:3.11.2:jar",
        "deploy",
        "-DskipTests",
        &target,
    ];
    desk.maven.run("all", &goals).await.ok();

    let app = [
        ("app", "1.0", ""),
        ("core", "1.0", "<classifier>sources</classifier>"),
        ("core", "1.0", "<classifier>javadoc</classifier>"),
        ("core", "1.0", "<classifier>tests</classifier><type>test-jar</type>"),
    ];
    let dependencies: String =
        app.iter().map(|(name, version, more)| dependency(name, version, more)).collect();
    desk.consumer("consumer", &dependencies);
    let expected =
        ["app-1.0.jar", "core-1.0-javadoc.jar", "core-1.0-sources.jar", "core-1.0-tests.jar", "core-1.0.jar"];
    assert_eq!(desk.resolve("consumer").await, expected, "the core comes with the app");
    let anybody = desk.registry.actor("/maven");
    for name in ["parent", "core", "app"] {
        assert_eq!(versions(&anybody.get(&metadata(name)).await.expect(200).text()), ["1.0"]);
    }
    let known = desk.registry.order(&["verify", "maven"]).await;
    known.expect(0);
}

async fn a_snapshot_is_deployed_three_times_and_the_newest_is_resolved(version: MavenVersion) {
    let Some(desk) = desk(version, Options::maven()).await else { return };
    desk.consumer("consumer", &dependency("lib", "1-SNAPSHOT", ""));
    for word in ["one", "two", "three"] {
        desk.library("lib", "1-SNAPSHOT", word);
        desk.maven.deploy("lib", &[]).await.ok();
        let names = desk.resolve("consumer").await;
        assert_eq!(names.len(), 1, "{names:?}");
        let jar = fs::read(desk.maven.path(&format!("consumer/target/dependency/{}", names[0])));
        let built = fs::read(desk.maven.path("lib/target/lib-1-SNAPSHOT.jar"));
        assert!(jar.is_ok_and(|jar| built.is_ok_and(|built| built == jar)), "the newest one: {word}");
        let _ = fs::remove_dir_all(desk.maven.path("consumer/target"));
    }
    let anybody = desk.registry.actor("/maven");
    let listed = anybody.get("/com/example/lib/1-SNAPSHOT/maven-metadata.xml").await.expect(200).text();
    assert!(listed.contains("<buildNumber>3</buildNumber>"), "{listed}");
    let get = [
        "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:get",
        "-Dartifact=com.example:lib:1-SNAPSHOT",
        "-Dtransitive=false",
    ];
    desk.maven.run("consumer", &get).await.ok();
}

async fn a_release_is_never_replaced(version: MavenVersion) {
    let Some(desk) = desk(version, Options::maven()).await else { return };
    desk.library("lib", "1.0", "one");
    desk.maven.deploy("lib", &[]).await.ok();
    desk.library("lib", "1.0", "two");
    let said = desk.maven.deploy("lib", &[]).await.fails();
    assert!(said.contains("409"), "{said}");
    // Maven 4 shows the status alone.
    let is_shown = said.contains("releases are never replaced: raise the version");
    assert!(is_shown || version == MavenVersion::V4, "{said}");
    let other = User { password: "wrong-password-here".to_owned(), ..desk.user.clone() };
    desk.maven.sign_in(Some(&other));
    let said = desk.maven.deploy("lib", &[]).await.fails();
    assert!(said.contains("401") || said.contains("too many authentication attempts"), "{said}");
    desk.maven.sign_in(None);
    let said = desk.maven.deploy("lib", &[]).await.fails();
    assert!(said.contains("401"), "{said}");
}

#[tokio::test]
async fn two_clients_deploy_one_snapshot_at_the_same_moment() {
    let Some(desk) = desk(MavenVersion::V3_8, Options::maven()).await else { return };
    let Some(other) = Maven::find(MavenVersion::V3_9, &desk.registry.url("/maven")) else { return };
    other.sign_in(Some(&desk.user));
    desk.library("lib", "1-SNAPSHOT", "one");
    for path in ["pom.xml", "src/main/java/demo/Lib.java"] {
        let text = fs::read_to_string(desk.maven.path(&format!("lib/{path}")))
            .unwrap_or_else(|error| panic!("{error}"));
        other.write(&format!("lib/{path}"), text.replace("one", "two"));
    }
    let (first, second) = tokio::join!(desk.maven.deploy("lib", &[]), other.deploy("lib", &[]));
    // Within one second both may have chosen one name for their builds: then one of them is told to
    // deploy again, and nothing of the two is mixed.
    for (run, maven) in [(first, &desk.maven), (second, &other)] {
        if !run.success {
            assert!(
                format!("{}{}", run.stdout, run.stderr).contains("deploy again for a new build"),
                "{run:?}"
            );
            maven.deploy("lib", &[]).await.ok();
        }
    }
    desk.consumer("consumer", &dependency("lib", "1-SNAPSHOT", ""));
    let names = desk.resolve("consumer").await;
    let read =
        |maven: &Maven, path: &str| fs::read(maven.path(path)).unwrap_or_else(|error| panic!("{error}"));
    let resolved = read(&desk.maven, &format!("consumer/target/dependency/{}", names[0]));
    let built =
        [read(&desk.maven, "lib/target/lib-1-SNAPSHOT.jar"), read(&other, "lib/target/lib-1-SNAPSHOT.jar")];
    assert!(built.contains(&resolved), "whole, of one of the two");
    let folder = desk.registry.actor("/maven").with_header("accept", "application/json");
    let listed = folder.get("/com/example/lib/1-SNAPSHOT/").await.expect(200).json();
    let jars = listed["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    let jars = jars
        .iter()
        .filter(|file| file["name"].as_str().is_some_and(|name| name.strip_suffix(".jar").is_some()))
        .count();
    assert_eq!(jars, 2, "neither was lost: {listed}");
}

#[tokio::test]
async fn a_plugin_is_found_by_its_prefix() {
    let Some(desk) = desk(MavenVersion::V3_9, Options::maven()).await else { return };
    let more = "<packaging>maven-plugin</packaging><build><plugins><plugin><groupId>org.apache.maven.plugins</groupId>\
        <artifactId>maven-plugin-plugin</artifactId><version>3.15.1</version></plugin></plugins></build>\
        <dependencies><dependency><groupId>org.apache.maven</groupId><artifactId>maven-plugin-api</artifactId><version>3.8.7</version><scope>provided</scope></dependency></dependencies>";
    desk.maven.write("plugin/pom.xml", pom("hello-maven-plugin", "1.0", more));
    let mojo = "package demo;\n/** Says hello.\n * @goal say\n * @requiresProject false\n */\npublic class Hello extends org.apache.maven.plugin.AbstractMojo { public void execute() { getLog().info(\"hello from the plugin\"); } }\n";
    desk.maven.write("plugin/src/main/java/demo/Hello.java", mojo);
    desk.maven.deploy("plugin", &[]).await.ok();
    let listed =
        desk.registry.actor("/maven").get("/com/example/maven-metadata.xml").await.expect(200).text();
    assert!(listed.contains("<prefix>hello</prefix>"), "{listed}");
    desk.maven.forget();
    let said = desk.maven.run("empty", &["hello:say"]).await.ok();
    assert!(said.contains("hello from the plugin"), "{said}");
}

#[tokio::test]
async fn a_file_that_was_damaged_on_its_way_is_refused_by_its_checksum() {
    let Some(desk) = desk(MavenVersion::V3_8, Options::maven()).await else { return };
    desk.library("lib", "1.0", "one");
    desk.maven.deploy("lib", &[]).await.ok();
    let by = desk.registry.actor("/maven").with_password(&desk.user.name, &desk.user.password);
    let sum = "0000000000000000000000000000000000000000";
    put(&by, "/com/example/lib/1.0/lib-1.0-sources.jar.sha1", sum).await.expect(201);
    put(&by, "/com/example/lib/1.0/lib-1.0-sources.jar", "damaged").await.expect(400);
    put(&by, "/com/example/lib/1.0/lib-1.0.jar.sha1", sum).await.expect(400);
    // And what is damaged in the store is not resolved with the checksum policy `fail`.
    let key = "maven/artifacts/com/example/lib/1.0/lib-1.0.jar";
    let path = desk.registry.home().objects().join(key);
    let mut jar = fs::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let last = jar.len() - 1;
    jar[last] ^= 1;
    fs::write(&path, jar).unwrap_or_else(|error| panic!("{error}"));
    desk.consumer("consumer", &dependency("lib", "1.0", ""));
    desk.maven.forget();
    let said = desk.maven.run("consumer", &[COPY]).await.fails();
    assert!(said.contains("hecksum"), "{said}");
}

#[tokio::test]
async fn a_private_repository_is_read_with_the_password_of_settings_xml() {
    let Some(desk) = desk(MavenVersion::V3_9, Options::maven().anonymous(&[])).await else { return };
    desk.library("lib", "1.0", "one");
    desk.maven.deploy("lib", &[]).await.ok();
    desk.consumer("consumer", &dependency("lib", "[1.0,2)", ""));
    assert_eq!(desk.resolve("consumer").await, ["lib-1.0.jar"]);
    let reader = desk.registry.user("reader", &["maven:artifact:com.example:lib:read"]).await;
    desk.maven.sign_in(Some(&reader));
    assert_eq!(desk.resolve("consumer").await, ["lib-1.0.jar"]);
    for (user, status) in [(None, "401"), (Some(desk.registry.user("stranger", &[]).await), "403")] {
        desk.maven.sign_in(user.as_ref());
        desk.maven.forget();
        desk.consumer("consumer", &dependency("lib", "1.0", ""));
        let said = desk.maven.run("consumer", &["-U", COPY]).await.fails();
        assert!(said.contains(status), "{said}");
    }
}
