//! Uploads: whole, in parts, mounted, cancelled.

use super::*;

fn start(by: &Actor, path: &str) -> Reply {
    let reply = by.post(path).send::<Oci>();
    assert_eq!(reply.status(), 202, "{}", reply.text());
    reply
}

/// Where an upload goes on, as a path below the mount.
fn place(reply: &Reply) -> String {
    let location = reply.header("location").expect("a location");
    location.strip_prefix("/oci").expect("below the mount").to_owned()
}

fn patch(by: &Actor, place: &str, range: &str, bytes: &str) -> Reply {
    by.patch(place).header("content-range", range).body(bytes).send::<Oci>()
}

#[test]
fn a_session_takes_a_blob_in_one_piece() {
    let host = host();
    let ann = host.as_user("ann");
    let session = start(&ann, "/v2/a/b/blobs/uploads/");
    let id = session.header("docker-upload-uuid").unwrap();
    assert_eq!(session.header("location"), Some(format!("/oci/v2/a/b/blobs/uploads/{id}").as_str()));
    assert_eq!(session.header("range"), Some("0-0"));
    assert_eq!(session.header("oci-chunk-min-length"), Some("1048576"));
    let digest = digest("bytes");
    let done = ann.put(&format!("/v2/a/b/blobs/uploads/{id}?digest={digest}")).body("bytes").send::<Oci>();
    assert_eq!(done.status(), 201, "{}", done.text());
    assert_eq!(done.header("location"), Some(format!("/oci/v2/a/b/blobs/{digest}").as_str()));
    assert_eq!(done.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(get(&host, &format!("/v2/a/b/blobs/{digest}")).text(), "bytes");
    assert!(host.uploads().is_empty() && host.staged() == 0);
    let again = ann.get(&format!("/v2/a/b/blobs/uploads/{id}")).send::<Oci>();
    assert_refused(&again, 404, "BLOB_UPLOAD_UNKNOWN", "start again");
}

#[test]
fn at_the_root_of_the_host_locations_are_there_too() {
    let host = host();
    let ann = host.as_user("ann");
    let reply = ann.post("/a/blobs/uploads/").alias("/v2").send::<Oci>();
    let location = reply.header("location").unwrap();
    assert!(location.starts_with("/v2/a/blobs/uploads/"), "{location}");
    let digest = digest("x");
    let path = format!("/a/blobs/uploads/?digest={digest}");
    let reply = ann.post(&path).alias("/v2").body("x").send::<Oci>();
    assert_eq!(reply.header("location"), Some(format!("/v2/a/blobs/{digest}").as_str()));
    assert_eq!(ann.get("/").alias("/v2").send::<Oci>().status(), 200);
}

#[test]
fn parts_come_in_order() {
    let host = host();
    let ann = host.as_user("ann");
    let place = place(&start(&ann, "/v2/a/blobs/uploads/"));
    let first = patch(&ann, &place, "0-3", "0123");
    assert_eq!((first.status(), first.header("range")), (202, Some("0-3")));
    for (range, bytes) in [("0-3", "0123"), ("8-9", "89"), ("5-6", "56")] {
        let refused = patch(&ann, &place, range, bytes);
        assert_refused(&refused, 416, "BLOB_UPLOAD_INVALID", "4 bytes");
        assert_eq!(refused.header("range"), Some("0-3"));
        assert_eq!(refused.header("location"), Some(format!("/oci{place}").as_str()));
    }
    let status = ann.get(&place).send::<Oci>();
    assert_eq!((status.status(), status.header("range")), (204, Some("0-3")));
    assert_eq!(patch(&ann, &place, "4-5", "45").status(), 202);
    let digest = digest("0123456789");
    let late = ann.put(&format!("{place}?digest={digest}")).header("content-range", "8-9").body("89");
    assert_refused(&late.send::<Oci>(), 416, "BLOB_UPLOAD_INVALID", "6 bytes");
    let end = ann.put(&format!("{place}?digest={digest}")).header("content-range", "6-9").body("6789");
    assert_eq!(end.send::<Oci>().status(), 201);
    assert_eq!(get(&host, &format!("/v2/a/blobs/{digest}")).text(), "0123456789");
}

#[test]
fn a_stream_without_ranges_goes_on_where_it_stands() {
    let host = host();
    let ann = host.as_user("ann");
    let place = place(&start(&ann, "/v2/a/blobs/uploads"));
    assert_eq!(ann.patch(&place).body("01").chunked().send::<Oci>().status(), 202);
    assert_eq!(ann.patch(&place).body("23").send::<Oci>().header("range"), Some("0-3"));
    let digest = digest("0123");
    assert_eq!(ann.put(&format!("{place}?digest={digest}")).send::<Oci>().status(), 201);
    assert_eq!(get(&host, &format!("/v2/a/blobs/{digest}")).text(), "0123");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_stays() {
    let host = host();
    let ann = host.as_user("ann");
    let place = place(&start(&ann, "/v2/a/blobs/uploads/"));
    for range in ["bytes=0-3", "bytes 0-3/4", "0-", "-3", "3-0", "0-3/4", "a-b", ""] {
        assert_refused(&patch(&ann, &place, range, "0123"), 400, "BLOB_UPLOAD_INVALID", "0-1023");
    }
    assert_refused(&patch(&ann, &place, "0-4", "0123"), 400, "SIZE_INVALID", "agree");
    let cut = ann.patch(&place).header("content-range", "0-3").body("0123").broken_after(2);
    assert_refused(&cut.send::<Oci>(), 400, "SIZE_INVALID", "");
    assert_eq!(ann.get(&place).send::<Oci>().header("range"), Some("0-0"), "still empty");
    assert_eq!(patch(&ann, &place, "0-3", "0123").status(), 202);
    assert_refused(&ann.put(&place).send::<Oci>(), 400, "DIGEST_INVALID", "?digest=");
    let bad = ann.put(&format!("{place}?digest=sha256:bad")).send::<Oci>();
    assert_refused(&bad, 400, "DIGEST_INVALID", "sha256:bad");
    let other = digest("other");
    let wrong = ann.put(&format!("{place}?digest={other}")).send::<Oci>();
    assert_refused(&wrong, 400, "DIGEST_INVALID", &other);
    assert!(host.uploads().is_empty());
    assert_eq!(host.objects(), Vec::<String>::new());
    let small = host.upload_limit(3);
    let digest = digest("0123");
    let large = small.as_user("ann").post(&format!("/v2/a/blobs/uploads/?digest={digest}")).body("0123");
    assert_refused(&large.send::<Oci>(), 413, "SIZE_INVALID", "larger than the 3 bytes");
    assert_eq!(small.objects(), Vec::<String>::new());
}

#[test]
fn a_whole_blob_in_the_closing_request_must_be_what_it_says() {
    let host = host();
    let ann = host.as_user("ann");
    let place = place(&start(&ann, "/v2/a/blobs/uploads/"));
    let late = ann.put(&format!("{place}?digest={}", digest("23"))).header("content-range", "2-3").body("23");
    assert_refused(&late.send::<Oci>(), 416, "BLOB_UPLOAD_INVALID", "0 bytes");
    let short =
        ann.put(&format!("{place}?digest={}", digest("01"))).header("content-range", "0-5").body("01");
    assert_refused(&short.send::<Oci>(), 400, "SIZE_INVALID", "agree");
    assert_eq!(host.uploads().len(), 1);
    let wrong = ann.put(&format!("{place}?digest={}", digest("01"))).body("10").send::<Oci>();
    assert_refused(&wrong, 400, "DIGEST_INVALID", "");
    assert_eq!((host.uploads().len(), host.objects().len()), (0, 0));
}

#[test]
fn sha512_is_known_at_the_start_or_only_at_the_end() {
    let host = host();
    let ann = host.as_user("ann");
    let digest = sha512("bytes");
    for path in ["/v2/a/blobs/uploads/", "/v2/b/blobs/uploads/?digest-algorithm=sha512"] {
        let place = place(&start(&ann, path));
        assert_eq!(patch(&ann, &place, "0-4", "bytes").status(), 202);
        let done = ann.put(&format!("{place}?digest={digest}")).send::<Oci>();
        assert_eq!(done.header("docker-content-digest"), Some(digest.as_str()), "{}", done.text());
    }
    assert!(host.object(&format!("blobs/sha512/{}", hex(&digest))).is_some());
    let unknown = ann.post("/v2/a/blobs/uploads/?digest-algorithm=md5").send::<Oci>();
    assert_refused(&unknown, 400, "DIGEST_INVALID", "use sha256 or sha512");
}

#[test]
fn an_upload_belongs_to_its_repository() {
    let host = host();
    let ann = host.as_user("ann");
    let id = start(&ann, "/v2/a/blobs/uploads/").header("docker-upload-uuid").unwrap().to_owned();
    let elsewhere = format!("/v2/b/blobs/uploads/{id}");
    let digest = digest("x");
    for reply in [
        ann.get(&elsewhere).send::<Oci>(),
        ann.patch(&elsewhere).body("x").send::<Oci>(),
        ann.put(&format!("{elsewhere}?digest={digest}")).body("x").send::<Oci>(),
        ann.delete(&elsewhere).send::<Oci>(),
        ann.get("/v2/a/blobs/uploads/nothing").send::<Oci>(),
    ] {
        assert_refused(&reply, 404, "BLOB_UPLOAD_UNKNOWN", "");
    }
    assert_eq!(ann.delete(&format!("/v2/a/blobs/uploads/{id}")).send::<Oci>().status(), 204);
    assert!(host.uploads().is_empty());
}

#[test]
fn a_blob_is_mounted_from_where_the_caller_may_read() {
    let host = Host::new()
        .user("ann", &["oci:repository:*:push"])
        .user("bob", &["oci:repository:bob/*:push", "oci:repository:open:pull"]);
    let digest = upload(&host.as_user("ann"), "open", "bytes");
    upload(&host.as_user("ann"), "hidden", "bytes");
    let bob = host.as_user("bob");
    let mount = |digest: &str, from: &str| {
        bob.post(&format!("/v2/bob/x/blobs/uploads/?mount={digest}{from}")).send::<Oci>()
    };
    for from in ["&from=hidden", "&from=nowhere", "&from=..%2fopen", "&from=Open"] {
        let reply = mount(&digest, from);
        assert_eq!(reply.status(), 202, "{from}");
        assert!(reply.header("docker-upload-uuid").is_some());
    }
    assert_eq!(bob.get(&format!("/v2/bob/x/blobs/{digest}")).send::<Oci>().status(), 404);
    let unknown = super::digest("unknown");
    assert_eq!(mount(&unknown, "&from=open").status(), 202);
    assert!(!host.objects().iter().any(|key| key.contains(hex(&unknown))), "nothing stays");
    let mounted = mount(&digest, "&from=open");
    assert_eq!(mounted.status(), 201, "{}", mounted.text());
    assert_eq!(mounted.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(bob.get(&format!("/v2/bob/x/blobs/{digest}")).send::<Oci>().text(), "bytes");
    assert_refused(&mount("sha256:bad", "&from=open"), 400, "DIGEST_INVALID", "sha256:bad");
}

#[test]
fn a_session_belongs_to_the_account_that_began_it() {
    let host = host().user("carl", &["oci:repository:*:push"]);
    let (ann, carl) = (host.as_user("ann"), host.as_user("carl"));
    let place = place(&start(&ann, "/v2/a/blobs/uploads/"));
    let end = format!("{place}?digest={}", digest("0123"));
    assert_eq!(patch(&ann, &place, "0-1", "01").status(), 202);
    for reply in [
        carl.get(&place).send::<Oci>(),
        patch(&carl, &place, "2-3", "xx"),
        carl.put(&end).body("23").send::<Oci>(),
        carl.delete(&place).send::<Oci>(),
    ] {
        assert_refused(&reply, 404, "BLOB_UPLOAD_UNKNOWN", "start again");
    }
    assert_eq!(ann.put(&end).body("23").send::<Oci>().status(), 201);
}

#[test]
fn a_session_that_nobody_began_is_everybodys() {
    let host = Host::new().anonymous_grants(&["oci:*:*:push"]).user("ann", &[]);
    let place = start(&host.anonymous(), "/v2/a/blobs/uploads/").header("location").unwrap().to_owned();
    let place = &place[place.find("/v2/").unwrap()..];
    assert_eq!(patch(&host.as_user("ann"), place, "0-1", "01").status(), 202);
    assert_eq!(patch(&host.anonymous(), place, "2-3", "23").status(), 202);
}

#[test]
fn a_mount_without_a_source_looks_where_the_caller_may_read() {
    let host = Host::new()
        .user("ann", &["oci:repository:*:push"])
        .user("bob", &["oci:repository:bob/*:push", "oci:repository:open:pull"]);
    let hidden = upload(&host.as_user("ann"), "hidden", "hidden bytes");
    let open = upload(&host.as_user("ann"), "open", "open bytes");
    let bob = host.as_user("bob");
    let mount = |digest: &str| bob.post(&format!("/v2/bob/x/blobs/uploads/?mount={digest}")).send::<Oci>();
    assert_eq!((mount(&hidden).status(), mount(&open).status()), (202, 201));
}

#[test]
fn too_many_open_uploads_of_one_caller_are_the_callers_fault() {
    let host = host().most_uploads(2);
    let ann = host.as_user("ann");
    let start = |by: &Actor| by.post("/v2/bob/app/blobs/uploads/").send::<Oci>();
    assert_eq!((start(&ann).status(), start(&ann).status()), (202, 202));
    let refused = start(&ann);
    assert_refused(&refused, 429, "TOOMANYREQUESTS", "finish or cancel some");
    assert!(host.log().is_empty(), "it is no failure of the registry: {:?}", host.log());
    let open = host.uploads();
    assert_eq!(start(&host.as_user("bob")).status(), 202, "those of others are counted for them");
    assert_eq!(ann.delete(&format!("/v2/bob/app/blobs/uploads/{}", open[0])).send::<Oci>().status(), 204);
    assert_eq!(start(&ann).status(), 202);
}
