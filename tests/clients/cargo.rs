//! Cargo at work: a workspace of crates that depend on each other is published and built from,
//! found, yanked, shared, and kept private. Nothing here needs a network.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::cargo::{self, Crate};
use packhouse_tests::clients::Cargo;
use packhouse_tests::npm::noise;
use packhouse_tests::{Options, Registry, User};
use std::path::PathBuf;

struct Desk {
    registry: Registry,
    user: User,
    cargo: Cargo,
}

/// A registry and somebody who may publish to it.
async fn desk() -> Desk {
    on(Registry::start(Options::cargo()).await, "/cargo").await
}

async fn on(registry: Registry, index: &str) -> Desk {
    let user = registry.user("publisher", &["cargo:crate:*:write"]).await;
    let cargo = Cargo::new(&registry.url(index), Some(&user.token));
    Desk { registry, user, cargo }
}

impl Desk {
    /// A library whose function `version` tells its version, published.
    async fn publish(&self, name: &str, version: &str) {
        let folder = self.library(name, version);
        self.cargo.run(&folder, &["publish", "--no-verify"]).await.ok();
    }

    fn library(&self, name: &str, version: &str) -> PathBuf {
        library(&self.cargo, name, version)
    }

    /// Somebody else's cargo, which has downloaded nothing.
    fn reader(&self) -> Cargo {
        Cargo::new(&self.registry.url("/cargo"), None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_published_and_built_from_an_empty_home() {
    for index in ["/cargo", "/cargo/index"] {
        let desk = on(Registry::start(Options::cargo()).await, index).await;
        let folder = desk.cargo.project("workspace", &WORKSPACE);
        let said = desk.cargo.run(&folder, &["publish", "--workspace"]).await;
        let told = said.stderr.clone();
        said.ok();
        assert!(told.contains("Published acme-app v0.1.0"), "cargo saw it in the index: {told}");

        let reader = Cargo::new(&desk.registry.url(index), None);
        let dependencies = "acme-app = { version = \"0.1\", registry = \"loop\" }";
        let program = reader.program("program", dependencies, "acme_app::app()");
        assert_eq!(
            reader.run(&program, &["run", "--quiet"]).await.ok().trim(),
            "app(json(text(core)), macros(core))"
        );
        // Once more from the lock file, all of it downloaded again.
        reader.forget_downloads();
        reader.run(&program, &["fetch", "--locked"]).await.ok();
        reader.run(&program, &["run", "--quiet", "--offline"]).await.ok();
    }
}

fn library(cargo: &Cargo, name: &str, version: &str) -> PathBuf {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2024\"\nlicense = \"MIT\"\n\
         description = \"a library of {name}\"\n"
    );
    let code = format!("pub fn version() -> &'static str {{ \"{version}\" }}\n");
    cargo.project(&format!("{name}-{version}"), &[("Cargo.toml", &manifest), ("src/lib.rs", &code)])
}

/// Renamed dependencies, a name with `_`, a feature with `dep:`, a target, a dependency that is
/// for development only and has no version.
const WORKSPACE: [(&str, &str); 12] = [
    (
        "Cargo.toml",
        "[workspace]\nmembers = [\"acme-*\", \"acme_text\"]\nresolver = \"3\"\n[workspace.package]\nversion = \"0.1.0\"\n\
         edition = \"2024\"\nlicense = \"MIT\"\ndescription = \"one of acme\"\nrust-version = \"1.85\"\n",
    ),
    (
        "acme-core/Cargo.toml",
        "[package]\nname = \"acme-core\"\nversion.workspace = true\nedition.workspace = true\n",
    ),
    ("acme-core/src/lib.rs", "pub fn core() -> String { \"core\".into() }\n"),
    (
        "acme_text/Cargo.toml",
        "[package]\nname = \"acme_text\"\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
         [features]\ncore = []\n[dependencies]\nacme-core = { path = \"../acme-core\", version = \"0.1\", registry = \"loop\" }\n",
    ),
    ("acme_text/src/lib.rs", "pub fn text() -> String { format!(\"text({})\", acme_core::core()) }\n"),
    (
        "acme-macros/Cargo.toml",
        "[package]\nname = \"acme-macros\"\nversion.workspace = true\nedition.workspace = true\nlinks = \"acme\"\n\
         build = \"build.rs\"\n[dependencies]\nheart = { package = \"acme-core\", path = \"../acme-core\", version = \"=0.1.0\", registry = \"loop\" }\n",
    ),
    ("acme-macros/build.rs", "fn main() {}\n"),
    ("acme-macros/src/lib.rs", "pub fn macros() -> String { format!(\"macros({})\", heart::core()) }\n"),
    (
        "acme-json/Cargo.toml",
        "[package]\nname = \"acme-json\"\nversion.workspace = true\nedition.workspace = true\n[features]\n\
         default = [\"text\"]\ntext = [\"dep:acme_text\", \"acme_text?/core\"]\n[dependencies]\n\
         acme_text = { path = \"../acme_text\", version = \">=0.1, <2\", registry = \"loop\", optional = true }\n\
         [target.'cfg(any(unix,windows))'.dependencies]\nacme-core = { path = \"../acme-core\", version = \"0.1\", registry = \"loop\" }\n\
         [dev-dependencies]\nacme-macros = { path = \"../acme-macros\" }\n",
    ),
    (
        "acme-json/src/lib.rs",
        "#[cfg(feature = \"text\")]\npub fn json() -> String { format!(\"json({})\", acme_text::text()) }\n",
    ),
    (
        "acme-app/Cargo.toml",
        "[package]\nname = \"acme-app\"\nversion.workspace = true\nedition.workspace = true\n[dependencies]\n\
         acme-json = { path = \"../acme-json\", version = \"0.1\", registry = \"loop\", default-features = false, features = [\"text\"] }\n\
         macros = { package = \"acme-macros\", path = \"../acme-macros\", version = \"0.1\", registry = \"loop\" }\n\
         [build-dependencies]\nacme-core = { path = \"../acme-core\", version = \"0.1\", registry = \"loop\" }\n",
    ),
    (
        "acme-app/src/lib.rs",
        "pub fn app() -> String { format!(\"app({}, {})\", acme_json::json(), macros::macros()) }\n",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn crates_are_searched_for_told_of_added_and_installed() {
    let desk = desk().await;
    desk.publish("violin", "1.0.0").await;
    desk.publish("viola", "1.2.0").await;
    let reader = desk.reader();
    let anywhere = reader.program("program", "", "viola::version()");
    let found = reader.run(&anywhere, &["search", "viol", "--limit", "1"]).await;
    assert!(found.stdout.contains("viola = \"1.2.0\"    # a library of viola"), "{found:?}");
    assert!(found.stdout.contains("... and 1 crates more"), "the total counts: {found:?}");
    let told = reader.run(&anywhere, &["info", "--registry", "loop", "viola"]).await.ok();
    assert!(told.contains("a library of viola") && told.contains("license: MIT"), "{told}");
    reader.run(&anywhere, &["add", "viola", "--registry", "loop"]).await.ok();
    assert_eq!(reader.run(&anywhere, &["run", "--quiet"]).await.ok().trim(), "1.2.0");

    let manifest = "[package]\nname = \"fiddle\"\nversion = \"0.1.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n\
                    description = \"plays\"\n[dependencies]\nviolin = { version = \"1\", registry = \"loop\" }\n";
    let code = "fn main() { println!(\"violin {}\", violin::version()); }\n";
    let folder = desk.cargo.project("fiddle", &[("Cargo.toml", manifest), ("src/main.rs", code)]);
    desk.cargo.run(&folder, &["publish"]).await.ok();
    reader.run(&anywhere, &["install", "fiddle", "--registry", "loop", "--root", "installed"]).await.ok();
    let mut fiddle = tokio::process::Command::new(anywhere.join("installed/bin/fiddle"));
    let output = fiddle.output().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "violin 1.0.0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yanked_version_is_avoided_until_it_is_unyanked() {
    let desk = desk().await;
    desk.publish("demo", "1.0.0").await;
    desk.publish("demo", "1.1.0").await;
    let reader = desk.reader();
    let program =
        reader.program("program", "demo = { version = \"1\", registry = \"loop\" }", "demo::version()");
    assert_eq!(reader.run(&program, &["run", "--quiet"]).await.ok().trim(), "1.1.0");

    let anywhere = desk.library("demo", "1.1.0");
    desk.cargo.run(&anywhere, &["yank", "demo@1.1.0"]).await.ok();
    // Who has it in a lock file goes on; who resolves anew does not get it.
    reader.forget_downloads();
    assert_eq!(reader.run(&program, &["run", "--quiet", "--locked"]).await.ok().trim(), "1.1.0");
    std::fs::remove_file(program.join("Cargo.lock")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reader.run(&program, &["run", "--quiet"]).await.ok().trim(), "1.0.0");

    desk.cargo.run(&anywhere, &["yank", "--undo", "demo@1.1.0"]).await.ok();
    reader.run(&program, &["update"]).await.ok();
    assert_eq!(reader.run(&program, &["run", "--quiet"]).await.ok().trim(), "1.1.0");
    let refused = desk.cargo.run(&anywhere, &["yank", "demo@3.0.0"]).await.fails();
    assert!(refused.contains("the crate demo has no version 3.0.0"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_are_listed_added_and_removed() {
    let desk = desk().await;
    desk.publish("demo", "1.0.0").await;
    let friend = desk.registry.user("friend", &[]).await;
    let friends = Cargo::new(&desk.registry.url("/cargo"), Some(&friend.token));
    let anywhere = desk.library("demo", "1.1.0");
    let owner = |arguments: &[&'static str]| [&["owner"], arguments, &["demo"]].concat();
    assert_eq!(desk.cargo.run(&anywhere, &owner(&["--list"])).await.ok().trim(), "publisher");
    let refused = friends.run(&anywhere, &["publish", "--no-verify"]).await.fails();
    assert!(refused.contains("lacks the permission cargo:crate:demo:write"), "{refused}");

    desk.cargo.run(&anywhere, &owner(&["--add", "friend"])).await.ok();
    assert_eq!(desk.cargo.run(&anywhere, &owner(&["--list"])).await.ok().trim(), "publisher\nfriend");
    friends.run(&anywhere, &["publish", "--no-verify"]).await.ok();
    desk.cargo.run(&anywhere, &owner(&["--remove", "friend"])).await.ok();
    assert_eq!(desk.cargo.run(&anywhere, &owner(&["--list"])).await.ok().trim(), "publisher");
    let refused = desk.cargo.run(&anywhere, &owner(&["--add", "stranger"])).await.fails();
    assert!(refused.contains("there is no user stranger here"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_said_by_cargo() {
    let desk = desk().await;
    desk.publish("demo", "1.0.0").await;
    let again = desk.cargo.run(&desk.library("demo", "1.0.0"), &["publish", "--no-verify"]).await.fails();
    assert!(again.contains("demo@1.0.0 already exists"), "{again}");
    let alike = desk.cargo.run(&desk.library("Demo", "2.0.0"), &["publish", "--no-verify"]).await.fails();
    assert!(alike.contains("the crate is called demo here, and Demo is too similar"), "{alike}");
    let reader = desk.registry.user("reader", &["cargo:crate:*:read"]).await;
    let reader = Cargo::new(&desk.registry.url("/cargo"), Some(&reader.token));
    let refused = reader.run(&desk.library("demo", "1.1.0"), &["publish", "--no-verify"]).await.fails();
    assert!(refused.contains("lacks the permission cargo:crate:demo:write"), "{refused}");
    // Cargo asks the index before it uploads, and sees no yanked version there.
    let folder = desk.library("demo", "1.0.0");
    desk.cargo.run(&folder, &["yank", "demo@1.0.0"]).await.ok();
    let yanked = desk.cargo.run(&folder, &["publish", "--no-verify"]).await.fails();
    assert!(yanked.contains("crate version `demo@1.0.0` is already uploaded"), "{yanked}");
    // Nor what wins a race.
    let publisher = desk.registry.actor("/cargo").with_token(&desk.user.token);
    let raced = Crate::new("demo", "1.0.0").publish(&publisher).await.expect(409);
    assert!(raced.text().contains("crate version `demo@1.0.0` is already uploaded"), "{raced:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_registry_is_read_with_a_token_only() {
    let desk = on(Registry::start(Options::cargo().anonymous(&[])).await, "/cargo").await;
    desk.publish("secret", "1.0.0").await;
    let dependencies = "secret = { version = \"1\", registry = \"loop\" }";

    let nobody = desk.reader();
    let program = nobody.program("program", dependencies, "secret::version()");
    let refused = nobody.run(&program, &["fetch"]).await.fails();
    assert!(refused.contains("no token found"), "{refused}");

    let user = desk.registry.user("reader", &["cargo:crate:secret:read"]).await;
    nobody.log_in(&desk.registry.url("/cargo/me"), &user.token);
    assert_eq!(nobody.run(&program, &["run", "--quiet"]).await.ok().trim(), "1.0.0");
    let wrong = Cargo::new(&desk.registry.url("/cargo"), Some("5b1e9a52-0000-4000-8000-000000000000"));
    let program = wrong.program("program", dependencies, "secret::version()");
    let refused = wrong.run(&program, &["fetch"]).await.fails();
    assert!(refused.contains("token rejected"), "{refused}");
    // Not by cargo alone: nothing at all is downloaded without the token.
    let downloads = desk.registry.actor("/cargo");
    downloads.get("/api/v1/crates/secret/1.0.0/download").await.expect(401);
    downloads.get("/se/cr/secret").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dependency_may_come_from_another_registry() {
    let mounts = "[mount.cargo]\n[mount.inner]\nplugin = \"cargo\"\n";
    let registry = Registry::start(Options::mounts(mounts).plugin("cargo")).await;
    let other = registry.user("other", &["inner:crate:*:write"]).await;
    let others = Cargo::new(&registry.url("/inner"), Some(&other.token));
    let desk = on(registry, "/cargo").await;
    others.run(&library(&others, "base", "1.0.0"), &["publish", "--no-verify"]).await.ok();

    let configuration = format!("[registries.other]\nindex = \"sparse+{}/\"\n", desk.registry.url("/inner"));
    let manifest = "[package]\nname = \"upper\"\nversion = \"1.0.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n\
                    description = \"on base\"\n[dependencies]\nbase = { version = \"1\", registry = \"other\" }\n";
    let code = "pub fn version() -> String { format!(\"on {}\", base::version()) }\n";
    let files =
        [("Cargo.toml", manifest), ("src/lib.rs", code), (".cargo/config.toml", configuration.as_str())];
    let folder = desk.cargo.project("upper", &files);
    desk.cargo.run(&folder, &["publish"]).await.ok();
    let line = cargo::lines(&desk.registry.actor("/cargo").get("/up/pe/upper").await.expect(200)).remove(0);
    assert_eq!(line["deps"][0]["registry"], format!("sparse+{}/", desk.registry.url("/inner")));

    let reader = desk.reader();
    let dependencies = "upper = { version = \"1\", registry = \"loop\" }";
    let program = reader.program("program", dependencies, "upper::version()");
    assert_eq!(reader.run(&program, &["run", "--quiet"]).await.ok().trim(), "on 1.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crate_of_sixty_megabytes_is_published_and_built_from() {
    let desk = desk().await;
    let folder = desk.library("large", "1.0.0");
    std::fs::write(folder.join("data.bin"), noise(1, 60 << 20)).unwrap_or_else(|error| panic!("{error}"));
    // Refused before it is sent, and told so.
    let reader = desk.registry.user("reader", &[]).await;
    let reader = Cargo::new(&desk.registry.url("/cargo"), Some(&reader.token));
    let refused = reader.run(&folder, &["publish", "--no-verify"]).await.fails();
    assert!(refused.contains("lacks the permission cargo:crate:large:write"), "{refused}");
    desk.cargo.run(&folder, &["publish", "--no-verify"]).await.ok();
    let reader = desk.reader();
    let program =
        reader.program("program", "large = { version = \"1\", registry = \"loop\" }", "large::version()");
    assert_eq!(reader.run(&program, &["run", "--quiet"]).await.ok().trim(), "1.0.0");
}
