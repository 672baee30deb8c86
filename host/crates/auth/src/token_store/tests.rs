//! What is asked of every store of tokens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use secrecy::ExposeSecret as _;

use super::*;
use crate::stores::suite::every_store;

every_store! {
    a_token_is_found_by_its_secret_as_it_was_added
    an_expired_token_is_still_found
    tokens_are_listed_by_owner_and_age
    a_token_is_removed_by_its_owner_only
    all_tokens_of_an_owner_are_removed_together
    a_use_is_noted_once_a_minute
    expired_tokens_are_forgotten_in_time
    a_token_is_found_by_its_id
    one_secret_is_kept_and_given_to_all
    an_owner_has_no_more_tokens_than_the_quota
    what_expired_makes_room
    no_more_are_added_at_once_than_there_is_room_for
    an_unused_token_is_forgotten_in_time
    a_token_is_removed_with_those_that_were_made_with_it
    a_token_made_with_the_password_takes_the_place_of_the_longest_unused_one
    what_was_made_with_a_token_takes_no_place_of_a_sign_in
}

/// A token without limits.
pub(crate) fn token(owner: Uuid, created: u64) -> Token {
    Token {
        id: Uuid::new_v4(),
        owner,
        hint: "0f1e2d3c".to_owned(),
        label: None,
        created,
        expires: None,
        last_used: None,
        read_only: false,
        scopes: Vec::new(),
        cidr: Vec::new(),
        mount: None,
        idle: None,
        parent: None,
        kind: TokenKind::Api,
    }
}

async fn added(store: &dyn TokenStore, token: Token) -> SecretHash {
    let secret = SecretHash::of(&Uuid::new_v4().to_string());
    assert!(store.add(&token, secret, None).await.unwrap());
    secret
}

async fn a_token_is_found_by_its_secret_as_it_was_added(store: &dyn TokenStore) {
    let plain = token(Uuid::new_v4(), 1_700_000_000_123);
    let rich = Token {
        label: Some("build \"server\"\n".to_owned()),
        expires: Some(1_800_000_000_456),
        last_used: Some(1_700_000_000_789),
        read_only: true,
        scopes: ["demo:package:@a/*:write", "demo:package:b:read"]
            .map(|text| Scope::parse(text).unwrap())
            .to_vec(),
        mount: Some("demo".to_owned()),
        idle: Some(86_400_000),
        cidr: ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap()).to_vec(),
        ..token(Uuid::new_v4(), 1)
    };
    let (first, second) = (added(store, plain.clone()).await, added(store, rich.clone()).await);
    assert_eq!(store.find(first).await.unwrap(), Some(plain));
    assert_eq!(store.find(second).await.unwrap(), Some(rich));
    assert_eq!(store.find(SecretHash::of("another")).await.unwrap(), None);
}

async fn an_expired_token_is_still_found(store: &dyn TokenStore) {
    let old = Token { expires: Some(2), ..token(Uuid::new_v4(), 1) };
    assert!(old.is_expired(2) && !old.is_expired(1));
    let secret = added(store, old.clone()).await;
    assert_eq!(store.find(secret).await.unwrap(), Some(old));
}

async fn tokens_are_listed_by_owner_and_age(store: &dyn TokenStore) {
    let (ann, bob) = (Uuid::new_v4(), Uuid::new_v4());
    for (owner, created) in [(ann, 3), (bob, 2), (ann, 1)] {
        added(store, token(owner, created)).await;
    }
    let ages = |tokens: Vec<Token>| tokens.into_iter().map(|token| token.created).collect::<Vec<_>>();
    assert_eq!(ages(store.list(Some(ann)).await.unwrap()), [1, 3]);
    assert_eq!(ages(store.list(None).await.unwrap()), [1, 2, 3]);
    assert!(store.list(Some(Uuid::new_v4())).await.unwrap().is_empty());
}

async fn a_token_is_removed_by_its_owner_only(store: &dyn TokenStore) {
    let (ann, bob) = (Uuid::new_v4(), Uuid::new_v4());
    let (one, two) = (token(ann, 1), token(ann, 2));
    let secret = added(store, one.clone()).await;
    added(store, two.clone()).await;
    assert_eq!(store.remove(one.id, Some(bob)).await.unwrap(), 0);
    assert!(store.find(secret).await.unwrap().is_some());
    assert_eq!(store.remove(one.id, Some(ann)).await.unwrap(), 1);
    assert_eq!(store.remove(one.id, Some(ann)).await.unwrap(), 0);
    assert_eq!(store.find(secret).await.unwrap(), None);
    assert_eq!(store.remove(two.id, None).await.unwrap(), 1);
}

async fn all_tokens_of_an_owner_are_removed_together(store: &dyn TokenStore) {
    let (ann, bob) = (Uuid::new_v4(), Uuid::new_v4());
    for owner in [ann, bob, ann] {
        added(store, token(owner, 1)).await;
    }
    assert_eq!(store.remove_all(ann).await.unwrap(), 2);
    assert_eq!(store.remove_all(ann).await.unwrap(), 0);
    assert_eq!(store.list(None).await.unwrap().len(), 1);
}

async fn a_use_is_noted_once_a_minute(store: &dyn TokenStore) {
    let used = token(Uuid::new_v4(), 1);
    let secret = added(store, used.clone()).await;
    for (now, noted) in [(1_000, 1_000), (60_999, 1_000), (61_000, 61_000), (5_000, 61_000)] {
        store.touch(used.id, now).await.unwrap();
        assert_eq!(store.find(secret).await.unwrap().unwrap().last_used, Some(noted), "at {now}");
    }
    store.touch(Uuid::new_v4(), 1).await.unwrap();
}

async fn expired_tokens_are_forgotten_in_time(store: &dyn TokenStore) {
    let owner = Uuid::new_v4();
    for expires in [None, Some(10), Some(20), Some(30)] {
        added(store, Token { expires, ..token(owner, 1) }).await;
    }
    assert_eq!(store.forget_expired(20).await.unwrap(), 1);
    assert_eq!(store.list(None).await.unwrap().len(), 3);
}

#[test]
fn a_secret_counts_in_any_case_of_its_letters() {
    assert_eq!(SecretHash::of("0F1E"), SecretHash::of("0f1e"));
    assert_ne!(SecretHash::of("0f1e"), SecretHash::of("0f1f"));
}

#[test]
fn a_token_is_used_from_its_networks_only() {
    let anywhere = token(Uuid::new_v4(), 1);
    assert!(anywhere.may_come_from("192.0.2.1".parse().unwrap()));
    let home =
        Token { cidr: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()], ..anywhere };
    for (address, answer) in [
        ("10.1.2.3", true),
        ("::ffff:10.1.2.3", true),
        ("2001:db8::1", true),
        ("11.0.0.1", false),
        ("::1", false),
    ] {
        assert_eq!(home.may_come_from(address.parse().unwrap()), answer, "{address}");
    }
}

async fn a_token_is_found_by_its_id(store: &dyn TokenStore) {
    let wanted = token(Uuid::new_v4(), 1);
    added(store, wanted.clone()).await;
    added(store, token(Uuid::new_v4(), 2)).await;
    assert_eq!(store.find_by_id(wanted.id).await.unwrap(), Some(wanted));
    assert_eq!(store.find_by_id(Uuid::new_v4()).await.unwrap(), None);
}

async fn one_secret_is_kept_and_given_to_all(store: &dyn TokenStore) {
    let fresh = ["one", "two", "three"].map(SecretString::from);
    let (one, two) = tokio::join!(store.shared_secret(&fresh[0]), store.shared_secret(&fresh[1]));
    let kept = one.unwrap();
    assert_eq!(kept.expose_secret(), two.unwrap().expose_secret());
    assert_eq!(kept.expose_secret(), store.shared_secret(&fresh[2]).await.unwrap().expose_secret());
    assert!(fresh[..2].iter().any(|fresh| fresh.expose_secret() == kept.expose_secret()));
}

const QUOTA: Quota = Quota { all: 4, idle: 2, now: 100 };

async fn add_within(store: &dyn TokenStore, token: Token) -> bool {
    store.add(&token, SecretHash::of(&Uuid::new_v4().to_string()), Some(QUOTA)).await.unwrap()
}

async fn an_owner_has_no_more_tokens_than_the_quota(store: &dyn TokenStore) {
    let (ann, bob) = (Uuid::new_v4(), Uuid::new_v4());
    let parent = Some(Uuid::new_v4());
    let idle = |owner| Token { idle: Some(1_000), parent, ..token(owner, 1) };
    assert!(add_within(store, idle(ann)).await && add_within(store, idle(ann)).await);
    assert!(!add_within(store, idle(ann)).await, "others still have room");
    assert!(add_within(store, token(ann, 1)).await && add_within(store, token(ann, 1)).await);
    assert!(!add_within(store, idle(ann)).await, "it takes no place of another");
    assert!(add_within(store, idle(bob)).await && add_within(store, token(bob, 1)).await);
    assert_eq!(store.list(Some(ann)).await.unwrap().len(), 4);
    for _ in 0..2 {
        assert!(add_within(store, token(ann, 1)).await, "those without a password check make room");
    }
    assert!(!add_within(store, token(ann, 1)).await, "and no others do");
    assert_eq!(store.list(Some(ann)).await.unwrap().len(), 4);
    added(store, token(ann, 1)).await;
    assert_eq!(store.list(Some(ann)).await.unwrap().len(), 5, "the administrator has no quota");
}

async fn what_expired_makes_room(store: &dyn TokenStore) {
    let (ann, bob) = (Uuid::new_v4(), Uuid::new_v4());
    let expired = |owner| Token { expires: Some(50), ..token(owner, 1) };
    let unused = |owner| Token { idle: Some(10), ..token(owner, 1) };
    for owner in [ann, bob] {
        for old in [expired(owner), expired(owner), unused(owner)] {
            assert!(add_within(store, old).await);
        }
    }
    let kept = Token { idle: Some(10), last_used: Some(95), ..token(ann, 1) };
    assert!(add_within(store, kept.clone()).await);
    assert!(add_within(store, token(ann, 2)).await);
    let left: Vec<Token> = store.list(Some(ann)).await.unwrap();
    assert!(left.len() == 2 && left.iter().any(|token| token.id == kept.id), "{left:?}");
    assert_eq!(store.list(Some(bob)).await.unwrap().len(), 3, "those of others stay");
}

async fn no_more_are_added_at_once_than_there_is_room_for(store: &dyn TokenStore) {
    let ann = Uuid::new_v4();
    let added = futures_util::future::join_all((0..20).map(|_| add_within(store, token(ann, 1)))).await;
    assert_eq!(added.into_iter().filter(|added| *added).count(), 4);
    assert_eq!(store.list(Some(ann)).await.unwrap().len(), 4);
}

async fn an_unused_token_is_forgotten_in_time(store: &dyn TokenStore) {
    let owner = Uuid::new_v4();
    let unused = Token { idle: Some(10), ..token(owner, 1) };
    let used = Token { last_used: Some(20), ..Token { id: Uuid::new_v4(), ..unused.clone() } };
    assert!(unused.is_expired(11) && !unused.is_expired(10) && !used.is_expired(29) && used.is_expired(30));
    added(store, unused).await;
    added(store, used.clone()).await;
    assert_eq!(store.forget_expired(25).await.unwrap(), 1);
    assert_eq!(store.list(None).await.unwrap(), [used]);
}

fn made_with(parent: &Token, created: u64) -> Token {
    Token { parent: Some(parent.id), idle: Some(1_000), ..token(parent.owner, created) }
}

async fn ids(store: &dyn TokenStore, owner: Uuid) -> Vec<Uuid> {
    store.list(Some(owner)).await.unwrap().into_iter().map(|token| token.id).collect()
}

async fn a_token_is_removed_with_those_that_were_made_with_it(store: &dyn TokenStore) {
    let ann = Uuid::new_v4();
    let (one, other) = (token(ann, 1), token(ann, 2));
    let child = made_with(&one, 3);
    let (grandchild, expired) = (made_with(&child, 4), Token { expires: Some(50), ..made_with(&child, 5) });
    let kept = made_with(&other, 6);
    for token in [&one, &other, &child, &grandchild, &expired, &kept] {
        let secret = added(store, token.clone()).await;
        assert_eq!(store.find(secret).await.unwrap().as_ref(), Some(token), "with its parent");
    }
    assert_eq!(store.remove(one.id, Some(Uuid::new_v4())).await.unwrap(), 0);
    assert_eq!(store.remove(one.id, Some(ann)).await.unwrap(), 4);
    assert_eq!(ids(store, ann).await, [other.id, kept.id]);

    // A parent that has expired stays as long as its children, so that they can still be found.
    let parent = Token { idle: Some(10), ..made_with(&other, 7) };
    let child = made_with(&parent, 8);
    for token in [&parent, &child] {
        added(store, (*token).clone()).await;
    }
    assert_eq!(store.forget_expired(500).await.unwrap(), 0);
    assert_eq!(store.remove(other.id, None).await.unwrap(), 4);
}

async fn a_token_made_with_the_password_takes_the_place_of_the_longest_unused_one(store: &dyn TokenStore) {
    let ann = Uuid::new_v4();
    let sign_in = |created| Token { idle: Some(1_000), ..token(ann, created) };
    let (first, second, third) = (Token { last_used: Some(90), ..sign_in(1) }, sign_in(2), sign_in(3));
    for token in [&first, &second, &third] {
        assert!(add_within(store, token.clone()).await);
    }
    assert_eq!(ids(store, ann).await, [first.id, third.id], "the one that was used stays");
    let proved = [token(ann, 4), token(ann, 5)];
    for token in proved.clone() {
        assert!(add_within(store, token).await);
    }
    let fifth = token(ann, 6);
    assert!(add_within(store, fifth.clone()).await, "all places were taken");
    assert_eq!(ids(store, ann).await, [first.id, proved[0].id, proved[1].id, fifth.id]);
}

async fn what_was_made_with_a_token_takes_no_place_of_a_sign_in(store: &dyn TokenStore) {
    let maker = token(Uuid::new_v4(), 1);
    let children = [made_with(&maker, 2), made_with(&maker, 3)];
    for child in children.clone() {
        assert!(add_within(store, child).await);
    }
    assert!(!add_within(store, made_with(&maker, 4)).await);
    let sign_in = |created| Token { idle: Some(1_000), ..token(maker.owner, created) };
    for created in 5..20 {
        assert!(add_within(store, sign_in(created)).await, "a sign-in has room");
    }
    let left = ids(store, maker.owner).await;
    assert!(left.len() == 4 && left[..2] == [children[0].id, children[1].id], "{left:?}");
}
