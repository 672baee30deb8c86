//! Something to be written, told by its numbers alone.

use http::Method;
use packhouse_tests::composer::{self, Library};
use packhouse_tests::maven::{self, Release};
use packhouse_tests::npm::{self, Package, noise};
use packhouse_tests::oci::{Hand, Image};
use packhouse_tests::rubygems::{self, Gem};
use packhouse_tests::{Actor, Answer};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Package,
    Image,
    Artifact,
    Library,
    Gem,
}

pub const KINDS: [Kind; 5] = [Kind::Package, Kind::Image, Kind::Artifact, Kind::Library, Kind::Gem];

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    pub kind: Kind,
    pub writer: u64,
    pub round: u64,
    pub number: u64,
}

impl Piece {
    fn noise(self, length: usize) -> Vec<u8> {
        noise(self.writer * 1_000_000 + self.round * 1_000 + self.number, length)
    }

    fn name(self) -> String {
        format!("of-{}", self.writer)
    }

    fn version(self) -> String {
        format!("{}.{}.0", self.round, self.number)
    }

    fn package(self) -> Package {
        Package::new(&self.name(), &self.version()).file("data.bin", self.noise(150_000))
    }

    fn image(self) -> Image {
        let data = self.noise(1_200_000);
        Image::of(&self.version(), "amd64", &[("base.txt", b"the same"), ("data.bin", &data)])
    }

    fn hand(self, by: &Actor) -> Hand {
        Hand::new(&below(by, "/v2"), &format!("team/{}", self.name()))
    }

    fn artifact(self) -> Release {
        Release::new(&self.name(), &self.version())
    }

    fn library(self) -> Library {
        Library::psr4(&format!("acme/{}", self.name()), &self.version())
            .file("data.bin", &self.noise(150_000))
    }

    fn gem(self) -> Gem {
        Gem::new(&self.name(), &self.version()).file("data.bin", self.noise(150_000))
    }

    /// The last answer, or the first that was no success.
    pub async fn write(self, by: &Actor) -> reqwest::Result<Answer> {
        match self.kind {
            Kind::Package => {
                let package = self.package();
                let body = package.publish().to_string();
                below(by, "/npm").try_send(Method::PUT, &package.path(), body).await
            }
            Kind::Image => self.hand(by).try_push(&self.image(), &self.version()).await,
            Kind::Artifact => {
                let (by, release) = (below(by, "/maven"), self.artifact());
                let jar = by.try_send(Method::PUT, &release.path(".jar"), self.noise(150_000)).await?;
                if !jar.status.is_success() {
                    return Ok(jar);
                }
                by.try_send(Method::PUT, &release.path(".pom"), release.pom()).await
            }
            Kind::Library => {
                let library = self.library();
                below(by, "/composer").try_send(Method::PUT, &library.path(), library.content).await
            }
            Kind::Gem => {
                let body = self.gem().file_content();
                below(by, "/rubygems").try_send(Method::POST, "/api/v1/gems", body).await
            }
        }
    }

    /// There and right as a whole. Panics when it is only half there.
    pub async fn is_there(self, by: &Actor, what: &str) -> bool {
        match self.kind {
            Kind::Package => package_is_there(&below(by, "/npm"), &self.package(), what).await,
            Kind::Image => {
                let hand = self.hand(by);
                if hand.manifest(&self.version()).await.is_none() {
                    return false;
                }
                hand.expect_whole(&self.image(), &self.version(), what).await;
                true
            }
            Kind::Artifact => {
                let (by, release) = (below(by, "/maven"), self.artifact());
                let jar = whole(&by, &release.path(".jar"), &self.noise(150_000), what).await;
                let pom = whole(&by, &release.path(".pom"), release.pom().as_bytes(), what).await;
                assert!(jar || !pom, "{what}: {self:?} has a POM without its jar");
                pom
            }
            Kind::Library => {
                let by = below(by, "/composer");
                let Some(version) = self.listed_library(&by).await else { return false };
                let reference = version["dist"]["reference"].as_str().unwrap_or_default();
                let path = format!("/dists/acme/{}/{reference}.zip", self.name());
                assert!(
                    whole(&by, &path, &self.library().content, what).await,
                    "{what}: {self:?} has no dist"
                );
                true
            }
            Kind::Gem => {
                let gem = self.gem();
                whole(&below(by, "/rubygems"), &gem.path(), &gem.file_content(), what).await
            }
        }
    }

    /// Whether those find it who look for what there is.
    pub async fn is_listed(self, by: &Actor) -> bool {
        match self.kind {
            Kind::Package => true,
            Kind::Image => self.hand(by).tags().await.contains(&self.version()),
            Kind::Artifact => {
                let metadata = below(by, "/maven").get(&maven::metadata(&self.name())).await.expect(200);
                maven::versions(&metadata.text()).contains(&self.version())
            }
            Kind::Library => self.listed_library(&below(by, "/composer")).await.is_some(),
            Kind::Gem => {
                let by = below(by, "/rubygems");
                let list = by.get("/versions").await.expect(200).text();
                let (listed, sum) = rubygems::versions(&list)[&self.name()].clone();
                let page = by.get(&format!("/info/{}", self.name())).await.expect(200);
                assert_eq!(rubygems::md5(&page.body), sum, "the list and the page agree");
                listed.contains(&self.version())
            }
        }
    }

    async fn listed_library(self, by: &Actor) -> Option<Value> {
        let path = format!("/p2/acme/{}.json", self.name());
        if by.get(&path).await.status == 404 {
            return None;
        }
        let versions = composer::versions(by, &path).await;
        versions.into_iter().find(|version| version["version"] == self.version())
    }
}

/// Whether the file is there. Panics when it has other bytes.
async fn whole(by: &Actor, path: &str, expected: &[u8], what: &str) -> bool {
    let answer = by.get(path).await;
    if answer.status == 404 {
        return false;
    }
    assert!(answer.expect(200).body == expected, "{what}: {path} has other bytes");
    true
}

async fn package_is_there(by: &Actor, package: &Package, what: &str) -> bool {
    let document = by.get(&package.path()).await;
    if document.status == 404 {
        return false;
    }
    let version = document.expect(200).json()["versions"][&package.version].clone();
    if version == Value::Null {
        return false;
    }
    assert!(whole(by, &package.tarball_path(), &package.tarball(), what).await, "{what}: it has no archive");
    assert_eq!(version["dist"]["integrity"], npm::integrity(&package.tarball()), "{what}");
    true
}

fn below(by: &Actor, path: &str) -> Actor {
    by.at(format!("{}{path}", by.base()))
}
