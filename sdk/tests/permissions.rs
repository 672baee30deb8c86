//! Who may do what, and how a refusal reads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use packhouse_plugin::auth::{self, Decision, TokenRequest};
use packhouse_plugin::testing::{Actor, Host};
use packhouse_plugin::{
    Call, Description, Error, Failure, Protocol, Request, Response, Router, clock, random, settings,
};

struct Demo;

impl Protocol for Demo {
    fn describe() -> Description {
        Description::new("demo", "Demo", "0.1.0")
            .scope("package", &["read", "write"], "read")
            .feature("publish", true, "packages can be published")
            .feature("search", false, "packages can be found")
    }

    fn handle(request: Request) -> Response {
        Router::new()
            .get("/{package}", |call| answer(call, "read"))
            .put("/{package}", |call| answer(call, "write"))
            .handle(request)
    }
}

fn answer(call: &Call, action: &str) -> Result<Response, Failure> {
    auth::require("package", &call.decoded("package")?, action)?;
    let name = auth::caller().map_or("nobody".to_owned(), |account| account.name());
    Ok(Response::new(200).text(name))
}

fn put(actor: &Actor) -> (u16, String) {
    let reply = actor.put("/left-pad").send::<Demo>();
    (reply.status(), reply.text())
}

#[test]
fn a_grant_counts_for_its_names_and_actions() {
    let host = Host::new()
        .user("ann", &["demo:package:left-*:write"])
        .user("bob", &["other:package:*:write", "demo:package:*:read"]);
    assert_eq!(put(&host.as_user("ann")), (200, "ann".to_owned()));
    let (status, message) = put(&host.as_user("bob"));
    assert_eq!(status, 403);
    assert!(message.contains("package:left-pad:write"), "{message}");
    assert_eq!(host.as_user("bob").get("/any").send::<Demo>().status(), 200);
    assert_eq!(host.as_user("ann").get("/right").send::<Demo>().status(), 403);
}

#[test]
fn nobody_is_asked_to_sign_in() {
    let host = Host::new().anonymous_grants(&["*:*:*:read"]);
    assert_eq!(host.anonymous().get("/left-pad").send::<Demo>().text(), "nobody");
    let (status, message) = put(&host.anonymous());
    assert_eq!(status, 401);
    assert!(message.contains("sign in first"), "{message}");
}

#[test]
fn credentials_that_do_not_count_never_read_as_nobody() {
    let host = Host::new().anonymous_grants(&["*:*:*:read"]);
    let reply = host.rejected("the token has expired").get("/left-pad").send::<Demo>();
    assert_eq!(reply.status(), 401);
    assert_eq!(reply.json()["error"], "the token has expired");
}

#[test]
fn a_reader_cannot_write() {
    let host = Host::new().user("ann", &["demo:*:*:*"]);
    assert_eq!(put(&host.as_reader("ann")).0, 403);
    assert_eq!(host.as_reader("ann").get("/left-pad").send::<Demo>().status(), 200);
}

#[test]
fn a_password_becomes_a_token_that_can_be_revoked() {
    let host = Host::new().grant("login").user("ann", &["demo:package:*:write"]).password("ann", "correct");
    assert!(matches!(auth::authenticate_password("ann", "wrong"), Err(Error::Denied(_))));
    let account = auth::authenticate_password("ann", "correct").unwrap();
    let request = TokenRequest {
        lifetime: Some(60),
        scopes: vec!["demo:package:left-pad:write".to_owned()],
        ..TokenRequest::default()
    };
    let issued = account.issue_token(&request).unwrap();
    assert!(!format!("{issued:?}").contains(&issued.secret));
    let ann = host.with_token(&issued.secret);
    assert_eq!(put(&ann).0, 200);
    assert_eq!(ann.put("/other").send::<Demo>().status(), 403);
    assert_eq!(account.list_tokens().unwrap().len(), 1);
    host.set_now(host.now() + 61_000);
    assert_eq!(put(&host.with_token(&issued.secret)).0, 401);
    assert_eq!(account.revoke_token(&issued.token.id), Ok(true));
    assert_eq!(account.revoke_token(&issued.token.id), Ok(false));
}

#[test]
fn a_mount_without_the_grant_cannot_sign_in() {
    let _host = Host::new().password("ann", "correct");
    assert!(matches!(auth::authenticate_password("ann", "correct"), Err(Error::Denied(_))));
}

#[test]
fn filters_names_in_order() {
    let host = Host::new().describe::<Demo>().user("ann", &["demo:package:a*:read"]);
    let names = host.as_user("ann").run(|| auth::filter_allowed("package", &["ab", "b", "a"], "read"));
    assert_eq!(names, ["ab", "a"]);
    assert_eq!(auth::check("package", "a", "read"), Decision::SignIn);
    assert_eq!(auth::user_exists("ann"), Ok(true));
    assert_eq!(auth::user_exists("eve"), Ok(false));
}

#[test]
fn a_mount_decides_over_features_and_settings() {
    #[derive(serde::Deserialize)]
    struct Limits {
        #[serde(default)]
        most: u32,
    }
    let _host =
        Host::new().feature("publish", false).settings(&serde_json::json!({ "most": 3 })).describe::<Demo>();
    assert!(!settings::feature("publish"));
    assert!(!settings::feature("search"));
    assert!(!settings::feature("unknown"));
    assert_eq!(settings::get::<Limits>().unwrap().most, 3);
    let _host = Host::new().describe::<Demo>();
    assert!(settings::feature("publish"));
    assert_eq!(settings::get::<Limits>().unwrap().most, 0);
}

#[test]
fn time_stands_still_and_secrets_differ() {
    let host = Host::new();
    host.set_now(1000);
    assert_eq!(clock::now(), 1000);
    assert!(clock::passed(1000) && !clock::passed(1001));
    let secret = random::bytes(3000);
    assert_eq!(secret.len(), 3000);
    assert_ne!(secret, random::bytes(3000));
}
