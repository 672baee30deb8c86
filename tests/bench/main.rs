//! `packhouse-bench`: how fast Packhouse answers, as ratios of medians over alternating
//! rounds in one run. Absolute figures are of one machine and one hour; ratios last.
//!
//! `cargo xtask bench` builds and runs it. `--rounds` and `--seconds` make it longer,
//! `--only small`, `--only oci`, `--only cargo` or `--only pypi` shorter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on should stop"
)]

mod bare;
mod crates;
mod docker_registry;
mod large;
mod load;
mod nginx;
mod processor;
mod projects;
mod report;
mod start;
mod transfer;

use std::time::Duration;

use packhouse_tests::npm::Package;
use packhouse_tests::{Actor, Backend, Options, Registry};
use serde_json::json;

use crate::load::Target;
use crate::report::Contest;

/// Versions of the measured packument.
const VERSIONS: usize = 30;

/// How long to measure.
struct Length {
    rounds: usize,
    round: Duration,
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(file) = option(&arguments, "--serve-bare") {
        return bare::serve(&file).await;
    }
    let number = |name: &str, default: u64| {
        option(&arguments, name).map_or(default, |text| text.parse().expect("a number"))
    };
    let length = Length {
        rounds: usize::try_from(number("--rounds", 7)).expect("a small number"),
        round: Duration::from_millis(number("--milliseconds", 1500)),
    };
    let only = option(&arguments, "--only");
    let is_wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    if is_wanted("small") {
        start::measure(length.rounds).await;
        small_get(&length).await;
        packument(&length).await;
    }
    if is_wanted("oci") {
        large::measure(&length).await;
    }
    if is_wanted("cargo") {
        crates::measure().await;
    }
    if is_wanted("pypi") {
        projects::measure().await;
    }
}

fn option(arguments: &[String], name: &str) -> Option<String> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1).cloned()
}

/// A small JSON document, read from memory storage by a fresh instance.
async fn small_get(length: &Length) {
    let mounts = "[mount.objects]\n";
    let registry = Registry::start(
        Options::mounts(mounts).plugin("objects").on(Backend::Memory).environment("PACKHOUSE_LOG", "error"),
    )
    .await;
    let writer = registry.actor("/objects").with_password("admin", packhouse_tests::registry::ADMIN_PASSWORD);
    let document = json!({ "name": "greeting", "text": "hello, world", "numbers": [1, 2, 3] });
    writer.put("/document/greeting", &document).await.expect(204);
    contest("fresh-get", &registry, "/objects/document/greeting", length).await;
}

/// An npm packument of 30 versions.
async fn packument(length: &Length) {
    let registry =
        Registry::start(Options::npm().on(Backend::Memory).environment("PACKHOUSE_LOG", "error")).await;
    let publisher = registry.actor("/npm").with_password("admin", packhouse_tests::registry::ADMIN_PASSWORD);
    for version in 0..VERSIONS {
        publish(&publisher, &format!("1.0.{version}")).await;
    }
    contest("npm-packument", &registry, "/npm/measured", length).await;
}

async fn publish(publisher: &Actor, version: &str) {
    let package = Package::new("measured", version).field("description", "what it is for ".repeat(50).into());
    publisher.put("/measured", &package.publish()).await.expect(201);
}

/// Measures an address of the registry against bare hyper and nginx with the same bytes.
async fn contest(name: &'static str, registry: &Registry, path: &str, length: &Length) {
    let body = registry.actor("").get(path).await.expect(200).body;
    let bare = bare::Bare::start(&body).await;
    let nginx = nginx::Nginx::start(&body).await;
    let ours = Target::new(registry.address(), path, registry.process_id());
    let mut contest = Contest::new(name, body.len());
    for _ in 0..length.rounds {
        contest.ours(load::run(&ours, length.round).await);
        contest.against("bare-hyper", load::run(&bare.target(), length.round).await);
        if let Some(nginx) = &nginx {
            contest.against("nginx", load::run(&nginx.target(), length.round).await);
        }
    }
    contest.print(nginx.is_none());
}
