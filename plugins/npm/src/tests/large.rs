//! Ten thousand versions, twenty megabytes.

use std::fmt::Write as _;

use super::*;

fn large(host: &Host) -> usize {
    let filler = "x".repeat(1850);
    let mut versions = String::from("{");
    for patch in 0..10_000 {
        if patch > 0 {
            versions.push(',');
        }
        let _ = write!(
            versions,
            r#""1.0.{patch}":{{"name":"a","version":"1.0.{patch}","filler":"{filler}","dependencies":{{"b":"^1.0.0"}},"dist":{{"tarball":"http://x.example.com/a","shasum":"0"}}}}"#
        );
    }
    let text = format!(r#"{{"name":"a","dist-tags":{{"latest":"1.0.9999"}},"versions":{versions}}}}}"#);
    host.insert("packages/a/index.json", &text).unwrap();
    text.len()
}

#[test]
fn one_more_version_is_published_and_all_are_served() {
    let host = host();
    assert!(large(&host) > 19_000_000);
    Publish::new("a", "1.0.10000").done(&host);
    let full = get(&host, "/a");
    let json = full.json();
    let versions = json["versions"].as_object().unwrap();
    assert_eq!(versions.len(), 10_001);
    assert!(versions.keys().enumerate().all(|(at, version)| *version == format!("1.0.{at}")));
    let request = host.anonymous().get("/a");
    let short = request.header("accept", "application/vnd.npm.install-v1+json").send::<Npm>();
    assert_eq!(short.json()["versions"].as_object().unwrap().len(), 10_001);
    assert!(short.bytes().len() < full.bytes().len() / 5);
}

#[test]
fn one_of_many_versions_is_deprecated_and_unpublished() {
    let host = host();
    large(&host);
    let ann = host.as_user("ann");
    let mut body = get(&host, "/a").json();
    body["versions"]["1.0.7"]["deprecated"] = "no".into();
    let reply = ann.put("/a").json(&body).send::<Npm>();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let mut body = get(&host, "/a").json();
    assert_eq!(body["versions"]["1.0.7"]["deprecated"], "no");
    body["versions"].as_object_mut().unwrap().shift_remove("1.0.8");
    let path = format!("/a/-rev/{}", body["_rev"].as_str().unwrap());
    let reply = ann.put(&path).json(&body).send::<Npm>();
    assert_eq!(reply.status(), 201, "{}", reply.text());
    let stored = host.object_json("packages/a/index.json");
    assert_eq!(stored["versions"].as_object().unwrap().len(), 9_999);
    assert_eq!(stored["versions"]["1.0.9"]["dependencies"]["b"], "^1.0.0");
}
