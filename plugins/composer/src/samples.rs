//! Dists made by hand, for tests.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

pub use packhouse_plugin::testing::archive::zip;

use serde_json::Value;

/// A library with these members in its `composer.json`, in one folder at the root.
pub fn library(name: &str, members: &Value) -> Vec<u8> {
    let mut manifest = serde_json::json!({ "name": name, "autoload": { "psr-4": { "Acme\\": "src/" } } });
    manifest.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    with_manifest(&manifest.to_string())
}

/// An archive with this `composer.json` and a class.
pub fn with_manifest(manifest: &str) -> Vec<u8> {
    zip(&[
        ("lib-1/composer.json", manifest.as_bytes()),
        ("lib-1/src/Greeter.php", b"<?php namespace Acme; class Greeter {}\n"),
    ])
}
