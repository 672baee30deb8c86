//! The stores that protocol suites run on: three in every run, and the engines of others in
//! the tier of clients.

use crate::engine::{self, Engine};
use crate::object_store::{Faults, ObjectStore};
use crate::tmpfs::Tmpfs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a registry under test keeps its objects.
#[derive(Clone)]
pub enum Backend {
    /// A folder of its own.
    FileSystem,
    /// A small file system that can be full.
    Small(Arc<Tmpfs>),
    /// Gone with the process.
    Memory,
    /// Shared by every registry that is given this one.
    S3(Arc<ObjectStore>),
    /// Shared likewise; reached at this port, which may be a proxy's before the engine.
    Engine(Arc<Engine>, u16),
}

impl Backend {
    /// A fresh bucket on a server inside this process.
    pub fn s3() -> Self {
        Self::S3(Arc::new(ObjectStore::start()))
    }

    /// The same on a server with something wrong.
    pub fn faulty_s3(faults: Faults) -> (Self, Arc<ObjectStore>) {
        let store = Arc::new(ObjectStore::with(faults));
        (Self::S3(Arc::clone(&store)), store)
    }

    /// A fresh bucket on an engine of its own; none when it is not installed.
    pub async fn engine(kind: engine::Kind) -> Option<Self> {
        Some(Self::direct(&Engine::start(kind).await?))
    }

    /// On this engine, without anything between.
    pub fn direct(engine: &Arc<Engine>) -> Self {
        Self::Engine(Arc::clone(engine), engine.port())
    }

    /// The `[storage]` table.
    pub(crate) fn configuration(&self) -> String {
        match self {
            Self::Small(small) => {
                format!("[storage]\ntype = \"fs\"\nroot = \"{}\"\n", small.path().join("data").display())
            }
            Self::FileSystem => "[storage]\ntype = \"fs\"\nroot = \"data\"\n".to_owned(),
            Self::Memory => "[storage]\ntype = \"memory\"\n".to_owned(),
            Self::S3(store) => store.configuration(),
            Self::Engine(_, port) => engine::configuration(*port),
        }
    }

    /// Where its objects lie as files, for looking and for fixtures; none elsewhere.
    pub(crate) fn folder(&self, home: &Path) -> Option<PathBuf> {
        match self {
            Self::FileSystem => Some(home.join("data")),
            Self::Small(small) => Some(small.path().join("data")),
            Self::Memory => None,
            Self::Engine(engine, _) => engine.bucket(),
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

/// As [`on_every_backend!`], without the S3 server inside this process: it makes a file name of
/// a key, longer by a third, and fails at about 170 characters.
#[macro_export]
macro_rules! on_stores_of_long_keys {
    ($options:expr => $($story:ident)*) => {
        $crate::stories! { on_the_file_system, Some($crate::Backend::FileSystem), $options, $($story)* }
        $crate::stories! { in_memory, Some($crate::Backend::Memory), $options, $($story)* }
    };
}

/// As [`on_every_backend!`], on the S3 servers of others. None of it runs where they are missing,
/// which `cargo xtask test` tells and CI does not accept.
#[macro_export]
macro_rules! on_every_engine {
    ($options:expr => $($story:ident)*) => {
        $crate::stories! {
            on_versitygw, $crate::Backend::engine($crate::engine::Kind::VersityGw).await, $options, $($story)*
        }
        $crate::stories! {
            on_moto, $crate::Backend::engine($crate::engine::Kind::Moto).await, $options, $($story)*
        }
    };
    ($($story:ident)*) => {
        $crate::on_every_engine! { $crate::Options::npm() => $($story)* }
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
