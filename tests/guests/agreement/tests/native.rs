//! The SDK's test host gives the answers that every host must give.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use guest_agreement::Agreement;
use guest_agreement::suite::{ANN, CASES, Differences, LIMIT, PASSWORD, PUBLIC, Who};
use packhouse_plugin::testing::Host;

#[test]
fn the_test_host_gives_the_answers_that_every_host_must_give() {
    let host = Host::new()
        .user("ann", ANN)
        .user("bob", &[])
        .password("ann", PASSWORD)
        .anonymous_grants(PUBLIC)
        .grant("login")
        .base_url("https://registry.example.com/agreement")
        .upload_limit(LIMIT)
        .reply_limit(LIMIT);
    let mut differences = Differences::default();
    for case in CASES {
        let actor = match case.who {
            Who::Nobody => host.anonymous(),
            Who::Ann => host.as_user("ann"),
            Who::Bob => host.as_user("bob"),
            Who::Stranger => host.rejected("the token is unknown"),
        };
        let request =
            actor.post(&format!("/{}", case.path)).body(case.body).header("x-two", "1").header("x-two", "2");
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
