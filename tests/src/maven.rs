//! Artifacts as Maven deploys them, made by hand.

use crate::{Actor, Answer};
use http::Method;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What lies in the fixture `maven-bucket`, in the order of their bytes.
pub const KEYS_OF_THE_FIXTURE: [&str; 7] = [
    "maven/artifacts/com/example/old-tools/1.0/old-tools-1.0.jar",
    "maven/artifacts/com/example/old-tools/1.0/old-tools-1.0.jar.sha1",
    "maven/artifacts/com/example/old-tools/1.0/old-tools-1.0.pom",
    "maven/artifacts/com/example/old-tools/1.1/old-tools-1.1.jar",
    "maven/artifacts/com/example/old-tools/1.1/old-tools-1.1.jar.sha1",
    "maven/artifacts/com/example/old-tools/1.1/old-tools-1.1.pom",
    "maven/metadata/com/example/old-tools/maven-metadata.xml",
];

/// One version of `com.example:{name}`.
#[derive(Clone, Debug)]
pub struct Release {
    pub name: String,
    pub version: String,
}

impl Release {
    pub fn new(name: &str, version: &str) -> Self {
        Self { name: name.to_owned(), version: version.to_owned() }
    }

    /// Below the mount.
    pub fn path(&self, ending: &str) -> String {
        let Self { name, version } = self;
        format!("/com/example/{name}/{version}/{name}-{version}{ending}")
    }

    pub fn jar(&self) -> String {
        format!("jar of {} {}", self.name, self.version)
    }

    pub fn pom(&self) -> String {
        pom(&self.name, &self.version)
    }

    /// Its jar and its POM, each with a checksum, in Maven's order.
    pub async fn deploy(&self, by: &Actor) {
        for (ending, content) in [(".jar", self.jar()), (".pom", self.pom())] {
            let path = self.path(ending);
            put(by, &path, content.clone()).await.expect(201);
            put(by, &format!("{path}.sha1"), sha1(content.as_bytes())).await.expect(201);
        }
    }
}

/// A POM of `com.example` that says all of itself.
pub fn pom(name: &str, version: &str) -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
         <groupId>com.example</groupId>\n  <artifactId>{name}</artifactId>\n  <version>{version}</version>\n</project>\n"
    )
}

pub async fn put(by: &Actor, path: &str, content: impl Into<reqwest::Body>) -> Answer {
    by.send(Method::PUT, path, content).await
}

/// The path of an artifact's metadata.
pub fn metadata(name: &str) -> String {
    format!("/com/example/{name}/maven-metadata.xml")
}

/// The versions that metadata lists.
pub fn versions(metadata: &str) -> Vec<String> {
    let parts = metadata.split("<version>").skip(1);
    parts.filter_map(|part| part.split_once("</version>")).map(|(version, _)| version.to_owned()).collect()
}

pub fn sha1(bytes: &[u8]) -> String {
    hex(&Sha1::digest(bytes))
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
