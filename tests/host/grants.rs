//! What the refusal of a request names is what an administrator has to grant, word for word.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::cargo::Crate;
use packhouse_tests::composer::Library;
use packhouse_tests::maven::{self, Release};
use packhouse_tests::npm::Package;
use packhouse_tests::oci::{Hand, Image};
use packhouse_tests::pypi::Distribution;
use packhouse_tests::registry::{CARGO, COMPOSER, MAVEN, NPM, OCI, PYPI, RUBYGEMS};
use packhouse_tests::rubygems::Gem;
use packhouse_tests::{Actor, Answer, Options, Registry, wait};

/// None of the mounts is named like its protocol.
const MOUNTS: &str = "[mount.crates]\nplugin = \"cargo\"\n[mount.js]\nplugin = \"npm\"\n\
     [mount.images]\nplugin = \"oci\"\n[mount.jars]\nplugin = \"maven\"\n[mount.wheels]\nplugin = \"pypi\"\n\
     [mount.php]\nplugin = \"composer\"\n[mount.ruby]\nplugin = \"rubygems\"\n";

/// What the words name that ask for a permission.
fn permission(answer: &Answer) -> String {
    let text = answer.text();
    let (_, rest) = text.split_once("permission ").unwrap_or_else(|| panic!("no permission in {text}"));
    rest.chars().take_while(|c| !c.is_whitespace() && !matches!(c, '"' | ',' | '\\')).collect()
}

/// Publishes something, by way of the protocol of the mount.
async fn publish(mount: &str, by: &Actor) -> Answer {
    match mount {
        "crates" => Crate::new("demo", "1.0.0").publish(by).await,
        "js" => {
            let package = Package::new("@team/demo", "1.0.0");
            by.put(&package.path(), &package.publish()).await
        }
        "images" => by.send(http::Method::POST, "/v2/team/demo/blobs/uploads/", "").await,
        "jars" => maven::put(by, &Release::new("demo", "1.0.0").path(".jar"), "jar").await,
        "php" => Library::psr4("acme/demo", "1.0.0").upload(by).await,
        "ruby" => Gem::new("demo", "1.0.0").push(by).await,
        _ => Distribution::wheel("demo", "1.0.0").upload_to(by, "/legacy/").await,
    }
}

#[tokio::test]
async fn the_permission_that_is_missing_can_be_pasted_after_user_grant() {
    let others = ["cargo", "oci", "maven", "pypi", "composer", "rubygems"];
    let options = others.into_iter().fold(Options::mounts(MOUNTS), Options::plugin);
    let registry = Registry::start(options).await;
    for (mount, expected) in [
        ("crates", "crates:crate:demo:write"),
        ("js", "js:package:@team/demo:write"),
        ("images", "images:repository:team/demo:push"),
        ("jars", "jars:artifact:com.example:demo:write"),
        ("wheels", "wheels:package:demo:write"),
        ("php", "php:package:acme/demo:write"),
        ("ruby", "ruby:gem:demo:write"),
    ] {
        let user = registry.user(&format!("of-{mount}"), &[]).await;
        let nobody = registry.actor(&format!("/{mount}"));
        // A plugin may ask before it knows the name.
        let asked = permission(&publish(mount, &nobody).await.expect(401));
        assert!(asked.starts_with(&format!("{mount}:")), "{asked}");
        let actor = nobody.with_password(&user.name, &user.password);
        let named = permission(&publish(mount, &actor).await.expect(403));
        assert_eq!(named, expected);
        registry.order(&["user", "grant", &user.name, &named]).await.expect(0);
        wait::until("the grant is there", || async {
            let answer = publish(mount, &actor).await;
            (answer.status.as_u16() < 300).then_some(())
        })
        .await;
    }
}

/// Two packages of each protocol, `open-demo` and `secret-demo`.
async fn publish_both(registry: &Registry, admin: &Admin) {
    for name in ["open-demo", "secret-demo"] {
        Crate::new(name, "1.0.0").publish(&admin.at("/cargo")).await.expect(200);
        let package = Package::new(name, "1.0.0");
        admin.at("/npm").put(&package.path(), &package.publish()).await.expect(201);
        Release::new(name, "1.0.0").deploy(&admin.at("/maven")).await;
        Distribution::wheel(name, "1.0.0").upload_to(&admin.at("/pypi"), "/legacy/").await.expect(200);
        Library::psr4(&format!("acme/{name}"), "1.0.0").upload(&admin.at("/composer")).await.expect(201);
        Gem::new(name, "1.0.0").push(&admin.at("/rubygems")).await.expect(200);
        Hand::new(&registry.actor("/v2").with_password(&admin.name, &admin.password), name)
            .push(&Image::new(name), "latest")
            .await;
    }
}

/// Each protocol with the rule that denies reading, what lists and searches, and what reads
/// `secret-demo`.
const DENIED: [(&str, &str, &[&str], &[&str]); 7] = [
    (
        "/cargo",
        "!cargo:crate:secret-demo:read",
        &["/api/v1/crates?q=demo"],
        &["/se/cr/secret-demo", "/api/v1/crates/secret-demo/1.0.0/download"],
    ),
    (
        "/npm",
        "!npm:package:secret-*:read",
        &["/-/v1/search?text=demo"],
        &["/secret-demo", "/secret-demo/-/secret-demo-1.0.0.tgz", "/-/package/secret-demo/dist-tags"],
    ),
    (
        "/maven",
        "!maven:artifact:com.example:secret-demo:read",
        &["/com/example/"],
        &[
            "/com/example/secret-demo/",
            "/com/example/secret-demo/maven-metadata.xml",
            "/com/example/secret-demo/1.0.0/secret-demo-1.0.0.jar",
            "/com/example/secret-demo/1.0.0/secret-demo-1.0.0.jar.sha1",
        ],
    ),
    ("/pypi", "!pypi:package:secret-demo:*", &["/simple/"], &["/simple/secret-demo/"]),
    (
        "/composer",
        "!composer:package:acme/secret-demo:read",
        &["/packages.json", "/packages/list.json", "/search.json?q=demo"],
        &["/p2/acme/secret-demo.json"],
    ),
    (
        "/rubygems",
        "!rubygems:gem:secret-demo:read",
        &["/names", "/versions", "/api/v1/search.json?query=demo"],
        &["/info/secret-demo", "/gems/secret-demo-1.0.0.gem", "/api/v1/gems/secret-demo.json"],
    ),
    (
        "/v2",
        "!oci:repository:secret-*:pull",
        &["/_catalog"],
        &["/secret-demo/tags/list", "/secret-demo/manifests/latest"],
    ),
];

/// Somebody who may do everything, on any mount.
struct Admin {
    url: String,
    name: String,
    password: String,
}

impl Admin {
    fn at(&self, base: &str) -> Actor {
        Actor::anonymous(format!("{}{base}", self.url)).with_password(&self.name, &self.password)
    }
}

#[tokio::test]
async fn what_is_denied_is_neither_read_nor_listed_nor_found_and_all_else_is() {
    let mounts = [CARGO, NPM, MAVEN, PYPI, COMPOSER, RUBYGEMS, OCI].concat();
    let others = ["cargo", "oci", "maven", "pypi", "composer", "rubygems"];
    let options = others.into_iter().fold(Options::mounts(&mounts), Options::plugin);
    let options = options.anonymous(&["*:*:*:read", "*:*:*:pull"]);
    let registry = Registry::start(options).await;
    let admin = registry.user("root", &["*:*:*:*"]).await;
    let admin = Admin { url: registry.url(""), name: admin.name, password: admin.password };
    publish_both(&registry, &admin).await;
    let rules: Vec<&str> = DENIED.iter().map(|(_, rule, ..)| *rule).collect();
    let ann = registry.user("ann", &[&["*:*:*:*"][..], &rules].concat()).await;
    let user = registry.user("bob", &rules).await;
    for (base, rule, lists, reads) in DENIED {
        let nobody = registry.actor(base);
        let mut denied = vec![
            nobody.clone().with_password(&ann.name, &ann.password),
            nobody.clone().with_password(&user.name, &user.password),
        ];
        // Clients of the OCI protocol send no token of ours.
        if base != "/v2" {
            denied.push(nobody.clone().with_token(&ann.token));
        }
        for by in &denied {
            for path in lists {
                let seen = by.get(path).await.expect(200).text();
                assert!(seen.contains("open-demo") && !seen.contains("secret"), "{rule}: {path}: {seen}");
            }
            for path in reads {
                let answer = by.get(path).await;
                assert_eq!(answer.status, 403, "{rule}: {}", answer.request());
                let neighbour = path.replace("secret", "open").replace("/se/cr/", "/op/en/");
                by.get(&neighbour).await.expect(200);
            }
        }
        // They are no secret from those who are signed out, or may do everything.
        for path in lists {
            for by in [&nobody, &admin.at(base)] {
                assert!(by.get(path).await.expect(200).text().contains("secret"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_denied_to_everybody_is_seen_only_by_those_with_a_grant() {
    let options = Options::npm().anonymous(&["*:*:*:read", "!npm:package:@internal/*:read"]);
    let registry = Registry::start(options).await;
    let publisher = registry.publisher().await;
    for name in ["open", "@internal/tool"] {
        let package = Package::new(name, "1.0.0");
        publisher.put(&package.path(), &package.publish()).await.expect(201);
    }
    let (nobody, tool) = (registry.actor("/npm"), Package::new("@internal/tool", "1.0.0"));
    let bob = registry.user("bob", &[]).await;
    let ann = registry.user("ann", &["npm:package:@internal/*:read"]).await;
    let search = "/-/v1/search?text=o";
    for (by, status) in [
        (nobody.clone(), 401),
        (nobody.clone().with_token(&bob.token), 403),
        (nobody.with_token(&ann.token), 200),
    ] {
        by.get("/open").await.expect(200);
        by.get(&tool.path()).await.expect(status);
        by.get(&tool.tarball_path()).await.expect(status);
        let found = by.get(search).await.expect(200).text();
        assert_eq!(found.contains("internal"), status == 200, "{found}");
        assert!(found.contains("\"open\""), "{found}");
    }
}

#[tokio::test]
async fn a_rule_that_denies_is_effective_within_a_second_also_for_an_owner_and_says_so() {
    let registry = Registry::start(Options::npm()).await;
    let ann = registry.user("ann", &["npm:package:*:write"]).await;
    let by = registry.actor("/npm").with_token(&ann.token);
    let package = Package::new("mine", "1.0.0");
    by.put(&package.path(), &package.publish()).await.expect(201);
    registry.order(&["user", "grant", "ann", "!npm:package:mine:write"]).await.expect(0);
    let (mut number, by) = (0, &by);
    let refused = wait::until("it is denied", || {
        number += 1;
        let next = Package::new("mine", &format!("1.1.{number}"));
        async move {
            let answer = by.put(&next.path(), &next.publish()).await;
            (answer.status != 201).then_some(answer)
        }
    })
    .await
    .expect(403);
    let text = refused.text();
    assert!(text.contains("a rule of this account denies npm:package:mine:write"), "{text}");
    by.get(&package.path()).await.expect(200);
    registry.order(&["user", "grant", "ann", "--remove", "!npm:package:mine:write"]).await.expect(0);
    wait::until("it is allowed again", || {
        number += 1;
        let next = Package::new("mine", &format!("1.2.{number}"));
        async move { (by.put(&next.path(), &next.publish()).await.status == 201).then_some(()) }
    })
    .await;
}

#[tokio::test]
async fn a_grant_on_what_is_not_there_is_given_and_told() {
    let registry = Registry::start(Options::npm()).await;
    registry.user("ann", &[]).await;
    let mistyped =
        ["nmp:package:*:write", "npm:pakage:*:write", "npm:package:*:wirte", "npm:package:*:write"];
    let ended = registry.order(&[&["user", "grant", "ann"][..], &mistyped].concat()).await;
    for told in [
        "Warning: `nmp:package:*:write` has no effect now, as no mount has that name: the mounts are `npm`",
        "Warning: `npm:pakage:*:write` has no effect now, as there are no things of that kind: [mount.npm] has `package`",
        "Warning: `npm:package:*:wirte` has no effect now, as there is no such action: `package` has ",
    ] {
        assert!(ended.stderr.contains(told), "{told:?} is missing: {}", ended.stderr);
    }
    assert_eq!(ended.stderr.matches("Warning").count(), 3, "{}", ended.stderr);
    let given = ended.expect(0);
    assert!(mistyped.iter().all(|grant| given.lines().any(|line| line == *grant)), "{given}");
}
