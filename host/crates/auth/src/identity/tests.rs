//! Who is recognised by what, how fast, and what guessing costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::time::Instant;

use super::*;
use crate::passwords;
use crate::tests::{HERE, PASSWORD, add_user, host, show, sign_in};
use crate::{TokenRequest, parse_network};

async fn rejection(auth: &Auth, credentials: &Credentials, peer: IpAddr) -> String {
    auth.identify(credentials, peer, "demo").await.unwrap().rejection.expect("rejected")
}

async fn token(auth: &Auth, request: TokenRequest) -> SecretString {
    let ann = auth.account("ann").await.unwrap();
    auth.issue(&ann, &request).await.unwrap().secret
}

#[tokio::test]
async fn a_user_is_recognised_by_password_token_or_token_in_the_password_s_place() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let secret = token(&auth, TokenRequest { read_only: true, ..TokenRequest::default() }).await;
    let by_password = sign_in(&auth, "ann", PASSWORD).await.account.unwrap();
    assert_eq!(
        (by_password.name().as_str(), by_password.email(), by_password.read_only()),
        ("ann", Some("ann@example.com"), false)
    );
    for caller in [show(&auth, &secret).await, sign_in(&auth, "__token__", secret.expose_secret()).await] {
        let account = caller.account.unwrap();
        assert_eq!((account.name().as_str(), account.read_only()), ("ann", true));
    }
    let nobody = auth.identify(&Credentials::default(), HERE, "demo").await.unwrap();
    assert!(nobody.account.is_none() && nobody.rejection.is_none());
}

#[tokio::test]
async fn a_password_that_looks_like_a_token_works() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let password = "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0";
    auth.set_password("ann", &password.into()).await.unwrap();
    assert!(sign_in(&auth, "ann", password).await.account.is_some());
}

#[tokio::test]
async fn whether_a_name_exists_can_t_be_told_from_the_answer() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let known = sign_in(&auth, "ann", "wrong password").await.rejection.unwrap();
    for name in ["bob", "Ann", "../etc", &"x".repeat(500)] {
        assert_eq!(sign_in(&auth, name, "wrong password").await.rejection.unwrap(), known);
    }
    let long = "x".repeat(100_000);
    assert_eq!(sign_in(&auth, "ann", &long).await.rejection.unwrap(), known);
}

#[tokio::test]
async fn a_token_says_why_it_does_not_count() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let brief =
        token(&auth, TokenRequest { lifetime: Some(Duration::from_mins(1)), ..TokenRequest::default() })
            .await;
    let home = token(
        &auth,
        TokenRequest { cidr: vec![parse_network("10.0.0.0/8").unwrap()], ..TokenRequest::default() },
    )
    .await;
    assert!(show(&auth, &brief).await.account.is_some());
    auth.inner.clock.sleep(Duration::from_mins(1)).await;
    assert!(rejection(&auth, &Credentials::token(brief.clone()), HERE).await.contains("expired"));
    assert!(rejection(&auth, &Credentials::password("ann", brief), HERE).await.contains("expired"));
    assert!(rejection(&auth, &Credentials::token(home.clone()), HERE).await.contains("network"));
    let revoked = Credentials::password("__token__", "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0".into());
    assert!(rejection(&auth, &revoked, HERE).await.contains("unknown"));
    let at_home =
        auth.identify(&Credentials::token(home), "::ffff:10.1.2.3".parse().unwrap(), "demo").await.unwrap();
    assert!(at_home.account.is_some());
    for unknown in ["0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0", "npm_abc", "x"] {
        assert!(rejection(&auth, &Credentials::token(unknown.into()), HERE).await.contains("unknown"));
    }
}

#[tokio::test]
async fn a_change_counts_at_once_on_the_host_that_made_it() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    assert!(sign_in(&auth, "ann", PASSWORD).await.account.is_some());
    let scope = crate::Grant::parse("demo:package:a:write").unwrap();
    auth.grant("ann", std::slice::from_ref(&scope)).await.unwrap();
    assert_eq!(sign_in(&auth, "ann", PASSWORD).await.account.unwrap().grants(), [scope]);
    auth.set_password("ann", &"another password".into()).await.unwrap();
    assert!(sign_in(&auth, "ann", PASSWORD).await.rejection.is_some());
    assert!(sign_in(&auth, "ann", "another password").await.account.is_some());
}

#[tokio::test]
async fn a_password_sent_with_every_request_is_verified_once() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let start = Instant::now();
    assert!(sign_in(&auth, "ann", PASSWORD).await.account.is_some());
    let first = start.elapsed();
    let mut quickest = first;
    for _ in 0..20 {
        let start = Instant::now();
        assert!(sign_in(&auth, "ann", PASSWORD).await.account.is_some());
        quickest = quickest.min(start.elapsed());
    }
    // What is verified is worked at for as long each time; a busy machine only adds to either.
    assert!(quickest * 20 < first, "remembered in {quickest:?}, verified in {first:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_password_sent_many_times_at_once_is_neither_slowed_nor_refused() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let before = auth.inner.clock.unix_millis();
    let start = Instant::now();
    let callers = futures_util::future::join_all((0..200).map(|_| sign_in(&auth, "ann", PASSWORD))).await;
    assert!(callers.iter().all(|caller| caller.account.is_some()));
    let waited = auth.inner.clock.unix_millis() - before;
    assert!(waited <= u64::try_from(start.elapsed().as_millis()).unwrap() + 1, "nobody was made to wait");
}

/// Sends wrong passwords, each as soon as it is looked at.
async fn guess(auth: &Auth, name: &str, times: u32, peer: IpAddr) {
    for number in 0..times {
        let guess = Credentials::password(name, format!("guess {number}").into());
        loop {
            match auth.identify(&guess, peer, "demo").await {
                Ok(caller) => {
                    assert!(caller.rejection.unwrap().contains("wrong"));
                    break;
                }
                Err(AuthError::Throttled { seconds }) => {
                    auth.inner.clock.sleep(Duration::from_secs(seconds)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[tokio::test]
async fn guessing_is_slowed_and_the_user_still_gets_in() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let guesser: IpAddr = "198.51.100.7".parse().unwrap();
    assert!(sign_in(&auth, "ann", PASSWORD).await.account.is_some());
    let start = auth.inner.clock.now();
    guess(&auth, "ann", 15, guesser).await;
    let waited = auth.inner.clock.now() - start;
    assert!(waited > Duration::from_secs(20), "{waited:?}");
    auth.inner.clock.sleep(passwords::REMEMBERED).await;
    let before = auth.inner.clock.now();
    assert!(sign_in(&auth, "ann", PASSWORD).await.account.is_some());
    assert!(auth.inner.clock.now() - before < Duration::from_secs(2), "known here, so not slowed");
}

#[tokio::test]
async fn guesses_at_names_that_do_not_exist_are_slowed_alike() {
    let auth = host();
    let start = auth.inner.clock.now();
    guess(&auth, "nobody", 15, HERE).await;
    assert!(auth.inner.clock.now() - start > Duration::from_secs(20));
}

#[tokio::test]
async fn a_use_is_noted_beside_the_request() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let secret = token(&auth, TokenRequest::default()).await;
    assert!(show(&auth, &secret).await.account.is_some());
    let ann = auth.account("ann").await.unwrap();
    let noted = async {
        while auth.list(&ann).await.unwrap()[0].last_used.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noted).await.unwrap();
}
