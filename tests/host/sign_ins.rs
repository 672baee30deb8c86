//! Signing in while others guess, and what the tokens are worth that clients get.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use futures_util::future::{join_all, select};
use http::Method;
use packhouse_tests::npm::Package;
use packhouse_tests::registry::{ADMIN_PASSWORD, Ended};
use packhouse_tests::{Actor, Answer, Options, Registry};
use serde_json::json;

const TWO_NPM_MOUNTS: &str = r#"
[mount.npm]
grants = ["login"]
[mount.internal]
plugin = "npm"
grants = ["login"]
"#;

/// `npm login`.
async fn log_in(actor: &Actor, name: &str, password: &str) -> Answer {
    let body = json!({ "name": name, "password": password });
    actor.put(&format!("/-/user/org.couchdb.user:{name}"), &body).await
}

/// A registry with few places and a package that everybody may read.
async fn small_registry() -> Registry {
    let options = Options::npm().limits("max_requests = 4\nqueue_timeout = \"1s\"\n");
    let registry = Registry::start(options).await;
    let package = Package::new("demo", "1.0.0");
    registry.publisher().await.put(&package.path(), &package.publish()).await.expect(201);
    registry
}

/// The package is there for everybody, again and again, for as long as this goes on.
async fn read_until_done(registry: &Registry, done: impl Future<Output = Vec<Answer>>) -> Vec<Answer> {
    let anybody = registry.actor("/npm");
    let reading = async {
        loop {
            anybody.get("/demo").await.expect(200);
        }
    };
    let (done, reading) = (Box::pin(done), Box::pin(reading));
    match select(done, reading).await {
        futures_util::future::Either::Left((answers, _)) => answers,
        futures_util::future::Either::Right((never, _)) => never,
    }
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status.as_u16() == status).count()
}

fn expect_retry_after(answers: &[Answer]) {
    for answer in answers.iter().filter(|answer| matches!(answer.status.as_u16(), 429 | 503)) {
        let seconds = answer.header("retry-after").parse::<u64>().unwrap_or_default();
        assert!((1..=60).contains(&seconds), "{answer:?}");
    }
}

#[tokio::test]
async fn whoever_waits_for_a_password_check_takes_no_place_from_readers() {
    let registry = small_registry().await;
    let guesses = (0..60).map(|number| {
        let guesser = registry.actor("/npm").with_password("ann", &format!("wrong {number}"));
        async move { guesser.get("/demo").await }
    });
    let answers = read_until_done(&registry, join_all(guesses)).await;
    assert!(count(&answers, 401) >= 6, "{answers:?}");
    assert!(count(&answers, 429) >= 30, "{answers:?}");
    assert_eq!(count(&answers, 401) + count(&answers, 429), 60, "{answers:?}");
    expect_retry_after(&answers);
}

/// An honest user who has mistyped is told when to try again, and holds no connection meanwhile.
#[tokio::test]
async fn after_some_wrong_passwords_the_next_one_is_refused_at_once() {
    let registry = Registry::npm().await;
    let user = registry.user("ann", &[]).await;
    let nobody = registry.actor("/npm");
    let mut answers = Vec::new();
    let began = std::time::Instant::now();
    while answers.len() < 20 && count(&answers, 429) < 3 {
        let guesser = nobody.clone().with_password("ann", &format!("wrong {}", answers.len()));
        answers.push(guesser.get("/demo").await);
    }
    assert_eq!(count(&answers, 429), 3, "{answers:?}");
    assert_eq!(count(&answers, 401), answers.len() - 3, "{answers:?}");
    expect_retry_after(&answers);
    // The checks themselves take long on a busy machine; the waits alone would be longer.
    assert!(began.elapsed() < std::time::Duration::from_secs(15), "{:?}", began.elapsed());
    packhouse_tests::wait::until("the right password to be looked at", || async {
        let ann = nobody.clone().with_password(&user.name, &user.password);
        (ann.get("/-/whoami").await.status == 200).then_some(())
    })
    .await;
    for number in 0..30 {
        nobody.clone().with_password("ann", &format!("more {number}")).get("/demo").await;
        let ann = nobody.clone().with_password(&user.name, &user.password);
        ann.get("/-/whoami").await.expect(200);
    }
}

#[tokio::test]
async fn an_unknown_scheme_counts_as_no_credentials_and_rejected_ones_are_401_everywhere() {
    let registry = Registry::npm().await;
    let package = Package::new("demo", "1.0.0");
    registry.publisher().await.put(&package.path(), &package.publish()).await.expect(201);
    let foreign = registry.actor("/npm").with_header("authorization", "Negotiate YII");
    foreign.get("/demo").await.expect(200);
    assert_eq!(foreign.get("/-/v1/search?text=demo").await.expect(200).json()["total"], 1);
    let next = Package::new("demo", "2.0.0");
    let told = foreign.put(&next.path(), &next.publish()).await.expect(401);
    assert!(told.text().contains("scheme"), "{}", told.text());
    let wrong = registry.actor("/npm").with_password("ann", "wrong");
    wrong.get("/demo").await.expect(401);
    let told = wrong.get("/-/v1/search?text=demo").await.expect(401);
    assert!(!told.header("www-authenticate").is_empty(), "{told:?}");
    assert!(told.header("content-type").contains("json"), "in the plugin's shape: {told:?}");
}

#[tokio::test]
async fn an_address_for_mail_is_a_user_name_wherever_one_stands() {
    let registry = Registry::start(Options::npm_and_oci()).await;
    let name = "ann.b+ci@mail.example.com";
    let user = registry.user(name, &["npm:package:*:write", "oci:repository:*:*"]).await;
    let npm = registry.actor("/npm");
    let body = json!({ "name": name, "password": user.password });
    let path = "/-/user/org.couchdb.user:ann.b%2Bci%40mail.example.com";
    let token = npm.put(path, &body).await.expect(201).json()["token"].clone();
    let ann = npm.clone().with_token(token.as_str().unwrap_or_default());
    assert_eq!(ann.get("/-/whoami").await.expect(200).json()["username"], name);
    let by_password = npm.clone().with_password(name, &user.password);
    assert_eq!(by_password.get("/-/whoami").await.expect(200).json()["username"], name);
    let package = Package::new("demo", "1.0.0");
    ann.put(&package.path(), &package.publish()).await.expect(201);
    assert_eq!(ann.get("/demo").await.expect(200).json()["maintainers"][0]["name"], name);
    ann.get(path).await.expect(200);
    let oci = registry.actor("/oci").with_password(name, &user.password);
    let path = "/token?service=packhouse&account=ann.b%2Bci%40mail.example.com&scope=repository:a:push,pull";
    let signed = oci.get(path).await.expect(200).json()["token"].clone();
    let bearer = registry.actor("/v2").with_token(signed.as_str().unwrap_or_default());
    bearer.send(Method::POST, "/a/blobs/uploads/", "").await.expect(202);
    let told = registry.order(&["user", "list"]).await.expect(0);
    assert!(told.contains(name), "{told}");
    registry.order(&["user", "remove", name, "--and-ownerships"]).await.expect(0);
    packhouse_tests::wait::until("the host to follow", || async {
        (ann.get("/demo").await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sign_ins_in_bodies_hold_few_places_and_not_for_long() {
    let registry = small_registry().await;
    let guesses = (0..60).map(|number| {
        let guesser = registry.actor("/npm");
        async move { log_in(&guesser, "ann", &format!("wrong {number}")).await }
    });
    // They fill the queue of requests with a body; a reader finds a place all the same.
    let answers = read_until_done(&registry, join_all(guesses)).await;
    let told = [401, 429, 503].map(|status| count(&answers, status));
    assert_eq!(told.iter().sum::<usize>(), 60, "{answers:?}");
    assert!(told[0] >= 1 && told[1] + told[2] >= 30, "{told:?}");
    expect_retry_after(&answers);
}

#[tokio::test]
async fn a_right_password_gets_in_while_others_at_its_address_send_wrong_ones() {
    let registry = Registry::npm().await;
    let user = registry.user("ann", &["npm:package:*:write"]).await;
    let nobody = registry.actor("/npm");
    let ann = nobody.clone().with_password(&user.name, &user.password);
    ann.get("/-/whoami").await.expect(200);
    let guesses = (0..60).map(|number| {
        let name = if number % 2 == 0 { "ann".to_owned() } else { format!("other{number}") };
        let guesser = nobody.clone().with_password(&name, &format!("wrong {number}"));
        async move { guesser.get("/-/whoami").await }
    });
    let (wrong, right) = tokio::join!(join_all(guesses), async {
        let mut answers = Vec::new();
        for _ in 0..8 {
            answers.push(ann.get("/-/whoami").await);
            answers.push(log_in(&nobody, &user.name, &user.password).await);
        }
        answers
    });
    assert_eq!(count(&wrong, 200), 0, "{wrong:?}");
    assert!(count(&wrong, 429) > 0, "{wrong:?}");
    assert_eq!((count(&right, 200), count(&right, 201)), (8, 8), "{right:?}");
    let told = log_in(&nobody, "ann", "wrong again").await.expect(429);
    assert!(!told.header("retry-after").is_empty(), "{told:?}");
}

#[tokio::test]
async fn a_token_of_one_mount_opens_no_other() {
    let registry = Registry::start(Options::mounts(TWO_NPM_MOUNTS)).await;
    let user = registry.user("ann", &["*:*:*:*"]).await;
    let (npm, internal) = (registry.actor("/npm"), registry.actor("/internal"));
    let token = log_in(&npm, &user.name, &user.password).await.expect(201).json()["token"].clone();
    let token = token.as_str().unwrap_or_default();
    npm.clone().with_token(token).get("/-/whoami").await.expect(200);
    let elsewhere = internal.clone().with_token(token).get("/-/whoami").await.expect(401);
    assert!(elsewhere.text().contains("another part of this registry"), "{}", elsewhere.text());
    internal.clone().with_password("ann", token).get("/-/whoami").await.expect(401);
    let package = Package::new("demo", "1.0.0");
    internal.clone().with_token(token).put(&package.path(), &package.publish()).await.expect(401);
    internal.with_token(&user.token).get("/-/whoami").await.expect(200);
}

#[tokio::test]
async fn a_user_has_as_many_tokens_as_the_configuration_says() {
    let options = Options::npm_and_oci().auth("tokens_per_user = 8\n");
    let registry = Registry::start(options).await;
    let user = registry.user("ann", &["*:*:*:*"]).await;
    let ann = registry.actor("/oci").with_password(&user.name, &user.password);
    for _ in 0..40 {
        let answer = ann.get("/token?offline_token=true&scope=repository:a:pull").await.expect(200);
        assert!(answer.json()["refresh_token"].is_string(), "a password is always let in");
    }
    let listed = registry.order(&["token", "list", "ann"]).await.expect(0);
    // One is the one that `packhouse token create` made.
    assert_eq!(
        listed.lines().filter(|line| line.contains("ann")).count(),
        1 + 2,
        "a quarter of eight: {listed}"
    );
    let npm = registry.actor("/npm");
    // The last two take the places of those that a password only accompanied.
    for _ in 0..7 {
        log_in(&npm, &user.name, &user.password).await.expect(201);
    }
    let told = log_in(&npm, &user.name, &user.password).await.expect(403);
    assert!(told.text().contains("8 tokens") && told.text().contains("revoke"), "{}", told.text());
}

/// Signs in as the administrator, and shows the token; its answers after a restart, to the token and to
/// the password.
async fn restarted(options: Options) -> (Registry, Answer, Answer) {
    let mut registry = Registry::start(options).await;
    let token = log_in(&registry.actor("/npm"), "admin", ADMIN_PASSWORD).await.expect(201).json();
    let token = token["token"].as_str().unwrap_or_default().to_owned();
    registry.actor("/npm").with_token(&token).get("/-/whoami").await.expect(200);
    registry.restart().await;
    let by_token = registry.actor("/npm").with_token(&token).get("/-/whoami").await;
    let by_password = registry.actor("/npm").with_password("admin", ADMIN_PASSWORD).get("/-/whoami").await;
    (registry, by_token, by_password)
}

/// A command says which setting keeps from it what it looks after.
#[track_caller]
fn expect_refusal(ended: &Ended, setting: &str) {
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains(setting), "{}", ended.stderr);
}

#[tokio::test]
async fn users_and_tokens_in_the_database_outlive_a_restart() {
    let (registry, by_token, by_password) = restarted(Options::npm()).await;
    by_token.expect(200);
    by_password.expect(200);
    registry.order(&["token", "list"]).await.expect(0);
}

#[tokio::test]
async fn tokens_in_memory_end_with_the_host_and_users_in_the_database_stay() {
    let options = Options::npm().auth("token_store = \"memory\"");
    let (registry, by_token, by_password) = restarted(options).await;
    by_token.expect(401);
    by_password.expect(200);
    registry.order(&["user", "list"]).await.expect(0);
    expect_refusal(&registry.order(&["token", "list"]).await, "[auth] token_store = \"memory\"");
}

#[tokio::test]
async fn users_in_memory_are_made_anew_by_each_start() {
    let options = Options::npm().auth("user_store = \"memory\"\ntoken_store = \"memory\"");
    let (registry, by_token, by_password) = restarted(options).await;
    by_token.expect(401);
    by_password.expect(200);
    assert!(!registry.home().path().join("users/packhouse.sqlite").exists(), "no database is made");
    expect_refusal(&registry.order(&["user", "list"]).await, "[auth] user_store = \"memory\"");
}

#[tokio::test]
async fn another_token_server_is_asked_for_a_service_of_each_mount() {
    let mounts =
        "[mount.oci]\ngrants = [\"/v2\"]\n[mount.mirror]\nplugin = \"oci\"\ntoken_service = \"fixed\"\n";
    let realm = "jwt_secret = \"a shared secret of more than 32 bytes\"\n\
                 [auth.oci_tokens]\nrealm = \"https://auth.example.com/token\"\nservice = \"registry\"\n";
    let registry = Registry::start(Options::oci_mounts(mounts).auth(realm)).await;
    for (base, service) in [("/v2", "registry/oci"), ("/mirror/v2", "fixed")] {
        let answer = registry.actor(base).send(Method::POST, "/a/blobs/uploads/", "").await.expect(401);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains(&format!("service=\"{service}\"")), "{challenge}");
    }
}
