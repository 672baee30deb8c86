//! Who may do what, and what they are told where they may not.

use super::*;

#[test]
fn the_root_challenges_everybody_who_has_not_signed_in() {
    let host = host();
    for path in ["/v2/", "/v2"] {
        let reply = get(&host, path);
        assert_refused(&reply, 401, "UNAUTHORIZED", "sign in");
        assert!(reply.header("www-authenticate").is_some());
    }
    assert_eq!(host.as_user("bob").get("/v2/").send::<Oci>().status(), 200);
    let wrong = host.rejected("the password is wrong").get("/v2/").send::<Oci>();
    assert_refused(&wrong, 401, "UNAUTHORIZED", "the password is wrong");
    let open = Host::new().anonymous_grants(&["*:*:*:*"]);
    let reply = get(&open, "/v2/");
    assert_eq!((reply.status(), reply.json()), (200, json!({})));
    assert_eq!(open.rejected("the token has expired").get("/v2/").send::<Oci>().status(), 401);
}

#[test]
fn reading_pushing_and_deleting_are_permissions_of_their_own() {
    let host = Host::new()
        .user("ann", &["oci:repository:*:push", "oci:repository:*:delete"])
        .user("bob", &["oci:repository:a:push"])
        .user("eve", &["oci:repository:a:pull"]);
    let digest = push(&host, "a", "v1", "layer");
    let blob = self::digest("layer");
    let status = |actor: &Actor, method: &str, path: &str| actor.request(method, path).send::<Oci>().status();
    let (pusher, puller, nobody) = (host.as_user("bob"), host.as_user("eve"), host.anonymous());
    for path in ["manifests/v1", &format!("blobs/{blob}"), "tags/list", &format!("referrers/{digest}")] {
        let path = format!("/v2/a/{path}");
        assert_eq!(status(&nobody, "GET", &path), 401, "{path}");
        assert_eq!(status(&puller, "GET", &path), 200, "{path}");
        assert_eq!(status(&pusher, "GET", &path), 200, "{path}");
        assert_eq!(status(&host.as_reader("ann"), "GET", &path), 200, "{path}");
    }
    for (method, path) in [("POST", "/v2/a/blobs/uploads/"), ("PUT", "/v2/a/manifests/v2")] {
        assert_eq!(status(&nobody, method, path), 401, "{path}");
        assert_eq!(status(&puller, method, path), 403, "{path}");
        assert_eq!(status(&host.as_reader("ann"), method, path), 403, "{path}");
        assert_ne!(status(&pusher, method, path), 403, "{path}");
    }
    for path in [format!("/v2/a/manifests/{digest}"), format!("/v2/a/blobs/{blob}")] {
        assert_eq!(status(&nobody, "DELETE", &path), 401, "{path}");
        assert_eq!(status(&pusher, "DELETE", &path), 403, "{path}");
    }
    let reply = puller.put("/v2/a/manifests/v2").send::<Oci>();
    assert_refused(&reply, 403, "DENIED", "oci:repository:a:push");
    let reply = nobody.get("/v2/a/tags/list").send::<Oci>();
    assert_refused(&reply, 401, "UNAUTHORIZED", "oci:repository:a:pull");
    assert_eq!(status(&pusher, "GET", "/v2/b/tags/list"), 403, "another repository");
}
