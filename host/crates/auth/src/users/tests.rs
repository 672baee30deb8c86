//! What is asked of every store of users, and what a name is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::sync::Arc;

use super::*;
use crate::stores::suite::every_store;

every_store! {
    a_user_is_found_by_name_and_id_as_it_was_added
    a_taken_name_is_refused
    only_the_first_user_is_the_first
    a_password_can_be_changed
    grants_are_added_and_removed
    a_removed_user_is_gone_and_its_name_free
    a_user_with_a_removed_user_s_name_does_not_own_by_name
    users_are_listed_by_name
}

fn user(name: &str) -> User {
    User {
        id: Uuid::new_v4(),
        name: UserName::parse(name).unwrap(),
        email: Some(format!("{name}@example.com")),
        password: PasswordHash::new("$argon2id$".to_owned()),
        grants: grants(&["demo:package:b:read", "demo:package:a:write"]),
        created: 1_700_000_000_123,
        owns_by_name: false,
    }
}

fn grants(texts: &[&str]) -> Vec<Grant> {
    texts.iter().map(|text| Grant::parse(text).unwrap()).collect()
}

async fn a_user_is_found_by_name_and_id_as_it_was_added(store: &dyn UserStore) {
    let ann = User { email: None, ..user("ann") };
    store.add(&ann).await.unwrap();
    store.add(&user("bob")).await.unwrap();
    let found = store.find("ann").await.unwrap().unwrap();
    let rules = grants(&["demo:package:a:write", "demo:package:b:read"]);
    assert_eq!(found, User { grants: rules, owns_by_name: true, ..ann });
    assert_eq!(store.find_by_id(found.id).await.unwrap(), Some(found));
    assert_eq!(store.find("Ann").await.unwrap(), None);
    assert_eq!(store.find("' OR 1=1 --").await.unwrap(), None);
    assert_eq!(store.find_by_id(Uuid::new_v4()).await.unwrap(), None);
}

async fn a_taken_name_is_refused(store: &dyn UserStore) {
    let ann = user("ann");
    store.add(&ann).await.unwrap();
    let refusal = store.add(&user("ann")).await.unwrap_err();
    assert!(matches!(refusal, AuthError::Exists(_)), "{refusal}");
    assert_eq!(store.find("ann").await.unwrap().unwrap().id, ann.id);
}

async fn only_the_first_user_is_the_first(store: &dyn UserStore) {
    let users: Vec<_> = (0..8).map(|number| user(&format!("user{number}"))).collect();
    let made = futures_util::future::join_all(users.iter().map(|user| store.add_first(user))).await;
    assert_eq!(made.into_iter().filter(|made| *made.as_ref().unwrap()).count(), 1);
    assert_eq!(store.list().await.unwrap().len(), 1);
}

async fn a_password_can_be_changed(store: &dyn UserStore) {
    store.add(&user("ann")).await.unwrap();
    let other = PasswordHash::new("other".to_owned());
    assert!(store.set_password("ann", &other).await.unwrap());
    assert_eq!(store.find("ann").await.unwrap().unwrap().password, other);
    assert!(!store.set_password("bob", &other).await.unwrap());
}

async fn grants_are_added_and_removed(store: &dyn UserStore) {
    store.add(&user("ann")).await.unwrap();
    let (new, old) = (
        grants(&["demo:package:c:read", "demo:package:a:write", "!demo:package:a:*"]),
        grants(&["demo:package:b:read", "demo:package:z:read"]),
    );
    assert!(store.change_grants("ann", &new, &old).await.unwrap());
    assert_eq!(
        store.find("ann").await.unwrap().unwrap().grants,
        grants(&["!demo:package:a:*", "demo:package:a:write", "demo:package:c:read"])
    );
    assert!(!store.change_grants("bob", &new, &[]).await.unwrap());
}

async fn a_removed_user_is_gone_and_its_name_free(store: &dyn UserStore) {
    let ann = user("ann");
    store.add(&ann).await.unwrap();
    assert_eq!(store.remove("ann").await.unwrap(), Some(ann.id));
    assert_eq!(store.remove("ann").await.unwrap(), None);
    assert_eq!(store.find_by_id(ann.id).await.unwrap(), None);
    let another = User { grants: Vec::new(), owns_by_name: false, ..user("ann") };
    store.add(&another).await.unwrap();
    assert_eq!(store.find("ann").await.unwrap(), Some(another), "with none of the old grants");
}

async fn a_user_with_a_removed_user_s_name_does_not_own_by_name(store: &dyn UserStore) {
    let owns = |name: &'static str| async move { store.find(name).await.unwrap().unwrap().owns_by_name };
    let first = user("ann");
    store.add(&first).await.unwrap();
    store.add(&user("bob")).await.unwrap();
    assert!(owns("ann").await && owns("bob").await);
    assert_eq!(store.removed("ann").await.unwrap(), []);
    store.remove("ann").await.unwrap();
    let second = user("ann");
    store.add(&second).await.unwrap();
    assert!(!owns("ann").await && owns("bob").await);
    store.remove("ann").await.unwrap();
    let holder = |user: User, owns_by_name| Holder { id: user.id, name: user.name, owns_by_name };
    assert_eq!(store.removed("ann").await.unwrap(), [holder(first, true), holder(second, false)]);
    store.add(&User { owns_by_name: true, ..user("ann") }).await.unwrap();
    assert!(owns("ann").await, "since it was asked for");
}

async fn users_are_listed_by_name(store: &dyn UserStore) {
    for name in ["bob", "ann", "zoe", "0cool"] {
        store.add(&user(name)).await.unwrap();
    }
    let names: Vec<_> = store.list().await.unwrap().into_iter().map(|user| user.name.to_string()).collect();
    assert_eq!(names, ["0cool", "ann", "bob", "zoe"]);
}

#[test]
fn a_name_is_a_plain_word_or_an_address_for_mail() {
    for name in [
        "a",
        "0",
        "ann",
        "ann.b-c_d",
        "ann.b+ci@mail.example.com",
        "o'neil@example.com",
        &"x".repeat(LONGEST),
    ] {
        assert_eq!(UserName::parse(name).unwrap().as_str(), name);
    }
    let token = Uuid::new_v4().to_string();
    for name in [
        "",
        "Ann",
        ".",
        "..",
        ".ann",
        "-ann",
        "a b",
        "a/b",
        "a:b",
        "@example.com",
        "Ann@example.com",
        "a@b:c",
        "a@b/c",
        "o'neil",
        "'ann@example.com",
        "ann@example'com",
        "é",
        "a\n",
        "a%20",
        &"x".repeat(LONGEST + 1),
        &token,
    ] {
        let refusal = UserName::parse(name).unwrap_err().to_string();
        assert!(refusal.contains("write 1 to 128 of") && !refusal.contains('\n'), "{refusal}");
    }
}

#[test]
fn a_new_name_with_an_at_sign_is_an_email_address() {
    let check = |name: &str| UserName::parse(name).unwrap().check_new();
    for name in ["ann", "ann.-", "a@b", "ann.b+ci@mail.example.com", "o'neil@x.com", "0@0.example"] {
        assert!(check(name).is_ok(), "{name}");
    }
    for name in [
        "ann@",
        "ann@@",
        "ann@b@c",
        "ann@.",
        "ann@example.",
        "ann@.example",
        "ann@a..b",
        "ann@-a",
        "ann@a-",
        "a..b@c.de",
        "ann.@c.de",
    ] {
        let refusal = check(name).unwrap_err().to_string();
        assert!(refusal.contains(name) && refusal.contains("must be an email address"), "{refusal}");
    }
}

#[tokio::test]
async fn stores_can_be_shared() {
    let store: Arc<dyn UserStore> = Arc::new(memory::Memory::default());
    tokio::spawn(async move { store.list().await }).await.unwrap().unwrap();
}
