//! Who may do what, and how a refusal reads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use packhouse_plugin::auth::{self, Decision, Denied, Owner, TokenRequest, Wanted};
use packhouse_plugin::testing::{Actor, Host};
use packhouse_plugin::{
    Call, Description, Error, Failure, Protocol, Request, Response, Router, clock, random, settings,
};

struct Demo;

impl Protocol for Demo {
    fn describe() -> Description {
        Description::new("demo", "Demo", "0.1.0")
            .scope("package", &["read", "write", "delete"], "read")
            .implies("package", "write", &["read", "delete"])
            .scope("image", &["pull", "push"], "pull")
            .implies("image", "push", &["pull"])
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

/// Says which headers it sees.
struct Echo;

impl Protocol for Echo {
    fn describe() -> Description {
        Description::new("echo", "Echo", "0.1.0")
    }

    fn handle(request: Request) -> Response {
        let names = [
            "authorization",
            "cookie",
            "proxy-authorization",
            "x-api-key",
            "x-nuget-apikey",
            "npm-otp",
            "accept",
        ];
        let seen: Vec<String> =
            names.iter().filter_map(|name| Some(format!("{name}: {}", request.header(name)?))).collect();
        Response::new(200).text(seen.join("\n"))
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
fn whoever_is_listed_may_as_if_it_were_granted() {
    let host = Host::new()
        .anonymous_grants(&["demo:package:*:read"])
        .user("ann", &["demo:package:*:write"])
        .user("bob", &[])
        .user("carol", &["demo:package:*:read"])
        .describe::<Demo>();
    let ask = |actor: &Actor| actor.run(|| auth::check_listed("package", "a", "write", &["bob", "dave"]));
    assert_eq!(ask(&host.as_user("bob")), Decision::Granted);
    assert_eq!(ask(&host.as_user("ann")), Decision::Granted);
    assert_eq!(ask(&host.as_user("carol")), Decision::Forbidden);
    assert_eq!(ask(&host.as_reader("bob")), Decision::Forbidden);
    assert_eq!(ask(&host.anonymous()), Decision::SignIn);
    assert_eq!(ask(&host.rejected("expired")), Decision::SignIn);
    let denied = host.as_user("carol").run(|| auth::require_listed("package", "a", "write", &["bob"]));
    assert_eq!(denied.unwrap_err().permission(), "demo:package:a:write");
    let many: Vec<String> = (0..1000).map(|number| format!("u{number}")).chain(["bob".to_owned()]).collect();
    let beyond = host.as_user("bob").run(|| auth::check_listed("package", "a", "write", &many));
    assert_eq!(beyond, Decision::Forbidden);
}

#[test]
fn what_is_missing_is_named_as_it_is_granted_on_the_mount() {
    let host = Host::new().mounted_as("inner").user("ann", &["demo:package:*:write"]).describe::<Demo>();
    let denied = host.as_user("ann").run(|| auth::require("package", "a", "write")).unwrap_err();
    assert_eq!(denied.permission(), "inner:package:a:write");
    assert!(denied.to_string().ends_with("lacks the permission inner:package:a:write"), "{denied}");
    let host = host.user("bob", &[denied.permission()]);
    assert!(host.as_user("bob").run(|| auth::require("package", "a", "write")).is_ok());
}

#[test]
fn an_owner_is_an_account_and_not_a_name() {
    let host = Host::new().user("bob", &[]).user("carol", &[]).describe::<Demo>();
    let owner = |name: &str, id: Option<String>| Owner { name: name.to_owned(), id };
    let ask = |host: &Host, who: &str, owners: &[Owner]| {
        host.as_user(who).run(|| auth::check_owned("package", "a", "write", owners))
    };
    let by_id = [owner("bob", Some(host.account_id("bob")))];
    let by_name = [owner("bob", None)];
    for owners in [&by_id, &by_name] {
        assert_eq!(ask(&host, "bob", owners), Decision::Granted);
        assert_eq!(ask(&host, "carol", owners), Decision::Forbidden);
    }
    assert_eq!(auth::account_id("bob").unwrap(), Some(host.account_id("bob")));
    let host = host.remove_user("bob").user("bob", &[]);
    for owners in [&by_id, &by_name] {
        assert_eq!(ask(&host, "bob", owners), Decision::Forbidden, "another bob");
    }
    let listed = host.as_user("bob").run(|| auth::check_listed("package", "a", "write", &["bob"]));
    assert_eq!(listed, Decision::Forbidden);
    let now = host.as_user("bob").run(|| Owner::of(&auth::caller().unwrap()));
    assert_eq!(ask(&host, "bob", &[now]), Decision::Granted);
}

#[test]
fn a_token_narrows_what_being_listed_gives() {
    let host = Host::new()
        .user("bob", &["demo:package:a:write"])
        .grant("login")
        .password("bob", "correct")
        .describe::<Demo>();
    let account = auth::authenticate_password("bob", "correct").unwrap();
    let scopes = vec![Wanted::new("package", "a", &["write"])];
    let issued = account.issue_token(&TokenRequest { scopes, ..TokenRequest::default() }).unwrap();
    let bob = host.with_token(&issued.secret);
    let ask = |name: &str| bob.run(|| auth::check_listed("package", name, "delete", &["bob"]));
    assert_eq!((ask("a"), ask("b")), (Decision::Granted, Decision::Forbidden));
}

#[test]
fn scopes_cover_what_the_grammar_says() {
    let host =
        Host::new().user("ann", &["demo:package:com.example:write", "demo:image:*:push"]).describe::<Demo>();
    let ask = |kind: &str, name: &str, action: &str| {
        host.as_user("ann").run(|| auth::check(kind, name, action)) == Decision::Granted
    };
    for action in ["write", "read", "delete"] {
        assert!(ask("package", "com.example:item", action), "{action}");
    }
    assert!(ask("package", "com.example", "read") && !ask("package", "com.example.sub:item", "read"));
    assert!(ask("image", "a/b", "pull") && !ask("package", "a/b", "read"));
}

#[test]
fn a_request_that_asks_about_what_is_not_declared_is_ended() {
    struct Sloppy;

    impl Protocol for Sloppy {
        fn describe() -> Description {
            Demo::describe()
        }

        fn handle(request: Request) -> Response {
            let kind = request.path();
            let decision = auth::check(kind.trim_start_matches('/'), "a", "pull");
            Response::new(200).text(format!("{decision:?}"))
        }
    }

    let host = Host::new().user("ann", &["*:*:*:*"]);
    assert_eq!(host.as_user("ann").get("/image").send::<Sloppy>().text(), "Granted");
    for (path, named) in [("/package", "`pull` on `package`"), ("/picture", "`pull` on `picture`")] {
        let reply = host.as_user("ann").get(path).send::<Sloppy>();
        assert_eq!(reply.status(), 500);
        assert!(reply.fault().unwrap().contains(named), "{:?}", reply.fault());
    }
    assert_eq!(
        host.as_user("ann").get("/image").send::<Sloppy>().text(),
        "Granted",
        "the next one is served"
    );
}

#[test]
fn a_token_is_made_for_no_more_than_its_maker_may_do() {
    let _host = Host::new()
        .user("ann", &["demo:package:a:write"])
        .grant("login")
        .password("ann", "correct")
        .describe::<Demo>();
    let account = auth::authenticate_password("ann", "correct").unwrap();
    let issue = |name: &str, action: &str| {
        let scopes = vec![Wanted::new("package", name, &[action])];
        account.issue_token(&TokenRequest { scopes, ..TokenRequest::default() })
    };
    assert!(issue("a", "write").is_ok() && issue("a", "delete").is_ok());
    // The grants decide again when the token is used.
    assert!(issue("*", "read").is_ok());
    for (name, action) in [("b", "write"), ("a*", "read"), ("a", "*")] {
        assert!(matches!(issue(name, action), Err(Error::Denied(_))), "{name} {action}");
    }
    assert!(matches!(issue("a b", "read"), Err(Error::Invalid(_))));
}

#[test]
fn credentials_never_arrive() {
    let host = Host::new();
    for name in ["Authorization", "cookie", "Proxy-Authorization", "X-Api-Key", "X-NuGet-ApiKey", "npm-otp"] {
        let seen = host.anonymous().get("/header").header(name, "secret").header("accept", "text/plain");
        assert_eq!(seen.send::<Echo>().text(), "accept: text/plain", "{name}");
    }
}

#[test]
fn a_password_becomes_a_token_that_can_be_revoked() {
    let host = Host::new()
        .grant("login")
        .user("ann", &["demo:package:*:write"])
        .password("ann", "correct")
        .describe::<Demo>();
    assert!(matches!(auth::authenticate_password("ann", "wrong"), Err(Error::Denied(_))));
    let account = auth::authenticate_password("ann", "correct").unwrap();
    let request = TokenRequest {
        lifetime_seconds: Some(60),
        scopes: vec![Wanted::new("package", "left-pad", &["write"])],
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
fn a_token_for_which_no_password_was_checked_expires_and_is_one_of_few() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let host = Host::new().grant("login").user("ann", &[]).password("ann", "correct");
    let issue = |account: auth::Account| account.issue_token(&TokenRequest::default());
    let proved = || auth::authenticate_password("ann", "correct").unwrap();
    assert_eq!(issue(proved()).unwrap().token.expires, None);
    let caller = || host.as_user("ann").run(|| issue(auth::caller().unwrap()));
    let issued = caller().unwrap();
    assert!(issued.token.expires.is_some_and(|end| end <= host.now() + 90 * DAY));
    let by_token = host.anonymous().run(|| issue(auth::authenticate_token(&issued.secret).unwrap()));
    assert!(by_token.unwrap().token.expires <= issued.token.expires);
    while caller().is_ok() {}
    let made = proved().list_tokens().unwrap().len();
    assert_eq!(made, 51);
    assert!(issue(proved()).is_ok(), "those with a password have more room");
    host.set_now(host.now() + 90 * DAY);
    assert!(caller().is_ok(), "what expired makes room");
}

#[test]
fn too_many_wrong_passwords_are_told_from_a_wrong_one() {
    let _host = Host::new().grant("login").password("ann", "correct").throttled(7);
    assert!(matches!(auth::authenticate_password("ann", "correct"), Err(Error::Denied(_))));
    assert_eq!(auth::retry_after(), Some(7));
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
    let many: Vec<String> = (0..25_000).map(|number| format!("a{number:05}")).collect();
    assert_eq!(host.as_user("ann").run(|| auth::filter_allowed("package", &many, "read")), many);
    assert_eq!(auth::check("package", "a", "read"), Decision::SignIn);
    assert_eq!(auth::user_exists("ann"), Ok(true));
    assert_eq!(auth::user_exists("eve"), Ok(false));
}

#[test]
fn a_token_that_is_not_enough_is_told_apart_from_an_account_that_is_not() {
    let grants = ["demo:package:a:write", "demo:package:b:write"];
    let host = Host::new().grant("login").user("ann", &grants).password("ann", "correct");
    let host = host.describe::<Demo>();
    let scopes = vec![Wanted::new("package", "b", &["write"])];
    let request = TokenRequest { scopes, ..TokenRequest::default() };
    let ann = auth::authenticate_password("ann", "correct").unwrap();
    let narrow = host.with_token(&ann.issue_token(&request).unwrap().secret);
    for actor in [narrow, host.as_reader("ann")] {
        actor.run(|| {
            let denied = auth::require("package", "a", "write").unwrap_err();
            assert_eq!((denied.status(), denied.permission()), (403, "demo:package:a:write"));
            assert_eq!(denied.to_string(), "this token does not allow demo:package:a:write");
            let denied = auth::require("package", "c", "write").unwrap_err();
            assert_eq!(denied.to_string(), "this account lacks the permission demo:package:c:write");
            let owner = Owner { name: "ann".to_owned(), id: Some(host.account_id("ann")) };
            let denied =
                auth::require_owned("package", "c", "write", || Ok::<_, Denied>(vec![owner])).unwrap_err();
            assert_eq!(denied.to_string(), "this token does not allow demo:package:c:write");
        });
    }
}

/// Lists what the caller may read of these.
struct Lists;

impl Protocol for Lists {
    fn describe() -> Description {
        Description::new("lists", "Lists", "0.1.0")
            .scope("package", &["read"], "read")
            .failure_shape("application/json", r#"{"why":"{message}","status":{status}}"#)
    }

    fn handle(request: Request) -> Response {
        Router::new()
            .get("/some", |_| Ok::<_, Failure>(list(&["a", "b"])))
            .get("/none", |_| Ok(list(&[])))
            .get("/asked", |_| {
                auth::refuse_rejected("package", "read")?;
                Ok(list(&[]))
            })
            .handle(request)
    }
}

fn list(names: &[&str]) -> Response {
    Response::new(200).text(auth::filter_allowed("package", names, "read").join(" "))
}

#[test]
fn a_list_is_refused_to_rejected_credentials_also_when_it_is_empty() {
    let host = Host::new()
        .anonymous_grants(&["lists:package:a:read"])
        .user("ann", &["lists:package:*:read"])
        .describe::<Lists>();
    for path in ["/some", "/none"] {
        let reply = host.rejected("the token \"x\" has expired").get(path).send::<Lists>();
        assert_eq!(reply.status(), 401, "{path}: {}", reply.text());
        assert_eq!(reply.json()["why"], "the token \"x\" has expired", "{path}");
        assert_eq!(host.anonymous().get(path).send::<Lists>().status(), 200, "{path}");
    }
    assert_eq!(host.as_user("ann").get("/some").send::<Lists>().text(), "a b");
    assert_eq!(host.anonymous().get("/some").send::<Lists>().text(), "a");
    // The protocol's own answer.
    let reply = host.rejected("expired").get("/asked").send::<Lists>();
    assert_eq!((reply.status(), reply.json()["error"].as_str()), (401, Some("expired")));
    for actor in [host.anonymous(), host.as_user("ann"), host.as_reader("ann")] {
        assert_eq!(actor.get("/asked").send::<Lists>().status(), 200);
    }
}

/// A signed access token that lacks something counts all the same.
#[test]
fn an_access_token_that_is_not_enough_is_not_a_rejected_one() {
    let host = Host::new().user("ann", &["demo:package:*:write"]).describe::<Demo>();
    let wanted = [Wanted::new("package", "a", &["read"])];
    let signed = host.as_user("ann").run(|| auth::sign_access(auth::caller().as_ref(), "", &wanted)).unwrap();
    host.with_token(&signed.secret).run(|| {
        assert!(auth::require("package", "a", "write").is_err());
        assert!(auth::rejection().is_some());
        assert_eq!(auth::refuse_rejected("package", "read"), Ok(()));
    });
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
