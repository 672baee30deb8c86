//! Fuzz targets for what clients send. Each asserts a property; how they are run longer is in
//! `CONTRIBUTING.md`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use packhouse_fuzz::target;
use packhouse_plugin::testing::Host;
use serde_json::Value;

use crate::digest::{ContentDigest, is_digest};
use crate::document::{IMAGE_INDEX, IMAGE_MANIFEST, Manifest, is_manifest_type};
use crate::endpoints::token::parse_scope;
use crate::endpoints::uploads::range::ContentRange;
use crate::name::{Reference, RepositoryName, Tag};
use crate::{Oci, layout, media_types};

const SHA256: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn assert_safe(key: &str) {
    assert!(key.split('/').all(|part| !matches!(part, "" | "." | "..")), "{key}");
    assert!(key.is_ascii() && !key.contains(['\\', '%', '?', '#', ' ']), "{key}");
}

#[test]
fn fuzz_repository_name_is_safe_and_reads_back() {
    let seeds = ["a/b/c", "team/image-x.y_z", "a__b---c", "0"];
    target!("repository-name").seeds(seeds).words(["/", "__", "..", "tags.json", "--", "+"]).check_text(
        |text| {
            let Ok(name) = RepositoryName::parse(text) else { return false };
            assert_eq!(name.as_str(), text);
            assert_eq!(RepositoryName::from_segment(&name.segment()).as_ref(), Ok(&name));
            assert!(!name.segment().contains('/'));
            let digest = ContentDigest::parse(SHA256).unwrap();
            assert_safe(&layout::tags(&name));
            assert_eq!(layout::repository_of_tags(&layout::tags(&name)).as_ref(), Some(&name));
            let key = layout::manifest(&name, &digest);
            assert_safe(&key);
            assert_eq!(layout::manifest_of(&key), Some((name, digest)));
            true
        },
    );
}

#[test]
fn fuzz_reference_is_a_tag_or_a_digest_and_reads_back() {
    let seeds = ["latest", "V1.0-rc_1", SHA256, "sha384:00", "multihash+base58:QmRZ"];
    target!("reference").seeds(seeds).words([":", "sha256:", "sha512:", ".", "-", "0a"]).check_text(|text| {
        let Ok(reference) = Reference::parse(text) else {
            assert!(Tag::parse(text).is_err() && ContentDigest::parse(text).is_err());
            return false;
        };
        assert_eq!(reference.to_string(), text);
        match reference {
            Reference::Tag(tag) => assert!(!is_digest(tag.as_str())),
            Reference::Digest(digest) => {
                assert!(is_digest(text));
                assert_eq!(layout::digest_of(&layout::blob(&digest)), Some(digest.clone()));
                assert!(Tag::parse(&digest.referrers_tag()).is_ok());
                assert_eq!(digest.to_host().bytes().unwrap().len() * 2, digest.hex().len());
            }
        }
        true
    });
}

#[test]
fn fuzz_content_range_has_both_ends_and_a_length() {
    target!("content-range")
        .seeds(["0-0", "10-19", "0-18446744073709551614"])
        .words(["-", "+", "bytes "])
        .check_text(|text| {
            let Ok(range) = ContentRange::parse(text) else { return false };
            let last = range.first + (range.length() - 1);
            let (first, end) = text.split_once('-').unwrap();
            assert_eq!((first.parse(), end.parse()), (Ok(range.first), Ok(last)));
            true
        });
}

#[test]
fn fuzz_scope_asks_for_no_more_than_it_says() {
    let seeds = [
        "repository:a/b:pull,push",
        "repository(plugin):c:*",
        "registry:catalog:*",
        "repository:h:5000/a:pull",
    ];
    target!("scope")
        .seeds(seeds)
        .words([":", ",", "*", "delete", "repository:", "registry:catalog:"])
        .check_text(|text| {
            let Some(wanted) = parse_scope(text) else { return false };
            let (_, actions) = text.rsplit_once(':').unwrap();
            assert!(!wanted.actions.is_empty());
            if wanted.name == "*" {
                assert_eq!(wanted.actions, ["list"]);
            } else {
                assert!(text.contains(&format!(":{}:", wanted.name)));
                let is_asked =
                    |action: &String| actions.split(',').any(|asked| asked == "*" || asked == action);
                assert!(wanted.actions.iter().all(is_asked));
            }
            true
        });
}

#[test]
fn fuzz_media_type_is_one_that_a_browser_does_not_render() {
    let seeds = [IMAGE_MANIFEST, "application/x+json; charset=utf-8", "application/json", "text/plain"];
    target!("media-type")
        .seeds(seeds)
        .words(["+json", "application/", "text/html", ";", "/", "\r\n"])
        .check_text(|text| {
            let Ok(Some(kind)) = media_types::sent(Some(text)) else { return false };
            assert!(is_manifest_type(&kind) && kind.to_ascii_lowercase().starts_with("application/"));
            assert!(kind.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',' && byte != b';'));
            assert_eq!(media_types::stored(Some(&kind)), Some(kind));
            true
        });
}

fn manifests() -> [String; 3] {
    let descriptor = format!("{{\"mediaType\":\"application/x\",\"digest\":\"{SHA256}\",\"size\":4}}");
    [
        format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE_MANIFEST}\",\"config\":{descriptor},\"layers\":[{descriptor}],\
             \"subject\":{descriptor},\"annotations\":{{\"a\":\"b\"}}}}"
        ),
        format!("{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE_INDEX}\",\"manifests\":[{descriptor}]}}"),
        format!(
            "{{\"artifactType\":\"a/b\",\"blobs\":[{descriptor}],\"fsLayers\":[{{\"blobSum\":\"{SHA256}\"}}]}}"
        ),
    ]
}

const MANIFEST_WORDS: [&str; 10] = [
    "\"schemaVersion\":1",
    "\"layers\":[",
    "\"manifests\":[",
    "\"subject\":",
    "null",
    "\"urls\":[\"x\"]",
    "\"size\":",
    SHA256,
    "sha384:00",
    "\"mediaType\":\"application/vnd.a+json\"",
];

#[test]
fn fuzz_manifest_names_only_what_is_written_in_it() {
    target!("manifest").seeds(manifests()).words(MANIFEST_WORDS).check(|input| {
        let Ok(manifest) = Manifest::parse(input) else { return false };
        // Numbers that it cannot hold are no error here.
        assert!(
            serde_json::from_slice::<Value>(input).is_ok_and(|value| value.is_object())
                || input.contains(&b'e')
        );
        let named = manifest.named();
        let text = String::from_utf8_lossy(input);
        // An escape can spell any character.
        let is_written = |digest: &ContentDigest| text.contains('\\') || text.contains(&digest.to_string());
        assert!(named.iter().chain(&manifest.subject()).all(is_written));
        assert!(manifest.held().iter().all(|digest| named.contains(digest)), "held, but not named");
        assert!(named.is_sorted());
        if Manifest::receive(input, None).is_ok() {
            assert!(is_manifest_type(&manifest.media_type(None)));
        }
        true
    });
}

/// A whole push. No input causes a 5xx, and a refused push leaves nothing. An accepted manifest is
/// served byte for byte.
#[test]
fn fuzz_push_is_never_an_internal_error_and_what_is_taken_is_served() {
    let empty_index = format!("{{\"schemaVersion\":2,\"mediaType\":\"{IMAGE_INDEX}\",\"manifests\":[]}}");
    target!("push").seeds([empty_index]).seeds(manifests()).words(MANIFEST_WORDS).check(|body| {
        let host = Host::new().user("ann", &["oci:repository:*:push"]).anonymous_grants(&["oci:*:*:pull"]);
        let reply = host.as_user("ann").put("/v2/a/manifests/v1").body(body).send::<Oci>();
        assert!(reply.status() < 500, "{} {}", reply.status(), reply.text());
        if reply.status() != 201 {
            assert_eq!(host.staged(), 0);
            assert_eq!(host.anonymous().get("/v2/a/manifests/v1").send::<Oci>().status(), 404);
            return false;
        }
        let served = host.anonymous().get("/v2/a/manifests/v1").send::<Oci>();
        assert_eq!((served.status(), served.text().as_bytes()), (200, body));
        true
    });
}
