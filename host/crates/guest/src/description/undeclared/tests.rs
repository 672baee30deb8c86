//! What a plugin is granted that says nothing of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_scope::{Declaration, Implication};

use crate::description::Description;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn description(implied: Option<Vec<Implication>>) -> Result<Description, String> {
    let kind = Declaration {
        kind: "thing".to_owned(),
        actions: words(&["pull", "push", "delete"]),
        read_action: "pull".to_owned(),
    };
    Description { protocol: "demo".to_owned(), kinds: vec![kind], implied, ..Description::default() }
        .checked()
}

#[test]
fn a_plugin_that_says_nothing_is_granted_what_hosts_of_its_contract_granted() {
    let actions = description(None).unwrap().actions;
    for kind in ["thing", "unheard-of"] {
        for (held, implied) in [
            ("write", &["read", "list", "delete", "yank", "owner"][..]),
            ("push", &["pull", "list"]),
            ("read", &["list"]),
            ("pull", &["list"]),
        ] {
            let all = ["read", "list", "delete", "yank", "owner", "push", "pull", "write", "other"];
            for action in all {
                let expected = action == held || implied.contains(&action);
                assert_eq!(actions.includes(kind, held, action), expected, "{kind}: {held} {action}");
            }
        }
        assert!(["read", "pull", "list"].iter().all(|action| actions.reads(kind, action)));
        assert!(!actions.reads(kind, "write") && !actions.reads(kind, "push"));
        assert!(actions.has(kind, "other"));
    }
}

#[test]
fn a_plugin_that_says_what_implies_what_is_taken_at_its_word() {
    let push = |implied: &[&str]| Implication {
        kind: "thing".to_owned(),
        action: "push".to_owned(),
        implied: words(implied),
    };
    let actions = description(Some(vec![push(&["delete"])])).unwrap().actions;
    assert!(actions.includes("thing", "push", "delete") && !actions.includes("thing", "push", "pull"));
    assert!(!actions.reads("thing", "read") && !actions.has("thing", "list"));
    let refused = description(Some(vec![push(&["list"])])).unwrap_err();
    assert!(refused.contains("`list`"), "{refused}");
}
