//! The objects of a store, read and written behind the registry's back.

use futures_util::TryStreamExt;
use opendal::options::ListOptions;
use opendal::{ErrorKind, Operator};

/// All objects of a file system's folder or of a bucket.
#[derive(Clone)]
pub struct Bucket {
    operator: Operator,
}

impl Bucket {
    pub(crate) fn new(operator: Operator) -> Self {
        Self { operator }
    }

    /// All keys but the host's own, sorted.
    pub async fn keys(&self) -> Vec<String> {
        let mut keys = self.all_keys().await;
        keys.retain(|key| !key.starts_with(".packhouse/"));
        keys
    }

    /// All keys that begin so, sorted, the host's own too.
    pub async fn all_keys(&self) -> Vec<String> {
        let options = ListOptions { recursive: true, ..ListOptions::default() };
        let lister = self.operator.lister_options("", options).await.expect("a listing");
        let entries: Vec<_> = lister.try_collect().await.expect("a listing");
        let files = entries.iter().filter(|entry| entry.metadata().is_file());
        let mut keys: Vec<_> = files.map(|entry| entry.path().to_owned()).collect();
        keys.sort();
        keys
    }

    /// The bytes; none when there is no such object.
    pub async fn read(&self, key: &str) -> Option<Vec<u8>> {
        match self.operator.read(key).await {
            Ok(bytes) => Some(bytes.to_vec()),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => panic!("{key} cannot be read: {error}"),
        }
    }

    pub async fn write(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.operator.write(key, bytes.into()).await.unwrap_or_else(|error| panic!("{key}: {error}"));
    }

    pub async fn delete(&self, key: &str) {
        self.operator.delete(key).await.unwrap_or_else(|error| panic!("{key}: {error}"));
    }
}
