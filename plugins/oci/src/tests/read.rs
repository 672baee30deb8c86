//! Lists of tags and repositories, page by page.

use super::*;

#[test]
fn tags_are_listed_in_order_and_in_pages() {
    let host = host();
    let digest = push(&host, "a/b", "v1", "layer");
    let tags = "B a c0 latest v1.0-rc v2";
    for tag in tags.split(' ') {
        assert_eq!(put(&host.as_user("ann"), "a/b", tag, &image("layer")).status(), 201);
    }
    let list = |query: &str| get(&host, &format!("/v2/a/b/tags/list{query}"));
    let all = ["B", "a", "c0", "latest", "v1", "v1.0-rc", "v2"];
    assert_eq!(list("").json(), json!({ "name": "a/b", "tags": all }));
    assert_eq!(list("").header("link"), None);
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/v2/a/b/tags/list?n=3".to_owned();
    loop {
        let page = get(&host, &path);
        let tags = page.json()["tags"].as_array().unwrap().clone();
        assert!(tags.len() <= 3);
        seen.extend(tags.iter().map(|tag| tag.as_str().unwrap().to_owned()));
        let Some(link) = page.header("link") else { break };
        let link = link.strip_prefix("</oci").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        path = link.to_owned();
    }
    assert_eq!(seen, all);
    assert_eq!(list("?last=latest").json()["tags"], json!(["v1", "v1.0-rc", "v2"]));
    assert_eq!(list("?last=between&n=1").json()["tags"], json!(["c0"]));
    assert_eq!(list("?n=7").header("link"), None);
    let none = list("?n=0");
    assert_eq!((none.json()["tags"].clone(), none.header("link")), (json!([]), None));
    assert_eq!(list("?last=zzz").json()["tags"], json!([]));
    for n in ["-1", "x", ""] {
        assert_refused(&list(&format!("?n={n}")), 400, "UNSUPPORTED", "number");
    }
    assert_refused(&get(&host, "/v2/a/tags/list"), 404, "NAME_UNKNOWN", "no repository a");
    assert_eq!(
        host.as_user("ann").delete(&format!("/v2/a/b/manifests/{digest}")).send::<Oci>().status(),
        202
    );
    assert_eq!(list("").json()["tags"], json!([]), "the repository is still there");
}

#[test]
fn the_catalog_holds_what_the_caller_may_pull() {
    let host = Host::new()
        .anonymous_grants(&["oci:repository:open/*:pull"])
        .user("ann", &["oci:repository:*:push"])
        .user("bob", &["oci:repository:team*:pull"]);
    for repository in ["open/a", "open/a-b", "open/a/b", "team", "secret", "team-x"] {
        push(&host, repository, "v1", "layer");
    }
    let names = |actor: Actor, query: &str| {
        actor.get(&format!("/v2/_catalog{query}")).send::<Oci>().json()["repositories"].clone()
    };
    assert_eq!(names(host.anonymous(), ""), json!(["open/a", "open/a-b", "open/a/b"]));
    assert_eq!(names(host.as_user("bob"), ""), json!(["open/a", "open/a-b", "open/a/b", "team", "team-x"]));
    let page = host.as_user("ann").get("/v2/_catalog?n=2&last=open/a-b").send::<Oci>();
    assert_eq!(page.json()["repositories"], json!(["open/a/b", "secret"]));
    assert_eq!(page.header("link"), Some("</demo/v2/_catalog?n=2&last=secret>; rel=\"next\""));
    let last = host.as_user("ann").get("/v2/_catalog?n=2&last=secret").send::<Oci>();
    assert_eq!((last.json()["repositories"].clone(), last.header("link")), (json!(["team", "team-x"]), None));
}

#[test]
fn the_catalog_shows_what_can_be_pulled_and_nothing_else() {
    let host = Host::new()
        .base_url("https://registry.example.com/oci")
        .user("ann", &["oci:repository:*:push"])
        .user("reader", &["*:*:*:read", "oci:repository:mine:pull"])
        .user("lister", &["oci:repository:team*:list"]);
    for repository in ["mine", "team", "team-x"] {
        push(&host, repository, "v1", "layer");
    }
    let names = |actor: Actor| actor.get("/v2/_catalog").send::<Oci>().json()["repositories"].clone();
    assert_eq!(names(host.as_user("reader")), json!(["mine"]), "`read` pulls nothing");
    assert_eq!(host.as_user("reader").get("/v2/team/tags/list").send::<Oci>().status(), 403);
    assert_eq!(names(host.as_user("lister")), json!(["team", "team-x"]), "`list` is the catalogue's own");
    let reply = host.as_user("reader").get("/token?scope=registry:catalog:*").send::<Oci>();
    let token = reply.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(names(host.with_token(&token)), json!(["mine"]), "a token for the catalogue neither");
    assert_eq!(host.with_token(&token).get("/v2/mine/tags/list").send::<Oci>().status(), 401);
    let open = Host::new().anonymous_grants(&["*:*:*:read"]).user("ann", &["oci:repository:*:push"]);
    push(&open, "a", "v1", "layer");
    assert_eq!(open.anonymous().get("/v2/_catalog").send::<Oci>().status(), 401);
    let page = host.as_user("lister").get("/v2/_catalog?n=1").send::<Oci>();
    assert_eq!(page.json()["repositories"], json!(["team"]));
    assert!(
        page.header("link").unwrap().contains("last=team&")
            || page.header("link").unwrap().contains("last=team>")
    );
}

#[test]
fn nobody_is_told_that_there_is_nothing_before_they_sign_in() {
    let host = Host::new().user("ann", &["oci:repository:*:push"]);
    push(&host, "a", "v1", "layer");
    let reply = host.anonymous().get("/v2/_catalog").send::<Oci>();
    assert_refused(&reply, 401, "UNAUTHORIZED", "sign in");
    assert!(reply.header("www-authenticate").is_some());
    let wrong = host.rejected("the password is wrong").get("/v2/_catalog").send::<Oci>();
    assert_refused(&wrong, 401, "UNAUTHORIZED", "the password is wrong");
}

#[test]
fn the_catalog_is_refused_to_rejected_credentials_also_when_nothing_is_stored() {
    for host in [host(), Host::new()] {
        let reply = host.rejected("the password is wrong").get("/v2/_catalog").send::<Oci>();
        assert_refused(&reply, 401, "UNAUTHORIZED", "the password is wrong");
    }
}
