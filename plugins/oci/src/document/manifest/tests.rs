#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]
use serde_json::{Value, json};

use super::*;

fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

fn descriptor(letter: char) -> Value {
    json!({ "mediaType": "application/x", "digest": digest(letter), "size": 1 })
}

fn receive(document: &Value, content_type: &str) -> Result<Manifest, String> {
    let bytes = document.to_string().into_bytes();
    Manifest::receive(&bytes, Some(content_type)).map_err(|error| error.to_string())
}

fn image() -> Value {
    json!({ "schemaVersion": 2, "config": descriptor('a'), "layers": [descriptor('b'), descriptor('b')] })
}

#[test]
fn an_image_names_its_config_and_layers() {
    let manifest = receive(&image(), IMAGE_MANIFEST).unwrap();
    let named: Vec<String> = manifest.named().iter().map(ToString::to_string).collect();
    assert_eq!(named, [digest('a'), digest('b')]);
    assert_eq!(manifest.needed_blobs().count(), 3);
    assert_eq!(manifest.media_type(None), IMAGE_MANIFEST);
    assert!(receive(&image(), DOCKER_MANIFEST).is_ok());
    assert!(receive(&json!({ "anything": [1] }), "application/vnd.example.any+json").is_ok());
}

#[test]
fn an_index_has_children_and_may_be_empty() {
    let index = json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [descriptor('c')] });
    let manifest = receive(&index, IMAGE_INDEX).unwrap();
    assert_eq!(manifest.children().count(), 1);
    assert_eq!(manifest.needed_blobs().count(), 0);
    assert_eq!(manifest.named().len(), 1, "a child may be a blob of a build cache");
    for empty in [json!([]), Value::Null] {
        assert!(receive(&json!({ "schemaVersion": 2, "manifests": empty }), IMAGE_INDEX).is_ok());
    }
}

#[test]
fn foreign_layers_need_not_be_here() {
    let mut document = image();
    let kind = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    let with_urls =
        json!({ "mediaType": "application/x", "digest": digest('d'), "size": 1, "urls": ["https://e"] });
    document
        .as_object_mut()
        .unwrap()
        .insert("layers".into(), json!([{ "mediaType": kind, "digest": digest('c'), "size": 1 }, with_urls]));
    let manifest = receive(&document, IMAGE_MANIFEST).unwrap();
    assert_eq!(manifest.needed_blobs().count(), 1);
    assert_eq!(manifest.named().len(), 3);
}

#[test]
fn what_is_no_manifest_is_refused_with_a_sentence() {
    let with = |name: &str, value: Value| {
        let mut document = image();
        document.as_object_mut().unwrap().insert(name.to_owned(), value);
        document
    };
    let short = json!({ "mediaType": "application/x", "digest": "sha256:00", "size": 1 });
    let no_type = json!({ "digest": digest('a'), "size": 1 });
    let no_size = json!({ "mediaType": "application/x", "digest": digest('a') });
    let negative = json!({ "mediaType": "application/x", "digest": digest('a'), "size": -1 });
    let other = json!({ "mediaType": "application/x", "digest": "sha384:00", "size": 1 });
    for (document, sentence) in [
        (with("config", short.clone()), "is not a digest"),
        (with("layers", json!([no_type])), "mediaType"),
        (with("layers", json!([no_size])), "size"),
        (
            with("layers", json!([negative])),
            "`layers[0].size` in the manifest must be a whole number from 0 on",
        ),
        (with("layers", json!({})), "`layers` in the manifest must be a list, and is an object"),
        (with("subject", other), "use sha256"),
        (with("manifests", json!([])), "index"),
        (with("schemaVersion", json!(1)), "schema 1"),
        (with("schemaVersion", json!("2")), "`schemaVersion` in the manifest must be a whole number"),
        (with("mediaType", json!(IMAGE_INDEX)), "send the same"),
        (json!({ "schemaVersion": 2 }), "config"),
        (json!([]), "the manifest must be an object, and is a list"),
    ] {
        let error = receive(&document, IMAGE_MANIFEST).unwrap_err();
        assert!(error.contains(sentence), "{error:?} should say {sentence:?}");
    }
    assert!(receive(&with("manifests", json!([])), IMAGE_INDEX).unwrap_err().contains("image manifest"));
    assert!(Manifest::receive(b"\x1f\x8b", None).is_err());
}

/// Clients in Go read nothing of a manifest in which one member is of another type.
#[test]
fn members_of_another_type_are_refused_by_name() {
    let described = |member: &str, value: Value| {
        let mut descriptor = descriptor('c');
        descriptor.as_object_mut().unwrap().insert(member.to_owned(), value);
        descriptor
    };
    for (member, value, path) in [
        ("annotations", json!({ "a": 1 }), "annotations.a"),
        ("annotations", json!(["a"]), "annotations"),
        ("annotations", json!({ "a": {} }), "annotations.a"),
        ("platform", json!("linux"), "platform"),
        ("platform", json!(["amd64", "linux"]), "platform"),
        ("platform", json!({ "os": 1 }), "platform.os"),
        ("platform", json!({ "architecture": [] }), "platform.architecture"),
        ("platform", json!({ "os.version": 10 }), "platform.os.version"),
        ("platform", json!({ "os.features": "win32k" }), "platform.os.features"),
        ("platform", json!({ "variant": 7 }), "platform.variant"),
        ("data", json!(1), "data"),
        ("artifactType", json!([]), "artifactType"),
        ("urls", json!("https://e"), "urls"),
    ] {
        let index =
            json!({ "schemaVersion": 2, "manifests": [descriptor('b'), described(member, value.clone())] });
        let error = receive(&index, IMAGE_INDEX).unwrap_err();
        assert!(error.starts_with(&format!("`manifests[1].{path}` in the manifest must be ")), "{error}");
        let mut document = image();
        document.as_object_mut().unwrap().insert("config".to_owned(), described(member, value.clone()));
        let error = receive(&document, IMAGE_MANIFEST).unwrap_err();
        assert!(error.starts_with(&format!("`config.{path}` in the manifest must be ")), "{error}");
    }
    for (member, value) in
        [("annotations", json!({ "a": 1 })), ("annotations", json!([])), ("artifactType", json!(1))]
    {
        let mut document = image();
        document.as_object_mut().unwrap().insert(member.to_owned(), value);
        let error = receive(&document, IMAGE_MANIFEST).unwrap_err();
        assert!(error.contains(member) && error.contains(" in the manifest must be "), "{error}");
    }
    for (member, value) in [
        ("annotations", json!(null)),
        ("annotations", json!({ "a": null })),
        ("platform", json!(null)),
        ("platform", json!({ "os": "linux", "architecture": "amd64", "os.features": [], "more": 1 })),
        ("data", json!("e30=")),
    ] {
        let index = json!({ "schemaVersion": 2, "manifests": [described(member, value.clone())] });
        assert!(receive(&index, IMAGE_INDEX).is_ok(), "{member} {value}");
    }
}

#[test]
fn a_referrer_says_what_kind_of_artifact_it_is() {
    let digest = ContentDigest::parse(&digest('f')).unwrap();
    let artifact_type = |document: Value| {
        let manifest = Manifest::parse(document.to_string().as_bytes()).unwrap();
        manifest.referrer(IMAGE_MANIFEST, &digest, 3).artifact_type
    };
    let mut document = image();
    assert_eq!(artifact_type(document.clone()).as_deref(), Some("application/x"));
    document.as_object_mut().unwrap().insert("artifactType".into(), json!("a/b"));
    assert_eq!(artifact_type(document).as_deref(), Some("a/b"));
    assert_eq!(artifact_type(json!({ "schemaVersion": 2, "manifests": [], "artifactType": "" })), None);
    let referrer = Manifest::default().referrer(IMAGE_INDEX, &digest, 3);
    let text = serde_json::to_string(&referrer).unwrap();
    assert_eq!(text, format!(r#"{{"mediaType":"{IMAGE_INDEX}","digest":"{digest}","size":3}}"#));
}

#[test]
fn layers_of_dockers_first_schema_are_still_known() {
    let document = json!({ "schemaVersion": 1, "fsLayers": [{ "blobSum": digest('a') }] });
    let manifest = Manifest::parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(manifest.named().len(), 1);
    assert_eq!(manifest.media_type(None), DOCKER_SCHEMA_1);
}

#[test]
fn a_manifest_type_is_one_of_json_that_no_browser_renders() {
    for kind in [
        IMAGE_MANIFEST,
        IMAGE_INDEX,
        crate::document::DOCKER_MANIFEST,
        crate::document::DOCKER_LIST,
        DOCKER_SCHEMA_1,
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.oci.artifact.manifest.v1+json",
        "application/vnd.cncf.oras.artifact.manifest.v1+json",
        "application/vnd.example.new+json",
        "Application/VND.example+JSON",
    ] {
        assert!(is_manifest_type(kind), "{kind}");
    }
    for kind in [
        "",
        "text/html",
        "Text/HTML",
        "image/svg+xml",
        "application/xhtml+xml",
        "application/xml",
        "application/pdf",
        "text/javascript",
        "application/javascript",
        "text/plain",
        "application/json",
        "application/octet-stream",
        "application/+json",
        "text/x+json",
        "application/a+json; charset=utf-8",
        "text/html, application/a+json",
        "application/a+json\r\nx: y",
    ] {
        assert!(!is_manifest_type(kind), "{kind:?}");
    }
}

#[test]
fn only_plain_media_types_reach_a_header() {
    for kind in [IMAGE_INDEX, "text/plain", "a/b+c.d-e_f"] {
        assert!(is_media_type(kind), "{kind}");
    }
    for kind in ["", "a", "a/", "/b", "a/b; c=d", "a/b\r\nx: y", "a/b/c", "ä/b"] {
        assert!(!is_media_type(kind), "{kind:?}");
    }
}

#[test]
fn what_is_not_utf_8_is_not_json_and_is_refused_also_where_nothing_is_read() {
    let bytes = b"{\"schemaVersion\":2,\"other\":\"\x8f\",\"manifests\":[]}";
    let error = Manifest::receive(bytes, Some(IMAGE_INDEX)).unwrap_err().to_string();
    assert!(error.contains("UTF-8"), "{error}");
    assert!(Manifest::parse(bytes).is_ok(), "what is stored is served as before");
}
