//! A plugin written outside the workspace, from the SDK and the contract alone, is
//! dropped into the folder of a running host and served.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use packhouse_tests::{Options, Registry};
use serde_json::json;

const MANIFEST: &str = r#"
[package]
name = "recipes"
version = "1.2.3"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
packhouse-plugin = { path = "../sdk" }

[profile.release]
opt-level = "s"
panic = "abort"

[workspace]
"#;

const SOURCE: &str = r#"
use packhouse_plugin::storage::{self, Precondition};
use packhouse_plugin::{Call, Description, Failure, Protocol, Request, Response, Router, auth};

struct Recipes;
packhouse_plugin::export!(Recipes);

impl Protocol for Recipes {
    fn describe() -> Description {
        Description::new("recipes", "Recipes", env!("CARGO_PKG_VERSION")).scope("dish", &["taste", "cook"], "taste")
    }
    fn handle(request: Request) -> Response {
        Router::new().get("/{dish}", taste).put("/{dish}", cook).handle(request)
    }
}

fn taste(call: &Call) -> Result<Response, Failure> {
    let dish = call.decoded("dish")?;
    auth::require("dish", &dish, "taste")?;
    let recipe = storage::get(&dish)?.ok_or_else(|| Failure::not_found(&dish))?;
    Ok(Response::new(200).content_type("application/json").bytes(&recipe.bytes))
}

fn cook(call: &Call) -> Result<Response, Failure> {
    let dish = call.decoded("dish")?;
    auth::require("dish", &dish, "cook")?;
    let recipe = call.body().read_all(64 << 10)?;
    storage::put(&dish, &recipe, Precondition::Any, None)?;
    Ok(Response::new(201))
}
"#;

/// Builds the plugin in a folder that holds copies of `sdk` and `wit` and nothing else of
/// ours.
fn build(folder: &Path) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for ours in ["sdk", "wit"] {
        copy(&workspace.join(ours), &folder.join(ours));
    }
    let standalone = standalone_manifest(workspace);
    std::fs::write(folder.join("Cargo.toml"), standalone).unwrap();
    let source = folder.join("recipes/src");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(folder.join("recipes/Cargo.toml"), MANIFEST).unwrap();
    std::fs::write(source.join("lib.rs"), SOURCE).unwrap();
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--target", "wasm32-wasip2"])
        .current_dir(folder.join("recipes"))
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    folder.join("target/wasm32-wasip2/release/recipes.wasm")
}

/// What the SDK's manifest inherits, without the members that are not there.
fn standalone_manifest(workspace: &Path) -> String {
    let manifest = std::fs::read_to_string(workspace.join("Cargo.toml")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members = ")).unwrap();
    let ours = ["packhouse = ", "packhouse-npm", "default-members"];
    let kept = manifest.lines().filter(|line| !ours.iter().any(|word| line.starts_with(word)));
    kept.collect::<Vec<_>>().join("\n").replace(members, "members = [\"sdk\"]\nexclude = [\"recipes\"]")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_from_outside_is_dropped_in_and_served() {
    let registry =
        Registry::start(Options::mounts("").anonymous(&["recipes:dish:*:taste"]).plugin("objects")).await;
    let cook = registry.user("ann", &["recipes:dish:*:cook"]).await;
    let cook = registry.actor("/recipes").with_token(&cook.token);
    cook.put("/soup", &json!({ "water": 1 })).await.expect(404);

    let outside = tempfile::tempdir().unwrap();
    std::fs::copy(build(outside.path()), registry.home().plugins().join("recipes.wasm")).unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    while cook.put("/soup", &json!({ "water": 1 })).await.status != 201 {
        assert!(Instant::now() < patience, "it is not served\n{}", registry.logs());
        tokio::task::yield_now().await;
    }

    let guest = registry.actor("/recipes");
    assert_eq!(guest.get("/soup").await.expect(200).json()["water"], 1);
    guest.put("/soup", &json!({ "water": 2 })).await.expect(401);
    assert_eq!(registry.keys(), ["recipes/soup"]);
}
