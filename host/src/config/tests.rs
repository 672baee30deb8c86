#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::path::Path;

use super::{Config, StorageKind};

fn refusal(text: &str) -> String {
    Config::parse(text, Path::new("registry.toml")).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_a_whole_configuration() {
    let config = Config::parse("", Path::new("registry.toml")).unwrap();
    assert_eq!(config.server.listen.port(), 8080);
    assert_eq!(config.storage.kind, StorageKind::Fs);
    assert_eq!(config.auth.anonymous, ["*:*:*:read"]);
}

#[test]
fn the_file_that_is_shipped_is_read() {
    let text = include_str!("../../../registry.toml");
    let config = Config::parse(text, Path::new("registry.toml")).unwrap();
    assert!(config.mount.values().all(|mount| mount.enabled));
}

#[test]
fn the_earlier_systems_words_are_read_with_its_defaults() {
    let text = r#"
        [storage]
        type = "s3"
        endpoint = "s3.example.com"
        region = "eu-1"
        bucket_name = "my-registry"
        access_key = "key"
        access_secret = "secret"
        [auth]
        jwt_secret = "secret"
        token_store = "database"
        anonymous = ["*:*:*:read", "demo:*:*:pull"]
        [auth.npm_tokens]
        enabled = true
        default_readonly = false
        [auth.oci_tokens]
        enabled = true
        realm = "https://auth.example.com/token"
        service = "my-registry"
        [mount.demo]
        enabled = true
        base_path = "/demo"
        features = { publish = true, search = false }
    "#;
    let config = Config::parse(text, Path::new("registry.toml")).unwrap();
    assert_eq!((config.storage.port, config.storage.use_ssl), (443, true));
    assert!(!format!("{config:?}").contains("\"secret\""), "secrets are not printed");
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    assert_eq!(
        refusal("[storage]\ntype = \"fs\"\nendpont = \"x\"\n"),
        "registry.toml:3: unknown key `endpont`, did you mean `endpoint`?"
    );
}

#[test]
fn values_that_cannot_be_are_named_with_their_remedy() {
    assert!(refusal("[server.limits]\nidle_timeout = \"soon\"").contains("\"30s\""));
    assert!(refusal("[storage]\ntype = \"s3\"").contains("needs `endpoint`"));
    assert!(refusal("[mount.demo]\nbase_path = \"demo\"").contains("\"/demo\""));
    assert!(refusal("[mount.demo]\ngrants = [\"everything\"]").contains("\"login\""));
    assert!(
        refusal("[auth]\njwt_secret = \"env:PACKHOUSE_NO_SUCH_VARIABLE\"")
            .contains("PACKHOUSE_NO_SUCH_VARIABLE is not set")
    );
}
