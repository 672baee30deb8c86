//! A bucket of an earlier system, laid out by hand, read by pip, uv and poetry.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Program, Python};
use packhouse_tests::{Options, Registry};

#[tokio::test]
async fn clients_install_what_an_earlier_system_has_stored() {
    let registry = Registry::start(Options::pypi()).await;
    registry.home().copy_into_bucket("pypi-bucket");
    let Some(python) = Python::find(&registry.url("/pypi")) else { return };
    let show = |target: &str| python.folder(target).join("old_tools-1.1.dist-info").is_dir();
    python.pip_install("by-pip", &["old-tools"]).await.ok();
    python.uv_install("by-uv", &["old-tools"]).await.ok();
    assert!(show("by-pip") && show("by-uv"));
    // The same addresses as those of pypi.org, at the root.
    let index = registry.url("/simple/");
    let arguments =
        ["install", "--no-cache-dir", "--index-url", &index, "--target", "root", "old-tools==1.0"];
    python.run(Program::Pip, ".", &arguments).await.ok();
    assert!(python.folder("root").join("old_tools-1.0.dist-info").is_dir());
}
