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
    let told = "`grants` gives `/greeting`, which its plugin does not request";
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

/// A mount whose plugin is not there, in two places, beside one that is served.
const ABSENT: &str = "[mount.objects]\nfeatures = { greeting = true }\n\
     [mount.second]\nplugin = \"objects\"\n[mount.hostile]\n[maintenance]\ngc = \"off\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_a_plugin_serves_the_other_mounts_and_takes_it_up_when_it_comes() {
    let registry = Registry::start(Options::mounts(ABSENT).plugin("hostile")).await;
    let host = registry.actor("");
    host.get("/hostile/well").await.expect(200);
    for mount in ["objects", "second"] {
        let gone = host.get(&format!("/{mount}/hello")).await.expect(503);
        let sentence = format!("[mount.{mount}] is not served now: its plugin `objects` is missing");
        assert!(gone.text().starts_with(&sentence), "{}", gone.text());
        gone.header("retry-after").parse::<u32>().unwrap();
        let logs = registry.logs_with(&format!("[mount.{mount}]: it answers 503")).await;
        let line =
            logs.lines().find(|line| line.contains(&format!("[mount.{mount}]: it answers 503"))).unwrap();
        assert!(
            line.contains("ERROR") && line.contains("put `objects.wasm` into the plugin folder"),
            "{line}"
        );
    }
    let ready = host.get("/readyz").await.expect(200).text();
    assert!(ready.starts_with("degraded\n") && ready.lines().count() == 3, "{ready}");
    let line = status(&registry, "objects").await;
    assert_eq!((&line["state"], line["mounts"].as_array().unwrap().len()), (&json!("missing"), 2), "{line}");

    for order in ["verify", "gc", "reindex"] {
        let ended = registry.order(&[order]).await;
        assert_eq!(ended.code, Some(1), "{order}: {}{}", ended.stdout, ended.stderr);
        for mount in ["objects", "second"] {
            let told =
                format!("packhouse: {mount}: its plugin `plugins/objects.wasm` is missing: put it there");
            assert!(ended.stderr.contains(&told), "{order}: {}", ended.stderr);
        }
        assert!(ended.stdout.contains("hostile:"), "the others are looked after: {}", ended.stdout);
    }

    std::fs::copy(built("objects"), registry.home().plugins().join("objects.wasm")).unwrap();
    until(&registry, "objects", |line| line["state"] == "serving").await;
    host.get("/objects/hello").await.expect(200);
    host.get("/second/hello").await.expect(200);
    assert_eq!(host.get("/readyz").await.expect(200).text(), "ready\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_files_that_cannot_be_loaded_serves_the_other_mounts() {
    let mounts = "[mount.text]\n[mount.folder]\n[mount.link]\n[mount.panicking]\n[mount.objects]\n";
    let mut registry = Registry::start(Options::mounts(mounts).plugin("objects").plugin("panicking")).await;
    assert!(registry.terminate().await.success());
    let folder = registry.home().plugins();
    let at = |name: &str| folder.join(format!("{name}.wasm"));
    std::fs::write(at("text"), "no component").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    std::os::unix::fs::symlink("nowhere.wasm", at("link")).unwrap();
    registry.start_again().await;
    registry.actor("/objects").get("/hello").await.expect(200);
    for (name, reason) in [
        ("text", "it is not WebAssembly"),
        ("folder", "it is a folder"),
        ("link", "it is a symbolic link that leads nowhere"),
        ("panicking", "the table of endpoints has two entries"),
    ] {
        let refused = registry.actor("").get(&format!("/{name}/hello")).await.expect(503).text();
        assert!(refused.contains(&format!("its plugin `{name}` cannot be loaded")), "{refused}");
        let line = status(&registry, name).await;
        assert_eq!(line["state"], "refused", "{line}");
        assert!(line["problem"].as_str().unwrap().contains(reason), "{line}");
        let logs = registry.logs_with(&format!("[mount.{name}]: it answers 503")).await;
        let logged =
            logs.lines().find(|line| line.contains(&format!("[mount.{name}]: it answers 503"))).unwrap();
        assert!(
            logged.contains("ERROR") && logged.contains(&format!("`{name}.wasm` cannot be loaded")),
            "{logged}"
        );
    }
    assert!(registry.actor("").get("/readyz").await.expect(200).text().starts_with("degraded\n"));
    std::fs::copy(built("objects"), at("text")).unwrap();
    std::fs::remove_dir(at("folder")).unwrap();
    std::fs::copy(built("objects"), at("folder")).unwrap();
    std::fs::copy(built("objects"), folder.join("nowhere.wasm")).unwrap();
    for name in ["text", "folder", "link"] {
        until(&registry, name, |line| line["state"] == "serving").await;
        registry.actor("").get(&format!("/{name}/hello")).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_with_the_file_of_another_protocol_says_so_and_leaves_no_trace() {
    let mounts = ABSENT.replace("[mount.second]\nplugin = \"objects\"\n", "");
    let mut registry = Registry::start(Options::mounts(&mounts).plugin("hostile")).await;
    assert!(registry.terminate().await.success());
    let file = registry.home().plugins().join("objects.wasm");
    std::fs::copy(built("caretaker"), &file).unwrap();
    registry.start_again().await;
    let refused = registry.actor("/objects").get("/hello").await.expect(503).text();
    let sentence = "`objects.wasm` is the plugin of another protocol, it speaks `caretaker`";
    assert!(refused.contains(sentence), "{refused}");
    let line = status(&registry, "objects").await;
    let of_mount =
        line["mounts"].as_array().unwrap().iter().find(|mount| mount["name"] == "objects").unwrap();
    let problem = of_mount["problem"].as_str().unwrap();
    for words in
        ["`objects.wasm` is the plugin of another protocol", "`caretaker`", "`greeting`", "`features`"]
    {
        assert!(problem.contains(words), "{words:?} is missing: {problem}");
    }
    registry
        .logs_with("[mount.objects]: it answers 503, `objects.wasm` is the plugin of another protocol")
        .await;
    let ended = registry.order(&["gc", "objects"]).await;
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("`greeting`"), "{}", ended.stderr);
    registry.actor("/hostile").get("/well").await.expect(200);

    std::fs::copy(built("objects"), &file).unwrap();
    let line = until(&registry, "objects", |line| line["state"] == "serving").await;
    assert_eq!((&line["protocol"], &line["lost"]), (&json!("objects"), &json!([])), "{line}");
    registry.actor("/objects").get("/hello").await.expect(200);
    let logs = registry.logs_with("plugin objects serves [mount.objects] with its generation 2").await;
    assert!(!logs.contains("plugin objects serves [mount.objects] with its generation 1"), "{logs}");
    assert!(!logs.contains("no longer offers"), "{logs}");
}
