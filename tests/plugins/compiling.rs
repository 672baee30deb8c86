//! Plugins are compiled beside each other, and what was compiled is kept within its size.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::registry::built;
use packhouse_tests::swaps::{replace, status, until, variant};
use packhouse_tests::{Options, Registry};
use std::fmt::Write as _;

/// A component that compiles for long and is no plugin: many functions, and so many bytes.
fn slow(seed: usize) -> String {
    let mut text = String::from("(component (core module\n");
    for function in 0..10_000 {
        let _ = write!(text, "(func (param i32 i32) (result i32) (local.get 0)");
        for step in 0..24 {
            let number = seed + function * 31 + step;
            let _ = write!(
                text,
                "(local.get 1)(i32.add)(i32.const {number})(i32.xor)(local.tee 0)(i32.const 5)(i32.rotl)"
            );
        }
        text.push_str(")\n");
    }
    text + "))"
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_taken_up_while_two_others_compile_for_long() {
    let options = Options::mounts("[mount.objects]\n").plugin("objects").own_code_cache();
    let registry = Registry::start(options).await;
    let folder = registry.home().plugins();
    let slow = [slow(1), slow(2)];
    let stages = [("slow-one", "compiling"), ("slow-two", "waiting")];
    for ((name, stage), text) in stages.iter().zip(&slow) {
        replace(&folder.join(format!("{name}.wasm")), text.as_bytes());
        let line = until(&registry, name, |line| line["state"] == *stage).await;
        let is_set = |since: &str| line[since].is_u64();
        assert_eq!(
            (is_set("compiling_since"), is_set("waiting_since")),
            (name == &"slow-one", name == &"slow-two")
        );
    }
    replace(&folder.join("objects.wasm"), &variant("objects", 1));
    until(&registry, "objects", |line| line["generation"] == 2).await;
    for (name, stage) in stages {
        assert_eq!(status(&registry, name).await["state"], stage, "it is too fast for this test");
    }
    let logs = registry.logs_with("compiling plugin slow-one (").await;
    let size = format!("size_bytes={}", slow[0].len());
    assert!(logs.lines().any(|line| line.contains("slow-one") && line.contains(&size)), "{logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_the_same_content_are_compiled_once() {
    let mounts = "[mount.objects]\n[mount.second]\nplugin = \"second\"\n[mount.third]\nplugin = \"third\"\n";
    let options = Options::mounts(mounts).plugin("objects").own_code_cache();
    let registry = Registry::start(options).await;
    let folder = registry.home().plugins();
    let next = variant("objects", 9);
    for name in ["objects", "second", "third"] {
        replace(&folder.join(format!("{name}.wasm")), &next);
    }
    for (name, generation) in [("objects", 2), ("second", 1), ("third", 1)] {
        until(&registry, name, |line| line["generation"] == generation && line["state"] == "serving").await;
        registry.actor(&format!("/{name}")).get("/hello").await.expect(200);
    }
    let logs = registry.logs();
    let compiled = ["objects", "second", "third"]
        .map(|name| logs.matches(&format!("compiling plugin {name} (")).count());
    assert_eq!(compiled.iter().sum::<usize>(), 2, "the first file, and the next one once: {logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_is_kept_within_its_size_and_what_serves_stays() {
    let mounts = "cache_size = \"1B\"\n[mount.objects]\n[mount.hostile]\n";
    let options = Options::mounts(mounts).plugin("objects").plugin("hostile").own_code_cache();
    let mut registry = Registry::start(options).await;
    let kept = |registry: &Registry| {
        let entries = std::fs::read_dir(registry.home().path().join("cache")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let before = kept(&registry);
    assert_eq!(before.len(), 3, "of npm, objects and hostile, which all serve: {before:?}");
    for number in 1..4 {
        replace(&registry.home().plugins().join("objects.wasm"), &variant("objects", number));
        until(&registry, "objects", |line| line["generation"] == number + 1).await;
    }
    let hash = status(&registry, "objects").await["content_hash"].as_str().unwrap().to_owned();
    let after = kept(&registry);
    assert!(after.iter().any(|name| name.starts_with(&hash)), "{after:?}");
    assert!(after.len() <= 4, "the generations before are removed: {after:?}");
    assert_eq!(before.iter().filter(|name| after.contains(name)).count(), 2, "of npm and hostile");

    registry.restart().await;
    let logs = registry.logs();
    assert!(!logs.contains("compiling plugin"), "what serves was kept: {logs}");
    assert!(built("objects").is_file());
}
