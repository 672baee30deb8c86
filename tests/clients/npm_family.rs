//! pnpm, yarn classic, yarn berry and bun: each publishes, tags, and installs what any of them
//! published, again from its lock file, scoped packages too. deno, which publishes to no npm
//! registry, installs.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Client, Kind, Project, Run};
use packhouse_tests::npm::Package;
use packhouse_tests::{Registry, User};
use serde_json::json;

/// The same deeds in the words of one client.
struct Words {
    kind: Kind,
    publish: &'static [&'static str],
    publish_as_next: &'static [&'static str],
    install: &'static [&'static str],
    install_from_lock: &'static [&'static str],
    lock: &'static str,
    whoami: &'static [&'static str],
}

const PNPM: Words = Words {
    kind: Kind::Pnpm,
    publish: &["publish", "--no-git-checks", "--access", "public"],
    publish_as_next: &["publish", "--no-git-checks", "--tag", "next"],
    install: &["install", "--no-frozen-lockfile"],
    install_from_lock: &["install", "--frozen-lockfile"],
    lock: "pnpm-lock.yaml",
    whoami: &["whoami"],
};

const YARN_CLASSIC: Words = Words {
    kind: Kind::YarnClassic,
    publish: &["publish", "--non-interactive", "--access", "public"],
    publish_as_next: &["publish", "--non-interactive", "--tag", "next"],
    install: &["install", "--non-interactive"],
    install_from_lock: &["install", "--non-interactive", "--frozen-lockfile"],
    lock: "yarn.lock",
    // It has no `whoami`: its owners' list is the nearest that asks with the token.
    whoami: &["tag", "list", "demo"],
};

const YARN_BERRY: Words = Words {
    kind: Kind::YarnBerry,
    publish: &["npm", "publish", "--access", "public"],
    publish_as_next: &["npm", "publish", "--tag", "next"],
    install: &["install", "--no-immutable"],
    install_from_lock: &["install", "--immutable"],
    lock: "yarn.lock",
    whoami: &["npm", "whoami"],
};

const BUN: Words = Words {
    kind: Kind::Bun,
    publish: &["publish", "--access", "public"],
    publish_as_next: &["publish", "--tag", "next"],
    install: &["install"],
    install_from_lock: &["install", "--frozen-lockfile"],
    lock: "bun.lock",
    whoami: &["pm", "whoami"],
};

const EVERYBODY: [&Words; 4] = [&PNPM, &YARN_CLASSIC, &YARN_BERRY, &BUN];

#[tokio::test(flavor = "multi_thread")]
async fn pnpm_publishes_and_installs() {
    publishes_and_installs(&PNPM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn yarn_classic_publishes_and_installs() {
    publishes_and_installs(&YARN_CLASSIC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn yarn_berry_publishes_and_installs() {
    publishes_and_installs(&YARN_BERRY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bun_publishes_and_installs() {
    publishes_and_installs(&BUN).await;
}

/// By default, deno installs nothing that was published within a day.
const AT_ONCE: &str = "--minimum-dependency-age=0";

#[tokio::test(flavor = "multi_thread")]
async fn deno_installs_and_again_from_its_lock_file_alone() {
    let registry = Registry::npm().await;
    let user = registry.user("publisher", &["npm:package:*:write"]).await;
    let Some(npm) = Client::find(Kind::Npm, &registry.url("/npm"), Some(&user.token)) else { return };
    let Some(client) = Client::find(Kind::Deno, &registry.url("/npm"), None) else { return };
    publish(&npm, &["publish"], &Package::new("left", "1.0.0")).await.ok();
    publish(&npm, &["publish"], &Package::new("@acme/tools", "1.0.0")).await.ok();
    let demo = Package::new("demo", "1.0.0").field("dependencies", json!({"left": "^1.0.0"}));
    publish(&npm, &["publish"], &demo).await.ok();

    let consumer = client.consumer("consumer", &[("demo", "^1.0.0"), ("@acme/tools", "1.0.0")]);
    consumer.write(
        "main.ts",
        "import demo from \"npm:demo/package.json\" with { type: \"json\" };\nconsole.log(demo.version);\n",
    );
    client.run(&consumer, &["install", AT_ONCE]).await.ok();
    let printed = client.run(&consumer, &["run", AT_ONCE, "main.ts"]).await.ok();
    assert_eq!(printed.trim(), "1.0.0");
    let lock = consumer.read("deno.lock");
    assert!(lock.contains("left@1.0.0") && lock.contains("@acme/tools@1.0.0"), "{lock}");

    consumer.forget_modules();
    client.run(&consumer, &["install", AT_ONCE, "--frozen"]).await.ok();
    assert_eq!(version_of(&consumer, "demo").await, "1.0.0");
}

async fn publishes_and_installs(words: &Words) {
    let registry = Registry::npm().await;
    let user = registry.user("publisher", &["npm:package:*:write", "npm:package:*:delete"]).await;
    let Some(client) = Client::find(words.kind, &registry.url("/npm"), Some(&user.token)) else {
        return;
    };

    publish(&client, words.publish, &Package::new("left", "1.0.0")).await.ok();
    publish(&client, words.publish, &Package::new("@acme/tools", "1.0.0")).await.ok();
    let demo = Package::new("demo", "1.0.0")
        .field("dependencies", json!({"left": "^1.0.0", "@acme/tools": "1.0.0"}));
    publish(&client, words.publish, &demo).await.ok();
    publish(&client, words.publish_as_next, &Package::new("demo", "2.0.0")).await.ok();
    tags_are(&registry, &json!({"latest": "1.0.0", "next": "2.0.0"})).await;
    let again = publish(&client, words.publish, &demo).await.fails();
    assert!(again.to_lowercase().contains("previously published"), "{again}");

    let consumer = client.consumer("consumer", &[("demo", "latest")]);
    client.run(&consumer, words.install).await.ok();
    assert_eq!(version_of(&consumer, "demo").await, "1.0.0");
    let lock = consumer.read(words.lock);
    assert!(lock.contains("left") && lock.contains("@acme/tools"), "{lock}");
    consumer.forget_modules();
    client.run(&consumer, words.install_from_lock).await.ok();
    assert_eq!(version_of(&consumer, "demo").await, "1.0.0");

    if words.kind != Kind::YarnClassic {
        let told = client.run(&consumer, words.whoami).await.ok();
        assert!(told.contains(&user.name), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_of_them_publishes_the_others_install() {
    let registry = Registry::npm().await;
    let user = registry.user("publisher", &["npm:package:*:write"]).await;
    let clients = EVERYBODY.map(|words| (words, find(&registry, words, &user)));
    for (words, client) in &clients {
        let Some(client) = client else { continue };
        let name = format!("from-{:?}", words.kind).to_lowercase();
        publish(client, words.publish, &Package::new(&name, "1.0.0")).await.ok();
        for (others, other) in &clients {
            let Some(other) = other else { continue };
            let consumer = other.consumer(&format!("wants-{name}"), &[(&name, "^1.0.0")]);
            other.run(&consumer, others.install).await.ok();
            assert_eq!(version_of(&consumer, &name).await, "1.0.0", "{:?} installs {name}", others.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_none_of_them_publishes() {
    let registry = Registry::npm().await;
    for words in EVERYBODY {
        let Some(client) = Client::find(words.kind, &registry.url("/npm"), None) else {
            continue;
        };
        publish(&client, words.publish, &Package::new("demo", "1.0.0")).await.fails();
    }
    registry.actor("/npm").get("/demo").await.expect(404);
}

fn find(registry: &Registry, words: &Words, user: &User) -> Option<Client> {
    Client::find(words.kind, &registry.url("/npm"), Some(&user.token))
}

async fn publish(client: &Client, words: &[&str], package: &Package) -> Run {
    let folder = client.package(package);
    if client.kind == Kind::YarnBerry {
        client.run(&folder, &["install", "--no-immutable"]).await.ok();
    }
    client.run(&folder, words).await
}

async fn tags_are(registry: &Registry, expected: &serde_json::Value) {
    let tags = registry.actor("/npm").get("/-/package/demo/dist-tags").await.expect(200);
    assert_eq!(&tags.json(), expected);
}

async fn version_of(project: &Project, package: &str) -> String {
    project.node(&format!("require('{package}/package.json').version")).await
}
