//! Signing in: challenges, access tokens, refresh tokens.

use super::*;
use packhouse_plugin::auth::Wanted;

fn desk() -> Host {
    Host::new()
        .base_url("https://registry.example.com/oci")
        .anonymous_grants(&["oci:repository:open/*:pull"])
        .user("ann", &["oci:repository:*:push", "oci:repository:*:delete"])
        .password("ann", "secret")
        .user("bob", &["oci:repository:bob/*:push"])
        .password("bob", "secret")
        .grant("login")
}

fn token(reply: &Reply) -> String {
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let answer = reply.json();
    assert_eq!(answer["token"], answer["access_token"]);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    answer["token"].as_str().unwrap().to_owned()
}

fn form(host: &Host, body: &str) -> Reply {
    host.anonymous().post("/token").body(body).send::<Oci>()
}

#[test]
fn a_challenge_names_what_a_token_must_hold() {
    let host = desk();
    let challenge = |actor: Actor, method: &str, path: &str| {
        let reply = actor.request(method, path).send::<Oci>();
        assert_eq!(reply.status(), 401, "{path}");
        reply.header("www-authenticate").unwrap().to_owned()
    };
    let bearer = "Bearer realm=\"https://registry.example.com/oci/token\",service=\"packhouse\"";
    assert_eq!(challenge(host.anonymous(), "GET", "/v2/"), bearer);
    let digest = digest("x");
    for (method, path, scope) in [
        ("GET", "/v2/a/b/tags/list".to_owned(), "repository:a/b:pull"),
        ("PUT", "/v2/a/b/manifests/v1".to_owned(), "repository:a/b:pull,push"),
        ("DELETE", "/v2/a/b/manifests/v1".to_owned(), "repository:a/b:delete"),
        ("POST", "/v2/a/blobs/uploads/".to_owned(), "repository:a:pull,push"),
        (
            "POST",
            format!("/v2/a/blobs/uploads/?mount={digest}&from=b"),
            "repository:a:pull,push repository:b:pull",
        ),
        ("GET", "/v2/_catalog".to_owned(), "registry:catalog:*"),
    ] {
        let host = Host::new().base_url("https://registry.example.com/oci");
        assert_eq!(challenge(host.anonymous(), method, &path), format!("{bearer},scope=\"{scope}\""));
    }
    let off = desk().without_access_tokens();
    assert_eq!(challenge(off.anonymous(), "GET", "/v2/"), "Basic realm=\"oci\"");
    let elsewhere = desk().token_server("https://tokens.example.com/");
    assert!(
        challenge(elsewhere.anonymous(), "GET", "/v2/").contains("realm=\"https://tokens.example.com/\"")
    );
}

#[test]
fn a_token_holds_what_the_account_may_of_what_was_asked() {
    let host = desk();
    let scopes =
        "scope=repository:bob/x:pull,push&scope=repository:open/y:pull,push,delete%20repository:secret:pull";
    let reply = host.as_user("bob").get(&format!("/token?service=packhouse&{scopes}")).send::<Oci>();
    let secret = token(&reply);
    assert_eq!(reply.json()["expires_in"], 300);
    assert_eq!(reply.json()["issued_at"], "2026-01-01T00:00:00Z");
    let access = host.access(&secret).unwrap();
    let held = |name: &str, actions: &[&str]| Wanted::new("repository", name, actions);
    assert_eq!(access, [held("bob/x", &["pull", "push"]), held("open/y", &["pull"])]);
    let bearer = host.with_token(&secret);
    assert_eq!(bearer.post("/v2/bob/x/blobs/uploads/").send::<Oci>().status(), 202);
    assert_eq!(bearer.post("/v2/open/y/blobs/uploads/").send::<Oci>().status(), 403);
    let larger = bearer.post("/v2/bob/other/blobs/uploads/").send::<Oci>();
    assert_eq!(larger.status(), 401, "the account may, with another token");
    assert!(larger.header("www-authenticate").unwrap().contains("scope=\"repository:bob/other:pull,push\""));
    assert_eq!(bearer.get("/v2/").send::<Oci>().status(), 200);
    assert_eq!(reply.json()["refresh_token"], Value::Null);
}

#[test]
fn nobody_gets_a_token_for_what_is_public() {
    let host = desk();
    push(&host, "open/a", "v1", "layer");
    let reply = host.anonymous().get("/token?scope=repository:open/a:pull,push&scope=repository:x:pull");
    let secret = token(&reply.send::<Oci>());
    assert_eq!(host.access(&secret), Some(vec![Wanted::new("repository", "open/a", &["pull"])]));
    let nobody = host.with_token(&secret);
    assert_eq!(nobody.get("/v2/open/a/manifests/v1").send::<Oci>().status(), 200);
    assert_eq!(nobody.get("/v2/x/manifests/v1").send::<Oci>().status(), 401);
    assert_eq!(nobody.get("/v2/").send::<Oci>().status(), 200);
}

#[test]
fn wrong_credentials_are_never_nobodys() {
    let host = desk();
    let wrong =
        host.rejected("the password is wrong").get("/token?scope=repository:open/a:pull").send::<Oci>();
    assert_refused(&wrong, 401, "UNAUTHORIZED", "the password is wrong");
    for body in [
        "grant_type=password&username=ann&password=wrong",
        "grant_type=password&username=nobody&password=secret",
        "grant_type=password",
        "grant_type=refresh_token&refresh_token=unknown",
        "grant_type=refresh_token",
    ] {
        assert_refused(&form(&host, body), 401, "UNAUTHORIZED", "");
    }
    assert_refused(&form(&host, "grant_type=magic"), 400, "UNSUPPORTED", "grant_type");
    assert_refused(&form(&host, &"x".repeat(70_000)), 413, "SIZE_INVALID", "");
}

#[test]
fn too_many_wrong_passwords_are_a_429_that_says_when_to_try_again() {
    let host = desk().throttled(7);
    let reply = form(&host, "grant_type=password&username=bob&password=secret");
    assert_refused(&reply, 429, "TOOMANYREQUESTS", "too many");
    assert_eq!(reply.header("retry-after"), Some("7"));
}

#[test]
fn a_password_becomes_a_token_and_a_refresh_token() {
    let host = desk();
    let body = "grant_type=password&username=bob&password=secret&client_id=docker&service=packhouse\
                &access_type=offline&scope=repository%3Abob%2Fx%3Apull%2Cpush";
    let reply = form(&host, body);
    let access = vec![Wanted::new("repository", "bob/x", &["pull", "push"])];
    assert_eq!(host.access(&token(&reply)), Some(access.clone()));
    let refresh = reply.json()["refresh_token"].as_str().unwrap().to_owned();
    let body = format!("grant_type=refresh_token&refresh_token={refresh}&scope=repository:bob/x:push,pull");
    let reply = form(&host, &body);
    assert_eq!(host.access(&token(&reply)), Some(access));
    assert_eq!(reply.json()["refresh_token"], json!(refresh));
    let access = host.with_token(&token(&reply)).get("/token?scope=repository:bob/x:push").send::<Oci>();
    assert_refused(&access, 403, "DENIED", "");
    let offline = host.as_user("bob").get("/token?offline_token=true").send::<Oci>();
    let refresh = offline.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(host.with_token(&refresh).get("/v2/").send::<Oci>().status(), 200);
    assert_eq!(
        host.anonymous().get("/token?offline_token=true").send::<Oci>().json()["refresh_token"],
        Value::Null
    );
}

#[test]
fn a_reader_gets_a_token_that_reads_and_uses_up_no_refresh_token() {
    let host = desk();
    let reply = host.as_reader("bob").get("/token?offline_token=true&scope=repository:bob/x:pull,push");
    let reply = reply.send::<Oci>();
    assert_eq!(host.access(&token(&reply)), Some(vec![Wanted::new("repository", "bob/x", &["pull"])]));
    assert_eq!(reply.json()["refresh_token"], Value::Null, "clients keep what they have signed in with");
}

#[test]
fn the_catalog_is_listed_with_a_token_for_it() {
    let host = desk();
    push(&host, "bob/x", "v1", "layer");
    push(&host, "secret", "v1", "layer");
    push(&host, "open/a", "v1", "layer");
    let list = |secret: &str| host.with_token(secret).get("/v2/_catalog").send::<Oci>().json();
    let bob = token(&host.as_user("bob").get("/token?scope=registry:catalog:*").send::<Oci>());
    assert_eq!(list(&bob)["repositories"], json!(["bob/x", "open/a"]));
    let nobody = token(&host.anonymous().get("/token?scope=registry:catalog:*").send::<Oci>());
    assert_eq!(list(&nobody)["repositories"], json!(["open/a"]));
}

#[test]
fn a_token_for_the_catalog_lists_and_does_nothing_else() {
    let host = desk();
    push(&host, "bob/x", "v1", "layer");
    let secret = token(&host.as_user("bob").get("/token?scope=registry:catalog:*").send::<Oci>());
    let bearer = host.with_token(&secret);
    for path in ["/v2/bob/x/manifests/v1", "/v2/bob/x/tags/list"] {
        let reply = bearer.get(path).send::<Oci>();
        assert_eq!(reply.status(), 401, "{path}: {}", reply.text());
    }
    assert_eq!(bearer.post("/v2/bob/x/blobs/uploads/").send::<Oci>().status(), 401);
    let narrow = token(&host.as_user("bob").get("/token?scope=repository:bob/x:pull").send::<Oci>());
    let listed = host.with_token(&narrow).get("/v2/_catalog").send::<Oci>().json();
    assert_eq!(listed["repositories"], json!(["bob/x"]), "what may be pulled may be seen");
}

#[test]
fn another_service_or_another_token_server_is_told() {
    let host = desk();
    let reply = host.as_user("bob").get("/token?service=elsewhere").send::<Oci>();
    assert_refused(&reply, 400, "UNSUPPORTED", "packhouse");
    for host in [desk().without_access_tokens(), desk().token_server("https://tokens.example.com/")] {
        let reply = host.as_user("bob").get("/token").send::<Oci>();
        assert_refused(&reply, 403, "DENIED", "");
    }
    assert_eq!(host.as_user("bob").get("/token").alias("/v2").send::<Oci>().status(), 404);
}
