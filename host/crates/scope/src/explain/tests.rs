//! An explanation names the rule that decides, and says what is decided.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;
use crate::access::{Access, Entry};
use crate::actions::{Actions, Declaration, Implication};
use crate::decision::decide;
use crate::scope::Resource;

fn grants(texts: &[&str]) -> Vec<Grant> {
    texts.iter().map(|text| Grant::parse(text).unwrap()).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

const EVERY_ACTION: [&str; 4] = ["read", "write", "yank", "delete"];

fn actions() -> Actions {
    let declared = Declaration {
        kind: "package".to_owned(),
        actions: words(&EVERY_ACTION),
        read_action: "read".to_owned(),
    };
    let implied = Implication {
        kind: "package".to_owned(),
        action: "write".to_owned(),
        implied: words(&["read", "yank"]),
    };
    Actions::declared(&[declared], &[implied]).unwrap()
}

fn question<'a>(name: &'a str, action: &'a str, public: &'a [Grant], actions: &'a Actions) -> Question<'a> {
    Question { resource: Resource { protocol: "demo", kind: "package", name }, action, public, actions }
}

#[test]
fn the_rule_that_decides_is_named_and_so_are_those_that_lost() {
    let (actions, public) = (actions(), grants(&["*:*:*:read", "!demo:package:hidden:read"]));
    let own = grants(&["!demo:package:a:yank", "demo:package:*:write", "demo:package:a:*"]);
    let person = Person { grants: &own, ..Person::default() };
    let caller = Caller { person: Some(person), ..Caller::default() };
    let ask = |name: &'static str, action: &'static str| {
        let explained = explain(&question(name, action, &public, &actions), &caller);
        let texts = |rules: &[&Grant]| rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let rule = explained.reason.rule().map(ToString::to_string).unwrap_or_default();
        (explained.decision, rule, texts(&explained.others), texts(&explained.others_for_everybody))
    };
    let told = |decision, rule: &str, own: &str, public: &str| {
        (decision, rule.to_owned(), own.to_owned(), public.to_owned())
    };
    let all = "demo:package:*:write demo:package:a:*";
    assert_eq!(ask("a", "yank"), told(Decision::Forbidden, "!demo:package:a:yank", all, ""));
    assert_eq!(ask("a", "write"), told(Decision::Granted, "demo:package:*:write", "demo:package:a:*", ""));
    assert_eq!(ask("b", "yank"), told(Decision::Granted, "demo:package:*:write", "", ""), "it is implied");
    assert_eq!(ask("b", "delete"), told(Decision::Forbidden, "", "", ""));
    assert_eq!(ask("b", "read"), told(Decision::Granted, "*:*:*:read", "demo:package:*:write", ""));
    assert_eq!(
        ask("hidden", "read"),
        told(Decision::Granted, "demo:package:*:write", "", "*:*:*:read !demo:package:hidden:read")
    );
    let hidden = question("hidden", "read", &public, &actions);
    let nobody = explain(&hidden, &Caller::default());
    assert_eq!((nobody.decision, nobody.reason), (Decision::SignIn, Reason::NotPublic(&public[1])));
    assert_eq!(nobody.others_for_everybody, [&public[0]]);
}

#[test]
fn what_the_credentials_lack_is_told_apart_from_what_the_user_lacks() {
    let actions = actions();
    let own = grants(&["demo:package:*:write"]);
    let narrow = vec![Scope::parse("demo:package:a:write").unwrap()];
    let explained = |person: Person<'_>, name: &str, action: &str| {
        let caller = Caller { person: Some(person), ..Caller::default() };
        format!("{:?}", explain(&question(name, action, &[], &actions), &caller).reason)
    };
    let ann = Person { grants: &own, ..Person::default() };
    let narrowed = Person { narrowed_to: &narrow, ..ann };
    assert_eq!(explained(narrowed, "b", "write"), "OutsideToken");
    assert_eq!(explained(narrowed, "b", "delete"), "Nothing", "no token could");
    assert_eq!(explained(narrowed, "a", "yank"), "Allowed(`demo:package:*:write`)");
    assert_eq!(explained(Person { is_read_only: true, ..ann }, "a", "write"), "ReadOnly");
    let owner = Person { is_owner: true, ..Person::default() };
    assert_eq!(explained(owner, "a", "delete"), "Owner");
    assert_eq!(explained(Person { narrowed_to: &narrow, ..owner }, "b", "write"), "OutsideToken");
}

/// Every caller of a small world, with every two rules of it.
#[test]
fn what_is_explained_is_what_is_decided() {
    let actions = actions();
    let rules = grants(&[
        "*:*:*:*",
        "demo:package:*:write",
        "demo:package:a:read",
        "!demo:package:a:write",
        "!demo:*:*:read",
        "!*:package:b:*",
    ]);
    let lists: Vec<Vec<Grant>> = (0..1_u32 << rules.len())
        .filter(|bits| bits.count_ones() <= 2)
        .map(|bits| {
            (0..rules.len()).filter(|nth| bits & (1 << nth) != 0).map(|nth| rules[nth].clone()).collect()
        })
        .collect();
    let narrowings = [Vec::new(), vec![Scope::parse("demo:package:a:write").unwrap()]];
    let access = |outside| Access {
        entries: vec![Entry { kind: "package".to_owned(), name: "a".to_owned(), actions: words(&["write"]) }],
        outside,
    };
    let accesses = [None, Some(access(false)), Some(access(true))];
    let mut seen = std::collections::BTreeSet::new();
    for public in &lists {
        for own in &lists {
            for sort in 0..16_usize {
                for access in &accesses {
                    let person = Person {
                        grants: own,
                        narrowed_to: &narrowings[sort & 1],
                        is_read_only: sort & 2 != 0,
                        is_owner: sort & 4 != 0,
                    };
                    for (person, is_rejected) in [(Some(person), false), (None, sort & 8 != 0)] {
                        let caller = Caller { person, access: access.as_ref(), is_rejected };
                        for name in ["a", "b", "*"] {
                            for action in EVERY_ACTION {
                                let asked = question(name, action, public, &actions);
                                let explained = explain(&asked, &caller);
                                assert_eq!(
                                    explained.decision,
                                    decide(&asked, &caller),
                                    "{name}:{action} {own:?} {public:?} {explained:?}"
                                );
                                seen.insert(
                                    format!("{:?}", explained.reason).chars().take(6).collect::<String>(),
                                );
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(seen.len(), 11, "every reason comes up: {seen:?}");
}
