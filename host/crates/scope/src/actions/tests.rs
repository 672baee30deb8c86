//! What may be declared, and what follows from it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn declared(implied: &[(&str, &str, &[&str])]) -> Result<Actions, String> {
    let kind = Declaration {
        kind: "note".to_owned(),
        actions: words(&["read", "write", "list", "seal"]),
        read_action: "read".to_owned(),
    };
    let each = implied.iter().map(|(kind, action, implied)| Implication {
        kind: (*kind).to_owned(),
        action: (*action).to_owned(),
        implied: words(implied),
    });
    Actions::declared(&[kind], &each.collect::<Vec<_>>())
}

#[test]
fn what_is_implied_implies_further_in_any_order_and_in_a_circle() {
    let links: [(&str, &str, &[&str]); 3] =
        [("note", "seal", &["write"]), ("note", "write", &["read"]), ("note", "read", &["list"])];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
        let actions = declared(&order.map(|link| links[link])).unwrap();
        assert!(actions.includes("note", "seal", "list"), "{order:?}");
        assert!(!actions.includes("note", "read", "write"), "{order:?}");
    }
    let circle = declared(&[("note", "read", &["write"]), ("note", "write", &["read"])]).unwrap();
    assert!(circle.includes("note", "read", "write") && circle.includes("note", "write", "read"));
}

#[test]
fn what_is_said_twice_adds_up() {
    let actions = declared(&[("note", "seal", &["write"]), ("note", "seal", &["list"])]).unwrap();
    assert!(actions.includes("note", "seal", "write") && actions.includes("note", "seal", "list"));
}

#[test]
fn what_is_not_declared_implies_nothing_and_is_not_implied() {
    for (links, word) in [
        (("page", "read", &["list"] as &[&str]), "does not declare that kind"),
        (("note", "rub", &["list"]), "`rub`"),
        (("note", "read", &["rub"]), "`rub`"),
    ] {
        let refused = declared(&[links]).unwrap_err();
        assert!(refused.contains(word), "{refused}");
    }
    let actions = declared(&[]).unwrap();
    assert!(actions.has("note", "seal") && !actions.has("note", "rub") && !actions.has("page", "read"));
    assert!(!actions.includes("page", "write", "read"));
    assert!(actions.includes("page", "*", "read"), "`*` is every action");
}
