//! Documents, without a host.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::Value;

use super::*;

fn links(name: &PackageName) -> Links<'_> {
    Links { name, base_url: "https://registry.example.com/npm" }
}

fn render(text: &str, rendering: Rendering) -> String {
    let name = PackageName::parse("a").unwrap();
    let mut out = Vec::new();
    let packument = Packument::parse(text.as_bytes()).unwrap();
    packument.render(&mut out, &links(&name), "1-x", rendering).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_is_not_understood_comes_back_as_it_was() {
    let text = r#"{"_id":"a","name":"a","odd":[1.50,{"x":null}],"dist-tags":{},"versions":{"1.0.0":{"z":1,"a":2}},"time":{}}"#;
    let packument = Packument::parse(text.as_bytes()).unwrap();
    assert_eq!(packument.to_bytes(), text.as_bytes());
}

#[test]
fn a_document_without_its_parts_gets_them() {
    let mut packument = Packument::parse(br#"{"name":"a","_rev":"7-old","_attachments":{}}"#).unwrap();
    packument.touch("now");
    assert_eq!(
        String::from_utf8(packument.to_bytes()).unwrap(),
        r#"{"name":"a","dist-tags":{},"versions":{},"time":{"created":"now","modified":"now"}}"#
    );
}

#[test]
fn urls_are_made_anew_wherever_they_stand() {
    for (dist, expected) in [
        (r#"{"tarball":"http://x/y","shasum":"1"}"#, r#"{"tarball":"URL","shasum":"1"}"#),
        (r#"{"shasum":"1", "tarball" : "http://x" }"#, r#"{"shasum":"1", "tarball" : "URL" }"#),
        (r#"{"shasum":"1"}"#, r#"{"tarball":"URL","shasum":"1"}"#),
        ("{}", r#"{"tarball":"URL"}"#),
        (r#"{"tarball":null}"#, r#"{"tarball":"URL"}"#),
    ] {
        let text = format!(r#"{{"versions":{{"1.0.0":{{"b":1,"dist":{dist},"c":2}}}}}}"#);
        let url = "https://registry.example.com/npm/a/-/a-1.0.0.tgz";
        for rendering in [Rendering::Full, Rendering::Abbreviated] {
            let rendered: Value = serde_json::from_str(&render(&text, rendering)).unwrap();
            let expected: Value = serde_json::from_str(&expected.replace("URL", url)).unwrap();
            assert_eq!(rendered["versions"]["1.0.0"]["dist"], expected, "{dist}");
        }
    }
}

#[test]
fn a_version_goes_with_its_tags_and_its_time() {
    let text = br#"{"dist-tags":{"latest":"2.0.0","old":"1.0.0"},"versions":{"1.0.0":{},"2.0.0":{}},"time":{"1.0.0":"x"}}"#;
    let mut packument = Packument::parse(text).unwrap();
    packument.remove_version("1.0.0");
    assert_eq!(packument.tags(), r#"{"latest":"2.0.0"}"#);
    assert_eq!(packument.time("1.0.0"), None);
    assert_eq!(packument.version("1.0.0"), None);
}
