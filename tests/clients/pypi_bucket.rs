//! A bucket of an earlier system, laid out by hand, read by pip, uv and poetry.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Program, Python};
use packhouse_tests::pypi::{Distribution, KEYS_OF_THE_FIXTURE};
use packhouse_tests::{Options, Registry};

#[tokio::test]
async fn clients_install_what_an_earlier_system_has_stored_and_upload_one_more() {
    let registry = Registry::start(Options::pypi()).await;
    registry.home().copy_into_bucket("pypi-bucket");
    let Some(python) = Python::find(&registry.url("/pypi")) else { return };
    let show = |target: &str| python.folder(target).join("old_tools-1.1.dist-info").is_dir();
    python.pip_install("by-pip", &["old-tools"]).await.ok();
    python.uv_install("by-uv", &["old-tools"]).await.ok();
    assert!(show("by-pip") && show("by-uv"));
    // The same addresses as those of the public index, at the root.
    let index = registry.url("/simple/");
    let arguments =
        ["install", "--no-cache-dir", "--index-url", &index, "--target", "root", "old-tools==1.0"];
    python.run(Program::Pip, ".", &arguments).await.ok();
    assert!(python.folder("root").join("old_tools-1.0.dist-info").is_dir());
    lock_by_poetry(&python).await;
    assert_eq!(registry.keys(), KEYS_OF_THE_FIXTURE, "reading writes nothing");

    let user = registry.user("publisher", &["pypi:package:*:write"]).await;
    python.twine(&user, &[], &[&Distribution::wheel("old-tools", "1.2")]).await.ok();
    let mut expected = KEYS_OF_THE_FIXTURE.map(str::to_owned).to_vec();
    let file = "pypi/packages/old-tools/old_tools-1.2-py3-none-any.whl";
    let proof = "pypi/proofs/metadata/old-tools/metadata.json".to_owned();
    expected.extend([file.to_owned(), format!("{file}.metadata"), proof]);
    expected.sort();
    assert_eq!(registry.keys(), expected);
    for (target, requirement, info) in [
        ("new", "old-tools", "old_tools-1.2.dist-info"),
        ("old", "old-tools==1.0", "old_tools-1.0.dist-info"),
    ] {
        python.pip_install(target, &[requirement]).await.ok();
        assert!(python.folder(target).join(info).is_dir());
    }
}

async fn lock_by_poetry(python: &Python) {
    let consumer = format!(
        "[project]\nname = \"consumer\"\nversion = \"0.1\"\nrequires-python = \">=3.9\"\n\
         dependencies = [\"old-tools>=1\"]\n[tool.poetry]\npackage-mode = false\n\
         [[tool.poetry.source]]\nname = \"local\"\nurl = \"{}/simple/\"\npriority = \"primary\"\n",
        python.registry
    );
    python.write("consumer/pyproject.toml", consumer);
    python.run(Program::Poetry, "consumer", &["lock"]).await.ok();
    let lock = std::fs::read_to_string(python.folder("consumer").join("poetry.lock"))
        .unwrap_or_else(|error| panic!("{error}"));
    for file in ["old_tools-1.1-py3-none-any.whl", "old_base-0.1-py3-none-any.whl"] {
        assert!(lock.contains(file), "{lock}");
    }
}
