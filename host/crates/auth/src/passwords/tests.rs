//! Slow where it must be, quick where it may.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]
use argon2::Params;
use argon2::password_hash::phc;

use super::*;

#[tokio::test]
async fn a_password_verifies_against_its_hash_and_no_other() {
    let passwords = Passwords::new(Clock::default());
    let stored = passwords.hash(&"correct horse".into()).await.unwrap();
    assert!(stored.as_str().starts_with("$argon2id$"));
    assert!(passwords.verify(&"correct horse".into(), Some(&stored), PATIENCE).await.unwrap());
    assert!(!passwords.verify(&"correct house".into(), Some(&stored), PATIENCE).await.unwrap());
    assert_ne!(stored, passwords.hash(&"correct horse".into()).await.unwrap());
    assert!(!format!("{stored:?}").contains("argon2"));
}

#[tokio::test]
async fn nobodys_hash_costs_what_any_other_costs_and_never_verifies() {
    let ours = Argon2::default().hash_password(b"x").unwrap();
    let nobodys = phc::PasswordHash::new(NOBODYS).unwrap();
    assert_eq!(Params::try_from(&ours).unwrap(), Params::try_from(&nobodys).unwrap());
    assert_eq!((ours.algorithm, ours.version), (nobodys.algorithm, nobodys.version));
    assert!(!Passwords::new(Clock::default()).verify(&"x".into(), None, PATIENCE).await.unwrap());
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

#[tokio::test]
async fn a_verdict_is_remembered_for_a_minute_for_that_hash_and_that_network_only() {
    let clock = Clock::without_waiting();
    let passwords = Passwords::new(clock.clone());
    let (stored, changed) = (PasswordHash::new("one".to_owned()), PasswordHash::new("two".to_owned()));
    let fingerprint = passwords.fingerprint("ann", &"pw".into(), HOME);
    assert_eq!(passwords.remembered(&fingerprint, Some(&stored)), None);
    passwords.remember(fingerprint, Verdict { against: Some(stored.clone()), is_right: true });
    assert_eq!(passwords.remembered(&fingerprint, Some(&stored)), Some(true));
    for against in [Some(&changed), None] {
        assert_eq!(passwords.remembered(&fingerprint, against), None);
    }
    for (name, password, network) in [("annp", "w", HOME), ("ann", "pw", ELSEWHERE), ("ann", "px", HOME)] {
        let other = passwords.fingerprint(name, &password.into(), network);
        assert_eq!(passwords.remembered(&other, Some(&stored)), None);
    }
    clock.sleep(REMEMBERED).await;
    assert_eq!(passwords.remembered(&fingerprint, Some(&stored)), None);
}

#[test]
fn a_tag_is_shared_by_many_passwords() {
    let passwords = Passwords::new(Clock::default());
    let tag = |number: u32| passwords.fingerprint("ann", &number.to_string().into(), HOME).tag();
    let different: std::collections::BTreeSet<Tag> = (0..2000).map(tag).collect();
    assert!((1500..2000).contains(&different.len()), "{}", different.len());
}

#[test]
fn a_generated_password_is_long_and_never_the_same() {
    let (one, two) = (generate(), generate());
    assert_eq!(one.expose_secret().len(), 20);
    assert_ne!(one.expose_secret(), two.expose_secret());
}

#[test]
fn an_unfit_password_is_refused() {
    for unfit in ["", "line\nbreak", &"x".repeat(1025)] {
        assert!(matches!(Passwords::check(&unfit.into()), Err(AuthError::Invalid(_))));
    }
    assert!(Passwords::check(&"pä:ss wörd".into()).is_ok());
}
