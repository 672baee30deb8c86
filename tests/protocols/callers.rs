//! Who may read, write and delete: every kind of caller with every protocol, on a registry that
//! everybody may read, and on a private one. What is refused changes nothing.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::cargo::Crate;
use packhouse_tests::composer::Library;
use packhouse_tests::maven::{self, Release};
use packhouse_tests::npm::Package;
use packhouse_tests::oci::{Hand, Image};
use packhouse_tests::pypi::Distribution;
use packhouse_tests::rubygems::Gem;
use packhouse_tests::{Actor, Answer, Options, Registry, User, wait};

#[tokio::test]
async fn callers_of_cargo_get_what_they_may() {
    matrix(Protocol::Cargo).await;
}

#[tokio::test]
async fn callers_of_composer_get_what_they_may() {
    matrix(Protocol::Composer).await;
}

#[tokio::test]
async fn callers_of_maven_get_what_they_may() {
    matrix(Protocol::Maven).await;
}

#[tokio::test]
async fn callers_of_npm_get_what_they_may() {
    matrix(Protocol::Npm).await;
}

#[tokio::test]
async fn callers_of_oci_get_what_they_may() {
    matrix(Protocol::Oci).await;
}

#[tokio::test]
async fn callers_of_pypi_get_what_they_may() {
    matrix(Protocol::Pypi).await;
}

#[tokio::test]
async fn callers_of_rubygems_get_what_they_may() {
    matrix(Protocol::Rubygems).await;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Cargo,
    Composer,
    Maven,
    Npm,
    Oci,
    Pypi,
    Rubygems,
}

/// In the order of the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Read,
    Write,
    Delete,
}

use Verb::{Delete, Read, Write};

/// A refusal, or a success of any status.
const DONE: u16 = 200;

/// Each caller asks for the same three things. The publisher is the last one and gets them all, so
/// nothing that was refused before has changed them.
async fn matrix(protocol: Protocol) {
    for is_private in [false, true] {
        let options = protocol.options();
        let options = if is_private { options.anonymous(&[]) } else { options };
        let registry = Registry::start(options).await;
        let callers = Callers::of(&registry, protocol).await;
        let owner = protocol.publisher(&registry, "owner").await;
        let owner = registry.actor(protocol.base()).with_token(&owner.token);
        let published = protocol.publish(&owner, 1).await;
        assert!(published.status.is_success(), "{published:?}");
        protocol.ask(Read, &owner, &owner).await.expect(200);
        let before = registry.keys();
        let read = |may: u16| if is_private { may } else { DONE };
        for (who, actor, expected) in [
            ("nobody", &callers.nobody, [read(401), 401, 401]),
            ("a reader", &callers.reader, [DONE, 403, 403]),
            ("a token of the publisher that may read", &callers.narrow, [DONE, 403, 403]),
            ("a token of the publisher for another thing", &callers.elsewhere, [read(403), 403, 403]),
            ("an expired token", &callers.expired, [401; 3]),
            ("a revoked token", &callers.revoked, [401; 3]),
            ("a wrong password", &callers.wrong, [401; 3]),
            ("the publisher", &callers.publisher, [DONE; 3]),
        ] {
            let may_nothing_else = expected[1] != DONE;
            for (verb, expected) in [Read, Write, Delete].into_iter().zip(expected) {
                let answer = protocol.ask(verb, actor, &owner).await;
                let told = format!("{protocol:?}, private: {is_private}, {who}, {verb:?}: {answer:?}");
                let status = answer.status.as_u16();
                assert_eq!(if answer.status.is_success() { DONE } else { status }, expected, "{told}");
                let is_rejected = expected == 401 && who != "nobody";
                let challenges = match expected {
                    401 => protocol.challenges(&registry, verb, is_rejected),
                    _ => Vec::new(),
                };
                assert_eq!(challenges_of(&answer), challenges, "{told}");
                if expected == 403 {
                    let permission = format!("{}:{}:{}:", protocol.mount(), protocol.kind(), protocol.name());
                    assert!(answer.text().contains(&permission), "{permission} is missing: {told}");
                }
            }
            if may_nothing_else {
                assert_eq!(registry.keys(), before, "{protocol:?}, {who}");
            }
        }
    }
}

/// One of each kind.
struct Callers {
    nobody: Actor,
    reader: Actor,
    narrow: Actor,
    elsewhere: Actor,
    expired: Actor,
    revoked: Actor,
    wrong: Actor,
    publisher: Actor,
}

impl Callers {
    async fn of(registry: &Registry, protocol: Protocol) -> Self {
        let nobody = registry.actor(protocol.base());
        let reader = registry.user("reader", &[&*protocol.scope(protocol.name(), Read)]).await;
        let publisher = protocol.publisher(registry, "publisher").await;
        let with = |token: String| nobody.clone().with_token(&token);
        let narrow = token(registry, &publisher, &["--scope", &protocol.scope(protocol.name(), Read)]).await;
        let other = protocol.grants(&protocol.name().replace("demo", "other"));
        let other: Vec<&str> = other.iter().flat_map(|scope| ["--scope", &**scope]).collect();
        let elsewhere = token(registry, &publisher, &other).await;
        let expired = with(token(registry, &publisher, &["--expires", "1s"]).await);
        let revoked = with(token(registry, &publisher, &["--label", "revoked"]).await);
        let listed = registry.order(&["token", "list", &publisher.name]).await.expect(0);
        let line = listed.lines().find(|line| line.contains("revoked")).unwrap();
        let id = line.split('\t').next().unwrap();
        registry.order(&["token", "revoke", id]).await.expect(0);
        for gone in [&expired, &revoked] {
            wait::until("the token to be gone", || async {
                (protocol.ask(Read, gone, &nobody).await.status == 401).then_some(())
            })
            .await;
        }
        Self {
            reader: with(reader.token.clone()),
            narrow: with(narrow),
            elsewhere: with(elsewhere),
            expired,
            revoked,
            wrong: nobody.clone().with_password(&reader.name, "wrong"),
            publisher: with(publisher.token.clone()),
            nobody,
        }
    }
}

/// One more token of this user.
async fn token(registry: &Registry, user: &User, options: &[&str]) -> String {
    let made = registry.order(&[&["token", "create", &user.name], options].concat()).await.expect(0);
    made.trim().to_owned()
}

fn challenges_of(answer: &Answer) -> Vec<String> {
    let all = answer.headers.get_all("www-authenticate").iter();
    all.map(|value| value.to_str().unwrap().to_owned()).collect()
}

impl Protocol {
    fn options(self) -> Options {
        match self {
            Self::Cargo => Options::cargo(),
            Self::Composer => Options::composer(),
            Self::Maven => Options::maven(),
            Self::Npm => Options::npm(),
            Self::Oci => Options::oci(),
            Self::Pypi => Options::pypi(),
            Self::Rubygems => Options::rubygems(),
        }
    }

    fn mount(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Composer => "composer",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::Oci => "oci",
            Self::Pypi => "pypi",
            Self::Rubygems => "rubygems",
        }
    }

    fn base(self) -> &'static str {
        match self {
            Self::Cargo => "/cargo",
            Self::Composer => "/composer",
            Self::Maven => "/maven",
            Self::Npm => "/npm",
            Self::Oci => "/v2",
            Self::Pypi => "/pypi",
            Self::Rubygems => "/rubygems",
        }
    }

    /// Of the things that it has.
    fn kind(self) -> &'static str {
        match self {
            Self::Cargo => "crate",
            Self::Maven => "artifact",
            Self::Oci => "repository",
            Self::Rubygems => "gem",
            Self::Composer | Self::Npm | Self::Pypi => "package",
        }
    }

    /// The thing that everybody asks for.
    fn name(self) -> &'static str {
        match self {
            Self::Composer => "acme/demo",
            Self::Maven => "com.example:demo",
            _ => "demo",
        }
    }

    fn scope(self, name: &str, verb: Verb) -> String {
        let action = match (self, verb) {
            (Self::Oci, Read) => "pull",
            (_, Read) => "read",
            (Self::Oci, Write) => "push",
            (_, Write) => "write",
            (Self::Cargo | Self::Rubygems, Delete) => "yank",
            (_, Delete) => "delete",
        };
        format!("{}:{}:{name}:{action}", self.mount(), self.kind())
    }

    /// Everything that a publisher needs.
    fn grants(self, name: &str) -> [String; 3] {
        [Read, Write, Delete].map(|verb| self.scope(name, verb))
    }

    /// Somebody who may do everything with all things.
    async fn publisher(self, registry: &Registry, name: &str) -> User {
        let grants = self.grants("*");
        registry.user(name, &grants.each_ref().map(String::as_str)).await
    }

    /// This version of the thing, as a whole.
    async fn publish(self, by: &Actor, number: u8) -> Answer {
        let semantic = format!("{number}.0.0");
        match self {
            Self::Cargo => Crate::new("demo", &semantic).publish(by).await,
            Self::Composer => Library::psr4("acme/demo", &semantic).upload(by).await,
            Self::Maven => {
                let release = Release::new("demo", &semantic);
                maven::put(by, &release.path(".pom"), release.pom()).await
            }
            Self::Npm => {
                let package = Package::new("demo", &semantic);
                by.put(&package.path(), &package.publish()).await
            }
            Self::Oci => Hand::new(by, "demo").try_push(&Image::new("demo"), &semantic).await.unwrap(),
            Self::Pypi => Distribution::wheel("demo", &semantic).upload(by).await,
            Self::Rubygems => Gem::new("demo", &semantic).push(by).await,
        }
    }

    /// Reads the thing, publishes its second version, or deletes its first one (or yanks it, or
    /// deletes all of it, as the protocol has it).
    async fn ask(self, verb: Verb, by: &Actor, owner: &Actor) -> Answer {
        match verb {
            Read => by.get(&self.read_path()).await,
            Write => self.publish(by, 2).await,
            Delete => match self {
                Self::Cargo => by.delete("/api/v1/crates/demo/1.0.0/yank").await,
                Self::Composer => by.delete("/packages/acme/demo/1.0.0").await,
                Self::Maven => by.delete("/com/example/demo/1.0.0").await,
                Self::Npm => {
                    let document = owner.get("/demo").await.expect(200).json();
                    by.delete(&format!("/demo/-rev/{}", document["_rev"].as_str().unwrap())).await
                }
                Self::Oci => by.delete("/demo/manifests/1.0.0").await,
                Self::Pypi => by.delete(&Distribution::wheel("demo", "1.0.0").path()).await,
                Self::Rubygems => {
                    by.send(Method::DELETE, "/api/v1/gems/yank", "gem_name=demo&version=1.0.0").await
                }
            },
        }
    }

    fn read_path(self) -> String {
        match self {
            Self::Cargo => Crate::new("demo", "1.0.0").index_path(),
            Self::Composer => "/p2/acme/demo.json".to_owned(),
            Self::Maven => Release::new("demo", "1.0.0").path(".pom"),
            Self::Npm => "/demo".to_owned(),
            Self::Oci => "/demo/manifests/1.0.0".to_owned(),
            Self::Pypi => "/simple/demo/".to_owned(),
            Self::Rubygems => "/info/demo".to_owned(),
        }
    }

    /// What a client that is to sign in is told, also when it has sent what is not valid.
    fn challenges(self, registry: &Registry, verb: Verb, is_rejected: bool) -> Vec<String> {
        let basic = format!("Basic realm=\"{}\"", self.mount());
        match self {
            Self::Cargo => vec![format!("Cargo login_url=\"{}\"", registry.url("/cargo/me"))],
            Self::Npm => vec!["Bearer realm=\"npm\"".to_owned(), basic],
            Self::Oci => {
                let actions = match verb {
                    Read => "pull",
                    Write => "pull,push",
                    Delete => "delete",
                };
                let realm = registry.url("/oci/token");
                let scope = format!("repository:demo:{actions}");
                // RFC 6750, section 3.1.
                let error = if is_rejected { ",error=\"invalid_token\"" } else { "" };
                vec![format!("Bearer realm=\"{realm}\",service=\"packhouse\",scope=\"{scope}\"{error}")]
            }
            Self::Composer | Self::Maven | Self::Pypi | Self::Rubygems => vec![basic],
        }
    }
}
