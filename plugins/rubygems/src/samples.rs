//! Gems made by hand, for tests.
#![allow(clippy::unwrap_used, clippy::format_push_string, reason = "a test may fail loudly")]

use std::io::Write;

use packhouse_plugin::digests;
use packhouse_plugin::testing::archive::{tar, tar_entry, tar_of};

/// Gzipped.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A gemspec as RubyGems writes it; `rest` follows in it.
pub fn gemspec(name: &str, version: &str, platform: &str, rest: &str) -> String {
    format!(
        "--- !ruby/object:Gem::Specification\nname: {name}\nversion: !ruby/object:Gem::Version\n  version: \
         '{version}'\nplatform: {platform}\nauthors:\n- Ann\nbindir: bin\ncert_chain: []\ndate: 2026-01-01 \
         00:00:00.000000000 Z\n{rest}email:\n- ann@example.com\nexecutables: []\nfiles:\n- lib/{name}.rb\nhomepage: \
         https://example.com/{name}\nlicenses:\n- MIT\nrequire_paths:\n- lib\nrubygems_version: 3.3.15\n\
         specification_version: 4\nsummary: A gem called {name}\n"
    )
}

/// `dependencies` of a gemspec that are needed at run time.
pub fn dependencies(list: &[(&str, &str, &str)]) -> String {
    let mut text = "dependencies:\n".to_owned();
    for (name, operator, version) in list {
        text.push_str(&format!(
            "- !ruby/object:Gem::Dependency\n  name: {name}\n  requirement: !ruby/object:Gem::Requirement\n    \
             requirements:\n    - - \"{operator}\"\n      - !ruby/object:Gem::Version\n        version: '{version}'\n  \
             type: :runtime\n  prerelease: false\n"
        ));
    }
    text
}

/// A gem with this gemspec and these files.
pub fn gem_of(spec: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    gem_of_parts(&gzip(spec.as_bytes()), &gzip(&tar(files)))
}

/// A gem of these parts, with the checksums that they have.
pub fn gem_of_parts(metadata: &[u8], data: &[u8]) -> Vec<u8> {
    let checksums = checksums(&[("metadata.gz", metadata), ("data.tar.gz", data)]);
    tar(&[
        ("metadata.gz", metadata),
        ("data.tar.gz", data),
        ("checksums.yaml.gz", &gzip(checksums.as_bytes())),
    ])
}

/// `checksums.yaml` of these parts.
pub fn checksums(parts: &[(&str, &[u8])]) -> String {
    let mut text = "---\n".to_owned();
    for (title, algorithm) in [("SHA256", "sha256"), ("SHA512", "sha512")] {
        text.push_str(&format!("{title}:\n"));
        for (name, bytes) in parts {
            let digest = digests::of(bytes, &[algorithm]).unwrap();
            text.push_str(&format!("  {name}: {}\n", digest.first().unwrap().hex));
        }
    }
    text
}

/// A gem that says nothing special.
pub fn gem(name: &str, version: &str) -> Vec<u8> {
    platform_gem(name, version, "ruby", "")
}

/// A gem for this platform; `rest` is in its gemspec.
pub fn platform_gem(name: &str, version: &str, platform: &str, rest: &str) -> Vec<u8> {
    let code = format!("VERSION = '{version}'\n");
    gem_of(&gemspec(name, version, platform, rest), &[(&format!("lib/{name}.rb"), code.as_bytes())])
}

/// A gem whose files are these entries of a tar archive.
pub fn gem_with_entries(entries: &[(u8, &str, &[u8])]) -> Vec<u8> {
    let data = tar_of(entries.iter().map(|(kind, path, content)| tar_entry(*kind, path, content)));
    gem_of_parts(&gzip(gemspec("demo", "1.0", "ruby", "").as_bytes()), &gzip(&data))
}
