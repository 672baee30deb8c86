//! Stories of the protocol, told through actors against the host in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use packhouse_plugin::digests;
use packhouse_plugin::testing::{Actor, Host, Reply};

use crate::{Maven, samples};

mod hostile;
mod lost_answers;
mod maintenance;
mod names;
mod older;
mod publish;
mod read;
mod sbt;
mod snapshots;

/// Reads are public; ann may do everything, bob may read, cat may do everything in one group, and dan
/// with one artifact.
fn host() -> Host {
    Host::new()
        .base_url("https://registry.example.com/maven")
        .anonymous_grants(&["maven:*:*:read"])
        .user("ann", &["maven:artifact:*:write"])
        .user("bob", &["maven:artifact:*:read"])
        .user("cat", &["maven:artifact:com.example:write"])
        .user("dan", &["maven:artifact:com.example:lib:write"])
}

const FOLDER: &str = "/com/example/lib";
const JAR: &str = "/com/example/lib/1.0/lib-1.0.jar";
const POM: &str = "/com/example/lib/1.0/lib-1.0.pom";
const DOCUMENT: &str = "versions/com.example/lib/1.0.json";
const METADATA: &str = "metadata/com/example/lib/maven-metadata.xml";

fn pom(version: &str) -> String {
    samples::pom("com.example", "lib", version)
}

fn put(by: &Actor, path: &str, content: impl AsRef<[u8]>) -> Reply {
    by.put(path).body(content.as_ref()).send::<Maven>()
}

#[track_caller]
fn done(by: &Actor, path: &str, content: impl AsRef<[u8]>) {
    let reply = put(by, path, content);
    assert!(matches!(reply.status(), 200 | 201), "{path}: {} {}", reply.status(), reply.text());
}

/// Deploys a version of `com.example:lib` as Maven does.
#[track_caller]
fn deploy(host: &Host, version: &str) {
    let ann = host.as_user("ann");
    done(&ann, &format!("{FOLDER}/{version}/lib-{version}.jar"), format!("jar of {version}"));
    done(&ann, &format!("{FOLDER}/{version}/lib-{version}.pom"), pom(version));
}

/// Deploys version 1.0 of an artifact: its POM.
#[track_caller]
fn deploy_artifact(host: &Host, group: &str, artifact: &str) {
    let path = format!("/{}/{artifact}/1.0/{artifact}-1.0.pom", group.replace('.', "/"));
    done(&host.as_user("ann"), &path, samples::pom(group, artifact, "1.0"));
}

/// The metadata of a group, as a client writes it.
fn plugins(plugins: &[(&str, &str)]) -> String {
    let plugin = |(prefix, artifact): &(&str, &str)| {
        format!("<plugin><prefix>{prefix}</prefix><artifactId>{artifact}</artifactId></plugin>")
    };
    let plugins: Vec<String> = plugins.iter().map(plugin).collect();
    format!("<metadata><plugins>{}</plugins></metadata>", plugins.concat())
}

fn get(host: &Host, path: &str) -> Reply {
    host.anonymous().get(path).send::<Maven>()
}

#[track_caller]
fn text(host: &Host, path: &str) -> String {
    let reply = get(host, path);
    assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
    reply.text()
}

fn digest(content: impl AsRef<[u8]>, algorithm: &str) -> String {
    digests::of(content.as_ref(), &[algorithm]).unwrap()[0].hex.clone()
}

/// The versions that the artifact's metadata lists.
#[track_caller]
fn listed(host: &Host) -> Vec<String> {
    let metadata =
        crate::metadata::Metadata::parse(text(host, "/com/example/lib/maven-metadata.xml").as_bytes());
    metadata.unwrap().versions
}

/// A refusal with a sentence, which Maven shows.
#[track_caller]
fn assert_refused(reply: &Reply, status: u16, sentence: &str) {
    assert_eq!(reply.status(), status, "{}", reply.text());
    assert!(reply.text().contains(sentence), "{:?} should say {sentence:?}", reply.text());
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.reason(), Some(reply.text().trim()), "Maven shows the reason phrase");
}
