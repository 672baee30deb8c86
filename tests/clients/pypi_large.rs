//! A large wheel through real clients and a plugin of little memory: 64 MB, and 400 MB in the
//! long run.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Program, Python};
use packhouse_tests::npm::noise;
use packhouse_tests::pypi::Distribution;
use packhouse_tests::races::in_full;
use packhouse_tests::{Options, Registry};

fn large() -> usize {
    if in_full() { 400 << 20 } else { 64 << 20 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wheel_of_400_megabytes_passes_through_a_small_plugin() {
    let registry = Registry::start(Options::pypi().limits("guest_memory = \"24MiB\"\n")).await;
    let user = registry.user("publisher", &["pypi:package:*:write"]).await;
    let Some(python) = Python::find(&registry.url("/pypi")) else { return };
    let wheel = Distribution::wheel_with("large", "1.0", "", &[("large/weights.bin", &noise(7, large()))]);
    python.twine(&user, &[], &[&wheel]).await.ok();
    std::fs::remove_file(python.folder("dist").join(&wheel.filename))
        .unwrap_or_else(|error| panic!("{error}"));
    let index = format!("{}/simple/", python.registry);
    let arguments = ["download", "--no-cache-dir", "--no-deps", "--index-url", &index, "large", "-d", "kept"];
    python.run(Program::Pip, ".", &arguments).await.ok();
    let kept = std::fs::read(python.folder("kept").join(&wheel.filename));
    assert!(kept.is_ok_and(|bytes| bytes == wheel.content), "the same bytes");
    std::fs::remove_dir_all(python.folder("kept")).unwrap_or_else(|error| panic!("{error}"));
    python.uv_install("by-uv", &["large"]).await.ok();
    let there = std::fs::metadata(python.folder("by-uv").join("large/weights.bin"));
    assert!(there.is_ok_and(|there| there.len() == large() as u64));
}
