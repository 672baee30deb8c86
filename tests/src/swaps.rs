//! Replaces plugin files under load, and reads their state from the status page.

use crate::registry::built;
use crate::{Actor, Registry};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// What is answered between two swaps, at least.
const BETWEEN: u64 = 200;

/// Reads `path` at full speed while the file of `plugin` is replaced so many times, good and
/// corrupt in turn. Panics when a request fails, a corrupt file is not reported, or another
/// generation serves than should.
pub async fn swap_under_load(registry: &Registry, plugin: &str, path: &str, swaps: u8) {
    let file = registry.home().plugins().join(format!("{plugin}.wasm"));
    let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let reader =
                read_until(registry.actor(""), path.to_owned(), Arc::clone(&stop), Arc::clone(&answers));
            tokio::spawn(reader)
        })
        .collect();
    let mut good = 1;
    for swap in 0..swaps {
        if swap % 2 == 0 {
            replace(&file, &variant(plugin, swap));
            good += 1;
            let line = until(registry, plugin, |line| line["generation"] == good).await;
            assert_eq!(line["last_error"], Value::Null);
        } else {
            // A plain copy that stops in the middle.
            std::fs::write(&file, &variant(plugin, swap)[..10_000]).expect("the file is written");
            let line = until(registry, plugin, |line| line["last_error"].is_string()).await;
            assert_eq!(line["generation"], good, "the previous generation continues to serve");
        }
        let enough = answers.load(Ordering::Relaxed) + BETWEEN;
        while answers.load(Ordering::Relaxed) < enough && !load.iter().any(JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for reader in load {
        reader.await.expect("no request failed");
    }
    assert!(registry.logs().contains("the previous generation continues to serve"), "the log says so too");
}

async fn read_until(actor: Actor, path: String, stop: Arc<AtomicBool>, answers: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        actor.get(&path).await.expect(200);
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// The line of a plugin on the status page.
pub async fn status(registry: &Registry, plugin: &str) -> Value {
    let page = registry.actor("").get("/-/packhouse/plugins").await.expect(200).json();
    let lines = page["plugins"].as_array().expect("a list");
    lines.iter().find(|line| line["name"] == plugin).cloned().unwrap_or(Value::Null)
}

/// Waits until the status of a plugin is as wanted.
pub async fn until(registry: &Registry, plugin: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let line = status(registry, plugin).await;
        if wanted(&line) {
            return line;
        }
        assert!(Instant::now() < patience, "it stays {line}\n{}", registry.logs());
        tokio::task::yield_now().await;
    }
}

/// The same plugin with other bytes: a custom section at its end, as tools add them.
pub fn variant(plugin: &str, number: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(built(plugin)).expect("a file of ours");
    bytes.extend([0, 3, 1, b'v', number]);
    bytes
}

/// Writes a new file and renames it, as a careful deployment does.
pub fn replace(file: &Path, bytes: &[u8]) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, bytes).expect("a file of ours");
    std::fs::rename(beside, file).expect("a file of ours");
}
