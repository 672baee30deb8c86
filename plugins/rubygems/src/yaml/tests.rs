#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
use super::*;

#[test]
fn scalars_stay_text() {
    let root =
        parse("--- !ruby/object:Gem::Version\nversion: 1.10\ndate: 2020-01-01\nnone: ~\nempty:\n").unwrap();
    assert!(root.is_a("Gem::Version"));
    assert_eq!(root.get("version").unwrap().text().unwrap(), "1.10");
    assert_eq!(root.get("date").unwrap().text().unwrap(), "2020-01-01");
    assert_eq!(root.get("none").unwrap().text(), None);
    assert_eq!(root.get("empty").unwrap().text(), None);
}

#[test]
fn what_ruby_would_read_as_no_text_is_known() {
    for (text, is_typed) in [
        ("1", true),
        ("1.10", true),
        ("010", true),
        ("0x1F", true),
        ("1.5e-3", true),
        ("2026-01-02", true),
        ("true", true),
        ("1.2.3", false),
        ("1.0.a", false),
        ("1.5e3", false),
        ("ruby", false),
        ("'1.10'", false),
        ("!str 1", false),
        ("\"1\"", false),
    ] {
        let root = parse(&format!("a: {text}\n")).unwrap();
        assert_eq!(root.get("a").unwrap().typed().is_some(), is_typed, "{text}");
    }
}

#[test]
fn aliases_share_what_they_name() {
    let root = parse("one: &id001\n  - a\n  - b\ntwo: *id001\n").unwrap();
    assert_eq!(root.get("two").unwrap().items().len(), 2);
    let bomb: String = (1..40).fold("a0: &a0 [x,x,x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [*a{0},*a{0},*a{0}]\n", n - 1)
    });
    assert!(parse(&bomb).is_ok());
    assert_eq!(parse("a: &a [*a]\n").unwrap_err(), YamlError::Alias);
}

#[test]
fn what_ruby_would_not_load_is_rejected() {
    for text in [
        "--- !ruby/object:Kernel\na: b\n",
        "a: !ruby/regexp /a/\n",
        "a: !ruby/sym system\n",
        "a: !<tag:ruby.yaml.org,2002:object:OpenStruct> {}\n",
        "a: !map:Foo {}\n",
        "a: !seq:Foo []\n",
        "a: !str:Foo bar\n",
        "a: !set {b: }\n",
        "a: !!set {b: }\n",
        "a: !ruby/sym ':runtime'\n",
        "a: !ruby/sym {}\n",
        "a: !ruby/hash:Foo {}\n",
    ] {
        assert!(matches!(parse(text), Err(YamlError::Class(_))), "{text}");
    }
    assert!(matches!(parse("a: :system\n"), Err(YamlError::Symbol(_))));
    for text in ["a: !ruby/sym runtime\n", "a: !ruby/symbol development\n", "a: !ruby/hash {}\n"] {
        assert!(parse(text).is_ok(), "{text}");
    }
    assert_eq!(parse("a: !ruby/sym runtime\n").unwrap().get("a").unwrap().symbol(), Some("runtime"));
    assert_eq!(parse("a: :runtime\n").unwrap().get("a").unwrap().symbol(), Some("runtime"));
    assert_eq!(parse("a: ':runtime'\n").unwrap().get("a").unwrap().symbol(), None);
    for text in ["a: :runtime\n", "a: ':system'\n", "a: !binary |-\n  w6k=\n", "a: !str b\n", "a: !!null\n"] {
        assert!(parse(text).is_ok(), "{text}");
    }
    assert_eq!(parse("a: !binary |-\n  w6k=\n").unwrap().get("a").unwrap().text().unwrap(), "é");
}

#[test]
fn what_is_too_deep_or_broken_is_rejected() {
    assert_eq!(parse(&"- ".repeat(200)).unwrap_err(), YamlError::TooDeep);
    assert_eq!(parse("").unwrap_err(), YamlError::Empty);
    assert!(matches!(parse("a: [b\n"), Err(YamlError::Syntax(_))));
}

/// Psych reads each of them in this way.
#[test]
fn the_lines_of_a_text_in_quotes_may_begin_in_the_first_column() {
    for (text, wanted) in [
        ("a: ! 'b\n\n  c\n\n'\n", "b\nc\n"),
        ("a: \"b\n\nc\\\nd\"\n", "b\ncd"),
        ("m:\n  l:\n  - 'b\n\n    c\n\n'\na: 'd\n''e''\n'\n", "d 'e' "),
        ("a: 'b\n\tc'\n", "b c"),
        ("m:\n  x:\n    a: 1\n    b: 'c\n\td\n'\na: e\n", "e"),
        ("a: 'b\n---c\n'\n", "b ---c "),
        ("m: {b: 'c\nd'}\na: e\n", "e"),
        ("? 'b\nc'\n: d\na: e\n", "e"),
    ] {
        let root = parse(text).unwrap();
        assert_eq!(root.get("a").unwrap().text().as_deref(), Some(wanted), "{text:?}");
    }
    for text in ["a: 'b\n--- c\n'\n", "a: 'b\n...\n'\n", "a: 'b\n", "a: 'b\nc' d\n", "a: 'b\nc'\n  d: e\n"] {
        assert!(matches!(parse(text), Err(YamlError::Syntax(_))), "{text:?}");
    }
}

/// Each of these texts is read once more for its indentation.
#[test]
fn a_document_is_read_again_for_a_limited_time() {
    let filler = format!("x: {}\n", "y".repeat(1 << 20));
    let texts = |count: usize| format!("{filler}{}", "a:\n  - 'b\nc'\n".repeat(count));
    assert!(parse(&texts(10)).is_ok());
    assert!(matches!(parse(&texts(100)), Err(YamlError::Syntax(_))));
    let deep = format!("{}a: 'b\nc'\n", "- ".repeat(90));
    assert!(parse(&deep).is_ok());
    let far = format!("a:\n{}b: 'c\nd'\n", " ".repeat(500));
    assert!(parse(&far).is_ok());
}
