#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::tests::{HERE, PASSWORD, add_user, host, host_on, sign_in};
use crate::{Credentials, TokenRequest};

const DAY: Duration = Duration::from_hours(24);

async fn begin(auth: &Auth, name: &str) -> WebSession {
    auth.begin_web_session(name, &PASSWORD.into(), HERE, DAY).await.unwrap()
}

async fn is_signed_in(auth: &Auth, secret: &SecretString) -> bool {
    auth.web_session(secret).await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_begins_with_the_password_and_nothing_else() {
    let auth = host();
    add_user(&auth, "ann", &["npm:package:*:write"]).await;
    let ann = begin(&auth, "ann").await.account;
    let made = auth.issue(&ann, &TokenRequest::default()).await.unwrap();
    for wrong in ["wrong", "", made.secret.expose_secret()] {
        let refused = auth.begin_web_session("ann", &wrong.into(), HERE, DAY).await;
        assert!(matches!(refused, Err(AuthError::Denied(_))), "with `{wrong}`");
    }
}

#[tokio::test]
async fn a_session_is_no_token_and_a_token_is_no_session() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let session = begin(&auth, "ann").await;
    let made = auth.issue(&session.account, &TokenRequest::default()).await.unwrap();
    assert!(is_signed_in(&auth, &session.secret).await);
    assert!(!is_signed_in(&auth, &made.secret).await);
    for credentials in
        [Credentials::token(session.secret.clone()), Credentials::password("ann", session.secret.clone())]
    {
        let caller = auth.identify(&credentials, HERE, "demo").await.unwrap();
        assert!(!caller.has_credentials());
    }
    let seen = auth.list(&session.account).await.unwrap();
    assert_eq!(seen.iter().map(|token| token.id).collect::<Vec<_>>(), [made.token.id]);
}

#[tokio::test]
async fn a_token_that_was_made_in_a_session_outlives_it() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let session = begin(&auth, "ann").await;
    let made = auth.issue(&session.account, &TokenRequest::default()).await.unwrap();
    auth.end_web_session(&session.secret).await.unwrap();
    assert!(!is_signed_in(&auth, &session.secret).await);
    let caller = auth.identify(&Credentials::token(made.secret), HERE, "demo").await.unwrap();
    assert!(caller.has_credentials());
}

#[tokio::test]
async fn a_session_ends_with_its_time_with_another_password_and_with_its_user() {
    let folder = tempfile::tempdir().unwrap();
    let auth = host_on(&folder.path().join("users.sqlite")).await;
    add_user(&auth, "ann", &[]).await;
    add_user(&auth, "bob", &[]).await;
    let (ann, bob) = (begin(&auth, "ann").await, begin(&auth, "bob").await);
    let short = auth.begin_web_session("bob", &PASSWORD.into(), HERE, Duration::ZERO).await.unwrap();
    assert!(!is_signed_in(&auth, &short.secret).await);
    auth.set_password("ann", &"another password".into()).await.unwrap();
    assert!(!is_signed_in(&auth, &ann.secret).await);
    assert!(is_signed_in(&auth, &bob.secret).await);
    auth.remove_user("bob").await.unwrap();
    assert!(!is_signed_in(&auth, &bob.secret).await);
    add_user(&auth, "bob", &[]).await;
    assert!(!is_signed_in(&auth, &bob.secret).await, "another user of this name");
}

#[tokio::test]
async fn one_session_more_than_allowed_replaces_the_oldest() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let first = begin(&auth, "ann").await;
    auth.inner.clock.sleep(Duration::from_millis(1)).await;
    let second = begin(&auth, "ann").await;
    let made = auth.issue(&first.account, &TokenRequest::default()).await.unwrap();
    for _ in 2..=MOST {
        begin(&auth, "ann").await;
    }
    assert!(!is_signed_in(&auth, &first.secret).await);
    assert!(is_signed_in(&auth, &second.secret).await);
    let caller = auth.identify(&Credentials::token(made.secret), HERE, "demo").await.unwrap();
    assert!(caller.has_credentials());
    assert!(sign_in(&auth, "ann", PASSWORD).await.has_credentials());
}
