//! Configurations that cannot be served: one sentence that names file, key and remedy, exit
//! code 2, and no backtrace.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::object_store::ObjectStore;
use packhouse_tests::registry::Ended;
use packhouse_tests::{Options, Registry};
use std::net::TcpListener;

/// Starts with this, and expects a sentence with all of these words.
async fn refused(options: Options, words: &[&str]) -> Ended {
    let ended = Registry::refuse(options.environment("RUST_BACKTRACE", "1")).await;
    let told = format!("exit code {:?}, {}{}", ended.code, ended.stdout, ended.stderr);
    assert_eq!(ended.code, Some(2), "{told}");
    let sentences: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("packhouse: ")).collect();
    assert_eq!(sentences.len(), 1, "one sentence: {told}");
    for word in words {
        assert!(sentences[0].contains(word), "{word:?} is missing: {told}");
    }
    assert!(!ended.stderr.contains("backtrace") && !ended.stderr.contains("panicked"), "{told}");
    assert!(!ended.stdout.contains("listening"), "{told}");
    ended
}

#[tokio::test]
async fn an_unknown_key_is_named_with_the_one_that_was_meant() {
    let options = Options::npm().server("lisen = \"127.0.0.1:0\"");
    refused(options, &["registry.toml", "lisen", "listen"]).await;
}

#[tokio::test]
async fn a_file_that_is_no_toml_is_told_with_its_line() {
    refused(Options::npm().whole("[server\nlisten = 3\n"), &["registry.toml", "1"]).await;
}

#[tokio::test]
async fn a_value_of_the_wrong_kind_is_named() {
    refused(Options::npm().whole("[server]\nlisten = 3\n"), &["registry.toml", "listen"]).await;
    refused(Options::npm().limits("idle_timeout = \"soon\""), &["registry.toml", "soon"]).await;
    refused(
        Options::npm().whole("[storage]\ntype = \"tape\"\n"),
        &["registry.toml", "`type` must be one of", "azure"],
    )
    .await;
}

#[tokio::test]
async fn a_store_that_does_not_exist_is_named_with_those_that_do() {
    for key in ["user_store", "token_store"] {
        let options = Options::npm().auth(&format!("{key} = \"redis\""));
        let words = ["registry.toml", &format!("[auth] {key}"), "`redis`", "`database` or `memory`"];
        refused(options, &words).await;
    }
}

#[tokio::test]
async fn tokens_that_would_outlive_their_users_are_refused() {
    let options = Options::npm().auth("user_store = \"memory\"\ntoken_store = \"database\"");
    let words = ["registry.toml", "[auth]", "user_store = \"memory\"", "set token_store = \"memory\" too"];
    refused(options, &words).await;
    // `database` is the default.
    refused(Options::npm().auth("user_store = \"memory\""), &words).await;
}

#[tokio::test]
async fn users_and_tokens_of_several_hosts_are_not_kept_in_the_memory_of_each() {
    let many = |stores: &str| Options::npm().server("hosts = \"many\"").auth(stores);
    let sentence = |key: &str| format!("hosts = \"many\", and [auth] {key} = \"memory\"");
    for (stores, key) in [
        ("token_store = \"memory\"", "token_store"),
        ("user_store = \"memory\"\ntoken_store = \"memory\"", "user_store"),
    ] {
        refused(many(stores), &["registry.toml", &sentence(key), &format!("set {key} = \"database\"")]).await;
    }
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let options = Options::npm().environment("PACKHOUSE_CONFIG", "ignored");
    let ended = Registry::refuse_at(options, "absent.toml").await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("absent.toml"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_plugin_folder_that_is_not_there_is_named() {
    let options = Options::npm().whole("[plugins]\ndir = \"no-such-folder\"\n");
    refused(options, &["registry.toml", "[plugins]", "no-such-folder"]).await;
}

#[tokio::test]
async fn a_feature_that_the_plugin_does_not_have_is_named_with_the_one_that_was_meant() {
    let mount = |features: &str| Options::mounts(&format!("[mount.npm]\nfeatures = {{ {features} }}\n"));
    refused(mount("serach = true"), &["registry.toml", "[mount.npm] features", "`serach`", "`search`?"])
        .await;
    refused(
        mount("teleportation = true"),
        &["`teleportation`", "it has old_names, publish, search, unpublish"],
    )
    .await;
    let objects = Options::mounts("[mount.hostile]\nfeatures = { publish = true }\n").plugin("hostile");
    refused(objects, &["[mount.hostile] features", "`publish`", "it has none"]).await;
}

#[tokio::test]
async fn a_setting_that_the_plugin_cannot_use_is_named_and_never_its_value() {
    let of = |settings: &str| Options::mounts(&format!("[mount.npm.settings]\n{settings}\n"));
    let words =
        ["registry.toml", "[mount.npm.settings]", "the setting `registri` is not known", "no settings"];
    let ended = refused(of("registri = \"hunter2\""), &words).await;
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);

    let maven =
        |settings: &str| Options::mounts(&format!("[mount.maven.settings]\n{settings}\n")).plugin("maven");
    let known = "the setting `keep_snapshot_bilds` is not known: this protocol has `keep_snapshot_builds`";
    refused(maven("keep_snapshot_bilds = 3"), &["[mount.maven.settings]", known]).await;
    let wrong = ["[mount.maven.settings]", "`keep_snapshot_builds`", "must be a whole number from 0 on"];
    let ended = refused(maven("keep_snapshot_builds = \"hunter2\""), &wrong).await;
    assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_check_of_settings_that_does_what_it_may_not_refuses_them() {
    let options = Options::mounts("[mount.objects.settings]\nreads_storage = true\n").plugin("objects");
    let words = ["[mount.objects.settings]", "`settings-check` may use nothing but `settings`"];
    refused(options, &words).await;
}

#[tokio::test]
async fn a_setting_that_is_kept_elsewhere_and_is_not_there_is_named() {
    let settings = "[mount.npm.settings]\nupstream = { token = \"env:NO_SUCH_TOKEN\" }\n";
    refused(Options::mounts(settings), &["registry.toml", "settings.upstream.token", "NO_SUCH_TOKEN"]).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    // A file is where the folder should be: refused to root, too.
    let options = Options::npm().whole(
        "[storage]\ntype = \"fs\"\nroot = \"registry.toml/objects\"\n[server]\nlisten = \"127.0.0.1:0\"\n",
    );
    refused(options, &["registry.toml", "root", "registry.toml/objects"]).await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, _listener) = taken.unwrap_or_else(|error| panic!("{error}"));
    refused(Options::npm().listen(&address.to_string()), &["registry.toml", "listen", &address.to_string()])
        .await;
}

#[tokio::test]
async fn credentials_that_the_bucket_refuses_are_named() {
    let store = ObjectStore::start();
    let storage = store.configuration_with_secret("wrong");
    let options = Options::npm().whole(format!("{storage}[server]\nlisten = \"127.0.0.1:0\"\n[mount.npm]\n"));
    let ended = refused(options, &["registry.toml", "access_key", "access_secret"]).await;
    assert!(!ended.stderr.contains("wrong"), "the secret is not shown: {}", ended.stderr);
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named() {
    let storage = "[storage]\ntype = \"s3\"\nendpoint = \"127.0.0.1\"\nbucket_name = \"b\"\naccess_key = \"env:NO_SUCH_KEY\"\naccess_secret = \"x\"\n";
    refused(Options::npm().whole(storage), &["registry.toml", "NO_SUCH_KEY"]).await;
}

#[tokio::test]
async fn a_secret_for_access_tokens_that_is_too_short_is_told_and_not_shown() {
    let options = Options::npm().whole("[auth]\njwt_secret = \"guess-me\"\n");
    let ended = refused(options, &["registry.toml", "jwt_secret", "32"]).await;
    assert!(!ended.stderr.contains("guess-me"), "the secret is not shown: {}", ended.stderr);
}

#[tokio::test]
async fn a_key_for_access_tokens_that_cannot_be_used_is_named_with_its_file() {
    let keys = |file: &str, algorithm: &str| {
        format!(
            "[[auth.oci_tokens.keys]]\nkid = \"first\"\nalgorithm = \"{algorithm}\"\nprivate_key = \"{file}\"\n"
        )
    };
    refused(Options::npm().whole(keys("absent.pem", "ES256")), &["registry.toml", "first", "absent.pem"])
        .await;
    let words = ["registry.toml", "first", "registry.toml does not contain a key", "BEGIN PRIVATE KEY"];
    refused(Options::npm().whole(keys("registry.toml", "ES256")), &words).await;
    refused(Options::npm().whole(keys("registry.toml", "HS1")), &["registry.toml", "HS1", "`EdDSA`"]).await;
}

#[tokio::test]
async fn a_token_server_without_a_key_to_verify_by_is_told() {
    let options = Options::npm().whole("[auth.oci_tokens]\nrealm = \"https://auth.example.com/token\"\n");
    refused(options, &["registry.toml", "realm", "jwt_secret", "keys"]).await;
}

#[tokio::test]
async fn a_scope_that_is_none_is_named() {
    refused(Options::npm().anonymous(&["npm:read"]), &["registry.toml", "anonymous", "npm:read"]).await;
}

#[tokio::test]
async fn two_mounts_at_one_path_are_both_named() {
    let mounts = "[mount.npm]\n[mount.other]\nplugin = \"npm\"\nbase_path = \"/npm\"\n";
    refused(Options::mounts(mounts), &["registry.toml", "npm", "other"]).await;
}
