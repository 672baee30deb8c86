//! Signing in, tokens, and signing out.

use super::*;

fn log_in(host: &Host, user: &str, password: &str) -> Reply {
    let body = json!({ "_id": format!("org.couchdb.user:{user}"), "name": user, "password": password,
        "type": "user", "roles": [], "date": "2026-01-01T00:00:00.000Z" });
    let path = format!("/-/user/org.couchdb.user:{user}");
    host.anonymous().put(&path).json(&body).send::<Npm>()
}

fn token(reply: &Reply) -> String {
    reply.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn npm_falls_back_to_name_and_password() {
    let host = host();
    let web = host.anonymous().post("/-/v1/login").json(&json!({})).send::<Npm>();
    assert!((400..500).contains(&web.status()));
    let reply = log_in(&host, "ann", "secret");
    assert_eq!(reply.status(), 201, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.json()["id"], "org.couchdb.user:ann");
    let me = host.with_token(&token(&reply)).get("/-/whoami").send::<Npm>();
    assert_eq!(me.json(), json!({ "username": "ann" }));
    let again = log_in(&host, "ann", "secret");
    assert_ne!(token(&again), token(&reply));
}

#[test]
fn a_wrong_password_is_a_401_that_npm_understands() {
    let host = host();
    for (user, password) in [("ann", "wrong"), ("nobody", "secret")] {
        let reply = log_in(&host, user, password);
        assert_refused(&host, &reply, 401, "password");
        assert_eq!(reply.headers("www-authenticate"), ["Basic realm=\"npm\""]);
    }
    let body = json!({ "name": "bob", "password": "secret" });
    let path = "/-/user/org.couchdb.user:ann";
    let other = host.anonymous().put(path).json(&body).send::<Npm>();
    assert_eq!(other.status(), 400, "{}", other.text());
    let bad = host.anonymous().put(path).body("{").send::<Npm>();
    assert_eq!(bad.status(), 400);
}

#[test]
fn too_many_wrong_passwords_are_a_429_that_says_when_to_try_again() {
    let host = host().throttled(7);
    let reply = log_in(&host, "ann", "secret");
    assert_refused(&host, &reply, 429, "too many");
    assert_eq!(reply.header("retry-after"), Some("7"));
}

#[test]
fn nobody_is_asked_to_sign_in() {
    let host = host();
    for path in ["/-/whoami", "/-/npm/v1/user", "/-/npm/v1/tokens", "/-/user/org.couchdb.user:ann"] {
        assert_eq!(get(&host, path).status(), 401, "{path}");
    }
    assert_eq!(host.rejected("revoked").get("/-/whoami").send::<Npm>().json()["error"], "revoked");
}

#[test]
fn tokens_are_made_listed_and_revoked() {
    let host = host();
    let ann = host.with_token(&token(&log_in(&host, "ann", "secret")));
    let make = |body: Value| ann.post("/-/npm/v1/tokens").json(&body).send::<Npm>();
    let reader = make(json!({ "password": "secret", "readonly": true, "cidr_whitelist": ["10.0.0.0/8"] }));
    assert_eq!(reader.status(), 201, "{}", reader.text());
    let body = reader.json();
    assert_eq!((&body["readonly"], &body["cidr_whitelist"]), (&json!(true), &json!(["10.0.0.0/8"])));
    let secret = token(&reader);
    let publish = Publish::new("a", "1.0.0").send(&host.with_token(&secret));
    assert_refused(&host, &publish, 403, "npm:package:a:write");
    let more = host.with_token(&secret).post("/-/npm/v1/tokens");
    assert_eq!(more.json(&json!({ "password": "secret" })).send::<Npm>().status(), 403);
    // npm 11 says it in other words.
    let modern = make(json!({ "name": "ci", "password": "secret", "expires": 30,
        "packages_and_scopes_permission": "read-only" }));
    assert_eq!((&modern.json()["readonly"], &modern.json()["name"]), (&json!(true), &json!("ci")));
    let list = ann.get("/-/npm/v1/tokens").send::<Npm>().json();
    assert_eq!((&list["total"], &list["urls"]), (&json!(3), &json!({})));
    assert!(!list.to_string().contains(&secret));
    let created = list["objects"][0]["created"].as_str().unwrap();
    assert_eq!(created, "2026-01-01T00:00:00.000Z");
    let key = body["key"].as_str().unwrap();
    let remove = |key: &str| ann.delete(&format!("/-/npm/v1/tokens/token/{key}")).send::<Npm>().status();
    assert_eq!((remove(key), remove(key)), (204, 404));
    assert_eq!(host.with_token(&secret).get("/-/whoami").send::<Npm>().status(), 401);
}

#[test]
fn a_token_may_be_for_some_packages_only() {
    let host = host();
    let ann = host.as_user("ann");
    let make = |body: Value| ann.post("/-/npm/v1/tokens").json(&body).send::<Npm>();
    let limited = make(json!({ "password": "secret", "packages": ["a"], "scopes": ["@example"],
        "packages_and_scopes_permission": "read-write" }));
    let limited = host.with_token(&token(&limited));
    assert_eq!(Publish::new("b", "1.0.0").send(&limited).status(), 403);
    assert_eq!(Publish::new("a", "1.0.0").send(&limited).status(), 201);
    assert_eq!(Publish::new("@example/b", "1.0.0").send(&limited).status(), 201);
    for body in [
        json!({ "password": "secret", "orgs": ["x"] }),
        json!({ "password": "secret", "packages": ["../a"] }),
        json!({ "password": "secret", "scopes": ["a:write"] }),
        json!({ "password": "secret", "packages_and_scopes_permission": "no-access" }),
        json!({ "readonly": true }),
    ] {
        assert_eq!(make(body.clone()).status(), 400, "{body}");
    }
    assert_eq!(make(json!({ "password": "wrong" })).status(), 401);
}

#[test]
fn signing_out_revokes_the_token() {
    let host = host();
    let secret = token(&log_in(&host, "ann", "secret"));
    let ann = host.with_token(&secret);
    let out = ann.delete(&format!("/-/user/token/{secret}")).send::<Npm>();
    assert_eq!(out.status(), 200, "{}", out.text());
    assert_eq!(host.with_token(&secret).get("/-/whoami").send::<Npm>().status(), 401);
    assert!(host.log().iter().all(|line| !format!("{line:?}").contains(&secret)));
    let unknown = host.as_user("ann").delete("/-/user/token/0000-unknown").send::<Npm>();
    assert_eq!(unknown.status(), 404);
}

#[test]
fn profiles_say_what_is_known() {
    let host = host();
    let ann = host.as_user("ann");
    let profile = ann.get("/-/npm/v1/user").send::<Npm>().json();
    assert_eq!((&profile["name"], &profile["email"]), (&json!("ann"), &json!("ann@example.com")));
    let bob = ann.get("/-/user/org.couchdb.user:bob").send::<Npm>();
    assert_eq!(bob.json()["name"], "bob");
    assert_eq!(ann.get("/-/user/org.couchdb.user:nobody").send::<Npm>().status(), 404);
}

#[test]
fn without_the_grant_nobody_signs_in_here() {
    let host = Host::new().user("ann", &[]).password("ann", "secret");
    let reply = log_in(&host, "ann", "secret");
    assert_refused(&host, &reply, 401, "login");
}

#[test]
fn a_narrowed_token_lists_itself_alone() {
    let host = host();
    let make = |extra: Value| {
        let mut body = json!({ "password": "secret" });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        host.as_user("ann").post("/-/npm/v1/tokens").json(&body).send::<Npm>().json()
    };
    make(json!({}));
    for extra in [
        json!({ "readonly": true }),
        json!({ "packages": ["a"], "packages_and_scopes_permission": "read-write" }),
    ] {
        let issued = make(extra);
        let actor = host.with_token(issued["token"].as_str().unwrap());
        let listed = actor.get("/-/npm/v1/tokens").send::<Npm>().json();
        assert_eq!(listed["total"], 1, "{listed}");
        assert_eq!(listed["objects"][0]["key"], issued["key"]);
    }
    assert_eq!(host.as_user("ann").get("/-/npm/v1/tokens").send::<Npm>().json()["total"], 3);
}

/// An empty list would say that there is nothing, also where there is nothing.
#[test]
fn a_list_is_refused_to_rejected_credentials_also_when_nothing_is_stored() {
    for host in [host(), private_host()] {
        for path in ["/-/v1/search?text=a", "/-/all", "/-/user/ann/package", "/-/npm/v1/tokens"] {
            let reply = host.rejected("the token has expired").get(path).send::<Npm>();
            assert_eq!(
                (reply.status(), &reply.json()["error"]),
                (401, &json!("the token has expired")),
                "{path}"
            );
            assert!(reply.headers("www-authenticate").contains(&"Bearer realm=\"npm\""), "{path}");
        }
    }
}

/// An empty list would say that there is nothing, and clients would not sign in.
#[test]
fn a_list_in_which_nobody_may_see_anything_asks_to_sign_in() {
    let private = private_host();
    Publish::new("hidden", "1.0.0").done(&private);
    for host in [private_host(), private] {
        for path in ["/-/v1/search?text=hidden", "/-/v1/search?text=", "/-/all"] {
            let reply = host.anonymous().get(path).send::<Npm>();
            assert_eq!(reply.status(), 401, "{path}: {}", reply.text());
            let sentence = "sign in first (npm login): this needs the permission npm:package:*:read";
            assert_eq!(reply.json()["error"], sentence, "{path}");
            assert!(reply.headers("www-authenticate").contains(&"Bearer realm=\"npm\""), "{path}");
            assert_eq!(host.as_user("eve").get(path).send::<Npm>().status(), 200, "{path}");
            assert_eq!(host.as_user("bob").get(path).send::<Npm>().status(), 200, "{path}");
        }
    }
    let open = host();
    assert_eq!(get(&open, "/-/v1/search?text=a").status(), 200, "nothing is there, and everybody may see it");
    // A caller who may read something gets an answer, also if the search finds nothing.
    let half = private_host().anonymous_grants(&["npm:package:open:read"]);
    Publish::new("open", "1.0.0").done(&half);
    Publish::new("hidden", "1.0.0").done(&half);
    assert_eq!(get(&half, "/-/v1/search?text=hidden").json()["total"], 0);
}
