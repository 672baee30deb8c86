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
use crate::auth::database::{Database, PATIENCE};

/// One test of each behaviour for each store; a new store is one more line here.
macro_rules! every_store {
    ($($behaviour:ident)*) => {
        $(every_store! { @tests $behaviour })*
    };
    (@tests $behaviour:ident) => {
        mod $behaviour {
            #[tokio::test]
            async fn in_memory() {
                super::$behaviour(&super::memory::Memory::default()).await;
            }
            #[tokio::test]
            async fn in_the_database() {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("tokens.sqlite");
                super::$behaviour(&super::Database::open(&path, super::PATIENCE).await.unwrap()).await;
            }
        }
    };
}

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
}

fn token(owner: Uuid, created: u64) -> Token {
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
    }
}

async fn added(store: &dyn TokenStore, token: Token) -> SecretHash {
    let secret = SecretHash::of(&Uuid::new_v4().to_string());
    store.add(&token, secret).await.unwrap();
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
    assert!(!store.remove(one.id, Some(bob)).await.unwrap());
    assert!(store.find(secret).await.unwrap().is_some());
    assert!(store.remove(one.id, Some(ann)).await.unwrap());
    assert!(!store.remove(one.id, Some(ann)).await.unwrap());
    assert_eq!(store.find(secret).await.unwrap(), None);
    assert!(store.remove(two.id, None).await.unwrap());
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
