//! What nobody sends by mistake.

use super::*;

#[test]
fn paths_that_could_mean_something_else_are_refused() {
    let host = host();
    let ann = host.as_user("ann");
    let digest = digest("x");
    for name in [
        "a/../b",
        "%2e%2e/a",
        "a/%2e%2e",
        "a%2fb",
        "A",
        "a//b",
        "a/",
        "a%00",
        "a%0a",
        "-a",
        "a_",
        "a..b",
        "a+b",
        "a%zz",
        "%c3%28",
        "tags.json",
        "a/tags.json",
        ".packhouse",
        "a/.packhouse",
        "a b",
        "a%20b",
        "ü",
        "%5ca",
        &"a".repeat(300),
    ] {
        for path in [
            format!("/v2/{name}/blobs/{digest}"),
            format!("/v2/{name}/manifests/v1"),
            format!("/v2/{name}/tags/list"),
            format!("/v2/{name}/referrers/{digest}"),
        ] {
            let reply = ann.get(&path).send::<Oci>();
            assert_refused(&reply, 400, "NAME_INVALID", "");
        }
        let reply = ann.post(&format!("/v2/{name}/blobs/uploads/?digest={digest}")).body("x").send::<Oci>();
        assert_refused(&reply, 400, "NAME_INVALID", "");
        assert_refused(&put(&ann, name, "v1", &image("layer")), 400, "NAME_INVALID", "");
    }
    for digest in ["sha256:..", "..", "sha256:%2e%2e%2f", "sha256%3A", "md5:00", "x", &"a".repeat(4000)] {
        let reply = ann.get(&format!("/v2/a/blobs/{digest}")).send::<Oci>();
        assert_refused(&reply, 400, "DIGEST_INVALID", "");
    }
    for tag in ["..", ".a", "-a", "a%2fb", "a%20b", "%c3%bc", &"a".repeat(129), "a%00"] {
        assert_refused(
            &ann.get(&format!("/v2/a/manifests/{tag}")).send::<Oci>(),
            400,
            "MANIFEST_INVALID",
            "",
        );
        assert_refused(&put(&ann, "a", tag, &image("layer")), 400, "MANIFEST_INVALID", "");
    }
    assert_eq!(host.objects(), Vec::<String>::new());
}

#[test]
fn bodies_that_are_no_manifests_are_refused_and_nothing_is_stored() {
    let host = host();
    let ann = host.as_user("ann");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let too_deep = format!("{{\"a\":{deep}}}");
    for body in ["", "null", "[]", "{", "{}", "\u{0}", "\"x\"", "{\"schemaVersion\":2}", &too_deep] {
        let reply =
            ann.put("/v2/a/manifests/v1").header("content-type", IMAGE_MANIFEST).body(body).send::<Oci>();
        assert_refused(&reply, 400, "MANIFEST_INVALID", "");
    }
    let one = json!({ "schemaVersion": 1, "fsLayers": [], "history": [] });
    assert_refused(&put(&ann, "a", "v1", &one), 400, "MANIFEST_INVALID", "schema 1");
    let cut = ann.put("/v2/a/manifests/v1").body(image("layer").to_string()).broken_after(10).send::<Oci>();
    assert_refused(&cut, 400, "SIZE_INVALID", "");
    assert_eq!(host.objects(), Vec::<String>::new());
}

#[test]
fn a_content_type_that_fits_no_header_reaches_none() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    let document = json!({ "schemaVersion": 2, "mediaType": "a/b\r\nx-evil: 1", "config": descriptor("{}") });
    let reply = ann.put("/v2/a/manifests/v1").body(document.to_string()).send::<Oci>();
    assert_refused(&reply, 400, "MANIFEST_INVALID", "+json");
    // As an earlier system may have stored it.
    let digest = digest(document.to_string());
    host.insert(&format!("manifests/a/{digest}"), document.to_string()).unwrap();
    let served = get(&host, &format!("/v2/a/manifests/{digest}"));
    assert_eq!((served.header("content-type"), served.fault()), (Some(IMAGE_MANIFEST), None));
}

#[test]
fn what_is_served_nowhere_is_told_in_the_protocols_shape() {
    let host = host();
    let ann = host.as_user("ann");
    for path in
        ["/", "/v1/", "/v2/a", "/v2/a/b/c", "/v2/a/tags", "/v2/tags/list", "/v2/a/manifests/", "/other"]
    {
        assert_refused(&ann.get(path).send::<Oci>(), 404, "UNSUPPORTED", "nothing is served");
    }
    let reply = ann.post("/v2/a/tags/list").send::<Oci>();
    assert_refused(&reply, 405, "UNSUPPORTED", "GET, HEAD");
    assert_eq!(reply.header("allow"), Some("GET, HEAD"));
    assert_eq!(ann.request("OPTIONS", "/v2/a/manifests/v1").send::<Oci>().status(), 405);
}

#[test]
fn a_store_that_is_away_is_told_and_nothing_is_half_written() {
    use packhouse_plugin::Error;
    let host = host();
    let ann = host.as_user("ann");
    let digest = digest("x");
    let away = || host.fail_next(Error::Unavailable("secret address".to_owned()));
    away();
    let reply = ann.get(&format!("/v2/a/blobs/{digest}")).send::<Oci>();
    assert_refused(&reply, 503, "UNAVAILABLE", "try again");
    assert!(!reply.text().contains("secret"));
    away();
    let reply = ann.post(&format!("/v2/a/blobs/uploads/?digest={digest}")).body("x").send::<Oci>();
    assert_refused(&reply, 503, "UNAVAILABLE", "try again");
    assert_eq!(host.objects(), Vec::<String>::new());
    host.fail_next(Error::Other { code: "storage-full".to_owned(), message: "no space".to_owned() });
    let reply = ann.post("/v2/a/blobs/uploads/").send::<Oci>();
    assert_eq!(reply.status(), 507);
}

/// Types that a browser renders, or runs.
const RENDERED: [&str; 9] = [
    "text/html",
    "TEXT/HTML; charset=utf-8",
    "image/svg+xml",
    "application/xhtml+xml",
    "application/xml",
    "text/javascript",
    "application/pdf",
    "text/html, application/vnd.oci.image.manifest.v1+json",
    "nonsense",
];

#[test]
fn a_media_type_that_no_manifest_has_is_refused() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    upload(&ann, "a", "layer");
    let stored = host.objects();
    let mut manifest = image("layer");
    for kind in RENDERED {
        for says_it in [false, true] {
            manifest["mediaType"] = if says_it { json!(kind) } else { json!(null) };
            let request = ann.put("/v2/a/manifests/v1").header("content-type", kind);
            let reply = request.body(manifest.to_string()).send::<Oci>();
            assert_refused(&reply, 400, "MANIFEST_INVALID", "+json");
        }
        manifest["mediaType"] = json!(kind);
        for generic in ["application/json", "text/plain", ""] {
            let request = ann.put("/v2/a/manifests/v1").header("content-type", generic);
            let reply = request.body(manifest.to_string()).send::<Oci>();
            assert_refused(&reply, 400, "MANIFEST_INVALID", "+json");
        }
    }
    assert_eq!(host.objects(), stored);
}

#[test]
fn a_media_type_that_no_manifest_has_is_not_served_if_it_is_stored() {
    let host = host();
    upload(&host.as_user("ann"), "a", "{}");
    for kind in RENDERED {
        for says_it in [false, true] {
            let mut manifest = image("layer");
            manifest["mediaType"] = if says_it { json!(kind) } else { json!(null) };
            for bytes in [manifest.to_string(), "<script>alert(1)</script>".to_owned()] {
                let digest = digest(&bytes);
                host.insert_typed(&format!("manifests/a/{digest}"), &bytes, kind).unwrap();
                host.insert(&format!("types/a/{digest}"), kind).unwrap();
                let reply = get(&host, &format!("/v2/a/manifests/{digest}"));
                let expected =
                    if bytes.starts_with('{') { IMAGE_MANIFEST } else { "application/octet-stream" };
                assert_eq!((reply.status(), reply.header("content-type")), (200, Some(expected)), "{kind}");
            }
        }
    }
}
