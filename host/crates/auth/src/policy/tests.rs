//! The decision, for every sort of caller.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::identity::Account;
use crate::token_store::Token;
use crate::users::{PasswordHash, User, UserName};

fn scopes(texts: &[&str]) -> Vec<Scope> {
    texts.iter().map(|text| Scope::parse(text).unwrap()).collect()
}

fn user(grants: &[&str]) -> Arc<User> {
    Arc::new(User {
        id: Uuid::nil(),
        name: UserName::parse("ann").unwrap(),
        email: None,
        password: PasswordHash::new(String::new()),
        grants: scopes(grants),
        created: 0,
        owns_by_name: true,
    })
}

fn with_password(grants: &[&str]) -> Caller {
    Caller::signed_in(Account::new(user(grants), None))
}

fn with_token(grants: &[&str], narrowed_to: &[&str], read_only: bool) -> Caller {
    let token = Token {
        id: Uuid::nil(),
        owner: Uuid::nil(),
        hint: String::new(),
        label: None,
        created: 0,
        expires: None,
        last_used: None,
        read_only,
        scopes: scopes(narrowed_to),
        cidr: Vec::new(),
        mount: None,
        idle: None,
        parent: None,
    };
    Caller::signed_in(Account::new(user(grants), Some(Arc::new(token))))
}

fn decided(public: &[&str], caller: &Caller, name: &str, action: &str) -> Decision {
    let resource = Resource { protocol: "demo", kind: "package", name };
    decide(&scopes(public), caller, &resource, action, "fetch")
}

const PUBLIC_READS: &[&str] = &["*:*:*:read"];
const ALL: &[&str] = &["*:*:*:*"];

#[test]
fn nobody_reads_what_is_public_and_is_asked_to_sign_in_for_the_rest() {
    let nobody = Caller::anonymous();
    assert_eq!(decided(PUBLIC_READS, &nobody, "a", "read"), Decision::Granted);
    assert_eq!(decided(PUBLIC_READS, &nobody, "a", "write"), Decision::SignIn);
    assert_eq!(decided(&[], &nobody, "a", "read"), Decision::SignIn);
}

#[test]
fn wrong_credentials_are_asked_again_even_for_what_is_public() {
    let wrong = Caller::rejected("wrong");
    assert_eq!(decided(ALL, &wrong, "a", "read"), Decision::SignIn);
    assert_eq!(decided(ALL, &wrong, "a", "write"), Decision::SignIn);
}

#[test]
fn a_user_has_its_grants_and_what_is_public() {
    let ann = with_password(&["demo:package:@ann/*:write"]);
    assert_eq!(decided(PUBLIC_READS, &ann, "@ann/a", "write"), Decision::Granted);
    assert_eq!(decided(PUBLIC_READS, &ann, "@bob/a", "read"), Decision::Granted);
    assert_eq!(decided(PUBLIC_READS, &ann, "@bob/a", "write"), Decision::Forbidden);
    assert_eq!(decided(&[], &ann, "@bob/a", "read"), Decision::Forbidden);
}

#[test]
fn a_token_s_scopes_narrow_its_user_and_never_widen_it() {
    let narrow = with_token(&["demo:package:*:write"], &["demo:package:a:write"], false);
    assert_eq!(decided(&[], &narrow, "a", "write"), Decision::Granted);
    assert_eq!(decided(&[], &narrow, "b", "write"), Decision::Forbidden);
    assert_eq!(decided(PUBLIC_READS, &narrow, "b", "read"), Decision::Granted, "public is public");
    let wide = with_token(&["demo:package:a:read"], ALL, false);
    assert_eq!(decided(&[], &wide, "a", "read"), Decision::Granted);
    assert_eq!(decided(&[], &wide, "a", "write"), Decision::Forbidden);
}

#[test]
fn a_read_only_token_reads_and_nothing_else() {
    let reader = with_token(ALL, &[], true);
    for action in ["read", "pull", "fetch"] {
        assert_eq!(decided(&[], &reader, "a", action), Decision::Granted, "{action}");
    }
    for action in ["write", "push", "delete", "yank", "owner"] {
        assert_eq!(decided(&[], &reader, "a", action), Decision::Forbidden, "{action}");
        assert_eq!(decided(ALL, &reader, "a", action), Decision::Forbidden, "public {action}");
    }
}

#[test]
fn a_mount_is_public_when_anybody_may_read_everything_on_it() {
    let actions = |kinds: &[(&str, &str)]| {
        kinds.iter().map(|(kind, action)| ((*kind).to_owned(), (*action).to_owned())).collect()
    };
    let reads = actions(&[("package", "read"), ("file", "pull")]);
    for (anonymous, expected) in [
        (&["*:*:*:read", "*:*:*:pull"][..], true),
        (&["demo:package:*:write", "demo:file:*:push"], true),
        (&["*:*:*:*"], true),
        (&["*:*:*:read"], false),
        (&["demo:package:public/*:read", "demo:file:*:pull"], false),
        (&["other:*:*:*"], false),
        (&[], false),
    ] {
        assert_eq!(is_public(&scopes(anonymous), "demo", &reads), expected, "{anonymous:?}");
    }
    assert!(is_public(&scopes(&["*:*:*:read"]), "demo", &actions(&[])));
    assert!(!is_public(&scopes(&["demo:package:*:read"]), "demo", &actions(&[])));
}
