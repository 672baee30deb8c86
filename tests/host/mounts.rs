//! Mounts whose objects, plugin or settings are not what they were: they answer 503 and say why, the
//! others are served, and nothing is taken for empty that is not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::registry::built;
use packhouse_tests::swaps::{replace, status, until, variant};
use packhouse_tests::{Actor, Answer, Backend, Options, Registry, on_every_backend, wait};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

const BOTH: &str = "[mount.objects]\n[mount.hostile]\n[maintenance]\ngc = \"off\"\n";
const AUTOMATIC: &str = "[maintenance]\ngc = \"off\"\n";
const MARK: &str = ".packhouse/mount.json";

/// Anybody may write.
fn options(mounts: &str) -> Options {
    Options::mounts(mounts).plugin("objects").plugin("hostile").anonymous(&["*:*:*:*"])
}

fn objects(registry: &Registry) -> Actor {
    registry.actor("/objects")
}

async fn save(registry: &Registry, key: &str) -> Answer {
    objects(registry).send(Method::PUT, &format!("/object/{key}"), "content").await
}

/// Reads until the mount is or is not served: what the host knows may be some seconds old.
async fn until_status(registry: &Registry, path: &str, status: u16) -> Answer {
    wait::until(&format!("{status} of {path}"), || async {
        let answer = registry.actor("").get(path).await;
        (answer.status == status).then_some(answer)
    })
    .await
}

async fn readiness(registry: &Registry) -> String {
    registry.actor("").get("/readyz").await.expect(200).text()
}

/// All three commands fail because of this mount, in these words.
async fn expect_orders_to_fail(registry: &Registry, words: &[&str]) {
    for order in ["verify", "gc", "reindex"] {
        let ended = registry.order(&[order]).await;
        assert_eq!(ended.code, Some(1), "{order}: {}{}", ended.stdout, ended.stderr);
        for word in words {
            assert!(ended.stderr.contains(word), "{order}: {word:?} is missing: {}", ended.stderr);
        }
    }
}

fn plugin_file(registry: &Registry, name: &str) -> PathBuf {
    registry.home().plugins().join(format!("{name}.wasm"))
}

/// Reads and writes are refused with a sentence, other mounts are served, and nothing is made.
async fn expect_lost(registry: &Registry, folder: &std::path::Path) {
    // Before that the store may have noticed it by itself.
    let refused = wait::until("the sentence of the mount", || async {
        let refused = registry.actor("").get("/objects/object/kept").await;
        let is_told = refused.text().contains("what was stored for it has disappeared");
        (refused.status == 503 && is_told).then_some(refused)
    })
    .await;
    refused.header("retry-after").parse::<u32>().unwrap();
    save(registry, "more").await.expect(503);
    registry.actor("/hostile").get("/well").await.expect(200);
    let ready = readiness(registry).await;
    assert!(ready.starts_with("degraded\n") && ready.contains("[mount.objects]"), "{ready}");
    let line = status(registry, "objects").await;
    assert_eq!(line["mounts"][0]["state"], "not served", "{line}");
    let problem = line["problem"].as_str().unwrap();
    for words in ["`objects/.packhouse/mount.json` is missing", "packhouse store accept objects"] {
        assert!(problem.contains(words), "{words:?} is missing: {problem}");
    }
    registry
        .logs_with("[mount.objects]: it answers 503, what was stored below `objects` has disappeared")
        .await;
    expect_orders_to_fail(registry, &["objects: what was stored below `objects` has disappeared"]).await;
    assert!(!folder.exists() || fs::read_dir(folder).unwrap().next().is_none(), "nothing is made there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_whose_folder_disappears_is_503_until_it_is_back() {
    let mut registry = Registry::start(options(BOTH)).await;
    save(&registry, "kept").await.expect(201);
    let (folder, aside) = (registry.home().objects().join("objects"), registry.home().path().join("aside"));
    assert!(folder.join(MARK).is_file());

    fs::rename(&folder, &aside).unwrap();
    expect_lost(&registry, &folder).await;
    fs::create_dir(&folder).unwrap();
    expect_lost(&registry, &folder).await;
    registry.restart().await;
    expect_lost(&registry, &folder).await;

    fs::remove_dir(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    let kept = until_status(&registry, "/objects/object/kept", 200).await;
    assert_eq!(kept.text(), "content");
    assert_eq!(readiness(&registry).await, "ready\n");
    registry.logs_with("[mount.objects] is well again").await;
    registry.order(&["verify"]).await.expect(0);
}

/// However short ago the host has seen that all is well.
#[tokio::test(flavor = "multi_thread")]
async fn a_publish_right_after_the_folder_was_replaced_is_not_stored_in_the_other_one() {
    let registry = Registry::start(options(BOTH)).await;
    let (folder, aside) = (registry.home().objects().join("objects"), registry.home().path().join("aside"));
    for round in 0..2 {
        let (kept, lost) = (format!("kept-{round}"), format!("/objects/object/lost-{round}"));
        save(&registry, &kept).await.expect(201);
        fs::rename(&folder, &aside).unwrap();
        save(&registry, &format!("lost-{round}")).await.expect(503);
        assert!(!folder.exists(), "it is not made");
        fs::create_dir(&folder).unwrap();
        save(&registry, &format!("lost-{round}")).await.expect(503);
        registry.actor("").get(&format!("/objects/object/{kept}")).await.expect(503);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        registry.actor("/hostile").get("/well").await.expect(200);
        fs::remove_dir(&folder).unwrap();
        fs::rename(&aside, &folder).unwrap();
        until_status(&registry, &format!("/objects/object/{kept}"), 200).await;
        registry.actor("").get(&lost).await.expect(404);
    }
}

async fn a_mount_whose_objects_are_removed_is_503_until_the_operator_accepts_it(registry: Registry) {
    save(&registry, "kept").await.expect(201);
    if matches!(registry.backend(), Backend::Memory) {
        return;
    }
    let folder = registry.home().objects().join("objects");
    fs::remove_dir_all(&folder).unwrap();
    expect_lost(&registry, &folder).await;
    let said = registry.order(&["store", "accept", "objects"]).await.expect(0);
    assert!(said.contains("Nothing is stored below `objects`"), "{said}");
    until_status(&registry, "/objects/object/kept", 404).await;
    save(&registry, "next").await.expect(201);
    assert_eq!(readiness(&registry).await, "ready\n");

    // A part of it is restored, from a backup without the mark.
    fs::remove_file(folder.join(MARK)).unwrap();
    until_status(&registry, "/objects/object/next", 503).await;
    let said = registry.order(&["store", "accept", "objects"]).await.expect(0);
    assert!(said.contains("accepted as those of the protocol `objects`"), "{said}");
    assert_eq!(until_status(&registry, "/objects/object/next", 200).await.text(), "content");
    registry.order(&["verify"]).await.expect(0);
}

on_every_backend! { options(BOTH) =>
    a_mount_whose_objects_are_removed_is_503_until_the_operator_accepts_it
}

#[tokio::test(flavor = "multi_thread")]
async fn two_folders_that_were_exchanged_are_told_apart() {
    let mounts = format!("[mount.second]\nplugin = \"objects\"\nprefix = \"some/where\"\n{BOTH}");
    let registry = Registry::start(options(&mounts)).await;
    save(&registry, "kept").await.expect(201);
    let folder = registry.home().objects();
    fs::rename(folder.join("objects"), folder.join("aside")).unwrap();
    fs::rename(folder.join("some/where"), folder.join("objects")).unwrap();
    fs::rename(folder.join("aside"), folder.join("some/where")).unwrap();
    for path in ["/objects/hello", "/second/hello"] {
        let refused = until_status(&registry, path, 503).await.text();
        assert!(refused.contains("what is stored for it belongs to another mount"), "{refused}");
    }
    registry.actor("/hostile").get("/well").await.expect(200);
    expect_orders_to_fail(&registry, &["below `objects` is that of the prefix `some/where`"]).await;
    // A mount may be named by its name too, where its prefix is another one.
    registry.order(&["store", "accept", "objects", "second"]).await.expect(0);
    until_status(&registry, "/second/object/kept", 200).await;
}

#[tokio::test]
async fn there_is_nothing_to_accept_of_a_mount_that_was_never_served() {
    let registry = Registry::start(options(BOTH)).await;
    let ended = registry.order(&["store", "accept", "objcets"]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("`objcets`: there is nothing to accept"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_of_an_earlier_version_gets_its_marks_without_complaint() {
    let mut registry = Registry::start(options(BOTH)).await;
    save(&registry, "kept").await.expect(201);
    assert!(registry.terminate().await.success());
    let store = registry.home().objects();
    for prefix in ["objects", "hostile"] {
        fs::remove_dir_all(store.join(prefix).join(".packhouse")).unwrap();
        let record = json!({ "prefix": prefix, "protocol": prefix }).to_string();
        fs::write(store.join(format!(".packhouse/prefixes/{prefix}.json")), record).unwrap();
    }
    registry.order(&["verify"]).await.expect(0);
    assert!(!store.join("objects").join(MARK).exists(), "`verify` changes nothing");
    registry.start_again().await;
    objects(&registry).get("/object/kept").await.expect(200);
    assert_eq!(readiness(&registry).await, "ready\n");
    assert!(store.join("objects").join(MARK).is_file() && store.join("hostile").join(MARK).is_file());
    let complaints: Vec<_> = registry
        .logs()
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"))
        .map(str::to_owned)
        .collect();
    assert_eq!(complaints, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automatic_mount_whose_plugin_is_missing_or_damaged_is_known_by_what_it_has_stored() {
    let mut registry = Registry::start(options(AUTOMATIC)).await;
    save(&registry, "kept").await.expect(201);
    let file = plugin_file(&registry, "objects");

    // While the host runs.
    fs::remove_file(&file).unwrap();
    let missing = until_status(&registry, "/objects/object/kept", 503).await.text();
    assert!(
        missing.contains("[mount.objects] is not served now: its plugin `objects` is missing"),
        "{missing}"
    );
    registry.restart().await;
    objects(&registry).get("/object/kept").await.expect(503);
    registry.actor("/hostile").get("/well").await.expect(200);
    let ready = readiness(&registry).await;
    assert!(ready.starts_with("degraded\n[mount.objects] is not served now"), "{ready}");
    registry.logs_with("[mount.objects]: it answers 503, objects of the protocol `objects` are stored").await;
    let line = status(&registry, "objects").await;
    assert_eq!(
        (&line["state"], &line["mounts"][0]["path"]),
        (&json!("missing"), &json!("/objects")),
        "{line}"
    );
    assert!(
        line["problem"].as_str().unwrap().contains("add `[mount.objects]` with `enabled = false`"),
        "{line}"
    );
    expect_orders_to_fail(&registry, &["objects: its plugin `plugins/objects.wasm` is missing"]).await;
    let ended = registry.order(&["verify", "objects"]).await;
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);

    assert!(registry.terminate().await.success());
    fs::write(&file, "damaged").unwrap();
    registry.start_again().await;
    let damaged = objects(&registry).get("/object/kept").await.expect(503).text();
    assert!(damaged.contains("its plugin `objects` cannot be loaded"), "{damaged}");
    expect_orders_to_fail(&registry, &["`plugins/objects.wasm` cannot be loaded: it is not WebAssembly"])
        .await;

    // A file of another name may be the one that comes back.
    fs::remove_file(&file).unwrap();
    fs::copy(built("objects"), plugin_file(&registry, "other")).unwrap();
    assert_eq!(until_status(&registry, "/objects/object/kept", 200).await.text(), "content");
    until(&registry, "objects", Value::is_null).await;
    assert_eq!(readiness(&registry).await, "ready\n");

    // Nobody wants it any more.
    assert!(registry.terminate().await.success());
    fs::remove_file(plugin_file(&registry, "other")).unwrap();
    let configuration = fs::read_to_string(registry.home().configuration()).unwrap();
    fs::write(registry.home().configuration(), format!("{configuration}[mount.objects]\nenabled = false\n"))
        .unwrap();
    registry.start_again().await;
    objects(&registry).get("/object/kept").await.expect(404);
    assert_eq!(readiness(&registry).await, "ready\n");
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automatic_mount_that_has_stored_nothing_goes_with_its_plugin() {
    let mut registry = Registry::start(options(AUTOMATIC)).await;
    objects(&registry).get("/object/any").await.expect(404);
    assert!(registry.terminate().await.success());
    fs::remove_file(plugin_file(&registry, "objects")).unwrap();
    registry.start_again().await;
    assert_eq!(
        objects(&registry).get("/object/any").await.expect(404).text(),
        "nothing is served at this address\n"
    );
    assert_eq!(readiness(&registry).await, "ready\n");
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_automatic_mount_has_stored_does_not_mount_a_plugin_that_the_configuration_names() {
    let mut registry = Registry::start(options(AUTOMATIC)).await;
    save(&registry, "kept").await.expect(201);
    assert!(registry.terminate().await.success());
    let configuration = fs::read_to_string(registry.home().configuration()).unwrap();
    let renamed = format!("{configuration}[mount.renamed]\nplugin = \"objects\"\n");
    fs::write(registry.home().configuration(), renamed).unwrap();
    registry.start_again().await;
    registry.actor("/renamed").get("/hello").await.expect(200);
    objects(&registry).get("/object/kept").await.expect(404);
    assert_eq!(readiness(&registry).await, "ready\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_plugin_in_the_place_of_an_automatic_mount_does_not_hide_it() {
    let mut registry = Registry::start(options(AUTOMATIC)).await;
    save(&registry, "kept").await.expect(201);
    assert!(registry.terminate().await.success());
    fs::copy(built("caretaker"), plugin_file(&registry, "objects")).unwrap();
    registry.start_again().await;
    let refused = objects(&registry).get("/object/kept").await.expect(503).text();
    assert!(
        refused.contains("it speaks `caretaker`") && refused.contains("belongs to `objects`"),
        "{refused}"
    );
    expect_orders_to_fail(
        &registry,
        &["objects: what is stored below `objects` belongs to the protocol `objects`"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_any_plugin_says_that_it_serves_nothing() {
    let mut registry = Registry::start(Options::mounts(AUTOMATIC)).await;
    assert!(registry.terminate().await.success());
    fs::remove_file(plugin_file(&registry, "npm")).unwrap();
    registry.start_again().await;
    let sentence = "nothing is served, as the plugin folder holds no plugin: put the file of one into it";
    let ready = registry.actor("").get("/readyz").await.expect(503).text();
    assert!(ready.contains(sentence), "{ready}");
    registry.logs_with(sentence).await;
    expect_orders_to_fail(&registry, &[sentence]).await;
    fs::copy(built("objects"), plugin_file(&registry, "objects")).unwrap();
    until_status(&registry, "/readyz", 200).await;
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_all_of_whose_mounts_are_disabled_says_that_it_serves_nothing() {
    let disabled = "[mount.npm]\nenabled = false\n[maintenance]\ngc = \"off\"\n";
    let registry = Registry::start(Options::mounts(disabled)).await;
    let ready = registry.actor("").get("/readyz").await.expect(503).text();
    assert!(ready.contains("nothing is served, as every mount is disabled"), "{ready}");
    expect_orders_to_fail(&registry, &["every mount is disabled: set `enabled = true`"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_file_that_is_damaged_before_it_has_ever_served_makes_the_host_degraded() {
    let mut registry = Registry::start(options(AUTOMATIC)).await;
    assert!(registry.terminate().await.success());
    fs::write(plugin_file(&registry, "new"), "damaged").unwrap();
    registry.start_again().await;
    let ready = readiness(&registry).await;
    assert!(ready.starts_with("degraded\n`new.wasm` has no mount, as it cannot be loaded"), "{ready}");
    objects(&registry).get("/hello").await.expect(200);
    expect_orders_to_fail(&registry, &["`new.wasm` has no mount, as it cannot be loaded"]).await;
    registry.order(&["verify", "hostile"]).await;
    fs::remove_file(plugin_file(&registry, "new")).unwrap();
    until(&registry, "new", Value::is_null).await;
    assert_eq!(readiness(&registry).await, "ready\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_that_the_wrong_plugin_took_while_it_was_empty_is_freed_by_the_operator() {
    let mut registry = Registry::start(Options::mounts("[mount.hostile]\n").plugin("hostile")).await;
    assert!(registry.terminate().await.success());
    fs::copy(built("caretaker"), plugin_file(&registry, "objects")).unwrap();
    let configuration = fs::read_to_string(registry.home().configuration()).unwrap();
    fs::write(registry.home().configuration(), format!("{configuration}[mount.objects]\n")).unwrap();
    registry.start_again().await;
    assert_eq!(
        status(&registry, "objects").await["state"],
        "serving",
        "nothing shows that it is the wrong one"
    );
    assert!(registry.terminate().await.success());

    fs::copy(built("objects"), plugin_file(&registry, "objects")).unwrap();
    registry.start_again().await;
    let line = status(&registry, "objects").await;
    let problem = line["problem"].as_str().unwrap();
    for words in ["belongs to the protocol `caretaker`", "speaks `objects`", "packhouse store accept objects"]
    {
        assert!(problem.contains(words), "{words:?} is missing: {problem}");
    }
    objects(&registry).get("/hello").await.expect(503);
    registry.order(&["store", "accept", "objects"]).await.expect(0);
    until_status(&registry, "/objects/hello", 200).await;
    registry.restart().await;
    objects(&registry).get("/hello").await.expect(200);
}

/// A plugin that came after the start is refused with this sentence: its mount answers 503 for `why`,
/// other mounts are served, and the next start and `verify` fail. Gives what these two print.
async fn expect_refused(registry: &mut Registry, sentence: &str, why: &str) -> Vec<String> {
    let line = until(registry, "objects", |line| line["problem"] == sentence).await;
    assert_eq!(
        (&line["state"], &line["mounts"][0]["state"]),
        (&json!("refused"), &json!("not served")),
        "{line}"
    );
    let refused = objects(registry).get("/hello").await.expect(503).text();
    assert!(refused.contains(why), "{refused}");
    registry.actor("/hostile").get("/well").await.expect(200);
    assert!(readiness(registry).await.starts_with("degraded\n[mount.objects]"));
    registry.logs_with(&format!("[mount.objects]: it answers 503, {sentence}")).await;
    assert!(registry.terminate().await.success());
    let mut printed = Vec::new();
    for order in ["serve", "verify"] {
        let ended = registry.order(&[order]).await;
        assert_eq!(ended.code, Some(2), "{order}: {}", ended.stderr);
        assert!(ended.stderr.contains(sentence), "{order}: {}", ended.stderr);
        printed.push(ended.stderr);
    }
    printed
}

/// Puts a version in place that is refused: the one before serves on until a third comes. Gives the
/// problem that the status told of the refused one.
async fn refused_swap(registry: &Registry) -> String {
    fs::copy(built("shrunken"), plugin_file(registry, "objects")).unwrap();
    let line = until(registry, "objects", |line| line["last_error"].is_string()).await;
    assert_eq!((&line["generation"], &line["mounts"][0]["state"]), (&json!(1), &json!("serving")), "{line}");
    objects(registry).get("/hello").await.expect(200);
    replace(&plugin_file(registry, "objects"), &variant("objects", 3));
    until(registry, "objects", |line| line["generation"] == 2 && line["problem"].is_null()).await;
    line["problem"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feature_that_a_plugin_which_comes_later_lacks_refuses_its_mount_as_the_next_start_does() {
    let mounts = "[mount.objects]\nfeatures = { greetin = true }\n[mount.hostile]\n";
    let mut registry = Registry::start(Options::mounts(mounts).plugin("hostile")).await;
    fs::copy(built("objects"), plugin_file(&registry, "objects")).unwrap();
    let sentence = "[mount.objects] features holds `greetin`, which the plugin objects does not have: did you mean `greeting`?";
    expect_refused(&mut registry, sentence, "its configuration sets a feature that its plugin does not have")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_to_a_version_without_a_feature_that_a_mount_sets_is_refused() {
    let mounts = "[mount.objects]\nfeatures = { greeting = true }\n";
    let registry = Registry::start(Options::mounts(mounts).plugin("objects")).await;
    let problem = refused_swap(&registry).await;
    assert!(problem.contains("[mount.objects] features holds `greeting`"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_a_plugin_which_comes_later_refuses_are_reported_as_the_next_start_does() {
    let mounts = "[mount.objects]\nsettings = { lines = \"hunter2\" }\n[mount.hostile]\n";
    let mut registry = Registry::start(Options::mounts(mounts).plugin("hostile")).await;
    fs::copy(built("objects"), plugin_file(&registry, "objects")).unwrap();
    let sentence = "[mount.objects.settings] cannot be used by the plugin objects: the setting `lines` cannot be used: \
                    it must be a whole number from 0 on, and is a string";
    for stderr in expect_refused(&mut registry, sentence, "its plugin cannot use its settings").await {
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_to_a_version_that_refuses_the_settings_of_a_mount_is_refused() {
    let mounts = "[mount.objects]\nsettings = { lines = 3 }\n";
    let registry = Registry::start(Options::mounts(mounts).plugin("objects")).await;
    let problem = refused_swap(&registry).await;
    let sentence = "[mount.objects.settings] cannot be used by the plugin objects: the setting `lines` is not known: this \
                    protocol has no settings";
    assert!(problem.starts_with(sentence), "{problem}");
}

#[tokio::test]
async fn a_folder_in_which_no_host_was_started_is_no_registry() {
    let mut registry = Registry::start(options(BOTH)).await;
    assert!(registry.terminate().await.success());
    fs::remove_dir_all(registry.home().objects()).unwrap();
    fs::create_dir(registry.home().objects()).unwrap();
    fs::remove_dir_all(registry.home().path().join("users")).unwrap();
    for order in
        [&["verify"][..], &["gc"], &["gc", "--dry-run"], &["reindex"], &["store", "accept", "objects"]]
    {
        let ended = registry.order(order).await;
        assert_eq!(ended.code, Some(2), "{order:?}: {}{}", ended.stdout, ended.stderr);
        let sentence = "[storage] root: `data` contains no registry, because no host was ever started on it: correct `root`";
        assert!(ended.stderr.contains(sentence), "{order:?}: {}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(fs::read_dir(registry.home().objects()).unwrap().next().is_none(), "nothing is made");
    }
}

#[tokio::test]
async fn a_first_start_shows_what_to_set_up_for_every_mount_and_only_what_works() {
    let mounts =
        "[mount.npm]\n[mount.named]\nplugin = \"npm\"\nhost = \"npm.example.com\"\ngrants = [\"login\"]\n";
    let registry = Registry::start(Options::mounts(mounts)).await;
    let said = registry.logs();
    let port = registry.address().rsplit_once(':').unwrap().1.to_owned();
    let (own, named) = (registry.url("/npm"), format!("http://npm.example.com:{port}"));
    assert!(
        said.contains(&format!("npm packages at {own}:\nnpm config set registry {own}/\nnpm publish")),
        "{said}"
    );
    assert!(said.contains("# not in `grants` of [mount.npm]: login (npm login and"), "{said}");
    let all = format!(
        "npm packages at {named}:\nnpm config set registry {named}/\nnpm login --registry {named}/\n"
    );
    assert!(said.contains(&all), "{said}");
    let line = status(&registry, "npm").await;
    for (mount, shows) in [(0, true), (1, false)] {
        let setup = line["mounts"][mount]["setup"].to_string();
        assert_eq!(setup.contains("npm login"), shows, "{line}");
        assert!(!setup.contains("{if"), "{line}");
    }
}

#[tokio::test]
async fn scopes_of_everybody_that_match_nothing_are_told_at_the_start() {
    let mounts = "[mount.objects]\n[mount.hostile]\nanonymous = [\"objects:object:*:read\"]\n";
    let scopes = ["*:*:*:read", "objcets:object:*:read", "objects:object:*:raed", "objects:object:*:write"];
    let registry =
        Registry::start(Options::mounts(mounts).plugin("objects").plugin("hostile").anonymous(&scopes)).await;
    for line in [
        "[auth] anonymous: `objcets:object:*:read` has no effect now, as no mount has that name",
        "[auth] anonymous: `objects:object:*:raed` has no effect now, as there is no such action",
        "[mount.hostile] anonymous: `objects:object:*:read` has no effect now",
    ] {
        registry.logs_with(line).await;
    }
    let told = registry.logs().lines().filter(|line| line.contains("has no effect now")).count();
    assert_eq!(told, 3, "{}", registry.logs());
}
