//! What deny rules mean, as a table, and that one more of them never allows anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use super::*;
use crate::access::{Access, Entry};
use crate::actions::{Declaration, Implication};
use crate::decision::{Caller, Decision, Person, Question, decide, is_narrower, is_public, narrow};

fn grants(texts: &[&str]) -> Vec<Grant> {
    texts.iter().map(|text| Grant::parse(text).unwrap()).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

const EVERY_ACTION: [&str; 6] = ["read", "list", "write", "yank", "delete", "owner"];

/// Of a protocol with packages and files: `write` implies `read`, and `read` implies `list`.
fn actions() -> Actions {
    let kind = |kind: &str| Declaration {
        kind: kind.to_owned(),
        actions: words(&EVERY_ACTION),
        read_action: "read".to_owned(),
    };
    let implies = |kind: &str, action: &str, implied: &[&str]| Implication {
        kind: kind.to_owned(),
        action: action.to_owned(),
        implied: words(implied),
    };
    Actions::declared(
        &[kind("package"), kind("file")],
        &[
            implies("package", "write", &["read", "yank", "owner"]),
            implies("package", "read", &["list"]),
            implies("file", "write", &["read"]),
        ],
    )
    .unwrap()
}

fn decided(rules: &[Grant], public: &[Grant], is_owner: bool, name: &str, action: &str) -> Decision {
    let person = Person { grants: rules, is_owner, ..Person::default() };
    let caller = Caller { person: Some(person), ..Caller::default() };
    ask(&caller, public, name, action)
}

fn ask(caller: &Caller<'_>, public: &[Grant], name: &str, action: &str) -> Decision {
    let resource = Resource { protocol: "demo", kind: "package", name };
    decide(&Question { resource, action, public, actions: &actions() }, caller)
}

#[test]
fn a_rule_is_read_as_it_is_written() {
    for text in ["*:*:*:*", "demo:package:a/b:read", "!demo:package:@x/*:write", "!*:*:*:*"] {
        assert_eq!(Grant::parse(text).unwrap().to_string(), text);
        assert_eq!(Grant::parse(text).unwrap().is_deny(), text.starts_with('!'));
    }
    for text in ["", "!", "!!demo:package:a:read", "! demo:package:a:read", "demo:!package:a:read", "!a:b:c"]
    {
        assert!(Grant::parse(text).is_err(), "{text}");
    }
    let refused = Scope::parse("!demo:package:a:read").unwrap_err().to_string();
    assert!(refused.contains("only a grant can deny"), "{refused}");
}

/// A name may begin with `!`, which only the beginning of a rule means.
#[test]
fn an_exclamation_mark_elsewhere_is_a_part_of_the_name() {
    assert!(!Grant::parse("demo:package:!a:read").unwrap().is_deny());
}

#[test]
fn a_deny_rule_covers_its_action_and_what_that_implies_but_reading_only_if_it_names_it() {
    for (denied, left) in [
        ("!demo:package:a:write", &["read", "list", "delete"][..]),
        ("!demo:package:a:read", &["write", "yank", "delete", "owner"]),
        ("!demo:package:a:list", &["read", "write", "yank", "delete", "owner"]),
        ("!demo:package:a:delete", &["read", "list", "write", "yank", "owner"]),
        ("!demo:package:a:yank", &["read", "list", "write", "delete", "owner"]),
        ("!demo:package:a:wr*", &["read", "list", "yank", "delete", "owner"]),
        ("!demo:package:a:*", &[]),
        ("!*:*:*:*", &[]),
        ("!demo:package:*:write", &["read", "list", "delete"]),
        ("!demo:package:b:*", &EVERY_ACTION),
        ("!other:package:a:*", &EVERY_ACTION),
        ("!demo:file:a:*", &EVERY_ACTION),
    ] {
        for order in [["*:*:*:*", denied], [denied, "*:*:*:*"]] {
            let rules = grants(&order);
            for action in EVERY_ACTION {
                let expected = if left.contains(&action) { Decision::Granted } else { Decision::Forbidden };
                assert_eq!(decided(&rules, &[], false, "a", action), expected, "{order:?}: {action}");
            }
        }
    }
}

#[test]
fn a_deny_rule_wins_over_what_allows_from_anywhere() {
    let denied = grants(&["demo:package:*:write", "!demo:package:a:read"]);
    let public = grants(&["*:*:*:read"]);
    assert_eq!(decided(&denied, &[], false, "a", "read"), Decision::Forbidden, "a grant");
    assert_eq!(decided(&denied, &[], true, "a", "read"), Decision::Forbidden, "an ownership");
    assert_eq!(decided(&denied, &public, false, "a", "read"), Decision::Forbidden, "what is public");
    assert_eq!(decided(&denied, &public, false, "b", "read"), Decision::Granted);
    assert_eq!(ask(&Caller::default(), &public, "a", "read"), Decision::Granted, "signed out");
    let entry = Entry { kind: "package".to_owned(), name: "a".to_owned(), actions: words(&["read"]) };
    let access = Access { entries: vec![entry], outside: false };
    let person = Person { grants: &denied, ..Person::default() };
    let caller = Caller { person: Some(person), access: Some(&access), is_rejected: false };
    assert_eq!(ask(&caller, &public, "a", "read"), Decision::Forbidden, "an access token");
}

#[test]
fn a_deny_rule_for_everybody_makes_less_public_and_takes_nothing_from_users() {
    let public = grants(&["*:*:*:read", "!demo:package:@internal/*:read"]);
    let nobody = Caller::default();
    assert_eq!(ask(&nobody, &public, "@internal/a", "read"), Decision::SignIn);
    assert_eq!(ask(&nobody, &public, "a", "read"), Decision::Granted);
    let granted = grants(&["demo:package:@internal/*:read"]);
    assert_eq!(decided(&granted, &public, false, "@internal/a", "read"), Decision::Granted);
    assert_eq!(decided(&[], &public, true, "@internal/a", "read"), Decision::Granted, "an owner");
    assert_eq!(decided(&[], &public, false, "@internal/a", "read"), Decision::Forbidden);
}

/// A protocol asks about the name `*` before it shows everything without asking for each.
#[test]
fn everything_is_denied_if_any_part_of_it_is() {
    let rules = grants(&["*:*:*:*", "!demo:package:a:read"]);
    assert_eq!(decided(&rules, &[], false, "*", "read"), Decision::Forbidden);
    assert_eq!(decided(&rules, &[], false, "*", "delete"), Decision::Granted);
    for other in ["!demo:file:a:read", "!other:package:a:read", "!demo:package:a:write"] {
        assert_eq!(
            decided(&grants(&["*:*:*:*", other]), &[], false, "*", "read"),
            Decision::Granted,
            "{other}"
        );
    }
    let public = grants(&["*:*:*:read", "!demo:package:a:read"]);
    assert_eq!(ask(&Caller::default(), &public, "*", "read"), Decision::SignIn);
}

#[test]
fn a_mount_is_not_public_if_a_part_of_it_is_denied() {
    let actions = actions();
    for (denied, expected) in [
        ("!demo:package:a:read", false),
        ("!*:*:a:*", false),
        ("!demo:package:a:list", false),
        ("!demo:package:a:write", true),
        ("!other:package:a:read", true),
    ] {
        let public = grants(&["*:*:*:read", denied]);
        assert_eq!(is_public(&public, "demo", &actions), expected, "{denied}");
    }
    let none = Actions::default();
    assert!(!is_public(&grants(&["*:*:*:read", "!demo:package:a:read"]), "demo", &none));
    assert!(is_public(&grants(&["*:*:*:read", "!demo:package:a:write"]), "demo", &none));
}

#[test]
fn a_name_without_a_colon_denies_what_is_below_it() {
    let rules = grants(&["*:*:*:*", "!demo:package:com.acme:read"]);
    assert_eq!(decided(&rules, &[], false, "com.acme:secret", "read"), Decision::Forbidden);
    assert_eq!(decided(&rules, &[], false, "com.acme.sub:open", "read"), Decision::Granted);
}

#[test]
fn no_token_is_made_for_what_is_wholly_denied() {
    let actions = actions();
    let made = |rules: &[&str], public: &[&str], scope: &str, actions: Option<&Actions>| {
        let (rules, public, scope) = (grants(rules), grants(public), Scope::parse(scope).unwrap());
        let person = Person { grants: &rules, ..Person::default() };
        let is_made = narrow(&scope, &person, &public, actions).is_some();
        assert!(is_made || !is_narrower(&scope, &person, &public, actions));
        is_made
    };
    let denied = ["demo:package:*:write", "!demo:package:@x/*:write"];
    for actions in [Some(&actions), None] {
        assert!(!made(&denied, &[], "demo:package:@x/a:write", actions));
        assert!(made(&denied, &[], "demo:package:@y/a:write", actions));
        assert!(made(&denied, &[], "demo:package:*:write", actions), "the rules decide at each use");
        assert!(!made(&["!*:*:*:*"], &["*:*:*:read"], "demo:package:a:read", actions));
        assert!(!made(&[], &["*:*:*:read", "!demo:package:a:*"], "demo:package:a:read", actions));
    }
    assert!(!made(&denied, &[], "demo:package:@x/a:yank", Some(&actions)), "`write` implies it");
    assert!(made(&denied, &[], "demo:package:@x/a:read", Some(&actions)), "reading is not denied");
    assert!(!made(&["!demo:package:*:write"], &[], "demo:package:*:write", Some(&actions)));
}

/// All callers of a small world, with all rules of it: whatever is allowed with one deny rule more, was
/// allowed without it.
#[test]
fn one_deny_rule_more_never_allows_what_was_not_allowed_before() {
    let rules = grants(&[
        "*:*:*:*",
        "demo:package:*:write",
        "demo:package:a:read",
        "*:package:a*:delete",
        "!demo:package:a:write",
        "!demo:*:*:read",
        "!*:package:a:*",
        "!demo:package:b:list",
        "!demo:file:*:*",
        "!*:*:*:wr*",
    ]);
    let actions = actions();
    let subsets: Vec<Vec<Grant>> = (0..1_u32 << rules.len())
        .filter(|bits| bits.count_ones() <= 2)
        .map(|bits| {
            (0..rules.len()).filter(|&nth| bits & (1 << nth) != 0).map(|nth| rules[nth].clone()).collect()
        })
        .collect();
    let scope = |text: &str| vec![Scope::parse(text).unwrap()];
    let narrowings = [Vec::new(), scope("demo:package:*:read")];
    let access = Access {
        entries: vec![Entry { kind: "package".to_owned(), name: "a".to_owned(), actions: words(&["write"]) }],
        outside: false,
    };
    let questions: Vec<(&str, &str, &str)> = ["package", "file"]
        .into_iter()
        .flat_map(|kind| ["a", "b", "*"].map(|name| (kind, name)))
        .flat_map(|(kind, name)| EVERY_ACTION.map(|action| (kind, name, action)))
        .collect();
    let denies: Vec<&Grant> = rules.iter().filter(|rule| rule.is_deny()).collect();
    let public_sets = [grants(&[]), grants(&["*:*:*:read"]), grants(&["*:*:*:*", "!demo:package:b:write"])];
    let allowed = |own: &[Grant], public: &[Grant], sort: usize, (kind, name, action): (&str, &str, &str)| {
        let person = Person {
            grants: own,
            narrowed_to: &narrowings[sort & 1],
            is_read_only: sort & 2 != 0,
            is_owner: sort & 4 != 0,
        };
        let caller = Caller {
            person: (sort < 16).then_some(person),
            access: (sort & 8 != 0).then_some(&access),
            is_rejected: false,
        };
        let question = Question {
            resource: Resource { protocol: "demo", kind, name },
            action,
            public,
            actions: &actions,
        };
        decide(&question, &caller) == Decision::Granted
    };
    let (mut lost, mut kept) = (0_u32, 0_u32);
    for own in &subsets {
        for deny in &denies {
            let more: Vec<Grant> = own.iter().chain([*deny]).cloned().collect();
            for public in &public_sets {
                for sort in 0..16 {
                    for question in &questions {
                        let (before, after) =
                            (allowed(own, public, sort, *question), allowed(&more, public, sort, *question));
                        assert!(before || !after, "{deny} beside {own:?} and {public:?} allows {question:?}");
                        (lost, kept) =
                            (lost + u32::from(before && !after), kept + u32::from(before && after));
                    }
                }
            }
            // And the same for what everybody may do.
            for question in &questions {
                for sort in [0, 16] {
                    let (before, after) =
                        (allowed(&[], own, sort, *question), allowed(&[], &more, sort, *question));
                    assert!(before || !after, "{deny} beside the public {own:?} allows {question:?}");
                }
            }
            assert!(
                is_public(own, "demo", &actions) || !is_public(&more, "demo", &actions),
                "{deny} {own:?}"
            );
        }
    }
    assert!(lost > 10_000 && kept > 10_000, "the world is too small: {lost} lost, {kept} kept");
}
