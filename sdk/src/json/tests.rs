//! What clients read about JSON that does not fit.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "they are only read")]
struct NewThing {
    name: String,
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    offset: i64,
    #[serde(default)]
    is_new: bool,
    #[serde(default)]
    parts: Vec<Part>,
    #[serde(default)]
    words: BTreeMap<String, String>,
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    kinds: Vec<Kind>,
    #[serde(default)]
    either: Option<Either>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "they are only read")]
struct Part {
    id: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Normal,
    Build,
    Dev,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[allow(dead_code, reason = "they are only read")]
enum Either {
    Word(String),
    Words(Vec<String>),
}

fn sentence(text: &str) -> String {
    parse::<NewThing>(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn the_sentence_names_the_member_and_what_it_must_be() {
    for (text, expected) in [
        ("[]", "the body must be an object, and is a list"),
        (r#"["a", 1, 2, true, [], {}]"#, "the body must be an object, and is a list"),
        ("\"x\"", "the body must be an object, and is a string"),
        ("{}", "`name` is missing in the body"),
        (r#"{"name": 5}"#, "`name` in the body must be a string, and is a number"),
        (r#"{"name": {"a": 1}}"#, "`name` in the body must be a string, and is an object"),
        (r#"{"name": null}"#, "`name` in the body must be a string, and is `null`"),
        (
            "{\n\"a\": [1, {\"b\": 2}],\n \"name\":\n true}",
            "`name` in the body must be a string, and is `true` or `false`",
        ),
        (r#"{"count": "1"}"#, "`count` in the body must be a whole number from 0 on, and is a string"),
        (r#"{"count": -1}"#, "`count` in the body must be a whole number from 0 on"),
        (r#"{"offset": 1.5}"#, "`offset` in the body must be a whole number, and is a number"),
        (r#"{"is_new": 1}"#, "`is_new` in the body must be `true` or `false`, and is a number"),
        (r#"{"parts": {}}"#, "`parts` in the body must be a list, and is an object"),
        (r#"{"parts": [{"id": "a"}, "b"]}"#, "`parts[1]` in the body must be an object, and is a string"),
        (r#"{"parts": [{"id": "a"}, {}]}"#, "`parts[1].id` is missing in the body"),
        (
            r#"{"parts": [{"id": "]},\"", "tags": ["x", 1]}]}"#,
            "`parts[0].tags[1]` in the body must be a string, and is a number",
        ),
        (
            r#"{"parts": [{"id": "a", "more": 1}]}"#,
            "`parts[0].more` in the body is not known here: leave it out",
        ),
        (r#"{"parts": [{"id": "a", "id": "b"}]}"#, "`parts[0].id` in the body occurs twice: send it once"),
        (r#"{"words": {"a": "b", "c": []}}"#, "`words.c` in the body must be a string, and is a list"),
        (r#"{"words": []}"#, "`words` in the body must be an object, and is a list"),
        (r#"{"kind": "other"}"#, "`kind` in the body must be one of `normal`, `build`, `dev`"),
        (r#"{"kind": 1}"#, "`kind` in the body must be a string"),
        (r#"{"kind": [1]}"#, "`kind` in the body must be a string"),
        (r#"{"kinds": ["dev", [[1]]]}"#, "`kinds[1]` in the body must be a string"),
        (r#"{"kinds": [[1]]}"#, "`kinds[0]` in the body must be a string"),
        (r#"{"either": 1}"#, "a value in the body has none of the forms that are known here"),
    ] {
        assert_eq!(sentence(text), expected, "{text}");
    }
}

/// Whatever its type is, and wherever in the list it is.
#[test]
fn a_wrong_element_of_a_list_is_named_by_its_index() {
    let found = [
        ("1", "a number"),
        ("null", "`null`"),
        ("true", "`true` or `false`"),
        ("[]", "a list"),
        ("[[\"a\"]]", "a list"),
        ("{}", "an object"),
        ("{\"a\": [1]}", "an object"),
    ];
    for (value, kind) in found {
        for (list, index) in [
            (format!("[{value}]"), 0),
            (format!("[ \n{value} ]"), 0),
            (format!("[{value}, \"b\"]"), 0),
            (format!("[\"a\",{value}]"), 1),
            (format!("[\"a\", \"[\", {value}]"), 2),
        ] {
            let expected = format!("must be a string, and is {kind}");
            let error = parse::<Vec<String>>(list.as_bytes()).unwrap_err().to_string();
            assert_eq!(error, format!("`[{index}]` in the body {expected}"), "{list}");
            let inner = format!(r#"{{"parts": [{{"id": "a"}}, {{"id": "b", "tags": {list}}}]}}"#);
            let expected = format!("`parts[1].tags[{index}]` in the body {expected}");
            assert_eq!(sentence(&inner), expected, "{inner}");
        }
    }
    for list in ["[[]]", "[[[]]]", "[ [{}]]"] {
        let error = parse::<Vec<Strict<Part>>>(list.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "`[0]` in the body must be an object, and is a list", "{list}");
    }
}

/// A reader of any value reports a list after its opening bracket, not before it.
#[test]
fn a_list_that_was_begun_is_named_itself() {
    struct Word;
    impl<'de> Deserialize<'de> for Word {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Any;
            impl serde::de::Visitor<'_> for Any {
                type Value = Word;

                fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.write_str("a word")
                }
            }
            deserializer.deserialize_any(Any)
        }
    }
    for (text, expected) in [
        ("[[]]", "`[0]` in the body must be a word, and is a list"),
        ("[[1]]", "`[0]` in the body must be a word, and is a list"),
        (r#"[[{"a": 1}]]"#, "`[0]` in the body must be a word, and is a list"),
        (r#"[{"a": 1}]"#, "`[0]` in the body must be a word, and is an object"),
        ("[{}]", "`[0]` in the body must be a word, and is an object"),
    ] {
        let error = parse::<Vec<Word>>(text.as_bytes()).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn text_that_is_not_json_is_explained_with_its_place() {
    for (text, expected) in [
        ("", "the body ends before its JSON is complete"),
        (r#"{"name": "a"#, "the body ends before its JSON is complete"),
        (
            "name",
            "the body is not valid JSON at line 1, column 2: only `true`, `false` and `null` are written without quotes",
        ),
        ("<a>", "the body is not valid JSON at line 1, column 1: a value is expected here"),
        ("{\n\"name\" 1}", "the body is not valid JSON at line 2, column 8: `:` is expected here"),
        (
            r#"{"name": "a",}"#,
            "the body is not valid JSON at line 1, column 14: a comma must not be the last character of a list or an object",
        ),
        (
            r#"{"name": "a"} x"#,
            "the body is not valid JSON at line 1, column 15: nothing may follow the value",
        ),
    ] {
        assert_eq!(sentence(text), expected, "{text}");
    }
}

/// A value may be a password.
#[test]
fn no_value_is_repeated() {
    for text in [
        r#"{"name": 918273}"#,
        r#"{"count": "918273"}"#,
        r#"{"kind": "918273"}"#,
        r#"{"is_new": "918273, expected nothing"}"#,
        r#"{"count": -918273}"#,
    ] {
        assert!(!sentence(text).contains("918273"), "{}", sentence(text));
    }
}

#[test]
fn without_the_bytes_the_place_is_a_line_and_a_column() {
    let error = serde_json::from_str::<NewThing>("{\n\"name\": 5}").unwrap_err();
    assert_eq!(
        explain_by_line(&error).to_string(),
        "the value at line 2, column 9 of the JSON must be a string, and is a number"
    );
    let error = serde_json::from_value::<NewThing>(serde_json::json!({})).unwrap_err();
    assert_eq!(explain_by_line(&error).to_string(), "`name` is missing in the JSON");
}

#[test]
fn a_long_name_is_cut() {
    let text = format!(r#"{{"words": {{"{}": 1}}}}"#, "x".repeat(10_000));
    assert!(sentence(&text).len() < 400);
}

#[test]
fn bytes_that_are_not_utf_8_are_told_as_such() {
    for text in [
        b"{\"name\": \"Ren\xe9\"}".as_slice(),
        b"{\"name\": \"a\", \"words\": {\"x\": \"\xe9\"}}",
        b"{\"\xe9\": 1}",
    ] {
        let told = parse::<NewThing>(text).unwrap_err().to_string();
        let at = text.iter().position(|byte| *byte == 0xe9).unwrap() + 1;
        assert_eq!(
            told,
            format!("the body is not valid JSON at byte {at}: JSON is UTF-8, and the bytes there are not")
        );
    }
}
