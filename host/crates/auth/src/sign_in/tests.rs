//! Who gets in while others guess, and how many may try at one time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use futures_util::future::join_all;

use super::*;
use crate::ConfiguredGroups;
use crate::clock::Clock;
use crate::tests::{HERE, PASSWORD, add_user, host};
use crate::{Limits, Stores};

async fn try_in(auth: &Auth, name: &str, password: &str, peer: IpAddr) -> Result<Arc<User>, AuthError> {
    auth.by_password(name, &password.into(), peer, Lane::InPlace).await
}

#[tokio::test]
async fn a_right_password_gets_in_while_others_in_its_network_guess() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    try_in(&auth, "ann", PASSWORD, HERE).await.unwrap();
    let mut refused = 0;
    for number in 0..60 {
        let _ = try_in(&auth, &format!("name{}", number % 30), "wrong", HERE).await;
        let answer = try_in(&auth, "ann", &format!("wrong {number}"), HERE).await;
        refused += usize::from(matches!(answer, Err(AuthError::Throttled { .. })));
    }
    assert!(refused > 20, "{refused}");
    for _ in 0..8 {
        try_in(&auth, "ann", PASSWORD, HERE).await.unwrap();
        auth.inner.clock.sleep(passwords::REMEMBERED).await;
        let _ = try_in(&auth, "ann", "wrong", HERE).await;
    }
}

/// Sends wrong passwords until one is not looked at any more.
async fn guess_until_throttled(auth: &Auth, name: &str, peer: IpAddr) {
    for number in 0..100 {
        let answer = try_in(auth, name, &format!("wrong {number}"), peer).await;
        if matches!(answer, Err(AuthError::Throttled { .. })) {
            return;
        }
    }
    panic!("nobody slows {peer}");
}

#[tokio::test]
async fn a_password_that_its_owner_uses_all_the_time_cannot_be_guessed_faster_elsewhere() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let guesser: IpAddr = "198.51.100.7".parse().unwrap();
    try_in(&auth, "ann", PASSWORD, HERE).await.unwrap();
    guess_until_throttled(&auth, "ann", guesser).await;
    try_in(&auth, "ann", PASSWORD, HERE).await.unwrap();
    let guess = try_in(&auth, "ann", PASSWORD, guesser).await;
    assert!(matches!(guess, Err(AuthError::Throttled { .. })), "{guess:?}");
    try_in(&auth, "ann", PASSWORD, HERE).await.unwrap();
}

#[tokio::test]
async fn one_outdated_password_sent_again_and_again_is_one_wrong_attempt() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    for _ in 0..100 {
        let answer = try_in(&auth, "ann", "outdated", HERE).await;
        assert!(matches!(answer, Err(AuthError::Denied(_))), "{answer:?}");
    }
    try_in(&auth, "ann", PASSWORD, HERE).await.unwrap();
    auth.set_password("ann", &"outdated".into()).await.unwrap();
    try_in(&auth, "ann", "outdated", HERE).await.unwrap();
}

#[tokio::test]
async fn few_sign_ins_hold_places_at_one_time_and_the_others_are_told_to_come_back() {
    let limits = Limits { sign_ins_in_place: 2, ..Limits::default() };
    let auth = Auth::within(
        limits,
        Stores::in_memory(),
        Vec::new(),
        ConfiguredGroups::default(),
        None,
        Clock::without_waiting(),
    );
    let names: Vec<String> = (0..6).map(|number| format!("name{number}")).collect();
    for name in &names {
        add_user(&auth, name, &[]).await;
    }
    let sign_in = |lane| {
        join_all(names.iter().map(move |name| (name, lane)).map(|(name, lane)| {
            let auth = auth.clone();
            async move { auth.by_password(name, &PASSWORD.into(), HERE, lane).await }
        }))
    };
    let in_place = sign_in(Lane::InPlace).await;
    assert_eq!(in_place.iter().filter(|answer| answer.is_ok()).count(), 2, "{in_place:?}");
    assert_eq!(in_place.iter().filter(|answer| matches!(answer, Err(AuthError::Busy(_)))).count(), 4);
    let waiting = sign_in(Lane::Waiting).await;
    assert!(waiting.iter().all(Result::is_ok), "{waiting:?}");
}
