//! A bucket that an earlier system laid out (by hand here) is installed from by gem and Bundler,
//! and pushed to.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Ruby, RubyKind};
use packhouse_tests::rubygems::versions;
use packhouse_tests::{Backend, Options, Registry};
use std::collections::BTreeSet;

const USE: &str = "require 'acme-app'; require 'acme-core'; puts AcmeApp::VERSION + ' ' + AcmeCore::VERSION";

#[tokio::test(flavor = "multi_thread")]
async fn debians_ruby_installs_from_a_bucket_that_was_laid_out_by_hand() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        if installs(RubyKind::Debian, backend).await.is_none() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jruby_installs_from_a_bucket_that_was_laid_out_by_hand() {
    let _ = installs(RubyKind::JRuby, Backend::FileSystem).await;
}

async fn installs(kind: RubyKind, backend: Backend) -> Option<()> {
    let is_folder = matches!(backend, Backend::FileSystem);
    let registry = Registry::start(Options::rubygems().on(backend)).await;
    registry.home().copy_into_bucket("rubygems-bucket");
    // In the words of the earlier system.
    let user = registry.user("publisher", &["rubygems:gem:*:write"]).await;
    let ruby = Ruby::find(kind, &registry.url("/rubygems"), Some(&user.token))?;
    let found: BTreeSet<String> =
        if is_folder { registry.keys().into_iter().collect() } else { BTreeSet::new() };
    ruby.gem(&["install", "acme-app"]).await.ok();
    assert_eq!(ruby.eval(USE).await, "0.1.0 1.10");
    ruby.gemfile("app", "gem 'acme-app'");
    ruby.bundle("app", &["install"]).await.ok();
    let told = ruby.gem(&["search", "acme"]).await.ok();
    assert!(told.contains("acme-app (0.1.0)") && told.contains("1.10"), "{told}");

    ruby.push("acme-core", "1.11", "").await.ok();
    ruby.bundle("app", &["update"]).await.ok();
    assert!(ruby.read("app/Gemfile.lock").contains("acme-core (1.11)"));
    let list = registry.actor("/rubygems").get("/versions").await.expect(200).text();
    assert_eq!(versions(&list)["acme-core"].0, ["1.0", "1.10", "1.10-java", "1.11"]);
    if is_folder {
        let after: BTreeSet<String> = registry.keys().into_iter().collect();
        assert!(found.is_subset(&after), "nothing is moved or renamed");
        let new: Vec<&str> = after.difference(&found).map(String::as_str).collect();
        assert_eq!(
            new,
            [
                "rubygems/changes/acme-core",
                "rubygems/gems/acme-core-1.11.gem",
                "rubygems/latest_specs.4.8.gz",
                "rubygems/packages/acme-core.json",
                "rubygems/proofs/packages/acme-core.json",
                "rubygems/recent.json",
                "rubygems/rendered.json",
            ]
        );
    }
    Some(())
}
