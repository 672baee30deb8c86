//! A plugin that nothing of Rust has made: `guests/python`, built from the contract alone by
//! componentize-py.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use http::Method;
use packhouse_tests::clients::componentize;
use packhouse_tests::oci::sha256;
use packhouse_tests::{Actor, Options, Registry, races};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const MOUNT: &str =
    "[mount.drawer]\nplugin = \"python\"\nsettings = { greeting = \"good day\" }\n[mount.npm]\n";

/// Everybody may read; none when componentize-py is missing.
async fn registry() -> Option<Registry> {
    static BUILT: OnceCell<bool> = OnceCell::const_new();
    let options = || Options::mounts(MOUNT).plugin("python");
    let build = || async {
        let built = componentize::build().await.is_some();
        if built {
            // Compiles it, so that the tests beside this one find its code.
            Registry::start(options()).await;
        }
        built
    };
    if !*BUILT.get_or_init(build).await {
        return None;
    }
    Some(Registry::start(options()).await)
}

/// Somebody who may do everything with all boxes.
async fn keeper(registry: &Registry) -> Actor {
    let user = registry.user("keeper", &["drawer:box:*:*"]).await;
    registry.actor("/drawer").with_token(&user.token)
}

fn digits_of(bytes: &[u8]) -> String {
    sha256(bytes).replace("sha256:", "")
}

#[tokio::test]
async fn files_are_saved_read_listed_and_removed() {
    let Some(registry) = registry().await else { return };
    let (keeper, anybody) = (keeper(&registry).await, registry.actor("/drawer"));
    let saved = keeper.send(Method::PUT, "/boxes/tools/saw", "sharp").await.expect(201).json();
    assert_eq!((&saved["size"], &saved["sha256"]), (&json!(5), &json!(digits_of(b"sharp"))));
    keeper.send(Method::PUT, "/boxes/tools/%73aw", "blunt").await.expect(409);
    keeper.send(Method::PUT, "/boxes/toys/ball", "round").await.expect(201);

    let read = anybody.get("/boxes/tools/saw").await.expect(200);
    assert_eq!((read.text().as_str(), read.header("accept-ranges")), ("sharp", "bytes"));
    let part = anybody.clone().with_header("range", "bytes=1-2").get("/boxes/tools/saw").await.expect(206);
    assert_eq!(part.text(), "ha");
    assert_eq!(anybody.get("/boxes").await.expect(200).json(), json!(["tools", "toys"]));
    assert_eq!(anybody.get("/boxes/tools").await.expect(200).json(), json!({"saw": saved}));
    for nothing in ["/boxes/tools/axe", "/boxes/none", "/elsewhere"] {
        anybody.get(nothing).await.expect(404);
    }

    keeper.delete("/boxes/tools/saw?version=another").await.expect(409);
    let version = saved["version"].as_str().unwrap();
    keeper.delete(&format!("/boxes/tools/saw?version={version}")).await.expect(204);
    keeper.delete("/boxes/tools/saw").await.expect(404);
    assert_eq!(anybody.get("/boxes/tools").await.expect(200).json(), json!({}));
    assert_eq!(
        registry.keys(),
        ["drawer/files/toys/ball", "drawer/indexes/tools.json", "drawer/indexes/toys.json"]
    );
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_before_they_are_keys() {
    let Some(registry) = registry().await else { return };
    let keeper = keeper(&registry).await;
    for bad in
        ["%2ea/b", "a/%2eb", "a/b%2fc", "a/B", "a/%ff", "a/%00", "a/", &format!("a/{}", "b".repeat(65))]
    {
        let answer = keeper.send(Method::PUT, &format!("/boxes/{bad}"), "x").await.expect(400);
        assert!(answer.text().contains("a name is"), "{bad}: {}", answer.text());
    }
    assert!(registry.keys().is_empty());
}

#[tokio::test]
async fn no_change_of_an_index_is_lost_among_many() {
    const FILES: usize = 16;
    let Some(registry) = registry().await else { return };
    let keeper = keeper(&registry).await;
    let save = |number| {
        let keeper = keeper.clone();
        async move { keeper.send(Method::PUT, &format!("/boxes/full/{number}"), "x").await.expect(201) }
    };
    races::at_once(FILES, save).await;
    let index = keeper.get("/boxes/full").await.expect(200).json();
    let names: BTreeSet<_> = index.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, (0..FILES).map(|number| number.to_string()).collect());
}

#[tokio::test]
async fn a_staged_file_is_looked_into_before_it_is_kept() {
    let Some(registry) = registry().await else { return };
    let keeper = keeper(&registry).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"packed").unwrap();
    let packed = encoder.finish().unwrap();
    let refused = keeper.send(Method::POST, "/boxes/tools/plain.gz", "plain").await.expect(400);
    assert_eq!(refused.json(), json!({"drawer": "that is no gzip file"}));
    keeper.send(Method::POST, "/boxes/tools/empty.gz", "").await.expect(400);
    let kept = keeper.send(Method::POST, "/boxes/tools/packed.gz", packed.clone()).await.expect(201).json();
    assert_eq!(kept["sha256"], digits_of(&packed));
    assert_eq!(keeper.get("/boxes/tools/packed.gz").await.expect(200).body, packed);
    assert_eq!(registry.keys(), ["drawer/files/tools/packed.gz", "drawer/indexes/tools.json"]);
}

#[tokio::test]
async fn an_upload_comes_in_pieces() {
    let Some(registry) = registry().await else { return };
    let (keeper, anybody) = (keeper(&registry).await, registry.actor("/drawer"));
    anybody.send(Method::POST, "/uploads/tools/plane", "").await.expect(401);
    let begun = keeper.send(Method::POST, "/uploads/tools/plane", "").await.expect(201).json();
    let upload = format!("/uploads/{}", begun["upload"].as_str().unwrap());
    let piece = |at: &str| format!("{upload}?at={at}");
    let appended = keeper.send(Method::PATCH, &piece("0"), "smooth").await.expect(200).json();
    assert_eq!(appended, json!({"offset": 6}));
    keeper.send(Method::PATCH, &piece("5"), "!").await.expect(409);
    keeper.send(Method::PATCH, &piece("six"), "!").await.expect(400);
    anybody.send(Method::PATCH, &piece("6"), "!").await.expect(401);
    keeper.send(Method::PATCH, &piece("6"), "ly").await.expect(200);
    let end = |bytes| format!("{upload}?sha256={}", digits_of(bytes));
    let refused = keeper.send(Method::PUT, &end(b"smooth"), "").await.expect(400).json();
    assert_eq!(refused, json!({"drawer": format!("the digest is {}", digits_of(b"smoothly"))}));
    keeper.send(Method::PUT, &end(b"smoothly"), "").await.expect(201);
    keeper.send(Method::PUT, &end(b"smoothly"), "").await.expect(404);
    assert_eq!(anybody.get("/boxes/tools/plane").await.expect(200).text(), "smoothly");
}

#[tokio::test]
async fn permissions_are_asked_of_the_host() {
    let Some(registry) = registry().await else { return };
    let (keeper, anybody) = (keeper(&registry).await, registry.actor("/drawer"));
    keeper.send(Method::PUT, "/boxes/tools/saw", "sharp").await.expect(201);
    let refused = anybody.send(Method::PUT, "/boxes/tools/axe", "heavy").await.expect(401);
    assert_eq!(refused.json(), json!({"drawer": "sign in first"}));
    assert!(refused.header("www-authenticate").starts_with("Basic"));
    anybody.delete("/boxes/tools/saw").await.expect(401);
    let guest = registry.user("guest", &["drawer:box:toys:*"]).await;
    let guest = anybody.with_token(&guest.token);
    guest.send(Method::PUT, "/boxes/toys/ball", "round").await.expect(201);
    let refused = guest.send(Method::PUT, "/boxes/tools/axe", "heavy").await.expect(403);
    assert_eq!(refused.json(), json!({"drawer": "you may not write tools"}));
    guest.with_token("wrong").send(Method::PUT, "/boxes/toys/doll", "x").await.expect(401);
}

#[tokio::test]
async fn clock_chance_settings_and_log_are_the_hosts() {
    let Some(registry) = registry().await else { return };
    let anybody = registry.actor("/drawer");
    let first = anybody.get("/day").await.expect(200).json();
    let second = anybody.get("/day").await.expect(200).json();
    assert_eq!(first["greeting"], "good day");
    let lot = |day: &Value| day["lot"].as_str().unwrap().to_owned();
    assert!(lot(&first).len() == 32 && lot(&first) != lot(&second), "{first} {second}");
    assert!(first["now"].as_u64().unwrap() <= second["now"].as_u64().unwrap());
    assert!(registry.logs().contains("asked for the day"), "{}", registry.logs());
}

#[tokio::test]
async fn an_exception_is_a_500_of_one_request() {
    let Some(registry) = registry().await else { return };
    let (keeper, neighbour) = (keeper(&registry).await, registry.actor("/npm"));
    keeper.send(Method::PUT, "/boxes/tools/saw", "sharp").await.expect(201);
    let work = |number| {
        let (keeper, neighbour) = (keeper.clone(), neighbour.clone());
        async move {
            match number % 3 {
                0 => {
                    let failed = keeper.get("/mistake").await.expect(500);
                    assert_eq!(failed.header("content-type"), "application/json");
                    let sentence = failed.json()["drawer"].as_str().unwrap().to_owned();
                    assert!(!sentence.contains("KeyError"), "{sentence}");
                }
                1 => assert_eq!(keeper.get("/boxes/tools/saw").await.expect(200).text(), "sharp"),
                _ => drop(neighbour.get("/-/ping").await.expect(200)),
            }
        }
    };
    races::at_once(12, work).await;
    keeper.get("/boxes/tools").await.expect(200);
    // People who run it are told where.
    assert!(registry.logs().contains("KeyError: \"a mistake of the plugin's own\""), "{}", registry.logs());
}

#[tokio::test]
async fn what_is_stored_is_looked_after() {
    let Some(registry) = registry().await else { return };
    let keeper = keeper(&registry).await;
    for box_name in ["tools", "toys"] {
        keeper.send(Method::PUT, &format!("/boxes/{box_name}/saw"), "sharp").await.expect(201);
    }
    let objects = registry.home().objects().join("drawer");
    std::fs::write(objects.join("files/toys/left-over"), "left over").unwrap();
    registry.home().age(Duration::from_hours(48));

    let collected = registry.order(&["gc", "drawer"]).await.expect(0);
    assert!(collected.contains("drawer/files/toys/left-over"), "{collected}");
    assert!(!registry.keys().contains(&"drawer/files/toys/left-over".to_owned()));
    let index = objects.join("indexes/toys.json");
    let before = std::fs::read(&index).unwrap();
    std::fs::remove_file(&index).unwrap();
    let rebuilt = registry.order(&["reindex", "drawer"]).await.expect(0);
    assert!(rebuilt.contains("drawer/indexes/toys.json"), "{rebuilt}");
    assert_eq!(std::fs::read(&index).unwrap(), before);
    registry.order(&["verify", "drawer"]).await.expect(0);
    std::fs::write(objects.join("files/tools/saw"), "blunt").unwrap();
    let damaged = registry.order(&["verify", "drawer"]).await.expect(1);
    assert!(damaged.contains("drawer/files/tools/saw"), "{damaged}");
}

#[tokio::test]
async fn an_access_token_is_signed_for_who_asks() {
    let Some(registry) = registry().await else { return };
    let keeper = keeper(&registry).await;
    keeper.send(Method::PUT, "/boxes/tools/saw", "sharp").await.expect(201);
    for asking in [&keeper, &registry.actor("/drawer")] {
        let signed = asking.send(Method::POST, "/passes/tools", "").await.expect(201);
        assert!(signed.header("www-authenticate").contains("scope=\"box:tools:read\""));
        let pass = signed.json()["pass"].as_str().unwrap().to_owned();
        let bearer = registry.actor("/drawer").with_token(&pass);
        assert_eq!(bearer.get("/boxes/tools/saw").await.expect(200).text(), "sharp");
        bearer.send(Method::PUT, "/boxes/tools/axe", "heavy").await.expect(401);
    }
}
