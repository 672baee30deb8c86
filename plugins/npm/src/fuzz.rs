//! Fuzz targets for what clients send. Each asserts a property; how they are run longer is in
//! `CONTRIBUTING.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::io::{BufReader, Read as _};

use packhouse_fuzz::{InPieces, pieces, target};
use packhouse_plugin::Digest;
use packhouse_plugin::testing::Host;
use packhouse_plugin::testing::archive::fix_checksums;
use serde_json::{Map, Value, json};

use crate::archive::package_json;
use crate::document::Manifest;
use crate::integrity::{self, Verdict};
use crate::json::Object;
use crate::name::{PackageName, Tag, Version, normalise_path, same_release};
use crate::samples::{gzip, tar, tar_entry, tarball};
use crate::walker::{DEPTH_LIMIT, Step, WalkError, Walker};
use crate::{Npm, layout};

const PUBLISH: &str = r#"{"_id":"a","name":"a","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"a",
    "version":"1.0.0","dist":{"tarball":"http:\/\/x\/a.tgz","integrity":"sha512-x"},"scripts":{"x":"\u00e9\\"}}},
    "_attachments":{"a-1.0.0.tgz":{"content_type":"x","data":"Zm9v","length":3}},"access":null,"x":[1,-2.5e3,true]}"#;
const MANY_VERSIONS: &str = r#"{"versions":{"1":{"a":[{"b":1}],"deprecated":"x"},"2":{"a":{"c":[1,2]},"deprecated":"y"},
    "3":{"z":"s"}},"name":"n"}"#;
const JSON_WORDS: [&str; 14] = [
    "\"_attachments\":",
    "\"versions\":",
    "\"data\":\"",
    "\"deprecated\":",
    "{\"a\":",
    "},",
    "[",
    "]",
    "\\\"",
    "\\u005f",
    "null",
    "1e5",
    "\"\",",
    "\"1.0.0\":{",
];

/// What the walker collects, and the names of the attachments, when each piece is fed by itself.
fn walk(mut walker: Walker, input: &[u8], pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<String>), WalkError> {
    let mut names = Vec::new();
    // What is left of the data of an attachment, from behind its opening quote on.
    let (mut in_data, mut escaped) = (false, false);
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            if in_data {
                let end = rest.iter().position(|byte| {
                    let ends = !escaped && *byte == b'"';
                    escaped = !escaped && *byte == b'\\';
                    ends
                });
                in_data = end.is_none();
                rest = &rest[end.map_or(rest.len(), |end| end + 1)..];
                continue;
            }
            match walker.feed(rest)? {
                Step::More => rest = &[],
                Step::Attachment { name, taken } => {
                    assert!(taken > 0 && taken <= rest.len() && rest[taken - 1] == b'"');
                    names.push(name);
                    rest = &rest[taken..];
                    (in_data, escaped) = (true, false);
                }
            }
        }
    }
    if in_data {
        return Err(WalkError::Truncated);
    }
    let collected = walker.finish()?;
    assert!(collected.len() <= input.len(), "more is collected than was sent");
    Ok((collected, names))
}

/// The value without the data of attachments.
fn without_data(mut value: Value) -> Value {
    let attachments = value.get_mut("_attachments").and_then(Value::as_object_mut);
    for attachment in attachments.into_iter().flat_map(Map::values_mut) {
        if let Some(data) = attachment.get_mut("data").filter(|data| data.is_string()) {
            *data = json!("");
        }
    }
    value
}

/// Of each version all, or only what its deprecation says.
fn assert_same_versions(collected: &Value, sent: &Value) {
    let (Some(collected), Some(sent)) = (collected.as_object(), sent.as_object()) else {
        assert_eq!(collected, sent);
        return;
    };
    assert!(collected.keys().eq(sent.keys()));
    for (one, other) in collected.values().zip(sent.values()) {
        let outline = other.as_object().map(|members| {
            members
                .iter()
                .filter(|(name, _)| *name == "deprecated")
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        });
        assert!(
            one == other || outline.is_some_and(|outline| *one == Value::Object(outline)),
            "{one} {other}"
        );
    }
}

fn depth(value: &Value) -> usize {
    let inner: Box<dyn Iterator<Item = &Value> + '_> = match value {
        Value::Object(members) => Box::new(members.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => return 0,
    };
    1 + inner.map(depth).max().unwrap_or(0)
}

#[test]
fn fuzz_walker_collects_what_serde_json_reads_in_pieces_too() {
    target!("walker").seeds([PUBLISH, MANY_VERSIONS, "{}"]).words(JSON_WORDS).check(|input| {
        for walker in [Walker::new, Walker::outline] {
            let whole = walk(walker(), input, &[input]);
            let in_pieces = walk(walker(), input, &pieces(input));
            assert_eq!(whole, in_pieces, "in pieces it is another document");
        }
        let whole = walk(Walker::new(), input, &[input]);
        let Ok(sent) = serde_json::from_slice::<Value>(input) else { return false };
        if !sent.is_object() || depth(&sent) > DEPTH_LIMIT {
            assert!(whole.is_err());
            return false;
        }
        let (collected, _) = whole.unwrap();
        let mut collected: Value = serde_json::from_slice(&collected).unwrap();
        let mut sent = without_data(sent);
        let empty = json!({});
        assert_same_versions(
            collected.get("versions").unwrap_or(&empty),
            sent.get("versions").unwrap_or(&empty),
        );
        for value in [&mut collected, &mut sent] {
            value.as_object_mut().unwrap().remove("versions");
        }
        assert_eq!(collected, sent);
        true
    });
}

#[test]
fn fuzz_object_is_what_serde_json_reads_and_reads_back() {
    target!("object").seeds([PUBLISH, MANY_VERSIONS, "{\"a\":1,\"\\u0061\":2}"]).words(JSON_WORDS).check(
        |input| {
            let Ok(mut object) = Object::parse_bytes(input) else {
                assert!(serde_json::from_slice::<Map<String, Value>>(input).is_err());
                return false;
            };
            let text = object.to_text();
            assert_eq!(Object::parse(&text).unwrap().to_text(), text);
            // Numbers that it cannot hold are no error here.
            if let Ok(reference) = serde_json::from_slice::<Map<String, Value>>(input) {
                assert_eq!(serde_json::from_str::<Map<String, Value>>(&text).unwrap(), reference);
                assert_eq!(object.len(), reference.len());
            }
            let names: Vec<String> = object.names().map(str::to_owned).collect();
            for name in names {
                object.set_text(&name, &name);
                assert_eq!(object.text(&name), Some(name));
            }
            true
        },
    );
}

#[test]
fn fuzz_manifest_is_written_as_json_with_other_addresses() {
    let seeds = [
        r#"{"name":"a","version":"1.0.0","dist":{"tarball":"http://x/a.tgz","shasum":"00","attestations":{"url":"x"}}}"#,
        r#"{"dist":{ },"scripts":{"install":"x"},"os":["linux"]}"#,
        r#"{"dist":{"tarball":null},"hasInstallScript":true}"#,
    ];
    let words =
        ["\"tarball\":", "\"attestations\":{\"url\":", "\"dist\":{", "\"scripts\":{", "null", "}", "{ }"];
    target!("manifest").seeds(seeds).words(words).check_text(|text| {
        let Ok(sent) = serde_json::from_str::<Map<String, Value>>(text) else { return false };
        if Object::first_repeated(text).is_some() {
            return false;
        }
        let (mut full, mut short) = (Vec::new(), Vec::new());
        Manifest(text).write_full(&mut full, "TARBALL", "URL").unwrap();
        Manifest(text).write_abbreviated(&mut short, "TARBALL", "URL").unwrap();
        let full: Map<String, Value> = serde_json::from_slice(&full).unwrap();
        let short: Map<String, Value> = serde_json::from_slice(&short).unwrap();
        assert!(full.keys().eq(sent.keys()));
        assert_eq!(full.get("dist"), short.get("dist"));
        for (name, value) in &short {
            assert!(name == "dist" || name == "hasInstallScript" || sent.get(name) == Some(value));
        }
        true
    });
}

#[test]
fn fuzz_package_name_is_safe_and_reads_back() {
    let seeds = ["left-pad", "@scope/name", "Old~Name!", "a.b_c"];
    target!("package-name").seeds(seeds).words(["@", "/", "..", ".", "_", "%2f"]).check_text(|text| {
        let Ok(name) = PackageName::parse(text) else { return false };
        assert_eq!(name.as_str(), text);
        let shown = name.scope().map_or(name.base().to_owned(), |scope| format!("@{scope}/{}", name.base()));
        assert_eq!(shown, text);
        let key = layout::index(&name);
        assert_eq!(layout::package_of_index(&key).as_ref(), Some(&name));
        assert!(key.split('/').all(|part| !matches!(part, "" | "." | "..")), "{key}");
        assert!(key.is_ascii() && !key.contains(['\\', '%', '?', '#', ' ']), "{key}");
        // However a client writes it into a path, it is one name.
        let paths = [format!("/{text}/1.0.0"), format!("/{}/1.0.0", text.replace('/', "%2F"))];
        let [plain, encoded] = paths.map(|path| normalise_path(&path));
        assert!(name.scope().is_none() || plain == encoded, "{plain} {encoded}");
        true
    });
}

#[test]
fn fuzz_normalised_path_stays_as_it_is() {
    let seeds =
        ["/@scope/name/1.0.0", "/%40scope%2Fname", "/-/package/@scope/name/dist-tags", "/left-pad/-/a.tgz"];
    let words = ["@", "%40", "%2f", "%2F", "/", "/-/package/", "/-/npm/v1/attestations/"];
    target!("normalised-path").seeds(seeds).words(words).check_text(|path| {
        let path = format!("/{}", path.strip_prefix('/').unwrap_or(path));
        let once = normalise_path(&path);
        // An encoded `/` behind the name is part of the rest.
        let decoded = |path: &str| path.replace("%40", "@").replace("%2F", "/").replace("%2f", "/");
        assert_eq!(decoded(&once).trim_end_matches('/'), decoded(&path).trim_end_matches('/'));
        once != path
    });
}

#[test]
fn fuzz_version_and_tag_are_never_both_and_read_back() {
    let seeds = ["1.2.3", "1.2.3-beta.1+build", "latest", "v1.2.3", " =01.02.03", "1.x", "next-14"];
    target!("version").seeds(seeds).words(["-", "+", ".", "v", "=", "x", "*", "~"]).check_text(|text| {
        assert!(same_release(text, text));
        let tag = Tag::parse(text);
        if let Ok(tag) = &tag {
            assert_eq!(tag.as_str(), text);
            assert!(!text.contains(['/', '%', ' ', '\\']));
        }
        let Ok(version) = Version::parse(text) else { return tag.is_ok() };
        assert!(tag.is_err(), "a tag that is a version");
        assert_eq!(version.to_string(), text);
        assert!(same_release(&format!("v{text}"), text));
        true
    });
}

#[test]
fn fuzz_integrity_agrees_with_its_own_bytes_only() {
    let seeds = ["sha512-dHdv", "sha1-b25l sha512-dHdv?a", "sha384-dHdv", ""];
    let computed = [Digest::from_bytes("sha1", b"one"), Digest::from_bytes("sha512", b"two")];
    target!("integrity").seeds(seeds).words(["sha512-", "sha1-", "-", "?", " ", "=="]).check_text(
        |declared| {
            let verdict = integrity::compare(declared, &computed);
            let all: Vec<Verdict> =
                declared.split_ascii_whitespace().map(|hash| integrity::compare(hash, &computed)).collect();
            let expected = if all.contains(&Verdict::Differs) {
                Verdict::Differs
            } else if all.contains(&Verdict::Agrees) {
                Verdict::Agrees
            } else {
                Verdict::Unknown
            };
            assert_eq!(verdict, expected);
            verdict == Verdict::Agrees
        },
    );
}

#[test]
fn fuzz_tarball_gives_a_package_json_that_is_in_it() {
    let seeds = [
        tar(&[("package/package.json", b"{\"name\":\"a\"}"), ("package/index.js", b"1")]),
        tar(&[("a/package.json", b"{}"), ("a/b/package.json", b"x"), ("./a/package.json", b"{}")]),
        [tar_entry(b'x', "pax", b"23 path=a/package.json\n"), tar(&[("cut", b"{}")])].concat(),
    ];
    target!("tarball").seeds(seeds).words(["package.json", "package/", "./", "path=", "/"]).check(|input| {
        let mut archive = input.to_vec();
        fix_checksums(&mut archive);
        let packed = gzip(&archive);
        let whole = package_json(packed.as_slice());
        let in_pieces = package_json(BufReader::with_capacity(7, InPieces::new(&packed)));
        assert_eq!(whole.is_ok(), in_pieces.is_ok());
        let Ok(found) = whole else { return false };
        assert_eq!(found, in_pieces.unwrap());
        assert!(found.is_empty() || archive.windows(found.len()).any(|window| window == found));
        true
    });
}

#[test]
fn fuzz_gzipped_tarball_that_is_changed_is_refused_or_the_same() {
    let file = tarball("{\"name\":\"a\",\"version\":\"1.0.0\"}");
    target!("gzipped-tarball").seeds([&file]).check(|input| {
        let Ok(found) = package_json(input) else { return false };
        let mut unpacked = Vec::new();
        flate2::read::MultiGzDecoder::new(input).take(1 << 24).read_to_end(&mut unpacked).ok();
        assert!(found.is_empty() || unpacked.windows(found.len()).any(|window| window == found));
        true
    });
}

/// A whole publish. No input causes a 5xx, and a refused publish leaves nothing.
#[test]
fn fuzz_publish_is_never_an_internal_error_and_leaves_nothing_when_refused() {
    let file = tarball("{\"name\":\"a\",\"version\":\"1.0.0\"}");
    let data = integrity::text(&Digest::from_bytes("x", &file));
    let data = data.strip_prefix("x-").unwrap();
    let body = json!({
        "_id": "a", "name": "a", "dist-tags": { "latest": "1.0.0" },
        "versions": { "1.0.0": { "name": "a", "version": "1.0.0", "dist": { "tarball": "http://x/a/-/a-1.0.0.tgz" } } },
        "_attachments": { "a-1.0.0.tgz": { "data": data, "length": file.len() } },
    });
    target!("publish").seeds([body.to_string()]).words(JSON_WORDS).words(["a-1.0.0.tgz", "1.0.0"]).check(
        |body| {
            let host = Host::new().user("ann", &["npm:package:*:write"]).anonymous_grants(&["npm:*:*:read"]);
            let reply = host.as_user("ann").put("/a").body(body).send::<Npm>();
            assert!(reply.status() < 500, "{} {}", reply.status(), reply.text());
            if reply.status() >= 300 {
                assert_eq!(host.objects(), Vec::<String>::new(), "{}", reply.text());
                return false;
            }
            assert_eq!(host.anonymous().get("/a").send::<Npm>().status(), 200);
            true
        },
    );
}
