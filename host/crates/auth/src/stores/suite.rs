//! The same behaviour of every store. It must not know what the behaviour is.

/// One test of each behaviour for each store; a new store is one more test here. A behaviour is a
/// function of the store, beside which the module `memory` stands.
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
            async fn in_the_database() {
                use $crate::database::{Database, PATIENCE};
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("users.sqlite");
                super::$behaviour(&Database::open(&path, PATIENCE).await.unwrap()).await;
            }
        }
    };
}
pub(crate) use every_store;
