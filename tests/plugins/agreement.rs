//! The real host gives the answers that every host must give, as the SDK's test host does
//! (`tests/guests/agreement`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use guest_agreement::suite::{ANN, CASES, Differences, FIRST, LIMIT, Mount, OTHER, PASSWORD, PUBLIC, Who};
use http::Method;
use packhouse_tests::{Options, Registry};

fn table(mount: &Mount) -> String {
    let grants = if mount.may_log_in { "[\"login\"]" } else { "[]" };
    let features = mount.features.map(|(on, off)| format!("features = {{ on = {on}, off = {off} }}\n"));
    let settings = mount.settings.iter().map(|(key, value)| format!("{key} = {value}"));
    let settings = settings.collect::<Vec<_>>().join(", ");
    format!(
        "[mount.{}]\nplugin = \"agreement\"\ngrants = {grants}\n{}settings = {{ {settings} }}\n",
        mount.name,
        features.unwrap_or_default()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_gives_the_answers_that_every_host_must_give() {
    let limits = format!("max_reply = \"{LIMIT}B\"\nmax_upload = \"{LIMIT}B\"\n");
    let options = Options::mounts(&[FIRST, OTHER].map(|mount| table(&mount)).concat())
        .plugin("agreement")
        .anonymous(PUBLIC)
        .limits(&limits);
    let registry = Registry::start(options).await;
    let (ann, bob) = (registry.user("ann", ANN).await, registry.user("bob", &[]).await);
    assert_eq!(ann.password, PASSWORD);
    let mut differences = Differences::default();
    for case in CASES {
        let actor = registry.actor(&format!("/{}", case.mount().name));
        let actor = match case.who {
            Who::Nobody => actor,
            Who::Ann => actor.with_password("ann", &ann.password),
            Who::Bob => actor.with_password("bob", &bob.password),
            Who::Stranger => actor.with_token("00000000-0000-4000-8000-000000000000"),
        };
        let actor = match case.content_type {
            Some(content_type) => actor.with_header("content-type", content_type),
            None => actor,
        };
        let request = actor.request(Method::POST, &format!("/{}", case.path)).body(case.body());
        let answer = request.header("x-two", "1").header("x-two", "2").send().await.unwrap();
        let status = answer.status().as_u16();
        differences.compare(case, status, &answer.text().await.unwrap());
    }
    if let Some(told) = differences.told() {
        panic!("{told}");
    }
}
