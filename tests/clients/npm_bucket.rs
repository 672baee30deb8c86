//! A bucket that an earlier system laid out (by hand here) is installed from by npm.

use packhouse_tests::clients::{Client, Kind};
use packhouse_tests::{Backend, Options, Registry};

#[tokio::test(flavor = "multi_thread")]
async fn npm_installs_from_a_bucket_that_was_laid_out_by_hand() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = Registry::start(Options::npm().on(backend)).await;
        registry.home().copy_into_bucket("npm-bucket");
        let Some(npm) = Client::find(Kind::Npm, &registry.url("/npm"), None) else {
            return;
        };

        let consumer = npm.consumer("consumer", &[("@acme/tools", "latest")]);
        npm.run(&consumer, &["install"]).await.ok();
        assert_eq!(consumer.node("require('@acme/tools')").await, "   tools");
        let beta = npm.consumer("beta", &[("@acme/tools", "beta")]);
        npm.run(&beta, &["install"]).await.ok();
        assert_eq!(beta.node("require('@acme/tools')").await, "beta");
    }
}
