#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
use super::*;

/// Each line is what `Composer\Semver\VersionParser::parseConstraints` of Composer 2.5 does with it
/// under PHP 8.2.
#[test]
fn constraints_are_those_that_composer_reads() {
    for (constraint, expected) in include!("tests/constraints.in") {
        assert_eq!(constraint::is_valid(constraint), expected, "{constraint:?}");
    }
}

#[test]
fn members_that_keep_composer_from_reading_a_package_are_refused() {
    for (json, sentence) in [
        ("[]", "composer.json must be an object, and is a list"),
        ("{", "composer.json ends before its JSON is complete"),
        (r#"{"require":["php"]}"#, "`require` must be an object"),
        (r#"{"require":{"php":8}}"#, "must be a string"),
        (r#"{"require-dev":{"php":"~>8"}}"#, "which is not valid"),
        (r#"{"autoload":"src"}"#, "`autoload` must be an object"),
        (r#"{"bin":{"a":1}}"#, "`bin` must be a string or a list of strings"),
        (r#"{"type":1}"#, "`type` must be a string"),
        (r#"{"suggest":{"a":1}}"#, "`suggest` must be an object"),
        (r#"{"suggest":["x"]}"#, "`suggest` must be an object"),
        (r#"{"suggest":{"0":"x"}}"#, "`suggest` must be an object"),
        (r#"{"keywords":[["x"]]}"#, "`keywords` must be a list of strings"),
        (r#"{"keywords":{"a":{"b":1}}}"#, "`keywords` must be a list of strings"),
        (r#"{"license":["MIT",["x"]]}"#, "`license` must be a list of strings"),
        (r#"{"license":["MIT",{"a":"b"}]}"#, "`license` must be a list of strings"),
        (r#"{"support":{"issues":["a"]}}"#, "`support` must be an object of names and strings"),
        (r#"{"archive":{"name":["x"]}}"#, "`name` of `archive` must be a string"),
        (r#"{"archive":{"exclude":"x"}}"#, "`exclude` of `archive` must be a list"),
        (r#"{"require":{"123":"*"}}"#, "which is a number and no package"),
        (r#"{"replace":{"0":"*"}}"#, "which is a number and no package"),
        (r#"{"extra":{"branch-alias":{"dev-main":["x"]}}}"#, "`branch-alias` of `extra` must be"),
        (r#"{"extra":{"branch-alias":{"dev-main":1}}}"#, "`branch-alias` of `extra` must be"),
        (r#"{"autoload":{"psr-4":"x"}}"#, "`psr-4` of `autoload` must be an object"),
        (r#"{"autoload":{"psr-0":{"A":[1]}}}"#, "`psr-0` of `autoload` must be an object"),
        (r#"{"autoload":{"files":[5]}}"#, "`files` of `autoload` must be a list of strings"),
        (r#"{"autoload":{"classmap":"x"}}"#, "`classmap` of `autoload` must be a list of strings"),
        (r#"{"autoload":{"psr-4":{"A":"src"}}}"#, "must end with a backslash"),
    ] {
        let error = Manifest::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(sentence), "{json}: {error}");
    }
}

#[test]
fn what_composer_reads_is_taken_as_it_is() {
    let text =
        "\u{feff}{\"name\":\"A/B\",\"version\":1.5,\"require\":[],\"x\":{\"y\":[1]},\"autoload\":null}";
    for json in [
        r#"{"keywords":["a",1,null],"archive":{"exclude":["/t"],"name":"a"},"extra":{"branch-alias":[]}}"#,
        r#"{"autoload":{"psr-4":{"A\\":["src"],"":"lib"},"psr-0":{"A_":""},"files":["a.php"]},"suggest":[]}"#,
        r#"{"license":["MIT",5,null,true,1.5,""],"support":{"issues":5,"source":null}}"#,
        r#"{"license":{"a":"MIT"},"support":[]}"#,
        r#"{"license":5}"#,
        r#"{"require":{"00":"*","a/b":"1.0 - 2.0"},"autoload-dev":{"psr-4":{"A\\T\\":"tests"}}}"#,
    ] {
        assert!(Manifest::parse(json.as_bytes()).is_ok(), "{json}");
    }
    let manifest = Manifest::parse(text.as_bytes()).unwrap();
    assert_eq!(manifest.version().unwrap().unwrap().normalized(), "1.5.0.0");
    assert!(manifest.agree(&PackageName::parse("a/b").unwrap()).is_ok());
    assert!(manifest.agree(&PackageName::parse("a/c").unwrap()).is_err());
    assert_eq!(
        manifest.0.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        ["name", "version", "require", "x", "autoload"]
    );
}
