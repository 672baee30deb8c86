//! Stories of the protocol of gems over HTTP, on every store.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::rubygems::{Gem, md5, versions};
use packhouse_tests::{Actor, Options, Registry};

on_every! {
    Options::rubygems() =>
    a_push_is_listed_at_once_and_what_is_new_is_sent_alone
    callers_get_what_they_may
}

async fn a_push_is_listed_at_once_and_what_is_new_is_sent_alone(registry: Registry) {
    let publisher = registry.gem_publisher().await;
    let anybody = registry.actor("/rubygems");
    let mut copy = Vec::new();
    for number in 0..4 {
        Gem::new("demo", &format!("1.{number}")).push(&publisher).await.expect(200);
        let answer = if copy.is_empty() {
            anybody.get("/versions").await.expect(200)
        } else {
            let range = format!("bytes={}-", copy.len() - 1);
            let etag = format!("\"{}\"", md5(&copy));
            let reader = anybody.clone().with_header("range", &range).with_header("if-none-match", &etag);
            reader.get("/versions").await.expect(206)
        };
        let skipped = usize::from(!copy.is_empty());
        copy.extend_from_slice(&answer.body[skipped..]);
        assert_eq!(answer.header("etag"), format!("\"{}\"", md5(&copy)), "the parts are the whole");
        let list = String::from_utf8_lossy(&copy).into_owned();
        let (listed, sum) = versions(&list)["demo"].clone();
        assert_eq!(listed.len(), number + 1);
        assert_eq!(md5(&anybody.get("/info/demo").await.expect(200).body), sum);
    }
    let etag = format!("\"{}\"", md5(&copy));
    let same = anybody.clone().with_header("range", "bytes=10-").with_header("if-none-match", &etag);
    same.get("/versions").await.expect(304);
    let compressed = anybody.clone().with_header("accept-encoding", "gzip");
    for path in ["/versions", "/info/demo", "/names", "/specs.4.8.gz"] {
        let answer = compressed.get(path).await.expect(200);
        assert!(!answer.headers.contains_key("content-encoding"), "{path}");
    }
}

/// What each caller is answered: reading, pushing, yanking.
async fn callers_get_what_they_may(registry: Registry) {
    let publisher = registry.gem_publisher().await;
    for version in ["1.0", "2.0"] {
        Gem::new("demo", version).push(&publisher).await.expect(200);
    }
    let nobody = registry.actor("/rubygems");
    let reader = registry.user("reader", &["rubygems:gem:*:read"]).await;
    let narrow = registry.user("narrow", &["rubygems:gem:demo:yank"]).await;
    let other = registry.user("other", &["rubygems:gem:other:write"]).await;
    let unknown = nobody.clone().with_token("5b1e9a52-0000-4000-8000-000000000000");
    let wrong = nobody.clone().with_password(&reader.name, "wrong");
    for (who, actor, expected) in [
        ("nobody", nobody.clone(), [200, 401, 401]),
        ("a reader", nobody.clone().with_token(&reader.token), [200, 403, 403]),
        (
            "a reader with a password",
            nobody.clone().with_password(&reader.name, &reader.password),
            [200, 403, 403],
        ),
        ("who may yank", nobody.clone().with_token(&narrow.token), [200, 403, 200]),
        ("who may push something else", nobody.clone().with_token(&other.token), [200, 403, 403]),
        ("an unknown token", unknown, [401, 401, 401]),
        ("a wrong password", wrong, [401, 401, 401]),
    ] {
        let read = actor.get("/info/demo").await;
        let pushed = Gem::new("demo", "3.0").push(&actor).await;
        let yanked = yank(&actor).await;
        let answered = [&read, &pushed, &yanked].map(|answer| answer.status.as_u16());
        assert_eq!(answered, expected, "{who}: {read:?} {pushed:?} {yanked:?}");
        for answer in [read, pushed, yanked] {
            if answer.status.as_u16() == 401 {
                assert_eq!(answer.header("www-authenticate"), "Basic realm=\"rubygems\"", "{who}");
            }
        }
    }
    Gem::new("demo", "3.0").push(&publisher).await.expect(200);
}

async fn yank(by: &Actor) -> packhouse_tests::Answer {
    by.send(Method::DELETE, "/api/v1/gems/yank", "gem_name=demo&version=2.0").await
}
