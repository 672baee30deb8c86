//! A client's way to a signed access token: challenge, token endpoint, access.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use packhouse_plugin::auth::{self, Decision, TokenRequest, Wanted};
use packhouse_plugin::testing::{Actor, Host};
use packhouse_plugin::{Call, Description, Error, Failure, Protocol, Request, Response, Router};

struct Demo;

impl Protocol for Demo {
    fn describe() -> Description {
        Description::new("demo", "Demo", "0.1.0").scope("thing", &["pull", "push"], "pull").implies(
            "thing",
            "push",
            &["pull"],
        )
    }

    fn handle(request: Request) -> Response {
        Router::new()
            .get("/token", token)
            .get("/things/{thing}", |call| thing(call, "pull"))
            .put("/things/{thing}", |call| thing(call, "push"))
            .get("/", |_| Ok(Response::new(if auth::has_credentials() { 200 } else { 401 })))
            .handle(request)
    }
}

fn thing(call: &Call, action: &str) -> Result<Response, Failure> {
    let name = call.decoded("thing")?;
    match auth::require("thing", &name, action) {
        Ok(()) => Ok(Response::new(200)),
        Err(denied) => {
            let challenge = auth::bearer_challenge("/token", &[Wanted::new("thing", &name, &[action])]);
            let response = Response::new(denied.status()).text(denied.to_string());
            Ok(match challenge.filter(|_| denied.decision() == Decision::SignIn) {
                Some(challenge) => response.header("WWW-Authenticate", &challenge),
                None => response,
            })
        }
    }
}

/// `?thing={name}` asks for both actions.
fn token(call: &Call) -> Result<Response, Failure> {
    let name = call.query("thing").unwrap_or_default();
    let wanted = [Wanted::new("thing", &name, &["pull", "push"])];
    let signed = auth::sign_access(auth::caller().as_ref(), "packhouse", &wanted)?;
    Ok(Response::new(200).text(signed.secret))
}

fn host() -> Host {
    Host::new()
        .user("ann", &["demo:thing:*:push"])
        .user("bob", &["demo:thing:one:pull"])
        .anonymous_grants(&["demo:thing:open:pull"])
        .describe::<Demo>()
}

fn fetch(actor: &Actor, thing: &str) -> String {
    let reply = actor.get(&format!("/token?thing={thing}")).send::<Demo>();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    reply.text()
}

fn status(actor: &Actor, method: &str, path: &str) -> u16 {
    actor.request(method, path).send::<Demo>().status()
}

#[test]
fn a_refused_request_says_where_to_fetch_a_token_and_the_token_opens_it() {
    let host = host();
    let refused = host.anonymous().put("/things/one").send::<Demo>();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.header("www-authenticate"),
        Some(
            "Bearer realm=\"https://registry.example.com/demo/token\",service=\"packhouse\",scope=\"thing:one:push\""
        )
    );
    let secret = fetch(&host.as_user("ann"), "one");
    assert_eq!(host.access(&secret).unwrap(), [Wanted::new("thing", "one", &["pull", "push"])]);
    let ann = host.with_token(&secret);
    assert_eq!(status(&ann, "PUT", "/things/one"), 200);
    assert_eq!(status(&ann, "GET", "/"), 200);
}

#[test]
fn a_token_that_holds_too_little_asks_for_another_and_what_nobody_gives_is_forbidden() {
    let host = host();
    let ann = host.with_token(&fetch(&host.as_user("ann"), "one"));
    let refused = ann.put("/things/two").send::<Demo>();
    assert_eq!(refused.status(), 401);
    assert!(refused.text().contains("thing:two:push"), "{}", refused.text());
    assert!(refused.header("www-authenticate").unwrap().ends_with(",error=\"insufficient_scope\""));
    let bob = host.with_token(&fetch(&host.as_user("bob"), "one"));
    assert_eq!(status(&bob, "GET", "/things/one"), 200);
    assert_eq!(status(&bob, "PUT", "/things/one"), 403);
}

#[test]
fn nobody_gets_a_token_for_what_is_public() {
    let host = host();
    let secret = fetch(&host.anonymous(), "open");
    assert_eq!(host.access(&secret).unwrap(), [Wanted::new("thing", "open", &["pull"])]);
    let nobody = host.with_token(&secret);
    assert_eq!(status(&nobody, "GET", "/things/open"), 200);
    assert_eq!(status(&nobody, "PUT", "/things/open"), 401);
    assert_eq!(status(&nobody, "GET", "/"), 200);
    assert_eq!(status(&host.anonymous(), "GET", "/"), 401);
    assert_eq!(status(&host.rejected("wrong"), "GET", "/"), 401);
    assert!(nobody.run(auth::caller).is_none());
}

#[test]
fn it_ends_with_its_time_or_with_the_token_that_it_was_made_with() {
    let host = host().grant("login").password("ann", "secret");
    let (issued, account) = host.anonymous().run(|| {
        let account = auth::authenticate_password("ann", "secret").unwrap();
        let request = TokenRequest { lifetime_seconds: Some(100), ..TokenRequest::default() };
        (account.issue_token(&request).unwrap(), account)
    });
    let secret = fetch(&host.with_token(&issued.secret), "one");
    assert_eq!(status(&host.with_token(&secret), "PUT", "/things/one"), 200);
    let until = host.now() + 100_000;
    let other = fetch(&host.as_user("ann"), "one");
    host.set_now(until);
    assert_eq!(status(&host.with_token(&secret), "PUT", "/things/one"), 401);
    assert_eq!(status(&host.with_token(&other), "PUT", "/things/one"), 200);
    host.set_now(until - 1);
    assert!(host.anonymous().run(|| account.revoke_token(&issued.token.id)).unwrap());
    assert_eq!(status(&host.with_token(&secret), "PUT", "/things/one"), 401);
}

#[test]
fn it_looks_after_no_tokens_and_makes_none() {
    let host = host().grant("login");
    let ann = host.with_token(&fetch(&host.as_user("ann"), "one"));
    ann.run(|| {
        let account = auth::caller().unwrap();
        assert!(matches!(account.issue_token(&TokenRequest::default()), Err(Error::Denied(_))));
        assert!(matches!(account.list_tokens(), Err(Error::Denied(_))));
        assert!(matches!(account.revoke_token("any"), Err(Error::Denied(_))));
        assert!(matches!(auth::sign_access(Some(&account), "", &[]), Err(Error::Denied(_))));
    });
}

#[test]
fn a_refresh_token_signs_in_where_login_is_granted() {
    let host = host().grant("login").password("ann", "secret");
    let secret = host.anonymous().run(|| {
        let account = auth::authenticate_password("ann", "secret").unwrap();
        account.issue_token(&TokenRequest { read_only: true, ..TokenRequest::default() }).unwrap().secret
    });
    host.anonymous().run(|| {
        let account = auth::authenticate_token(&secret).unwrap();
        assert!(account.name() == "ann" && account.is_read_only());
        let signed = auth::sign_access(Some(&account), "", &[Wanted::new("thing", "one", &["push", "pull"])]);
        assert_eq!(host.access(&signed.unwrap().secret).unwrap(), [Wanted::new("thing", "one", &["pull"])]);
        assert!(matches!(auth::authenticate_token("unknown"), Err(Error::Denied(_))));
    });
    let without = self::host();
    assert!(matches!(without.anonymous().run(|| auth::authenticate_token(&secret)), Err(Error::Denied(_))));
}

#[test]
fn the_name_star_stands_for_whatever_the_bearer_may() {
    let host = host();
    let signed = host
        .as_user("bob")
        .run(|| auth::sign_access(auth::caller().as_ref(), "", &[Wanted::new("thing", "*", &["pull"])]));
    let bob = host.with_token(&signed.unwrap().secret);
    let seen = bob.run(|| auth::filter_allowed("thing", &["one", "open", "two"], "pull"));
    assert_eq!(seen, ["one", "open"]);
}

#[test]
fn another_token_server_stands_in_the_challenge_and_its_word_counts_alone() {
    let host = host().token_server("https://auth.example.com/token");
    let refused = host.anonymous().put("/things/one").send::<Demo>();
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer realm=\"https://auth.example.com/token\",")
    );
    assert_eq!(host.as_user("ann").get("/token?thing=one").send::<Demo>().status(), 403);
    let somebody = host.with_outside_access(&[Wanted::new("thing", "one", &["push"])]);
    assert_eq!(status(&somebody, "PUT", "/things/one"), 200);
    assert_eq!(status(&somebody, "PUT", "/things/two"), 401);
    assert_eq!(status(&somebody, "GET", "/"), 200);
}

#[test]
fn switched_off_there_is_no_challenge_and_no_token() {
    let host = host().without_access_tokens();
    assert_eq!(host.anonymous().put("/things/one").send::<Demo>().header("www-authenticate"), None);
    assert_eq!(host.as_user("ann").get("/token?thing=one").send::<Demo>().status(), 403);
}

#[test]
fn what_cannot_stand_in_a_challenge_is_left_out_and_another_service_is_refused() {
    let host = host();
    host.anonymous().run(|| {
        let wanted = [Wanted::new("thing", "a b", &["pull"]), Wanted::new("thing", "a\"", &["pull"])];
        let challenge = auth::bearer_challenge("/token", &wanted).unwrap();
        assert!(!challenge.contains("scope"), "{challenge}");
        assert!(matches!(auth::sign_access(None, "elsewhere", &[]), Err(Error::Invalid(_))));
        let many = vec![Wanted::new("thing", "open", &["pull"]); 101];
        assert!(matches!(auth::sign_access(None, "", &many), Err(Error::Invalid(_))));
    });
}
