//! The plugin that serves everybody's packages is replaced while they are read.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::Registry;
use packhouse_tests::npm::Package;
use packhouse_tests::races::rounds;
use packhouse_tests::swaps::swap_under_load;

#[tokio::test(flavor = "multi_thread")]
async fn swaps_of_the_npm_plugin_under_load_lose_no_request() {
    let registry = Registry::npm().await;
    let publisher = registry.publisher().await;
    let package = Package::new("read-all-the-time", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let swaps = u8::try_from(rounds(50, 6)).expect("a small number");
    swap_under_load(&registry, "npm", "/npm/read-all-the-time", swaps).await;
}
