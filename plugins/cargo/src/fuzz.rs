//! Fuzz targets for what clients send, and for index files, which may come from another system.
//! Each asserts a property; how they are run longer is in `CONTRIBUTING.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::convert::Infallible;
use std::io::BufReader;

use packhouse_fuzz::{InPieces, hash, target};
use packhouse_plugin::testing::Host;
use packhouse_plugin::testing::archive::fix_checksums;
use serde_json::json;

use crate::archive::{glance_at_manifest, read_manifest};
use crate::document::{Index, Line, Release, find_from_end};
use crate::manifest::{About, Manifest, about};
use crate::name::{CrateName, Version};
use crate::samples::{crate_file, gzip, publish_body, tar, tar_entry};
use crate::upload::NewCrate;
use crate::{Cargo, layout};

const MANIFEST: &str = "[package]\nname = \"a\"\nversion = \"1.0.0\"\nlinks = \"z\"\nrust-version = \"1.70\"\n\
    description = \"d\"\nkeywords = [\"k\"]\n[features]\nx = [\"dep:b\", \"b?/std\"]\n[dependencies]\nc = \"1\"\n\
    [dependencies.b]\nversion = \"^1\"\noptional = true\nfeatures = [\"y\"]\n[target.'cfg(unix)'.dev-dependencies.d]\n\
    version = \"=1.2\"\npackage = \"e\"\n";
const REQUEST: &str = r#"{"name":"a","vers":"1.0.0","deps":[{"name":"c","version_req":"^1","kind":"normal"},
    {"name":"b","version_req":"^1","optional":true,"features":["y"],"default_features":true,"target":null},
    {"name":"e","version_req":"=1.2","kind":"dev","target":"cfg(unix)","explicit_name_in_toml":"d"}],
    "features":{"x":["dep:b","b?/std"]},"links":"z","rust_version":"1.70"}"#;

#[test]
fn fuzz_crate_name_is_safe_and_reads_back() {
    let seeds = ["a", "ab", "abc", "Left-Pad_2", "a-b_c-d_e-f_g-h_i-j"];
    target!("crate-name").seeds(seeds).words(["-", "_", "..", "/", "con"]).check_text(|text| {
        let Ok(name) = CrateName::parse(text) else { return false };
        assert_eq!(name.as_str(), text);
        let key = layout::index(&name);
        assert!(key.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{key}");
        assert_eq!(layout::crate_of_index(&key).map(|found| found.lower()), Some(name.lower()));
        let variants = name.variants();
        assert!(variants.len() <= 256);
        assert!(
            variants
                .iter()
                .all(|other| other.canonical() == name.canonical() && *other.as_str() != name.lower())
        );
        true
    });
}

#[test]
fn fuzz_crate_version_reads_back_also_from_a_key() {
    let seeds = ["1.0.0", "1.2.3-rc.1+build.5", "0.0.0-0"];
    target!("crate-version").seeds(seeds).words(["-", "+", ".", "00"]).check_text(|text| {
        let Ok(version) = Version::parse(text) else { return false };
        assert_eq!(version.to_string(), text);
        let release = Version::parse(&version.without_build()).unwrap();
        assert!(release.is_same_release(&version));
        let name = CrateName::parse("a-1").unwrap();
        let key = layout::crate_file(&name, &version);
        assert!(!key.contains("..") && !key.contains(['\\', ' ', '%']), "{key}");
        assert_eq!(layout::release_of_file(&key), Some((name, version)));
        true
    });
}

#[test]
fn fuzz_request_that_is_checked_makes_a_line_that_can_be_read() {
    let words = [
        "\"deps\":[",
        "\"features\":{",
        "null",
        "\"kind\":\"dev\"",
        "dep:",
        "?/",
        "\\n",
        "\"artifact\":[\"bin\"]",
    ];
    target!("publish-request").seeds([REQUEST]).words(words).check(|input| {
        let Ok(new) = serde_json::from_slice::<NewCrate>(input) else { return false };
        if new.check().is_err() {
            return false;
        }
        let line = Release { new: &new, checksum: "00", size: 1, published: 1 }.to_line().unwrap();
        assert!(!line.contains(&b'\n'));
        let index = Index::new(&[]).with_line(&line);
        let lines: Vec<Line<'_>> = Index::new(&index).lines().collect();
        let [line] = lines.as_slice() else { panic!("{} lines", lines.len()) };
        assert_eq!((line.name.as_ref(), line.vers.as_ref()), (new.name.as_str(), new.vers.as_str()));
        true
    });
}

#[test]
fn fuzz_manifest_is_read_as_the_toml_library_reads_it() {
    let words = [
        "[dependencies]\n",
        "[features]\n",
        "version = ",
        "package = ",
        "[target.x.dependencies]\n",
        "\"1\"\n",
        "{",
        "}",
    ];
    target!("manifest").seeds([MANIFEST]).words(words).check(|input| {
        let parsed = Manifest::parse(input);
        let mut request: NewCrate = serde_json::from_str(REQUEST).unwrap();
        let table = toml::from_slice::<toml::Table>(input);
        let Ok(manifest) = parsed else {
            return false;
        };
        let package = table.unwrap().remove("package").unwrap();
        let agrees = manifest.agree(&mut request).is_ok();
        assert_eq!(agrees, manifest.agree(&mut request).is_ok());
        if agrees {
            assert_eq!(package.get("name").and_then(toml::Value::as_str), Some("a"));
            assert_eq!(package.get("version").and_then(toml::Value::as_str), Some("1.0.0"));
        }
        let about = about(input);
        let description = package.get("description").and_then(toml::Value::as_str);
        assert!(about == About::default() || about.description.as_deref() == description);
        agrees
    });
}

const LINES: &str = concat!(
    r#"{"index_lines":3,"name":"a","vers":"1.0.0","cksum":"00","yanked":false,"pubtime":"2025-11-12T19:30:12Z"}"#,
    "\n",
    r#"{"name":"A","vers":"2.0.0-rc.1+b","deps":[],"cksum":"01","features":{},"yanked":true,"crate_size":5}"#,
    "\n",
    r#"{"name":"a","vers":"1\u002e0.1","cksum":"02","x":1.50}"#,
    "\n"
);
const PLAIN: &str = "{\"name\":\"a\",\"vers\":\"1.0.0\",\"cksum\":\"00\"}";
const VERSIONS: [&str; 4] = ["1.0.0", "1.0.1", "2.0.0-rc.1+b", "2.0.0-rc.1"];
const INDEX_WORDS: [&str; 8] = [
    "\n",
    "\"index_lines\":",
    "\"yanked\":true,",
    "\"vers\":\"1.0.0\"",
    "\\u0031",
    "\"1.0.1\"",
    "{\"index_lines\": 7,",
    "{\"name\":\"a\",\"vers\":\"1.0.1\",\"cksum\":\"\"}",
];

/// The count in the first line.
fn count(file: &[u8]) -> Option<u64> {
    let first = file.split(|byte| *byte == b'\n').find(|line| !line.is_empty())?;
    serde_json::from_slice::<serde_json::Value>(first).ok()?.get("index_lines")?.as_u64()
}

#[test]
fn fuzz_index_finds_what_parsing_all_lines_finds() {
    target!("index").seeds([LINES, PLAIN]).words(INDEX_WORDS).check(|file| {
        let index = Index::new(file);
        let mut found_any = false;
        for version in VERSIONS.map(|version| Version::parse(version).unwrap()) {
            let text = version.to_string();
            let expected = index.lines().filter(|line| line.vers == text).last();
            assert_eq!(index.find(&version), expected);
            found_any |= expected.is_some();
            if let Ok(Some(release)) = index.find_same_release(&version) {
                assert!(release.is_same_release(&version));
                assert!(index.lines().any(|line| Version::parse(&line.vers).as_ref() == Ok(&release)));
            }
        }
        let name = CrateName::parse("a").unwrap();
        if index.check(&name).is_ok() {
            assert_eq!((index.check_to_change(&name), index.check_to_read(&name)), (Ok(()), Ok(())));
            assert!(index.newest().is_some());
        }
        found_any
    });
}

#[test]
fn fuzz_large_index_is_searched_from_its_end_as_from_its_start() {
    target!("index").seeds([LINES, PLAIN]).words(INDEX_WORDS).check(|lines| {
        let filler = |bytes: usize| {
            let name = "x".repeat(bytes);
            format!("\n{{\"name\":\"{name}\",\"vers\":\"9.0.0\",\"cksum\":\"\"}}\n").into_bytes()
        };
        let place = usize::try_from(hash(lines) % 70_000).unwrap_or(0);
        let file = [filler(70_000 - place).as_slice(), lines, &filler(place)].concat();
        let version = Version::parse("1.0.0").unwrap();
        let found = find_from_end(file.len() as u64, &version, |offset, length| {
            let start = usize::try_from(offset).unwrap();
            Ok::<_, Infallible>(file[start..start + length as usize].to_vec())
        });
        let expected = Index::new(&file).find(&version);
        assert_eq!(found.unwrap().map(|found| found.name), expected.map(|line| line.name.into_owned()));
        true
    });
}

#[test]
fn fuzz_changed_index_has_its_count_and_all_other_lines() {
    target!("index").seeds([LINES, PLAIN]).words(INDEX_WORDS).check(|file| {
        let index = Index::new(file);
        // A line may be read also when a member that is not looked at is damaged.
        let Some(Some(_)) = index.all_lines().next() else { return false };
        let first = file.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
        if serde_json::from_slice::<serde_json::Value>(first).is_err() {
            return false;
        }
        let raw = |file: &[u8]| -> Vec<Vec<u8>> {
            let lines = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            lines.skip(1).map(<[u8]>::to_vec).collect()
        };
        let line = br#"{"name":"a","vers":"3.0.0","cksum":"03"}"#;
        let longer = index.with_line(line);
        let ends = longer.iter().fold(0, |count, byte| count + u64::from(*byte == b'\n'));
        assert_eq!(count(&longer), Some(ends));
        assert_eq!(raw(&longer), [raw(file), vec![line.to_vec()]].concat());
        let version = Version::parse("1.0.1").unwrap();
        let Some(yanked) = index.with_yanked(&version, true) else { return true };
        let yanked = Index::new(&yanked);
        assert!(yanked.find(&version).is_some_and(|line| line.is_yanked()));
        assert_eq!(yanked.with_yanked(&version, true), None);
        let names = |index: Index<'_>| -> Vec<Option<String>> {
            index.all_lines().map(|line| line.map(|line| line.vers.into_owned())).collect()
        };
        assert_eq!(names(yanked), names(index));
        true
    });
}

#[test]
fn fuzz_crate_file_has_plain_paths_in_its_folder_only() {
    let folder = |rest: &str| format!("a-1.0.0/{rest}");
    let seeds = [
        tar(&[(&folder("Cargo.toml"), MANIFEST.as_bytes()), (&folder("src/lib.rs"), b"1")]),
        [tar_entry(b'5', "a-1.0.0/", b""), tar(&[(&folder("Cargo.toml"), b"")])].concat(),
        [
            tar_entry(b'x', "pax", b"21 path=a-1.0.0/long\n"),
            tar(&[("x", b""), (&folder("Cargo.toml"), b"x")]),
        ]
        .concat(),
    ];
    let (name, version) = (CrateName::parse("a").unwrap(), Version::parse("1.0.0").unwrap());
    let words = ["a-1.0.0/", "Cargo.toml", "cargo.toml", "../", "/", "\\", ".cargo-ok", "path=", "5", "2"];
    target!("crate-file").seeds(seeds).words(words).check(|input| {
        let mut archive = input.to_vec();
        fix_checksums(&mut archive);
        let packed = gzip(&archive);
        let whole = read_manifest(packed.as_slice(), &name, &version);
        let in_pieces = read_manifest(BufReader::with_capacity(7, InPieces::new(&packed)), &name, &version);
        assert_eq!(whole.as_ref().ok(), in_pieces.as_ref().ok());
        let Ok(manifest) = whole else { return false };
        assert_eq!(glance_at_manifest(packed.as_slice()), Some(manifest));
        let mut rest = archive.as_slice();
        while let Some(entry) = packhouse_plugin::tar::Entry::read(&mut rest).unwrap() {
            packhouse_plugin::tar::skip(&mut rest, entry.padded_size()).unwrap();
            let path = String::from_utf8(entry.path).unwrap();
            assert!(
                path.strip_prefix("a-1.0.0").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            );
            assert!(
                !path.split('/').any(|part| matches!(part, "." | "..")) && !path.contains('\\'),
                "{path:?}"
            );
            assert!(matches!(
                entry.kind,
                packhouse_plugin::tar::Kind::File | packhouse_plugin::tar::Kind::Folder
            ));
        }
        true
    });
}

/// A whole publish, with its lengths. No input causes a 5xx, and a refused publish leaves nothing.
#[test]
fn fuzz_publish_is_never_an_internal_error_and_leaves_nothing_when_refused() {
    let file = crate_file("a", "1.0.0", "[package]\nname = \"a\"\nversion = \"1.0.0\"\n");
    let request = json!({ "name": "a", "vers": "1.0.0", "deps": [], "features": {} }).to_string();
    let words = [b"\xff\xff\xff\xff".as_slice(), b"\0\0\0\x80", b"\"b\"", b"null"];
    target!("publish").seeds([publish_body(&request, &file)]).words(words).check(|body| {
        let host = Host::new().user("ann", &["cargo:crate:*:write"]).anonymous_grants(&["cargo:*:*:read"]);
        let reply = host.as_user("ann").put("/api/v1/crates/new").body(body).send::<Cargo>();
        assert!(reply.status() < 500, "{} {}", reply.status(), reply.text());
        if reply.status() != 200 {
            assert_eq!((host.objects(), host.staged()), (Vec::new(), 0), "{}", reply.text());
            return false;
        }
        assert_eq!(host.anonymous().get("/1/a").send::<Cargo>().status(), 200);
        true
    });
}
