//! What is put into a token, whom it counts for, and when it stops.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::time::Duration;

use base64::Engine as _;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use packhouse_scope::{Declaration, Implication};

use super::*;
use crate::clock::Clock;
use crate::jwt::tests::key;
use crate::keeper::Keeper as _;
use crate::sqlite::{Database, PATIENCE};
use crate::tests::{HERE, PASSWORD, add_user, grants, scopes, show, sign_in};
use crate::tokens::TokenRequest;
use crate::{Credentials, Owners, Stores, parse_network};

const SECRET: &str = "a shared secret of more than 32 bytes";
const FIVE_MINUTES: Duration = Duration::from_mins(5);

fn settings() -> AccessSettings {
    AccessSettings {
        secret: None,
        keys: Vec::new(),
        realm: None,
        service: "packhouse".to_owned(),
        services: BTreeMap::new(),
        issuer: None,
        lifetime: FIVE_MINUTES,
    }
}

/// Anybody may pull what is below `open/`.
async fn host_with(settings: &AccessSettings, stores: Stores) -> Auth {
    let signing = Signing::open(settings, &stores).await.unwrap();
    let public = grants(&["demo:thing:open/*:pull"]);
    Auth::over(stores, public, Some(signing), Clock::without_waiting())
}

async fn host() -> Auth {
    host_with(&settings(), Stores::in_memory()).await
}

/// Ann may push and pull what is below `ann/`, Bob may pull it.
async fn host_with_users() -> Auth {
    let auth = host().await;
    add_user(&auth, "ann", &["demo:thing:ann/*:push", "demo:thing:ann/*:delete"]).await;
    add_user(&auth, "bob", &["demo:thing:ann/*:pull"]).await;
    auth
}

/// `push` implies `pull`, which reads.
fn actions() -> Actions {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let (kind, read_action) = ("thing".to_owned(), "pull".to_owned());
    let actions = words(&["pull", "push", "delete"]);
    let push = Implication { kind: kind.clone(), action: "push".to_owned(), implied: words(&["pull"]) };
    Actions::declared(&[Declaration { kind, actions, read_action }], &[push]).unwrap()
}

fn thing(name: &str, actions: &[&str]) -> Entry {
    let actions = actions.iter().map(|&action| action.to_owned()).collect();
    Entry { kind: "thing".to_owned(), name: name.to_owned(), actions }
}

fn sign_at(
    auth: &Auth,
    mount: &str,
    account: Option<&Account>,
    service: &str,
    wanted: &[Entry],
) -> Result<AccessToken, AuthError> {
    let actions = actions();
    let request = AccessRequest { mount, anonymous: None, actions: &actions, service, wanted };
    auth.sign_access(account, &request)
}

fn sign(auth: &Auth, account: Option<&Account>, wanted: &[Entry]) -> AccessToken {
    sign_at(auth, "demo", account, "", wanted).unwrap()
}

/// What a token says, its signature unseen.
fn claims(token: &AccessToken) -> Value {
    let payload = token.secret.expose_secret().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn may(auth: &Auth, caller: &Caller, name: &str, action: &str) -> Decision {
    may_owned(auth, caller, name, action, Owners::default())
}

fn may_owned(auth: &Auth, caller: &Caller, name: &str, action: &str, owners: Owners<'_>) -> Decision {
    let resource = Resource { protocol: "demo", kind: "thing", name };
    auth.decide(&Question { anonymous: None, resource, action, actions: &actions() }, caller, owners)
}

async fn account(auth: &Auth, name: &str) -> Account {
    sign_in(auth, name, PASSWORD).await.account.unwrap()
}

async fn rejection(auth: &Auth, token: &AccessToken) -> String {
    let caller = show(auth, &token.secret).await;
    assert!(caller.account.is_none() && caller.access.is_none() && !caller.has_credentials());
    assert_eq!(may(auth, &caller, "open/a", "pull"), Decision::SignIn, "never taken for nobody");
    caller.rejection.expect("rejected")
}

#[tokio::test]
async fn a_token_holds_what_its_user_may_of_the_wanted_each_once() {
    let auth = host_with_users().await;
    let ann = account(&auth, "ann").await;
    let wanted = [
        thing("ann/a", &["pull", "push", "pull", "admin"]),
        thing("other", &["pull", "push"]),
        thing("ann/a", &["push", "delete"]),
        thing("open/b", &["pull", "push"]),
    ];
    let token = sign(&auth, Some(&ann), &wanted);
    let claims = claims(&token);
    assert_eq!(
        claims["access"],
        json!([
            { "type": "thing", "name": "ann/a", "actions": ["pull", "push", "delete"] },
            { "type": "thing", "name": "open/b", "actions": ["pull"] },
        ])
    );
    assert_eq!(
        (&claims["sub"], &claims["aud"], &claims["iss"]),
        (&json!("ann"), &json!("packhouse"), &json!("packhouse"))
    );
    let issued = claims["iat"].as_u64().unwrap();
    assert_eq!(issued, token.issued / 1000);
    assert_eq!(claims["nbf"], issued);
    assert_eq!(claims["exp"], issued + 300);
    assert_eq!(token.lifetime, FIVE_MINUTES);
    let other = sign(&auth, Some(&ann), &wanted);
    assert_ne!(claims["jti"], self::claims(&other)["jti"]);
}

#[tokio::test]
async fn a_token_for_nothing_is_still_one_and_says_who_bears_it() {
    let auth = host_with_users().await;
    let token = sign(&auth, Some(&account(&auth, "bob").await), &[thing("other", &["push"])]);
    assert_eq!(claims(&token)["access"], json!([]));
    let caller = show(&auth, &token.secret).await;
    assert!(caller.has_credentials());
    assert_eq!(caller.account.as_ref().unwrap().name().as_str(), "bob");
}

#[tokio::test]
async fn what_it_does_not_hold_asks_to_sign_in_and_what_its_user_may_not_is_forbidden() {
    let auth = host_with_users().await;
    let token = sign(&auth, Some(&account(&auth, "ann").await), &[thing("ann/a", &["pull"])]);
    let caller = show(&auth, &token.secret).await;
    assert_eq!(may(&auth, &caller, "ann/a", "pull"), Decision::Granted);
    assert_eq!(may(&auth, &caller, "ann/a", "push"), Decision::SignIn, "another token could");
    assert_eq!(may(&auth, &caller, "ann/b", "pull"), Decision::SignIn);
    assert_eq!(may(&auth, &caller, "other", "pull"), Decision::Forbidden, "no token could");
    assert_eq!(may(&auth, &caller, "open/a", "pull"), Decision::Granted, "public for everybody");
    let push = sign(&auth, Some(&account(&auth, "ann").await), &[thing("ann/a", &["push"])]);
    let caller = show(&auth, &push.secret).await;
    assert_eq!(may(&auth, &caller, "ann/a", "pull"), Decision::Granted, "push includes pull");
    assert_eq!(may(&auth, &caller, "ann/a", "delete"), Decision::SignIn);
}

#[tokio::test]
async fn being_listed_as_an_owner_does_not_widen_a_token() {
    let auth = host_with_users().await;
    let token = sign(&auth, Some(&account(&auth, "bob").await), &[thing("ann/a", &["pull"])]);
    let caller = show(&auth, &token.secret).await;
    let owners = Owners { ids: &[], names: &["bob".to_owned()] };
    assert_eq!(may(&auth, &caller, "ann/a", "push"), Decision::Forbidden, "no token could");
    let decision = may_owned(&auth, &caller, "ann/a", "push", owners);
    assert_eq!(decision, Decision::SignIn, "an owner may, with another token");
}

#[tokio::test]
async fn the_name_star_holds_whatever_the_bearer_may_when_it_is_used() {
    let auth = host_with_users().await;
    let token = sign(&auth, Some(&account(&auth, "bob").await), &[thing("*", &["pull"])]);
    let caller = show(&auth, &token.secret).await;
    assert_eq!(may(&auth, &caller, "ann/a", "pull"), Decision::Granted);
    assert_eq!(may(&auth, &caller, "other", "pull"), Decision::Forbidden);
    auth.withdraw("bob", &grants(&["demo:thing:ann/*:pull"])).await.unwrap();
    let caller = show(&auth, &token.secret).await;
    assert_eq!(may(&auth, &caller, "ann/a", "pull"), Decision::Forbidden);
}

#[tokio::test]
async fn a_token_for_nobody_opens_what_is_public() {
    let auth = host_with_users().await;
    let token = sign(&auth, None, &[thing("open/a", &["pull", "push"]), thing("ann/a", &["pull"])]);
    assert_eq!(claims(&token)["access"], json!([{ "type": "thing", "name": "open/a", "actions": ["pull"] }]));
    let caller = show(&auth, &token.secret).await;
    assert!(caller.account.is_none() && caller.has_credentials());
    assert_eq!(may(&auth, &caller, "open/a", "pull"), Decision::Granted);
    assert_eq!(may(&auth, &caller, "open/a", "push"), Decision::SignIn);
    assert_eq!(may(&auth, &caller, "ann/a", "pull"), Decision::SignIn);
}

#[tokio::test]
async fn a_grant_withdrawn_or_given_counts_with_a_token_that_is_out_already() {
    let auth = host_with_users().await;
    let token = sign(&auth, Some(&account(&auth, "bob").await), &[thing("ann/a", &["pull", "push"])]);
    auth.grant("bob", &grants(&["demo:thing:ann/a:push"])).await.unwrap();
    let caller = show(&auth, &token.secret).await;
    assert_eq!(
        may(&auth, &caller, "ann/a", "push"),
        Decision::SignIn,
        "it does not hold what was not his then"
    );
    auth.withdraw("bob", &grants(&["demo:thing:ann/*:pull", "demo:thing:ann/a:push"])).await.unwrap();
    let caller = show(&auth, &token.secret).await;
    assert_eq!(may(&auth, &caller, "ann/a", "pull"), Decision::Forbidden);
}

#[tokio::test]
async fn a_removed_user_s_token_counts_for_nothing_also_for_another_of_that_name() {
    let auth = host_with_users().await;
    let token = sign(&auth, Some(&account(&auth, "ann").await), &[thing("ann/a", &["push"])]);
    auth.remove_user("ann").await.unwrap();
    assert_eq!(rejection(&auth, &token).await, GONE);
    add_user(&auth, "ann", &["*:*:*:*"]).await;
    assert_eq!(rejection(&auth, &token).await, GONE);
}

#[tokio::test]
async fn it_ends_with_the_token_that_it_was_made_with() {
    let auth = host_with_users().await;
    let ann = account(&auth, "ann").await;
    let request = TokenRequest {
        lifetime: Some(Duration::from_secs(90)),
        cidr: vec![parse_network("192.0.2.0/24").unwrap()],
        scopes: scopes(&["demo:thing:ann/a:push"]),
        ..TokenRequest::default()
    };
    let made = auth.issue(&ann, &request).await.unwrap();
    let narrowed = show(&auth, &made.secret).await.account.unwrap();
    let token =
        sign(&auth, Some(&narrowed), &[thing("ann/a", &["push", "delete"]), thing("ann/b", &["pull"])]);
    assert_eq!(claims(&token)["access"], json!([{ "type": "thing", "name": "ann/a", "actions": ["push"] }]));
    assert!(token.lifetime <= Duration::from_secs(90), "{token:?}");
    let credentials = Credentials::token(token.secret.clone());
    let elsewhere = auth.identify(&credentials, [198, 51, 100, 1].into(), "demo").await.unwrap();
    assert!(elsewhere.rejection.unwrap().contains("network"));
    let caller = show(&auth, &token.secret).await;
    assert_eq!(may(&auth, &caller, "ann/a", "push"), Decision::Granted);
    assert_eq!(auth.revoke_any(made.token.id).await.unwrap(), 1);
    assert_eq!(rejection(&auth, &token).await, GONE);
}

#[tokio::test]
async fn a_read_only_token_s_access_token_only_reads() {
    let auth = host_with_users().await;
    let ann = account(&auth, "ann").await;
    let made = auth.issue(&ann, &TokenRequest { read_only: true, ..TokenRequest::default() }).await.unwrap();
    let reader = show(&auth, &made.secret).await.account.unwrap();
    let token = sign(&auth, Some(&reader), &[thing("ann/a", &["pull", "push"]), thing("*", &["push"])]);
    let caller = show(&auth, &token.secret).await;
    assert!(caller.account.as_ref().unwrap().read_only());
    assert_eq!(may(&auth, &caller, "ann/a", "pull"), Decision::Granted);
    assert_eq!(may(&auth, &caller, "ann/a", "push"), Decision::Forbidden);
}

#[tokio::test]
async fn an_access_token_makes_lists_and_revokes_no_tokens_and_signs_no_other() {
    let auth = host_with_users().await;
    let ann = account(&auth, "ann").await;
    let made = auth.issue(&ann, &TokenRequest::default()).await.unwrap();
    let token = sign(&auth, Some(&ann), &[thing("ann/a", &["push"])]);
    let bearer = show(&auth, &token.secret).await.account.unwrap();
    let narrow = TokenRequest {
        read_only: true,
        lifetime: Some(Duration::from_secs(1)),
        scopes: scopes(&["demo:thing:ann/a:pull"]),
        ..TokenRequest::default()
    };
    let denied = |error: AuthError| assert!(matches!(error, AuthError::Denied(_)), "{error}");
    denied(auth.issue(&bearer, &TokenRequest::default()).await.unwrap_err());
    denied(auth.issue(&bearer, &narrow).await.unwrap_err());
    denied(auth.list(&bearer).await.unwrap_err());
    denied(auth.revoke(&bearer, &made.token.id.to_string()).await.unwrap_err());
    denied(sign_at(&auth, "demo", Some(&bearer), "", &[thing("ann/a", &["pull"])]).unwrap_err());
    assert!(show(&auth, &made.secret).await.account.is_some(), "it is still there");
}

#[tokio::test]
async fn an_access_token_is_no_password_and_no_refresh_token() {
    let auth = host_with_users().await;
    let token = sign(&auth, Some(&account(&auth, "ann").await), &[thing("ann/a", &["push"])]);
    assert!(auth.authenticate_token(&token.secret, HERE, "demo").await.is_err());
    assert!(auth.authenticate_only_password("ann", &token.secret, HERE).await.is_err());
    let by_basic = sign_in(&auth, "ann", token.secret.expose_secret()).await;
    assert!(by_basic.rejection.is_some() && by_basic.account.is_none());
}

#[tokio::test]
async fn it_counts_at_its_mount_only() {
    let auth = host_with_users().await;
    let ann = account(&auth, "ann").await;
    let token = sign_at(&auth, "other", Some(&ann), "", &[thing("ann/a", &["push"])]).unwrap();
    assert_eq!(rejection(&auth, &token).await, OTHER_MOUNT);
    let anonymous = sign_at(&auth, "other", None, "", &[thing("open/a", &["pull"])]).unwrap();
    assert_eq!(rejection(&auth, &anonymous).await, OTHER_MOUNT);
}

#[tokio::test]
async fn it_is_signed_for_this_service_only_and_counts_at_no_other() {
    let with = |service: &str| AccessSettings {
        secret: Some(SECRET.into()),
        service: service.to_owned(),
        ..settings()
    };
    let one = host_with(&with("one"), Stores::in_memory()).await;
    let two = host_with(&with("two"), Stores::in_memory()).await;
    assert!(sign_at(&one, "demo", None, "one", &[]).is_ok());
    let AuthError::Invalid(why) = sign_at(&one, "demo", None, "two", &[]).unwrap_err() else { panic!() };
    assert!(why.contains("`one`"), "{why}");
    let token = sign(&one, None, &[]);
    assert!(show(&one, &token.secret).await.rejection.is_none());
    assert_eq!(rejection(&two, &token).await, FOREIGN);
}

#[tokio::test]
async fn it_expires_and_no_sooner() {
    let auth = host_with_users().await;
    let token = sign(&auth, Some(&account(&auth, "ann").await), &[thing("ann/a", &["push"])]);
    auth.inner.clock.sleep(FIVE_MINUTES).await;
    assert!(show(&auth, &token.secret).await.rejection.is_none(), "clocks may differ a little");
    auth.inner.clock.sleep(Duration::from_secs(121)).await;
    assert_eq!(rejection(&auth, &token).await, EXPIRED);
}

#[tokio::test]
async fn the_clocks_of_two_hosts_may_differ_by_two_minutes() {
    let stores = Stores::in_memory();
    let (ahead, behind) =
        (host_with(&settings(), stores.clone()).await, host_with(&settings(), stores).await);
    add_user(&ahead, "ann", &["demo:thing:*:push"]).await;
    let apart = Duration::from_mins(2);
    ahead.inner.clock.sleep(apart).await;
    let early = sign(&ahead, Some(&account(&ahead, "ann").await), &[thing("a", &["push"])]);
    assert_eq!(show(&behind, &early.secret).await.rejection, None);
    let late = sign(&behind, Some(&account(&behind, "ann").await), &[thing("a", &["push"])]);
    ahead.inner.clock.sleep(FIVE_MINUTES.saturating_sub(Duration::from_secs(5))).await;
    assert_eq!(show(&ahead, &late.secret).await.rejection, None, "until its end by the clock of its signer");
    ahead.inner.clock.sleep(Duration::from_secs(10)).await;
    let too_early = sign(&ahead, None, &[]);
    assert_eq!(rejection(&behind, &too_early).await, EARLY);
}

#[tokio::test]
async fn a_token_of_another_secret_counts_for_nothing() {
    let (one, two) = (host().await, host().await);
    add_user(&one, "ann", &["*:*:*:*"]).await;
    let token = sign(&one, Some(&account(&one, "ann").await), &[thing("a", &["push"])]);
    assert_eq!(rejection(&two, &token).await, FORGED);
}

#[tokio::test]
async fn a_token_in_our_form_that_does_not_say_its_mount_counts_for_nothing() {
    let auth =
        host_with(&AccessSettings { secret: Some(SECRET.into()), ..settings() }, Stores::in_memory()).await;
    add_user(&auth, "ann", &["*:*:*:*"]).await;
    let access = json!([{ "type": "thing", "name": "a", "actions": ["push"] }]);
    let now = auth.inner.clock.unix_millis() / 1000;
    let token = outside_token(&json!({
        "iss": "packhouse", "aud": "packhouse", "sub": "ann", "exp": now + 60, "access": access
    }));
    assert_eq!(rejection(&auth, &token).await, FOREIGN);
}

/// Signed with the shared secret, by somebody else.
fn outside_token(claims: &Value) -> AccessToken {
    let keys = Keys::read(&[], Some(&SECRET.into())).unwrap();
    AccessToken { secret: keys.sign(claims).unwrap(), issued: 0, lifetime: FIVE_MINUTES }
}

async fn host_of_a_realm(issuer: Option<&str>) -> Auth {
    let settings = AccessSettings {
        secret: Some(SECRET.into()),
        realm: Some("https://auth.example.com/token".to_owned()),
        issuer: issuer.map(str::to_owned),
        ..settings()
    };
    host_with(&settings, Stores::in_memory()).await
}

#[tokio::test]
async fn another_token_server_s_word_counts_alone() {
    let auth = host_of_a_realm(None).await;
    let now = auth.inner.clock.unix_millis() / 1000;
    let token = outside_token(&json!({
        "iss": "them", "aud": ["packhouse/demo", "more"], "sub": "somebody@example.com", "exp": now + 60, "nbf": now - 5,
        "access": [{ "type": "thing", "class": "image", "name": "a/b", "actions": ["pull", "push"] },
                   { "type": "thing", "name": "*", "actions": ["pull"] }]
    }));
    let caller = show(&auth, &token.secret).await;
    assert_eq!(caller.rejection, None);
    assert!(caller.account.is_none() && caller.has_credentials());
    assert_eq!(may(&auth, &caller, "a/b", "push"), Decision::Granted);
    assert_eq!(may(&auth, &caller, "a/b", "delete"), Decision::SignIn);
    assert_eq!(may(&auth, &caller, "other", "pull"), Decision::SignIn, "a star is no name of a thing");
    assert_eq!(may(&auth, &caller, "open/a", "pull"), Decision::Granted, "public for everybody");
    let empty = outside_token(&json!({ "aud": "packhouse/demo", "exp": now + 60, "access": null }));
    let caller = show(&auth, &empty.secret).await;
    assert!(caller.has_credentials());
    assert_eq!(may(&auth, &caller, "a/b", "pull"), Decision::SignIn);
}

#[tokio::test]
async fn another_token_server_s_tokens_have_an_audience_a_time_and_an_issuer() {
    let auth = host_of_a_realm(Some("them")).await;
    let now = auth.inner.clock.unix_millis() / 1000;
    let with = |aud: &str, iss: &str, exp: u64, nbf: u64| {
        outside_token(&json!({ "iss": iss, "aud": aud, "exp": exp, "nbf": nbf, "access": [] }))
    };
    assert!(show(&auth, &with("packhouse/demo", "them", now + 60, now).secret).await.has_credentials());
    assert_eq!(rejection(&auth, &with("elsewhere", "them", now + 60, now)).await, FOREIGN);
    assert_eq!(rejection(&auth, &with("packhouse/demo", "us", now + 60, now)).await, FOREIGN);
    assert_eq!(rejection(&auth, &with("packhouse/demo", "them", now - 150, now)).await, EXPIRED);
    assert_eq!(rejection(&auth, &with("packhouse/demo", "them", now + 600, now + 300)).await, EARLY);
}

#[tokio::test]
async fn another_token_server_s_token_is_valid_at_the_mount_that_its_audience_names() {
    let settings = AccessSettings {
        secret: Some(SECRET.into()),
        realm: Some("https://auth.example.com/token".to_owned()),
        services: [("named".to_owned(), "registry".to_owned())].into(),
        ..settings()
    };
    let auth = host_with(&settings, Stores::in_memory()).await;
    let now = auth.inner.clock.unix_millis() / 1000;
    let valid_at = async |audience: &str| -> Vec<&str> {
        let access = json!([{ "type": "thing", "name": "a", "actions": ["push"] }]);
        let token = outside_token(&json!({ "aud": audience, "exp": now + 60, "access": access }));
        let mut mounts = Vec::new();
        for mount in ["demo", "other", "named"] {
            let caller = auth.identify(&Credentials::token(token.secret.clone()), HERE, mount).await.unwrap();
            if caller.has_credentials() {
                mounts.push(mount);
            }
        }
        mounts
    };
    assert_eq!(valid_at("packhouse/demo").await, ["demo"]);
    assert_eq!(valid_at("packhouse/other").await, ["other"]);
    assert_eq!(valid_at("registry").await, ["named"]);
    for audience in ["packhouse", "packhouse/named", "packhouse/", "demo", ""] {
        assert!(valid_at(audience).await.is_empty(), "{audience}");
    }
    assert_eq!(auth.token_server("named").unwrap().service, "registry");
}

#[tokio::test]
async fn where_another_server_signs_or_none_does_nothing_is_signed() {
    let auth = host_of_a_realm(None).await;
    assert_eq!(
        auth.token_server("demo"),
        Some(TokenServer { realm: Some("https://auth.example.com/token"), service: "packhouse/demo".into() })
    );
    assert!(matches!(sign_at(&auth, "demo", None, "", &[]), Err(AuthError::Denied(_))));
    let off = crate::tests::host();
    assert_eq!(off.token_server("demo"), None);
    assert!(matches!(sign_at(&off, "demo", None, "", &[]), Err(AuthError::Denied(_))));
    let token = sign(&host().await, None, &[]);
    assert!(show(&off, &token.secret).await.rejection.unwrap().contains("switched off"));
}

#[tokio::test]
async fn more_than_a_hundred_things_are_too_many() {
    let auth = host().await;
    let wanted: Vec<Entry> = (0..101).map(|number| thing(&format!("open/{number}"), &["pull"])).collect();
    assert!(matches!(sign_at(&auth, "demo", None, "", &wanted), Err(AuthError::Invalid(_))));
    assert!(sign_at(&auth, "demo", None, "", &wanted[..100]).is_ok());
}

#[tokio::test]
async fn a_token_that_is_about_to_end_is_traded_for_none() {
    let auth = host_with_users().await;
    let ann = account(&auth, "ann").await;
    let short = TokenRequest { lifetime: Some(Duration::from_mins(1)), ..TokenRequest::default() };
    let made = auth.issue(&ann, &short).await.unwrap();
    let narrowed = show(&auth, &made.secret).await.account.unwrap();
    auth.inner.clock.sleep(Duration::from_millis(59_500)).await;
    assert!(matches!(sign_at(&auth, "demo", Some(&narrowed), "", &[]), Err(AuthError::Denied(_))));
}

#[tokio::test]
async fn keys_sign_in_place_of_the_secret_and_old_ones_still_count() {
    let of_keys = |keys: Vec<KeyFile>| AccessSettings { keys, secret: Some(SECRET.into()), ..settings() };
    let stores = Stores::in_memory();
    let before = host_with(&of_keys(Vec::new()), stores.clone()).await;
    add_user(&before, "ann", &["demo:thing:*:push"]).await;
    let ann = account(&before, "ann").await;
    let by_secret = sign(&before, Some(&ann), &[thing("a", &["push"])]);
    let one = host_with(&of_keys(vec![key("one", "RS256", "rsa.pem")]), stores.clone()).await;
    let by_one = sign(&one, Some(&ann), &[thing("a", &["push"])]);
    let two = host_with(
        &of_keys(vec![key("two", "ES256", "p256.pem"), key("one", "RS256", "rsa.pub.pem")]),
        stores.clone(),
    )
    .await;
    let by_two = sign(&two, Some(&ann), &[thing("a", &["push"])]);
    for token in [&by_secret, &by_one, &by_two] {
        assert_eq!(may(&two, &show(&two, &token.secret).await, "a", "push"), Decision::Granted);
    }
    assert_eq!(rejection(&one, &by_two).await, FORGED);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_start_at_once_on_one_database_share_a_secret_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let start = || async {
        let database = Database::open(&path, PATIENCE).await.unwrap();
        host_with(&settings(), Stores::of_database(database)).await
    };
    let (one, two, three) = tokio::join!(start(), start(), start());
    add_user(&one, "ann", &["demo:thing:*:push"]).await;
    let token = sign(&one, Some(&account(&one, "ann").await), &[thing("a", &["push"])]);
    for host in [&one, &two, &three, &start().await] {
        assert_eq!(may(host, &show(host, &token.secret).await, "a", "push"), Decision::Granted);
    }
    one.withdraw("ann", &grants(&["demo:thing:*:push"])).await.unwrap();
    two.inner.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(
        may(&two, &show(&two, &token.secret).await, "a", "push"),
        Decision::Forbidden,
        "within a second"
    );
    one.remove_user("ann").await.unwrap();
    two.inner.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(rejection(&two, &token).await, GONE);
}

#[tokio::test]
async fn a_store_that_is_away_is_an_error_and_never_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("users.sqlite"), PATIENCE).await.unwrap();
    let auth = host_with(&settings(), Stores::of_database(database.clone())).await;
    add_user(&auth, "ann", &[]).await;
    let token = sign(&auth, Some(&account(&auth, "ann").await), &[]);
    database.close().await;
    auth.inner.clock.sleep(Duration::from_secs(1)).await;
    let error = auth.identify(&Credentials::token(token.secret), HERE, "demo").await.unwrap_err();
    assert!(matches!(error, AuthError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn nothing_printed_shows_a_token() {
    let token = sign(&host().await, None, &[]);
    let signature = token.secret.expose_secret().rsplit('.').next().unwrap().to_owned();
    assert!(!format!("{token:?}").contains(&signature));
}
