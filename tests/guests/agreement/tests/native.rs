//! The SDK's test host gives the answers that every host must give.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use guest_agreement::Agreement;
use guest_agreement::suite::{ANN, CASES, Differences, FIRST, LIMIT, Mount, OTHER, PASSWORD, PUBLIC, Who};
use packhouse_plugin::testing::Host;

fn host(mount: &Mount) -> Host {
    let host = Host::new()
        .mounted_as(mount.name)
        .user("ann", ANN)
        .user("bob", &[])
        .password("ann", PASSWORD)
        .anonymous_grants(PUBLIC)
        .base_url(&format!("https://registry.example.com/{}", mount.name))
        .settings(&mount.settings.iter().map(|(key, value)| (*key, *value)).collect())
        .upload_limit(LIMIT)
        .reply_limit(LIMIT);
    let host = if mount.may_log_in { host.grant("login") } else { host };
    match mount.features {
        Some((on, off)) => host.feature("on", on).feature("off", off),
        None => host,
    }
}

#[test]
fn the_test_host_gives_the_answers_that_every_host_must_give() {
    let (first, other) = (host(&FIRST), host(&OTHER));
    let mut differences = Differences::default();
    for case in CASES {
        let host = if case.mount().name == OTHER.name { &other } else { &first };
        let actor = match case.who {
            Who::Nobody => host.anonymous(),
            Who::Ann => host.as_user("ann"),
            Who::Bob => host.as_user("bob"),
            Who::Stranger => host.rejected("the token is unknown"),
        };
        let request = actor
            .post(&format!("/{}", case.path))
            .body(case.body())
            .header("x-two", "1")
            .header("x-two", "2");
        let request = match case.content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        let reply = request.send::<Agreement>();
        differences.compare(case, reply.status(), &reply.text());
    }
    if let Some(told) = differences.told() {
        panic!("{told}");
    }
}

/// The real host does not start with such a mount (`tests/host/configuration.rs`).
#[test]
#[should_panic(expected = "`unheard-of`")]
fn a_feature_that_the_plugin_does_not_declare_ends_the_test() {
    Host::new().feature("unheard-of", true).anonymous().post("/features").send::<Agreement>();
}
