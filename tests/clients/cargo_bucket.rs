//! A bucket that an earlier system laid out (by hand here) is built from by cargo, and published
//! to.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::Cargo;
use packhouse_tests::{Backend, Options, Registry};

#[tokio::test(flavor = "multi_thread")]
async fn cargo_builds_from_a_bucket_that_was_laid_out_by_hand() {
    for (backend, index) in [(Backend::FileSystem, "/cargo"), (Backend::s3(), "/cargo/index")] {
        let registry = Registry::start(Options::cargo().on(backend)).await;
        registry.home().copy_into_bucket("cargo-bucket");
        let user = registry.user("publisher", &["cargo:crate:*:write"]).await;
        let cargo = Cargo::new(&registry.url(index), Some(&user.token));
        let dependencies = "acme-tools = { version = \"0.1\", registry = \"loop\" }";
        let program = cargo.program("program", dependencies, "acme_tools::pad()");
        let run = ["run", "--quiet"];
        assert_eq!(cargo.run(&program, &run).await.ok().trim(), "1.0.0", "1.1.0 is yanked");
        cargo.run(&program, &["yank", "--undo", "Left_Pad@1.1.0"]).await.ok();
        cargo.run(&program, &["update"]).await.ok();
        assert_eq!(cargo.run(&program, &run).await.ok().trim(), "1.1.0");

        let manifest = "[package]\nname = \"Left_Pad\"\nversion = \"1.2.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n\
                        description = \"Pads to the left\"\n";
        let code = "pub fn version() -> &'static str { \"1.2.0\" }\n";
        let folder = cargo.project("left", &[("Cargo.toml", manifest), ("src/lib.rs", code)]);
        cargo.run(&folder, &["publish"]).await.ok();
        cargo.run(&program, &["update"]).await.ok();
        assert_eq!(cargo.run(&program, &run).await.ok().trim(), "1.2.0");
    }
}
