//! The three stores that every protocol suite runs on.

use crate::object_store::ObjectStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a registry under test keeps its objects.
#[derive(Clone)]
pub enum Backend {
    /// A folder of its own.
    FileSystem,
    /// Gone with the process.
    Memory,
    /// Shared by every registry that is given this one.
    S3(Arc<ObjectStore>),
}

impl Backend {
    /// A fresh bucket on a server inside this process.
    pub fn s3() -> Self {
        Self::S3(Arc::new(ObjectStore::start()))
    }

    /// The `[storage]` table.
    pub(crate) fn configuration(&self) -> String {
        match self {
            Self::FileSystem => "[storage]\ntype = \"fs\"\nroot = \"data\"\n".to_owned(),
            Self::Memory => "[storage]\ntype = \"memory\"\n".to_owned(),
            Self::S3(store) => store.configuration(),
        }
    }

    /// Where its objects lie as files, for looking and for fixtures; none in memory.
    pub(crate) fn folder(&self, home: &Path) -> Option<PathBuf> {
        match self {
            Self::FileSystem => Some(home.join("data")),
            Self::Memory => None,
            Self::S3(store) => Some(store.bucket()),
        }
    }
}

/// Runs stories (`async fn story(registry: Registry)`) on every store, each on a fresh registry
/// with the npm plugin.
#[macro_export]
macro_rules! on_every_backend {
    ($($story:ident)*) => {
        $crate::on_every_backend! { on_the_file_system, $crate::Backend::FileSystem, $($story)* }
        $crate::on_every_backend! { in_memory, $crate::Backend::Memory, $($story)* }
        $crate::on_every_backend! { on_s3, $crate::Backend::s3(), $($story)* }
    };
    ($name:ident, $backend:expr, $($story:ident)*) => {
        mod $name {
            $(#[tokio::test]
            async fn $story() {
                let options = $crate::Options::npm().on($backend);
                super::$story($crate::Registry::start(options).await).await;
            })*
        }
    };
}
