//! A mount of very many packages: written as files, indexed by `packhouse reindex`, and then served
//! from a store that counts what it is asked.

use crate::object_store::ObjectStore;
use crate::registry::files_below;
use crate::{Actor, Answer, Backend, Options, Registry};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// A running registry, and its store.
pub struct Crowd {
    pub registry: Registry,
    pub store: Arc<ObjectStore>,
}

impl Crowd {
    /// Nothing is there.
    pub async fn nobody(options: Options) -> Self {
        let store = Arc::new(ObjectStore::start());
        let registry = Registry::start(options.on(Backend::S3(Arc::clone(&store)))).await;
        Self { registry, store }
    }

    /// With the objects that `seed` writes below the folder, which is the bucket. The mount is called
    /// `mount`. Walking over the files of a folder is much faster than asking the store for them.
    pub async fn of(options: Options, mount: &str, seed: impl FnOnce(&Path)) -> Self {
        let mut first = Registry::start(options.clone()).await;
        let bucket = first.home().objects();
        seed(&bucket);
        let began = Instant::now();
        first.order(&["reindex"]).await.expect(0);
        println!("reindex took {:?}", began.elapsed());
        first.terminate().await;
        let store = Arc::new(ObjectStore::start());
        std::fs::rename(bucket.join(mount), store.bucket().join(mount)).expect("the folder is moved");
        let registry = Registry::start(options.on(Backend::S3(Arc::clone(&store)))).await;
        println!("the bucket has {} objects", files_below(&store.bucket()).len());
        Self { registry, store }
    }

    /// Reads, and prints what it took.
    pub async fn measured(&self, what: &str, by: &Actor, path: &str, status: u16) -> Answer {
        self.store.asked();
        let began = Instant::now();
        let answer = by.get(path).await.expect(status);
        let (took, calls) = (began.elapsed(), self.store.asked().len());
        println!("{what}: {took:?}, {calls} calls of the store, {} bytes", answer.body.len());
        answer
    }
}

/// How many of the requests to the store have written an object.
pub fn writes(asked: &[String], key: &str) -> usize {
    asked.iter().filter(|line| **line == format!("PUT /{key}")).count()
}
