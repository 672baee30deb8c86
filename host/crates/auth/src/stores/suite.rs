//! Runs the same tests on every store. It does not know what the tests assert.

/// One test for each behaviour and each store. For a new store, add a test here. A behaviour is a
/// function that takes the store, in a module that also contains the module `memory`.
macro_rules! every_store {
    ($($behaviour:ident)*) => {
        $($crate::stores::suite::every_store! { @tests $behaviour })*
    };
    (@tests $behaviour:ident) => {
        mod $behaviour {
            #[tokio::test]
            async fn in_memory() {
                super::$behaviour(&super::memory::Memory::default()).await;
            }
            #[tokio::test]
            async fn in_sqlite() {
                use $crate::sqlite::{Database, PATIENCE};
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("users.sqlite");
                super::$behaviour(&Database::open(&path, PATIENCE).await.unwrap()).await;
            }
        }
    };
}
pub(crate) use every_store;
