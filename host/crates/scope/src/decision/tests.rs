//! The decision, for every sort of caller.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use super::*;
use crate::access::Entry;
use crate::actions::{Declaration, Implication, Rules};

fn scopes(texts: &[&str]) -> Vec<Scope> {
    texts.iter().map(|text| Scope::parse(text).unwrap()).collect()
}

fn grants(texts: &[&str]) -> Vec<Grant> {
    texts.iter().map(|text| Grant::parse(text).unwrap()).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Of a protocol with packages, which are read by `fetch`.
fn actions() -> Actions {
    let declared = Declaration {
        kind: "package".to_owned(),
        actions: words(&["fetch", "list", "read", "write", "delete", "yank"]),
        read_action: "fetch".to_owned(),
    };
    let implies = |action: &str, implied: &[&str]| Implication {
        kind: "package".to_owned(),
        action: action.to_owned(),
        implied: words(implied),
    };
    let implications = [implies("write", &["read", "yank"]), implies("fetch", &["list"])];
    Actions::declared(&[declared], &implications).unwrap()
}

/// Somebody, with what their token narrows them to.
#[derive(Default)]
struct Someone {
    grants: Vec<Grant>,
    narrowed_to: Vec<Scope>,
    is_read_only: bool,
    is_owner: bool,
    access: Option<Access>,
}

impl Someone {
    fn with(texts: &[&str]) -> Self {
        Self { grants: grants(texts), ..Self::default() }
    }

    fn may(&self, public: &[&str], name: &str, action: &str) -> Decision {
        let Self { grants, narrowed_to, is_read_only, is_owner, access } = self;
        let (is_read_only, is_owner) = (*is_read_only, *is_owner);
        let person = Person { grants, narrowed_to, is_read_only, is_owner };
        let caller = Caller { person: Some(person), access: access.as_ref(), is_rejected: false };
        decided(public, &caller, name, action)
    }
}

fn decided(public: &[&str], caller: &Caller<'_>, name: &str, action: &str) -> Decision {
    let resource = Resource { protocol: "demo", kind: "package", name };
    decide(&Question { resource, action, public: &grants(public), actions: &actions() }, caller)
}

const PUBLIC_READS: &[&str] = &["*:*:*:read"];
const ALL: &[&str] = &["*:*:*:*"];

#[test]
fn nobody_reads_what_is_public_and_is_asked_to_sign_in_for_the_rest() {
    let nobody = Caller::default();
    assert_eq!(decided(PUBLIC_READS, &nobody, "a", "read"), Decision::Granted);
    assert_eq!(decided(PUBLIC_READS, &nobody, "a", "write"), Decision::SignIn);
    assert_eq!(decided(&[], &nobody, "a", "read"), Decision::SignIn);
}

#[test]
fn wrong_credentials_are_asked_again_even_for_what_is_public() {
    let wrong = Caller { is_rejected: true, ..Caller::default() };
    assert_eq!(decided(ALL, &wrong, "a", "read"), Decision::SignIn);
    assert_eq!(decided(ALL, &wrong, "a", "write"), Decision::SignIn);
}

#[test]
fn a_user_has_its_grants_and_what_is_public() {
    let ann = Someone::with(&["demo:package:@ann/*:write"]);
    assert_eq!(ann.may(PUBLIC_READS, "@ann/a", "write"), Decision::Granted);
    assert_eq!(ann.may(PUBLIC_READS, "@bob/a", "read"), Decision::Granted);
    assert_eq!(ann.may(PUBLIC_READS, "@bob/a", "write"), Decision::Forbidden);
    assert_eq!(ann.may(&[], "@bob/a", "read"), Decision::Forbidden);
}

#[test]
fn a_token_s_scopes_narrow_its_user_and_never_widen_it() {
    let narrowed =
        |grants: &[&str], to: &[&str]| Someone { narrowed_to: scopes(to), ..Someone::with(grants) };
    let narrow = narrowed(&["demo:package:*:write"], &["demo:package:a:write"]);
    assert_eq!(narrow.may(&[], "a", "write"), Decision::Granted);
    assert_eq!(narrow.may(&[], "b", "write"), Decision::Forbidden);
    assert_eq!(narrow.may(PUBLIC_READS, "b", "read"), Decision::Granted, "public is public");
    let wide = narrowed(&["demo:package:a:read"], ALL);
    assert_eq!(wide.may(&[], "a", "read"), Decision::Granted);
    assert_eq!(wide.may(&[], "a", "write"), Decision::Forbidden);
}

#[test]
fn a_read_only_token_reads_and_nothing_else() {
    let reader = Someone { is_read_only: true, ..Someone::with(ALL) };
    for action in ["fetch", "list"] {
        assert_eq!(reader.may(&[], "a", action), Decision::Granted, "{action}");
    }
    for action in ["write", "read", "delete", "yank"] {
        assert_eq!(reader.may(&[], "a", action), Decision::Forbidden, "{action}");
        assert_eq!(reader.may(ALL, "a", action), Decision::Forbidden, "public {action}");
    }
}

#[test]
fn an_owner_may_do_what_is_asked_within_what_they_signed_in_with() {
    let owner = Someone { is_owner: true, ..Someone::default() };
    assert_eq!(owner.may(&[], "a", "write"), Decision::Granted);
    let reader = Someone { is_owner: true, is_read_only: true, ..Someone::default() };
    assert_eq!(reader.may(&[], "a", "write"), Decision::Forbidden);
    let narrowed =
        Someone { is_owner: true, narrowed_to: scopes(&["demo:package:b:*"]), ..Someone::default() };
    assert_eq!(narrowed.may(&[], "a", "write"), Decision::Forbidden);
    assert_eq!(narrowed.may(&[], "b", "write"), Decision::Granted);
}

#[test]
fn an_access_token_narrows_what_its_user_may_do() {
    let access = |name: &str, outside| {
        let entry = Entry { kind: "package".to_owned(), name: name.to_owned(), actions: words(&["write"]) };
        Some(Access { entries: vec![entry], outside })
    };
    let ann = Someone { access: access("a", false), ..Someone::with(&["demo:package:*:write"]) };
    assert_eq!(ann.may(&[], "a", "yank"), Decision::Granted, "`write` implies it");
    assert_eq!(ann.may(&[], "b", "write"), Decision::SignIn, "another token could");
    assert_eq!(ann.may(&[], "b", "delete"), Decision::Forbidden, "no token could");
    let owner = Someone { access: access("b", false), is_owner: true, ..Someone::default() };
    assert_eq!(owner.may(&[], "a", "write"), Decision::SignIn, "another token could");
    let all = Someone { access: access("*", false), ..Someone::with(&["demo:package:a:write"]) };
    assert_eq!(all.may(&[], "a", "write"), Decision::Granted);
    assert_eq!(all.may(&[], "b", "write"), Decision::Forbidden);

    let outside = |name: &str| access(name, true);
    let nobody = |access: &Option<Access>, name: &str, action: &str| {
        let caller = Caller { access: access.as_ref(), ..Caller::default() };
        decided(&[], &caller, name, action)
    };
    assert_eq!(nobody(&outside("a"), "a", "write"), Decision::Granted);
    assert_eq!(nobody(&outside("a"), "b", "write"), Decision::SignIn);
    assert_eq!(nobody(&outside("*"), "a", "write"), Decision::SignIn, "`*` is a name like any other there");
    assert_eq!(nobody(&access("a", false), "a", "write"), Decision::SignIn, "it names nobody");
    assert_eq!(nobody(&outside("a"), "a:b", "write"), Decision::Granted, "a group, as in a grant");
    assert_eq!(nobody(&outside("a:b"), "a", "write"), Decision::SignIn);
    assert_eq!(nobody(&outside("a:b"), "a:b:c", "write"), Decision::SignIn);
    assert_eq!(nobody(&outside("a"), "a.b:c", "write"), Decision::SignIn);
}

#[test]
fn a_mount_is_public_when_anybody_may_read_everything_on_it() {
    let declared = |kinds: &[(&str, &str)]| {
        let kind = |(kind, action): &(&str, &str)| Declaration {
            kind: (*kind).to_owned(),
            actions: words(&[action, "change"]),
            read_action: (*action).to_owned(),
        };
        let implies = |(kind, action): &(&str, &str)| Implication {
            kind: (*kind).to_owned(),
            action: "change".to_owned(),
            implied: words(&[action]),
        };
        let kinds: (Vec<_>, Vec<_>) = kinds.iter().map(|each| (kind(each), implies(each))).unzip();
        Actions::declared(&kinds.0, &kinds.1).unwrap()
    };
    let reads = declared(&[("package", "read"), ("file", "pull")]);
    for (anonymous, expected) in [
        (&["*:*:*:read", "*:*:*:pull"][..], true),
        (&["demo:package:*:change", "demo:file:*:change"], true),
        (&["*:*:*:*"], true),
        (&["*:*:*:read"], false),
        (&["demo:package:public/*:read", "demo:file:*:pull"], false),
        (&["other:*:*:*"], false),
        (&[], false),
    ] {
        assert_eq!(is_public(&grants(anonymous), "demo", &reads), expected, "{anonymous:?}");
    }
    assert!(is_public(&grants(&["*:*:*:read"]), "demo", &declared(&[])));
    assert!(!is_public(&grants(&["demo:package:*:read"]), "demo", &declared(&[])));
}

#[test]
fn a_token_is_made_only_for_what_its_maker_may_do() {
    let narrower = |scope: &str, person: &Person<'_>, actions: Option<&Actions>| {
        is_narrower(&Scope::parse(scope).unwrap(), person, &grants(&["*:*:*:fetch"]), actions)
    };
    let grants = grants(&["demo:package:@ann/*:write"]);
    let (all, ann) = (actions(), Person { grants: &grants, ..Person::default() });
    for (scope, expected) in [
        ("demo:package:@ann/a:write", true),
        ("demo:package:@ann/a:yank", true),
        ("demo:package:@ann/a:delete", false),
        ("demo:package:@bob/a:write", false),
        ("demo:package:@bob/a:fetch", true),
        ("*:*:*:*", false),
    ] {
        assert_eq!(narrower(scope, &ann, Some(&all)), expected, "{scope}");
    }
    let made_with = scopes(&["demo:package:@ann/a:write"]);
    let limited = Person { narrowed_to: &made_with, ..ann };
    assert!(narrower("demo:package:@ann/a:yank", &limited, Some(&all)));
    assert!(!narrower("demo:package:@ann/b:yank", &limited, Some(&all)));
    // Nothing is known of the protocol.
    assert!(narrower("demo:package:@ann/a:yank", &ann, None), "the grants decide at each use");
    assert!(!narrower("demo:package:@bob/a:yank", &ann, None));
    assert!(!narrower("demo:package:@ann/a:yank", &limited, None), "nothing shows that `write` implies it");
    assert!(narrower("demo:package:@ann/a:write", &limited, None));
}

#[test]
fn a_token_for_everything_holds_what_its_maker_may_do() {
    let narrowed = |scope: &str, person: &Person<'_>, actions: Option<&Actions>| {
        narrow(&Scope::parse(scope).unwrap(), person, &[], actions)
    };
    let grants = grants(&["demo:package:@ann/*:write"]);
    let (all, ann) = (actions(), Person { grants: &grants, ..Person::default() });
    let wanted = "demo:package:*:write";
    assert_eq!(narrowed(wanted, &ann, Some(&all)), Some(scopes(&[wanted])), "the grants decide at each use");
    assert_eq!(narrowed("demo:package:@*:write", &ann, Some(&all)), None);
    assert_eq!(narrowed("demo:*:*:write", &ann, Some(&all)), None);
    assert_eq!(narrowed(wanted, &ann, None), None, "it would be valid at other mounts");
    let made_with = scopes(&["demo:package:@ann/a:write", "demo:package:@ann/b:yank", "other:*:*:*"]);
    let limited = Person { narrowed_to: &made_with, ..ann };
    let yank = narrowed("demo:package:*:yank", &limited, Some(&all));
    assert_eq!(yank, Some(scopes(&["demo:package:@ann/a:yank", "demo:package:@ann/b:yank"])));
    assert_eq!(narrowed(wanted, &limited, Some(&all)), Some(scopes(&["demo:package:@ann/a:write"])));
    assert_eq!(narrowed("demo:package:*:delete", &limited, Some(&all)), None);
}

#[test]
fn rules_hold_for_every_kind_of_a_protocol_that_declares_nothing_itself() {
    let rules = Rules {
        implied: [("change".to_owned(), words(&["read"])), ("read".to_owned(), words(&["list"]))].into(),
        reading: words(&["read", "list"]),
    };
    let declared = Declaration {
        kind: "package".to_owned(),
        actions: words(&["fetch", "change"]),
        read_action: "fetch".to_owned(),
    };
    let actions = Actions::by_rules(&[declared], &rules);
    for kind in ["package", "unheard-of"] {
        assert!(actions.includes(kind, "change", "list"), "{kind}");
        assert!(!actions.includes(kind, "read", "change"), "{kind}");
        assert!(actions.has(kind, "anything"), "{kind}");
        assert!(actions.reads(kind, "list") && !actions.reads(kind, "change"), "{kind}");
    }
    assert!(actions.reads("package", "fetch") && !actions.reads("unheard-of", "fetch"));
}
