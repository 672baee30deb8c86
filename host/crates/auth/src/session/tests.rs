//! When a caller is looked up, and what one request learns of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use super::*;
use crate::Stores;
use crate::clock::Clock;
use crate::keeper::Keeper as _;
use crate::sqlite::{Database, PATIENCE};
use crate::tests::{HERE, PASSWORD, add_user, grants, host};
use crate::tokens::TokenRequest;

fn session(auth: &Auth, credentials: Credentials) -> Session {
    let area = Area { mount: "demo".to_owned(), ..Area::default() };
    Session::new(auth.clone(), area, credentials, HERE)
}

async fn may(session: &mut Session, name: &str, action: &str) -> Decision {
    session.check("package", name, action, Owners::default()).await.unwrap()
}

#[tokio::test]
async fn nobody_is_looked_up_until_something_depends_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("users.sqlite"), PATIENCE).await.unwrap();
    let stores = Stores::of_database(database.clone());
    let auth = Auth::over(stores, grants(&["*:*:*:read"]), None, Clock::without_waiting());
    add_user(&auth, "ann", &[]).await;
    let ann = auth.account("ann").await.unwrap();
    let secret = auth.issue(&ann, &TokenRequest::default()).await.unwrap().secret;
    database.close().await;
    auth.inner.clock.sleep(Duration::from_secs(1)).await;

    let mut asked = session(&auth, Credentials::token(secret));
    asked.admit().await.unwrap();
    assert!(asked.public("package", "a", "read") && !asked.public("package", "a", "write"));
    let away = asked.check("package", "a", "read", Owners::default()).await.unwrap_err();
    assert!(matches!(away, AuthError::Unavailable { .. }), "{away}");
}

#[tokio::test]
async fn a_password_is_verified_before_the_request_has_a_place() {
    let auth = host();
    add_user(&auth, "ann", &["demo:package:a:write"]).await;
    let mut right = session(&auth, Credentials::password("ann", PASSWORD.into()));
    right.admit().await.unwrap();
    auth.remove_user("ann").await.unwrap();
    assert_eq!(may(&mut right, "a", "write").await, Decision::Granted, "it is not looked up again");

    let mut wrong = session(&auth, Credentials::password("ann", "wrong".into()));
    wrong.admit().await.unwrap();
    assert!(wrong.is_rejected());
    assert_eq!(may(&mut wrong, "a", "read").await, Decision::SignIn);
    assert!(wrong.rejection().await.unwrap().is_some());
}

#[tokio::test]
async fn credentials_of_a_foreign_scheme_are_as_good_as_none() {
    let auth = host();
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", "Negotiate abc".parse().unwrap());
    let mut asked = session(&auth, Credentials::take(&mut headers));
    asked.admit().await.unwrap();
    assert_eq!(may(&mut asked, "a", "read").await, Decision::Granted);
    assert_eq!(asked.rejection().await.unwrap(), None);
    assert_eq!(may(&mut asked, "a", "write").await, Decision::SignIn);
    let told = asked.rejection().await.unwrap().unwrap();
    assert!(told.contains("scheme"), "{told}");
    assert!(!asked.is_rejected() && !asked.is_lacking());
}

#[tokio::test]
async fn names_are_not_filtered_for_credentials_that_do_not_count() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let names = || vec!["a".to_owned()];
    let mut wrong = session(&auth, Credentials::password("ann", "wrong".into()));
    let refused = wrong.filter("package", names(), "read").await.unwrap_err();
    assert!(matches!(refused, AuthError::Rejected(_)), "{refused}");
    let mut nobody = session(&auth, Credentials::default());
    assert_eq!(nobody.filter("package", names(), "read").await.unwrap(), names());
}

#[tokio::test]
async fn a_token_that_is_not_enough_is_told_apart_from_an_account_that_is_not() {
    let auth = host();
    add_user(&auth, "ann", &["demo:package:a:write", "demo:package:b:write"]).await;
    let ann = auth.account("ann").await.unwrap();
    let scope = crate::Scope::of("demo", "package", "b", "write").unwrap();
    for (request, limit) in [
        (TokenRequest { read_only: true, ..TokenRequest::default() }, "it is read-only"),
        (
            TokenRequest { scopes: vec![scope], ..TokenRequest::default() },
            "it was created for other permissions",
        ),
    ] {
        let secret = auth.issue(&ann, &request).await.unwrap().secret;
        let mut asked = session(&auth, Credentials::token(secret));
        assert_eq!(may(&mut asked, "a", "write").await, Decision::Forbidden);
        let told = asked.rejection().await.unwrap().unwrap();
        let expected = format!("this token does not allow demo:package:a:write: {limit}");
        assert!(told.starts_with(&expected), "{told}");
        assert!(!asked.is_rejected() && !asked.is_lacking());
        // The user may not do it either.
        assert_eq!(may(&mut asked, "c", "write").await, Decision::Forbidden);
        assert_eq!(asked.rejection().await.unwrap(), None);
    }
    // An owner's token.
    let (ids, names) = ([ann.id().to_string()], []);
    let owners = Owners { ids: &ids, names: &names };
    let request = TokenRequest { read_only: true, ..TokenRequest::default() };
    let secret = auth.issue(&ann, &request).await.unwrap().secret;
    let mut asked = session(&auth, Credentials::token(secret));
    assert_eq!(asked.check("package", "c", "write", owners).await.unwrap(), Decision::Forbidden);
    assert!(asked.rejection().await.unwrap().is_some_and(|told| told.contains("read-only")));
}

#[tokio::test]
async fn too_many_wrong_passwords_are_told_apart_from_a_wrong_one() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let mut wrong = session(&auth, Credentials::password("ann", "wrong".into()));
    wrong.admit().await.unwrap();
    // As many as are looked at for the time being.
    let (throttle, now) = (&auth.inner.throttle, auth.inner.clock.now());
    while throttle.begin("ann", HERE, 0, Duration::from_secs(15), now).is_ok() {}
    let mut header = session(&auth, Credentials::password("ann", PASSWORD.into()));
    let refused = header.admit().await.unwrap_err();
    assert!(matches!(refused, AuthError::Throttled { .. }), "{refused}");

    let mut by_body = session(&auth, Credentials::default());
    assert_eq!(by_body.retry_after(), None);
    let refused = by_body.sign_in("ann", &PASSWORD.into()).await.unwrap_err();
    assert!(matches!(refused, AuthError::Throttled { .. }), "{refused}");
    assert!(by_body.retry_after().is_some_and(|wait| wait >= Duration::from_secs(1)));
}

#[tokio::test]
async fn what_a_mount_issues_is_for_that_mount_and_limited_in_number() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let mut asked = session(&auth, Credentials::password("ann", PASSWORD.into()));
    let ann = asked.caller().await.unwrap().account.clone().unwrap();
    let elsewhere = TokenRequest { mount: Some("other".to_owned()), ..TokenRequest::default() };
    let issued = asked.issue(&ann, elsewhere).await.unwrap().token;
    assert_eq!(issued.mount.as_deref(), Some("demo"), "whatever is asked for");
    for _ in 1..MOST_ISSUED {
        asked.issue(&ann, TokenRequest::default()).await.unwrap();
    }
    let refused = asked.issue(&ann, TokenRequest::default()).await.unwrap_err();
    assert!(matches!(refused, AuthError::Denied(_)), "{refused}");

    let other = Area { mount: "other".to_owned(), ..Area::default() };
    let other = Session::new(auth.clone(), other, Credentials::default(), HERE);
    assert!(other.list(&ann).await.unwrap().is_empty());
    assert_eq!(asked.list(&ann).await.unwrap().len(), 4);
}

/// Signed in as `credentials` say, and allowed to write `a`; then some time passes.
async fn granted(auth: &Auth, credentials: Credentials, owners: Owners<'_>) -> Session {
    let mut asked = session(auth, credentials);
    asked.admit().await.unwrap();
    let decision = asked.check("package", "a", "write", owners).await.unwrap();
    assert_eq!(decision, Decision::Granted);
    asked
}

async fn later(auth: &Auth) {
    auth.inner.clock.sleep(Duration::from_mins(2)).await;
}

fn denied(verified: Result<(), AuthError>) -> String {
    match verified {
        Err(AuthError::Denied(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_revoked_while_a_request_was_under_way_changes_nothing() {
    let auth = host();
    let scope = grants(&["demo:package:a:write"]);
    let by_password = || Credentials::password("ann", PASSWORD.into());
    add_user(&auth, "ann", &["demo:package:a:write"]).await;
    let ann = auth.account("ann").await.unwrap();
    let issued = auth.issue(&ann, &TokenRequest::default()).await.unwrap();

    let mut with_token = granted(&auth, Credentials::token(issued.secret.clone()), Owners::default()).await;
    later(&auth).await;
    with_token.verify().await.unwrap();
    assert_eq!(auth.revoke_any(issued.token.id).await.unwrap(), 1);
    assert!(denied(with_token.verify().await).contains("revoked"), "at once");

    let mut asked = granted(&auth, by_password(), Owners::default()).await;
    let mut other = granted(&auth, by_password(), Owners::default()).await;
    auth.withdraw("ann", &scope).await.unwrap();
    assert!(denied(asked.verify().await).contains("demo:package:a:write"));
    auth.grant("ann", &scope).await.unwrap();
    asked.verify().await.unwrap();
    auth.set_password("ann", &"another password".into()).await.unwrap();
    assert!(denied(other.verify().await).contains("wrong"), "the password is another one");
    auth.set_password("ann", &PASSWORD.into()).await.unwrap();
    other.verify().await.unwrap();
    auth.remove_user("ann").await.unwrap();
    add_user(&auth, "ann", &["demo:package:a:write"]).await;
    assert!(denied(other.verify().await).contains("removed"), "another user of the same name and password");
    let token = TokenRequest::default();
    let account = auth.account("ann").await.unwrap();
    assert!(matches!(other.issue(&account, token).await, Err(AuthError::Denied(_))), "nor is a token made");
}

#[tokio::test]
async fn what_another_host_revoked_counts_for_a_second_at_most() {
    let here = host();
    let clock = here.inner.clock.clone();
    let there = Auth::over(here.inner.stores.clone(), Vec::new(), None, clock);
    add_user(&here, "ann", &["demo:package:a:write"]).await;
    let ann = here.account("ann").await.unwrap();
    let issued = here.issue(&ann, &TokenRequest::default()).await.unwrap();
    let mut asked = granted(&here, Credentials::token(issued.secret), Owners::default()).await;
    assert_eq!(there.revoke_any(issued.token.id).await.unwrap(), 1);
    asked.verify().await.expect("what was verified within the last second counts");
    here.inner.clock.sleep(VERIFIED_FOR).await;
    assert!(denied(asked.verify().await).contains("revoked"));
}

#[tokio::test]
async fn what_only_expired_while_a_request_was_under_way_still_counts() {
    let auth = host();
    add_user(&auth, "ann", &["demo:package:a:write"]).await;
    let ann = auth.account("ann").await.unwrap();
    let minute = TokenRequest { lifetime: Some(Duration::from_mins(1)), ..TokenRequest::default() };
    let issued = auth.issue(&ann, &minute).await.unwrap();
    let mut asked = granted(&auth, Credentials::token(issued.secret.clone()), Owners::default()).await;
    later(&auth).await;
    let late = auth.identify(&Credentials::token(issued.secret.clone()), HERE, "demo").await.unwrap();
    assert!(late.rejection.is_some(), "it has expired");
    asked.verify().await.expect("it had not expired when it was sent");
    later(&auth).await;
    auth.revoke_any(issued.token.id).await.unwrap();
    denied(asked.verify().await);
}

#[tokio::test]
async fn an_owner_stays_one_while_a_request_is_under_way_and_nobody_is_asked_about_nobody() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let ids = [auth.account("ann").await.unwrap().id().to_string()];
    let owners = Owners { ids: &ids, names: &[] };
    let mut asked = granted(&auth, Credentials::password("ann", PASSWORD.into()), owners).await;
    later(&auth).await;
    asked.verify().await.unwrap();
    auth.remove_user("ann").await.unwrap();
    later(&auth).await;
    denied(asked.verify().await);

    let mut nobody = session(&auth, Credentials::default());
    assert_eq!(may(&mut nobody, "a", "read").await, Decision::Granted);
    later(&auth).await;
    nobody.verify().await.unwrap();
}

#[tokio::test]
async fn a_rule_that_denies_stops_a_request_under_way_and_names_itself() {
    let auth = host();
    add_user(&auth, "ann", &["demo:package:*:write"]).await;
    let by_password = || Credentials::password("ann", PASSWORD.into());
    let mut under_way = granted(&auth, by_password(), Owners::default()).await;
    auth.grant("ann", &grants(&["!demo:package:a:write"])).await.unwrap();
    assert!(denied(under_way.verify().await).contains("was taken away"));
    let mut next = session(&auth, by_password());
    assert_eq!(next.check("package", "a", "write", Owners::default()).await.unwrap(), Decision::Forbidden);
    let why = next.rejection().await.unwrap().unwrap();
    assert!(why.contains("a rule of this account denies demo:package:a:write"), "{why}");
    assert_eq!(next.check("package", "b", "write", Owners::default()).await.unwrap(), Decision::Granted);
    assert_eq!(next.rejection().await.unwrap(), None);
    let left = next.filter("package", vec!["a".to_owned(), "b".to_owned()], "write").await.unwrap();
    assert_eq!(left, ["b"]);
    assert_eq!(next.check("package", "a", "read", Owners::default()).await.unwrap(), Decision::Granted);
}
