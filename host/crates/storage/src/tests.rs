//! One suite for every kind of store, gated where an engine lacks something.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

#[cfg(feature = "azure")]
mod azure;
mod clocks;
mod documents;
mod faults;
mod home;
mod keys;
mod listings;
mod races;
mod s3;
mod staging;
mod uploads;

use bytes::Bytes;
use tempfile::TempDir;

use super::{
    Algorithm, Digest, DigestState, Key, Owner, Precondition, Scope, Settings, Staged, Storage, StorageError,
};

/// Whose uploads these are.
const OWNER: Owner<'static> = Owner { name: "ann", most: 100 };

/// A store, and what must live as long as it.
struct House {
    name: &'static str,
    storage: Storage,
    settings: Settings,
    _folder: Option<TempDir>,
    server: Option<s3::Server>,
    /// The small S3 engine fails on a look at a folder, and on very long names.
    is_a_real_engine: bool,
}

impl House {
    fn scope(&self) -> Scope {
        self.storage.scope("demo").unwrap()
    }

    /// As another host sees it; memory has only one.
    async fn second_scope(&self) -> Scope {
        if matches!(self.settings, Settings::Memory) {
            return self.scope();
        }
        Storage::open(&self.settings).await.unwrap().scope("demo").unwrap()
    }

    /// Everything that the host keeps for itself, locks and probes aside.
    async fn private_paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        for part in ["staging", "uploads"] {
            let listing = super::object::PathListing {
                prefix: format!(".packhouse/{part}/"),
                folders: false,
                after: None,
                limit: 1000,
            };
            let page = self.storage.store.list(&listing).await.unwrap();
            found.extend(page.objects.into_iter().map(|object| object.key));
        }
        found
    }

    /// Removal of staging objects in a remote service happens beside the caller.
    async fn assert_nothing_is_left_over(&self) {
        if let Some(server) = &self.server {
            assert_eq!(server.unchecked(), Vec::<String>::new(), "written without a checksum");
        }
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            let left = self.private_paths().await;
            if left.is_empty() {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{}: left over: {left:?}", self.name);
            tokio::task::yield_now().await;
        }
    }
}

async fn on_files() -> House {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::Fs { root: folder.path().join("data") };
    House {
        name: "fs",
        storage: Storage::open(&settings).await.unwrap(),
        settings,
        _folder: Some(folder),
        server: None,
        is_a_real_engine: true,
    }
}

async fn in_memory() -> House {
    let settings = Settings::Memory;
    House {
        name: "memory",
        storage: Storage::open(&settings).await.unwrap(),
        settings,
        _folder: None,
        server: None,
        is_a_real_engine: true,
    }
}

async fn on_s3() -> House {
    if let Some(settings) = s3::engine().await {
        return House {
            name: "s3",
            storage: Storage::open(&settings).await.unwrap(),
            settings,
            _folder: None,
            server: None,
            is_a_real_engine: true,
        };
    }
    let server = s3::Server::start().await;
    House {
        name: "s3",
        storage: Storage::open(&server.settings()).await.unwrap(),
        settings: server.settings(),
        _folder: None,
        server: Some(server),
        is_a_real_engine: false,
    }
}

#[cfg(feature = "azure")]
async fn on_azure() -> House {
    let settings = azure::engine().await;
    House {
        name: "azure",
        storage: Storage::open(&settings).await.unwrap(),
        settings,
        _folder: None,
        server: None,
        is_a_real_engine: true,
    }
}

/// Makes one test of a story for each kind of store.
macro_rules! on_every_store {
    ($($(#[$note:meta])* async fn $name:ident($house:ident) $body:block)*) => {
        $(mod $name {
            #[allow(unused_imports, reason = "not every story needs everything")]
            use super::*;

            async fn story($house: crate::tests::House) {
                $body
                $house.assert_nothing_is_left_over().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_files() { story(crate::tests::on_files().await).await; }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_memory() { story(crate::tests::in_memory().await).await; }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_s3() { story(crate::tests::on_s3().await).await; }
            #[cfg(feature = "azure")]
            #[ignore = "needs an engine: tests/clients/storage_suite.rs starts one"]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_azure() { story(crate::tests::on_azure().await).await; }
        })*
    };
}
use on_every_store;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

/// Bytes that compress badly and differ at every place.
fn pattern(size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(b"pattern").finalize_xof().fill(&mut bytes);
    bytes.into()
}

async fn put(scope: &Scope, name: &str, text: &str) -> super::ObjectInfo {
    scope.put(&key(name), Bytes::copy_from_slice(text.as_bytes()), &Precondition::Any, None).await.unwrap()
}

async fn text_of(scope: &Scope, name: &str) -> Option<String> {
    let (_, bytes) = scope.get(&key(name), u64::MAX).await.unwrap()?;
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}

async fn stage(scope: &Scope, bytes: &Bytes, algorithms: &[Algorithm]) -> Staged {
    let mut writer = scope.writer(algorithms, u64::MAX).await.unwrap();
    for start in (0..bytes.len()).step_by(100_000) {
        writer.write(bytes.slice(start..(start + 100_000).min(bytes.len()))).await.unwrap();
    }
    writer.finish().await.unwrap()
}

fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut state = DigestState::new(&[algorithm]);
    state.update(bytes);
    state.finish().remove(0)
}
