//! `docs/writing-a-plugin.md`, followed by somebody who has the SDK, the contract and the program,
//! and nothing else of ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::net::TcpListener;
use std::path::Path;

use packhouse_tests::page;
use packhouse_tests::registry::copy_below;

#[test]
fn the_page_for_plugin_authors_does_what_it_shows() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let checkout = folder.path().join("packhouse");
    for ours in ["sdk", "wit", "host/crates/scope"] {
        copy_below(&workspace.join(ours), &checkout.join(ours));
    }
    std::fs::write(checkout.join("Cargo.toml"), standalone_manifest(workspace)).unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(packhouse_tests::program(), folder.path().join("bin/packhouse")).unwrap();
    let path = format!("{}/bin:{}", folder.path().display(), std::env::var("PATH").unwrap());

    let page = std::fs::read_to_string(workspace.join("docs/writing-a-plugin.md")).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    page::follow(&page::at_port(&page, port), folder.path(), &[("PATH", &path)]);
}

/// What the SDK's manifest inherits, without the members that are not there.
fn standalone_manifest(workspace: &Path) -> String {
    let manifest = std::fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members = ")).unwrap();
    let ours = ["guest-", "packhouse = ", "packhouse-npm", "default-members"];
    let kept = manifest.lines().filter(|line| !ours.iter().any(|word| line.starts_with(word)));
    kept.collect::<Vec<_>>().join("\n").replace(members, "members = [\"sdk\", \"host/crates/scope\"]")
}
