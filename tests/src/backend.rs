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

/// Runs stories (`async fn story(registry: Registry)`) on every store, each on a fresh registry:
/// with the npm plugin, or with `Options` said before `=>`.
#[macro_export]
macro_rules! on_every_backend {
    ($options:expr => $($story:ident)*) => {
        $crate::stories! { on_the_file_system, Some($crate::Backend::FileSystem), $options, $($story)* }
        $crate::stories! { in_memory, Some($crate::Backend::Memory), $options, $($story)* }
        $crate::stories! { on_s3, Some($crate::Backend::s3()), $options, $($story)* }
    };
    ($($story:ident)*) => {
        $crate::on_every_backend! { $crate::Options::npm() => $($story)* }
    };
}

/// One module of stories on one store, or of nothing where that store is missing.
#[doc(hidden)]
#[macro_export]
macro_rules! stories {
    ($name:ident, $backend:expr, $options:expr, $($story:ident)*) => {
        mod $name {
            #[allow(unused_imports, reason = "what the options are made with")]
            use super::*;
            $(#[tokio::test]
            async fn $story() {
                let Some(backend) = $backend else { return };
                let options = $options.on(backend);
                super::$story($crate::Registry::start(options).await).await;
            })*
        }
    };
}
