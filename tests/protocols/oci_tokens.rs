//! Signing in to an OCI registry as its clients do: the challenge, the token endpoint, the
//! token; under the default configuration.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::oci::{Hand, Image};
use packhouse_tests::{Actor, Answer, Options, Registry};
use serde_json::Value;

/// Where a challenge sends the client, and what for.
struct Challenge {
    realm: String,
    service: String,
    scope: String,
}

impl Challenge {
    fn of(answer: Answer) -> Self {
        let answer = answer.expect(401);
        let text = answer.header("www-authenticate");
        let part = |name: &str| {
            let start = text.find(&format!("{name}=\"")).map(|start| &text[start + name.len() + 2..]);
            start.and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
        };
        assert!(text.starts_with("Bearer "), "{text}");
        Self { realm: part("realm"), service: part("service"), scope: part("scope") }
    }

    /// Asks there as this actor.
    async fn answer(&self, actor: &Actor) -> Answer {
        let query = format!("?service={}&scope={}", self.service, self.scope.replace(' ', "%20"));
        actor.at(self.realm.clone()).get(&query).await
    }
}

fn secret(answer: Answer) -> String {
    let answer = answer.expect(200).json();
    assert_eq!(answer["token"], answer["access_token"]);
    assert!(answer["expires_in"].as_u64().is_some_and(|seconds| seconds >= 60), "{answer}");
    assert!(answer["issued_at"].is_string(), "{answer}");
    answer["token"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_password_becomes_a_token_for_what_was_asked() {
    let registry = Registry::start(Options::oci().anonymous(&[])).await;
    let user = registry.user("ann", &["oci:repository:team/*:push"]).await;
    let nobody = registry.actor("/v2");
    let (image, ann) = (Image::new("demo"), nobody.clone().with_password(&user.name, &user.password));
    let challenge = Challenge::of(nobody.send(Method::POST, "/team/demo/blobs/uploads/", "").await);
    assert_eq!(challenge.scope, "repository:team/demo:pull,push");
    let token = secret(challenge.answer(&ann).await);
    let bearer = nobody.clone().with_token(&token);
    bearer.get("/").await.expect(200);
    Hand::new(&bearer, "team/demo").push(&image, "1.0").await;
    let larger = Challenge::of(bearer.get("/team/other/tags/list").await);
    assert_eq!(larger.scope, "repository:team/other:pull");
    let reading = Challenge::of(nobody.get("/team/demo/manifests/1.0").await);
    let reader = nobody.clone().with_token(&secret(reading.answer(&ann).await));
    Hand::new(&reader, "team/demo").expect_whole(&image, "1.0", "with a token").await;
    Challenge::of(reader.send(Method::POST, "/team/demo/blobs/uploads/", "").await);
    let elsewhere = Challenge::of(nobody.send(Method::POST, "/other/blobs/uploads/", "").await);
    let useless = nobody.clone().with_token(&secret(elsewhere.answer(&ann).await));
    useless.send(Method::POST, "/other/blobs/uploads/", "").await.expect(403);

    let wrong = nobody.clone().with_password("ann", "wrong");
    let refused = challenge.answer(&wrong).await.expect(401);
    assert_eq!(refused.json()["errors"][0]["code"], "UNAUTHORIZED");
    wrong.get("/").await.expect(401);
    nobody.clone().with_token("not.a.token").get("/").await.expect(401);
    let mut forged = token.clone();
    forged.replace_range(token.len() - 4.., "AAAA");
    nobody.with_token(&forged).get("/").await.expect(401);
}

#[tokio::test]
async fn nobody_gets_a_token_for_what_is_public() {
    let registry = Registry::start(Options::oci().anonymous(&["oci:repository:open/*:pull"])).await;
    let image = Image::new("demo");
    Hand::new(&registry.pusher().await, "open/demo").push(&image, "1.0").await;
    let nobody = registry.actor("/v2");
    let challenge = Challenge::of(nobody.get("/").await);
    let challenge =
        Challenge { scope: "repository:open/demo:pull repository:secret:pull".to_owned(), ..challenge };
    let bearer = nobody.clone().with_token(&secret(challenge.answer(&nobody).await));
    Hand::new(&bearer, "open/demo").expect_whole(&image, "1.0", "with nobody's token").await;
    bearer.get("/secret/tags/list").await.expect(401);
}

#[tokio::test]
async fn a_refresh_token_outlives_a_restart_until_it_is_revoked() {
    let mut registry = Registry::start(Options::oci().anonymous(&[])).await;
    let user = registry.user("ann", &["oci:repository:*:push"]).await;
    let post = async |registry: &Registry, form: String| -> Answer {
        let actor = registry.actor("/oci").with_header("content-type", "application/x-www-form-urlencoded");
        actor.send(Method::POST, "/token", form).await
    };
    let password = user.password.replace(' ', "+");
    let form = format!(
        "grant_type=password&username=ann&password={password}&service=packhouse&client_id=test\
         &access_type=offline&scope=repository%3Ademo%3Apull%2Cpush"
    );
    let answer = post(&registry, form).await.expect(200);
    let refresh = answer.json()["refresh_token"].as_str().map(str::to_owned).expect("a refresh token");
    let bearer = registry.actor("/v2").with_token(&secret(answer));
    bearer.send(Method::POST, "/demo/blobs/uploads/", "").await.expect(202);
    registry.restart().await;
    let form = format!("grant_type=refresh_token&refresh_token={refresh}&scope=repository:demo:push,pull");
    let answer = post(&registry, form.clone()).await.expect(200);
    assert_ne!(answer.json()["refresh_token"], Value::Null);
    let bearer = registry.actor("/v2").with_token(&secret(answer));
    bearer.send(Method::POST, "/demo/blobs/uploads/", "").await.expect(202);
    let wrong = form.replace(&refresh, "5b1e9a52-0000-4000-8000-000000000000");
    post(&registry, wrong).await.expect(401);
    post(&registry, "grant_type=password&username=ann&password=wrong".to_owned()).await.expect(401);
}

#[tokio::test]
async fn both_addresses_lead_to_the_same_repositories() {
    let registry = Registry::start(Options::oci()).await;
    let image = Image::new("demo");
    let pusher = registry.pusher().await;
    Hand::new(&pusher, "demo").push(&image, "1.0").await;
    for base in ["/v2", "/oci/v2"] {
        let actor = pusher.at(registry.url(base));
        actor.get("/demo/manifests/1.0").await.expect(200);
        let begun = actor.send(Method::POST, "/demo/blobs/uploads/", "").await.expect(202);
        let location = begun.header("location");
        assert!(location.starts_with(&format!("{base}/demo/blobs/uploads/")), "{location}");
        assert!(location.ends_with(begun.header("docker-upload-uuid")), "{location}");
        actor.delete(&location[base.len()..]).await.expect(204);
    }
}
