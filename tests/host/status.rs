//! What operators see: which plugin files and mounts are served, and why the others are not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::registry::built;
use packhouse_tests::swaps::{status, until};
use packhouse_tests::{Options, Registry};
use serde_json::{Value, json};

const BOTH: &str = "[mount.objects]\n[mount.hostile]\n";

fn options(mounts: &str) -> Options {
    Options::mounts(mounts).plugin("objects").plugin("hostile")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_whose_plugin_is_gone_answers_503_and_the_host_is_degraded() {
    let registry = Registry::start(options(BOTH)).await;
    let host = registry.actor("");
    assert_eq!(host.get("/readyz").await.expect(200).text(), "ready\n");
    let file = registry.home().plugins().join("objects.wasm");
    std::fs::remove_file(&file).unwrap();
    let line = until(&registry, "objects", |line| line["state"] == "missing").await;
    assert!(
        line["problem"].as_str().unwrap().contains("put `objects.wasm` into the plugin folder"),
        "{line}"
    );
    assert_eq!(line["mounts"][0]["state"], "not served");

    let gone = host.get("/objects/hello").await.expect(503);
    let sentence = gone.text();
    assert!(
        sentence.starts_with("[mount.objects] is not served now: its plugin `objects` is missing"),
        "{sentence}"
    );
    gone.header("retry-after").parse::<u32>().unwrap();
    host.get("/hostile/well").await.expect(200);

    let ready = host.get("/readyz").await.expect(200).text();
    assert!(ready.starts_with("degraded\n[mount.objects] is not served now"), "{ready}");
    let logs = registry.logs_with("[mount.objects]: it answers 503, its plugin is missing").await;
    assert!(logs.lines().any(|line| line.contains("ERROR") && line.contains("[mount.objects]")), "{logs}");

    std::fs::copy(built("objects"), &file).unwrap();
    until(&registry, "objects", |line| line["state"] == "serving").await;
    host.get("/objects/hello").await.expect(200);
    assert_eq!(host.get("/readyz").await.expect(200).text(), "ready\n");
    registry.logs_with("[mount.objects] is well again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_serves_none_of_its_mounts_is_not_ready() {
    let registry = Registry::start(options(&format!("auto_mount = false\n{BOTH}"))).await;
    for plugin in ["objects", "hostile"] {
        std::fs::remove_file(registry.home().plugins().join(format!("{plugin}.wasm"))).unwrap();
        until(&registry, plugin, |line| line["state"] == "missing").await;
    }
    let ready = registry.actor("").get("/readyz").await.expect(503);
    assert!(ready.text().contains("no mount is served"), "{}", ready.text());
    ready.header("retry-after").parse::<u32>().unwrap();
    registry.actor("").get("/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_where_each_plugin_is_mounted_and_what_it_was_not_granted() {
    let mounts = "[mount.objects]\ngrants = [\"/greetings\"]\n\
         [mount.inner]\nplugin = \"objects\"\nhost = \"inner.example.com\"\n\
         [mount.off]\nplugin = \"objects\"\nenabled = false\n[mount.hostile]\n";
    let registry = Registry::start(options(mounts)).await;
    let line = status(&registry, "objects").await;
    assert_eq!((&line["state"], &line["problem"]), (&json!("serving"), &Value::Null));
    let port = registry.address().rsplit_once(':').unwrap().1.to_owned();
    let login = json!({ "wish": "login", "reason": "to try out signing in" });
    let alias = json!({ "wish": "/greetings", "reason": null });
    let expected = json!([
        {
            "name": "inner", "state": "serving", "path": "/", "host": "inner.example.com", "aliases": [],
            "not_granted": [alias, login], "problem": null, "remarks": [],
            "setup": [format!("curl http://inner.example.com:{port}/hello")],
        },
        {
            "name": "objects", "state": "serving", "path": "/objects", "host": null, "aliases": ["/greetings"],
            "not_granted": [login], "problem": null, "remarks": [],
            "setup": [format!("curl {}", registry.url("/objects/hello"))],
        },
        {
            "name": "off", "state": "disabled", "path": "/off", "host": null, "aliases": [],
            "not_granted": [alias, login], "problem": null, "remarks": [],
            "setup": [format!("curl {}", registry.url("/off/hello"))],
        },
    ]);
    assert_eq!(line["mounts"], expected, "{line:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_without_a_mount_is_reported_with_the_reason() {
    let without = "auto_mount = false\n[mount.objects]\n";
    let named = "[mount.hostile]\nplugin = \"objects\"\nbase_path = \"/other\"\nprefix = \"other\"\n";
    let occupied = "[mount.objects]\nbase_path = \"/hostile\"\n";
    let disabled = "[mount.objects]\n[mount.hostile]\nenabled = false\n";
    for (mounts, why) in [
        (without, "no mount names it, and `auto_mount` is off"),
        (occupied, "[mount.objects] and [mount.hostile] both claim the path /hostile"),
        (disabled, "[mount.hostile] is disabled: set `enabled = true`"),
        (
            named,
            "`hostile.wasm` speaks the protocol `hostile`, and `objects.wasm` has [mount.hostile] already",
        ),
    ] {
        let registry = Registry::start(options(mounts)).await;
        let line = status(&registry, "hostile").await;
        assert_eq!(line["state"], "not mounted", "{line}");
        assert!(line["problem"].as_str().unwrap().contains(why), "{line}");
        assert_eq!(line["generation"], 1);
        if !mounts.contains("enabled = false") {
            registry.logs_with("plugin hostile: it is not mounted").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_the_plugin_does_not_ask_for_is_told() {
    let registry = Registry::start(options("[mount.objects]\ngrants = [\"/greeting\"]\n")).await;
    let line = status(&registry, "objects").await;
    let told = "`grants` gives `/greeting`, which its plugin does not ask for";
    assert_eq!(line["mounts"][0]["remarks"], json!([told]), "{line}");
    assert_eq!(line["mounts"][0]["aliases"], json!([]), "it leads nowhere");
    registry.logs_with(told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_read_from_where_they_are_kept_and_shown_to_the_plugin_alone() {
    let mounts = "[mount.objects.settings]\nplain = \"as it is\"\ntoken = \"env:OBJECTS_TOKEN\"\n\
         [mount.objects.settings.upstream]\nkeys = [\"file:users/key\", 3]\n";
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "key-from-a-file\n").unwrap();
    let mounts = mounts.replace("users/key", key.path().to_str().unwrap());
    let options = options(&mounts).environment("OBJECTS_TOKEN", "token-from-the-environment");
    let registry = Registry::start(options).await;
    let seen = registry.actor("/objects").get("/settings").await.expect(200).json();
    let expected = json!({
        "plain": "as it is", "token": "token-from-the-environment", "upstream": { "keys": ["key-from-a-file", 3] },
    });
    assert_eq!(seen, expected);
    let logs = registry.logs_with("configured with").await;
    let page = registry.actor("").get("/-/packhouse/plugins").await.expect(200).text();
    for secret in ["token-from-the-environment", "key-from-a-file"] {
        assert!(!logs.contains(secret) && !page.contains(secret), "{secret} is shown: {logs}{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_files_of_one_protocol_the_one_that_serves_keeps_the_mount_and_both_are_named() {
    let mut registry = Registry::start(Options::mounts("").plugin("objects")).await;
    let folder = registry.home().plugins();
    std::fs::rename(folder.join("objects.wasm"), folder.join("middle.wasm")).unwrap();
    until(&registry, "objects", Value::is_null).await;
    let served = until(&registry, "middle", |line| line["state"] == "serving").await;
    assert_eq!(served["mounts"][0]["name"], "objects", "{served}");

    // By its name, it would come first.
    std::fs::copy(built("objects"), folder.join("early.wasm")).unwrap();
    let line = until(&registry, "early", |line| line["state"] == "not mounted").await;
    let problem = line["problem"].as_str().unwrap();
    for words in [
        "`early.wasm`",
        "`middle.wasm` has [mount.objects]",
        "plugin = \"early\"",
        "the next start serves it",
    ] {
        assert!(problem.contains(words), "{words:?} is missing: {problem}");
    }
    assert_eq!(status(&registry, "middle").await["state"], "serving");
    registry.logs_with("plugin early: it is not mounted: `early.wasm` speaks the protocol `objects`").await;

    registry.restart().await;
    assert_eq!(status(&registry, "early").await["state"], "serving", "the first by name, as documented");
    assert_eq!(status(&registry, "middle").await["state"], "not mounted");
    assert!(registry.terminate().await.success());
    std::fs::copy(built("objects"), folder.join("objects.wasm")).unwrap();
    registry.start_again().await;
    assert_eq!(status(&registry, "objects").await["state"], "serving", "named like its protocol");
    let line = status(&registry, "early").await;
    assert!(!line["problem"].as_str().unwrap().contains("the next start"), "{line}");
}
