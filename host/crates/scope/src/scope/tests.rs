//! What a scope covers, by examples and over many made-up scopes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use super::*;
use crate::actions::{Declaration, Implication};

/// Of a protocol with packages: `write` implies everything but `push`, which implies `pull`.
fn actions() -> Actions {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let declared = Declaration {
        kind: "package".to_owned(),
        actions: words(&["read", "write", "delete", "yank", "owner", "push", "pull", "list"]),
        read_action: "read".to_owned(),
    };
    let implies = |action: &str, implied: &[&str]| Implication {
        kind: "package".to_owned(),
        action: action.to_owned(),
        implied: words(implied),
    };
    let implications = [
        implies("write", &["read", "delete", "yank", "owner"]),
        implies("push", &["pull"]),
        implies("read", &["list"]),
        implies("pull", &["list"]),
    ];
    Actions::declared(&[declared], &implications).unwrap()
}

fn allows(scope: &str, name: &str, action: &str) -> bool {
    let resource = Resource { protocol: "demo", kind: "package", name };
    Scope::parse(scope).unwrap().allows(&resource, action, &actions())
}

fn covers(wide: &str, narrow: &str) -> bool {
    Scope::parse(wide).unwrap().covers(&Scope::parse(narrow).unwrap(), &actions())
}

#[test]
fn the_name_is_what_is_left_between_type_and_action() {
    for name in ["left-pad", "@scope/name", "group:item", "a/b/c", "@a/b:c:d", "名前"] {
        assert!(allows(&format!("demo:package:{name}:read"), name, "read"), "{name}");
    }
    assert!(!allows("demo:package:left-pad:read", "left-padding", "read"));
    assert!(!allows("other:package:left-pad:read", "left-pad", "read"));
    assert!(!allows("demo:image:left-pad:read", "left-pad", "read"));
}

#[test]
fn a_star_matches_any_run_across_slashes_and_colons() {
    assert!(allows("*:*:*:*", "@a/b:c", "anything"));
    assert!(allows("demo:package:@a/*:read", "@a/b/c:d", "read"));
    assert!(!allows("demo:package:@a/*:read", "@ab/c", "read"));
    assert!(allows("demo:package:*-internal:read", "@a/b-internal", "read"));
    assert!(allows("demo:package:a*b*c:read", "aXbYbZc", "read"));
    assert!(!allows("demo:package:a*b*c:read", "acb", "read"));
    assert!(!allows("demo:package:ab*ba:read", "aba", "read"), "the ends may not overlap");
    assert!(allows("demo:package:ab*ba:read", "abba", "read"));
    assert!(allows("de*:pack*:*:re*", "x", "read"));
}

#[test]
fn an_action_allows_what_it_is_declared_to_imply_and_what_that_implies() {
    for action in ["write", "read", "list", "delete", "yank", "owner"] {
        assert!(allows("demo:package:a:write", "a", action), "{action}");
    }
    assert!(!allows("demo:package:a:write", "a", "push"));
    for action in ["read", "pull", "push"] {
        assert!(allows(&format!("demo:package:a:{action}"), "a", "list"), "{action}");
    }
    for action in ["read", "pull"] {
        assert!(!allows("demo:package:a:list", "a", action), "{action}");
    }
    assert!(allows("demo:package:a:push", "a", "pull"));
    assert!(!allows("demo:package:a:pull", "a", "push"));
    assert!(!allows("demo:package:a:read", "a", "write"));
    assert!(!allows("demo:package:a:yank", "a", "read"));
    assert!(!allows("demo:package:a:wr*", "a", "read"), "a pattern implies nothing");
}

#[test]
fn a_grant_on_a_group_covers_its_items_and_not_its_subgroups() {
    assert!(allows("demo:package:com.example:read", "com.example:lib", "read"));
    assert!(allows("demo:package:com.example:read", "com.example", "read"));
    assert!(!allows("demo:package:com.example:read", "com.example.sub:lib", "read"));
    assert!(allows("demo:package:com.example*:read", "com.example.sub:lib", "read"));
    assert!(!allows("demo:package:com.example:lib:read", "com.example:other", "read"));
    assert!(!allows("demo:package:com.example:lib:read", "com.example:lib:extra", "read"));
}

#[test]
fn a_refused_scope_says_what_to_write() {
    for (text, remedy) in [
        ("", "write four parts"),
        ("*", "write four parts"),
        ("demo:read", "write four parts"),
        ("demo:package:read", "write four parts"),
        ("demo:package::read", "no part may be empty"),
        (":package:a:read", "no part may be empty"),
        ("demo:package:a:", "no part may be empty"),
        ("demo:package:a b:read", "remove the spaces"),
        ("demo:package:a:read\n", "remove the spaces"),
        ("demo:package:a:read,write", "one scope for each action"),
        ("de mo:package:a:read", "remove the spaces"),
        ("de/mo:package:a:read", "letters, digits"),
    ] {
        let refusal = Scope::parse(text).unwrap_err().to_string();
        assert!(refusal.contains(remedy), "{text:?}: {refusal}");
        assert!(!refusal.contains('\n') && !refusal.ends_with('.'), "{refusal:?}");
    }
    assert!(Scope::parse(&format!("a:b:{}:c", "x".repeat(2000))).is_err());
}

#[test]
fn a_scope_displays_as_it_was_written() {
    for text in ["*:*:*:*", "demo:package:@a/b:c:write", "demo:package:a*:re*"] {
        assert_eq!(Scope::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn a_wider_scope_covers_a_narrower_one_only() {
    assert!(covers("*:*:*:*", "demo:package:*:*"));
    assert!(covers("demo:package:@a/*:write", "demo:package:@a/b:read"));
    assert!(covers("demo:package:@a/*:write", "demo:package:@a/b*:owner"));
    assert!(!covers("demo:package:@a/b:write", "demo:package:@a/*:read"));
    assert!(!covers("demo:package:*:read", "demo:package:*:write"));
    assert!(!covers("demo:package:*:write", "demo:package:*:*"));
    assert!(!covers("demo:package:*:wr*", "demo:package:*:write"), "`wr*` has none of what write includes");
    assert!(covers("demo:package:com.example:read", "demo:package:com.example:lib:read"));
    assert!(!covers("demo:package:com.example:*:read", "demo:package:com.example:read"));
}

/// A small generator (xorshift), so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn text(&mut self, letters: &[&str], longest: usize) -> String {
        let length = 1 + self.below(longest);
        (0..length).map(|_| letters[self.below(letters.len())]).collect()
    }
}

/// The plain definition of `*`, slow and obvious.
fn matches_slowly(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|taken| matches_slowly(rest, &text[taken..])),
        Some((letter, rest)) => text.first() == Some(letter) && matches_slowly(rest, &text[1..]),
    }
}

#[test]
fn matching_agrees_with_its_plain_definition() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut hits = 0;
    for _ in 0..200_000 {
        let pattern = dice.text(&["a", "b", "*", "/"], 6);
        let text = dice.text(&["a", "b", "/"], 7);
        let expected = matches_slowly(pattern.as_bytes(), text.as_bytes());
        assert_eq!(matches(&pattern, &text), expected, "{pattern} on {text}");
        hits += usize::from(expected);
    }
    assert!(hits > 10_000, "the samples reach both answers: {hits}");
}

#[test]
fn what_is_covered_is_never_more_than_what_covers_it() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let all = actions();
    let actions = ["read", "write", "delete", "push", "pull", "list", "*", "wr*"];
    let mut used = 0;
    for _ in 0..200_000 {
        let mut scope = || {
            let name = dice.text(&["a", "b", ":", "*"], 4);
            let action = actions[dice.below(actions.len())];
            Scope::parse(&format!("demo:package:{name}:{action}")).unwrap()
        };
        let (wide, narrow) = (scope(), scope());
        if wide.covers(&narrow, &all) {
            for _ in 0..20 {
                let name = dice.text(&["a", "b", ":"], 5);
                used += shared(&wide, &narrow, &name, &all);
            }
        }
    }
    assert!(used > 20_000, "{used}");
}

/// How many actions on the name both allow; none may be allowed by the narrow one only.
fn shared(wide: &Scope, narrow: &Scope, name: &str, all: &Actions) -> usize {
    let resource = Resource { protocol: "demo", kind: "package", name };
    let actions = ["read", "write", "delete", "yank", "push", "pull", "list", "other"];
    let allowed = actions.iter().filter(|action| narrow.allows(&resource, action, all));
    allowed
        .inspect(|action| {
            assert!(wide.allows(&resource, action, all), "{wide} covers {narrow} but not {action} on {name}");
        })
        .count()
}

#[test]
fn any_text_is_either_read_back_or_refused() {
    let mut dice = Dice(7);
    for _ in 0..100_000 {
        let text = dice.text(&[":", "a", "*", "/", "@", " ", "é", "\u{7f}", ","], 12);
        if let Ok(scope) = Scope::parse(&text) {
            assert_eq!(scope.to_string(), text);
            assert!(scope.covers(&scope, &Actions::default()), "{scope} covers itself");
        }
    }
}

#[test]
fn what_is_too_long_is_not_said_again() {
    for text in ["a".repeat(5000), format!("demo:package:{}:read", "a".repeat(5000))] {
        let told = Scope::parse(&text).unwrap_err().to_string();
        assert!(told.contains("1024") && told.len() < 200, "{told}");
    }
}
