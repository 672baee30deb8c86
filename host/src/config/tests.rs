#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::path::Path;

use secrecy::ExposeSecret as _;

use super::{Config, StorageKind};

fn refusal(text: &str) -> String {
    Config::parse(text, Path::new("registry.toml")).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_a_whole_configuration() {
    let config = Config::parse("", Path::new("registry.toml")).unwrap();
    assert_eq!(config.server.listen.port(), 8080);
    assert_eq!(config.storage.kind, StorageKind::Fs);
    assert_eq!(config.auth.anonymous, ["*:*:*:read", "*:*:*:pull"]);
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
        jwt_secret = "a secret that is long enough, really"
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
    let printed = format!("{config:?}");
    assert!(!printed.contains("\"secret\"") && !printed.contains("long enough"), "secrets are not printed");
}

#[test]
fn settings_of_a_mount_are_read_from_where_they_are_kept_and_never_printed() {
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "from a file\n").unwrap();
    let text = format!(
        "[mount.demo.settings]\nplain = \"as it is\"\n[[mount.demo.settings.upstream]]\nkeys = [\"file:{}\", 3]\n",
        key.path().display()
    );
    let config = Config::parse(&text, Path::new("registry.toml")).unwrap();
    let settings = &config.mount.get("demo").unwrap().settings;
    let json: serde_json::Value = serde_json::from_str(settings.json().unwrap().expose_secret()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({ "plain": "as it is", "upstream": [{ "keys": ["from a file", 3] }] })
    );
    assert_eq!(settings.secrets().len(), 1);
    let printed = format!("{config:?}");
    assert!(!printed.contains("from a file") && !printed.contains("as it is"), "{printed}");

    let missing = refusal("[mount.demo.settings]\nupstream = { token = \"env:NO_SUCH_TOKEN\" }\n");
    assert!(missing.contains("settings.upstream.token") && missing.contains("NO_SUCH_TOKEN"), "{missing}");
}

#[test]
fn no_two_mounts_take_the_tokens_of_one_service() {
    let with = |one: &str, two: &str| {
        format!("[mount.one]\ntoken_service = {one:?}\n[mount.two]\ntoken_service = {two:?}\n")
    };
    assert!(refusal(&with("registry", "registry")).contains("a token for one would be valid at the other"));
    assert!(refusal(&with("packhouse/two", "registry")).contains("stands for another mount"));
    assert!(refusal(&with("a b", "registry")).contains("white space"));
    assert!(Config::parse(&with("packhouse/one", "registry"), Path::new("registry.toml")).is_ok());
}

#[test]
fn the_rules_for_tokens_have_bounds() {
    assert!(refusal("[auth]\ntokens_per_user = 0").contains("1 to"));
    assert!(refusal("[auth]\nrefresh_idle = \"1m\"").contains("refresh_idle must be at least one hour"));
    assert!(refusal("[auth]\nrefresh_lifetime = \"0s\"").contains("refresh_lifetime must be"));
}

#[test]
fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
    assert_eq!(
        refusal("[storage]\ntype = \"fs\"\nendpont = \"x\"\n"),
        "registry.toml:3: unknown key `endpont`, did you mean `endpoint`?"
    );
}

#[test]
fn access_tokens_that_cannot_be_signed_or_verified_are_named_with_the_remedy() {
    let tokens = |lines: &str| refusal(&format!("[auth.oci_tokens]\n{lines}\n"));
    let key = |kid: &str, rest: &str| {
        format!("[[auth.oci_tokens.keys]]\nkid = \"{kid}\"\nalgorithm = \"ES256\"\n{rest}\n")
    };
    assert!(refusal("[auth]\njwt_secret = \"too short\"").contains("jwt_secret has 9 bytes"));
    assert!(!refusal("[auth]\njwt_secret = \"too short\"").contains("too short\""));
    assert!(tokens("realm = \"auth.example.com\"").contains("https://auth.example.com/token"));
    assert!(tokens("realm = \"https://auth.example.com/token\"").contains("jwt_secret"));
    assert!(tokens("service = \"my registry\"").contains("service"));
    assert!(tokens("service = \"\"").contains("service"));
    assert!(tokens("issuer = \"a\\\"b\"").contains("issuer"));
    for lifetime in ["0s", "59s", "61m"] {
        assert!(tokens(&format!("lifetime = \"{lifetime}\"")).contains("1m"), "{lifetime}");
    }
    assert!(tokens("lifetime = \"soon\"").contains("\"30s\""));
    assert!(refusal(&key("one", "public_key = \"a.pem\"")).contains("private_key"));
    assert!(refusal(&key("one", "")).contains("private_key"));
    assert!(refusal(&key("one", "public_key = \"a.pem\"\nprivate_key = \"b.pem\"")).contains("one file"));
    assert!(refusal(&key("", "private_key = \"a.pem\"")).contains("kid"));
    let twice = key("one", "private_key = \"a.pem\"") + &key("one", "private_key = \"b.pem\"");
    assert!(refusal(&twice).contains("two keys"));
    assert!(refusal("[[auth.oci_tokens.keys]]\nalgorithm = \"ES256\"\n").contains("kid"));
    let many: String = (0..17).map(|kid| key(&kid.to_string(), "private_key = \"a.pem\"")).collect();
    assert!(refusal(&many).contains("more than 16"));
}

#[test]
fn what_is_switched_off_is_not_needed_and_told_when_it_is_set() {
    let text = "[auth.oci_tokens]\nenabled = false\nrealm = \"https://auth.example.com/token\"";
    let config = Config::parse(text, Path::new("registry.toml")).unwrap();
    assert!(config.auth.access_tokens().is_none());
    assert_eq!(config.auth.not_used(), ["oci_tokens.realm"]);
    let config = Config::parse("", Path::new("registry.toml")).unwrap();
    assert!(config.auth.access_tokens().is_some() && config.auth.not_used().is_empty());
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

#[test]
fn a_bucket_is_told_by_keys_of_its_own() {
    let with = |lines: &str| {
        format!(
            "[storage]\ntype = \"s3\"\nbucket_name = \"packages\"\naccess_key = \"key\"\naccess_secret = \"word\"\n{lines}"
        )
    };
    for (endpoint, remedy) in [
        ("https://s3.example.com/", "write \"s3.example.com\" and use_ssl = true"),
        ("http://10.0.0.1:9000", "use_ssl = false"),
        ("s3.example.com/packages", "bucket_name"),
        ("s3.example.com:9000", "write \"s3.example.com\" and port = 9000"),
        ("key:word@s3.example.com", "access_key"),
        ("", "s3.example.com"),
    ] {
        let told = refusal(&with(&format!("endpoint = \"{endpoint}\"")));
        assert!(told.contains(remedy), "{endpoint}: {told}");
    }
    for endpoint in ["s3.example.com", "10.0.0.1", "[::1]"] {
        Config::parse(&with(&format!("endpoint = \"{endpoint}\"")), Path::new("registry.toml")).unwrap();
    }
    let ours = with("endpoint = \"s3.example.com\"\naddressing = \"virtual-host\"\n");
    Config::parse(&ours, Path::new("registry.toml")).unwrap();
    assert!(refusal(&ours.replace("\"packages\"", "\"my.packages\"")).contains("addressing = \"path\""));
    assert!(refusal(&ours.replace("\"packages\"", "\"a/b\"")).contains("bucket_name"));
    assert!(refusal(&ours.replace("virtual-host", "dns")).contains("virtual-host"));
    assert!(refusal(&with("endpoint = \"s3.example.com\"\npart_buffers = \"1MiB\"")).contains("32MiB"));
}

#[test]
fn a_secret_may_be_in_the_environment_or_in_a_file() {
    use secrecy::ExposeSecret;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from a file\n").unwrap();
    let text = |key: &str, secret: &str| {
        format!(
            "[storage]\ntype = \"s3\"\nendpoint = \"s3.example.com\"\nbucket_name = \"packages\"\n\
             access_key = \"{key}\"\naccess_secret = \"{secret}\"\n"
        )
    };
    // Cargo sets this one for every test.
    let told = text("env:CARGO_MANIFEST_DIR", &format!("file:{}", file.path().display()));
    let config = Config::parse(&told, Path::new("registry.toml")).unwrap();
    let key = config.storage.access_key.as_ref().unwrap();
    assert_eq!(key.0.expose_secret(), std::env::var("CARGO_MANIFEST_DIR").unwrap());
    assert_eq!(config.storage.access_secret.as_ref().unwrap().0.expose_secret(), "from a file");
    assert!(!format!("{config:?}").contains("from a file"));
    assert!(refusal(&text("key", "file:/no/such/file")).contains("/no/such/file"));
    assert!(refusal(&text("env:PACKHOUSE_NO_SUCH_VARIABLE", "word")).contains("PACKHOUSE_NO_SUCH_VARIABLE"));
}

#[test]
fn a_trusted_proxy_needs_the_headers_that_it_sets() {
    let server = |lines: &str| Config::parse(&format!("[server]\n{lines}"), Path::new("registry.toml"));
    let proxies = "trusted_proxies = [\"10.0.0.5\", \"fd00::/8\"]\n";
    for headers in ["\"x-forwarded-for\", \"x-forwarded-proto\", \"x-forwarded-host\"", "\"forwarded\""] {
        let config = server(&format!("{proxies}forwarded = [{headers}]")).unwrap();
        let names: Vec<_> = config.server.forwarded.iter().map(|header| header.name()).collect();
        assert_eq!(names.join("\", \""), headers.trim_matches('"'));
    }
    for (lines, words) in [
        (proxies.to_owned(), ["trusted_proxies is set without `forwarded`", "docs/behind-a-proxy.md"]),
        (
            "forwarded = [\"forwarded\"]".to_owned(),
            ["forwarded is set without `trusted_proxies`", "127.0.0.1"],
        ),
        (
            format!("{proxies}forwarded = [\"forwarded\", \"x-forwarded-for\"]"),
            ["together with other headers", "one kind"],
        ),
        ("trusted_proxies = [\"proxy\"]".to_owned(), ["\"proxy\"", "10.0.0.0/8"]),
        (format!("{proxies}forwarded = [\"x-real-ip\"]"), ["must be one of", "x-forwarded-for"]),
    ] {
        let refusal = server(&lines).map(|_| ()).unwrap_err().to_string();
        assert!(words.iter().all(|word| refusal.contains(word)), "{refusal}");
    }
}

#[test]
fn a_secret_of_the_wrong_form_is_not_printed() {
    for line in [
        "jwt_secret = 123456789",
        "jwt_secret = [\"123456789\"]",
        "jwt_secret = 123456789abc",
        "jwt_secret = \"123456789",
    ] {
        let refusal = refusal(&format!("[auth]\n{line}\n"));
        assert!(!refusal.contains("123456789") && refusal.starts_with("registry.toml:2"), "{refusal}");
    }
}

#[test]
fn a_value_of_a_wrong_type_is_told_in_the_words_of_the_file() {
    for (text, told) in [
        ("[server]\nlisten = 3\n", "`listen` must be an address with a port, e.g. `127.0.0.1:8080`"),
        ("server = 3\n", "`server` must be a table"),
        ("[storage]\nport = \"x\"\n", "`port` must be a whole number"),
        ("[storage]\nuse_ssl = 1\n", "`use_ssl` must be `true` or `false`"),
        ("[auth]\nanonymous = \"x\"\n", "`anonymous` must be a list in brackets"),
        ("[storage]\ntype = \"other\"\n", "`type` must be one of `"),
        ("[mount.demo]\nbase_path = 7\n", "`base_path` must be a string"),
        ("[mount.demo]\nfeatures = { search = \"yes\" }\n", "`features.search` must be `true` or `false`"),
        ("[mount.demo]\nfeatures = { a = true, b-c=1 }\n", "`features.b-c` must be `true` or `false`"),
        ("[mount.demo.features]\nsearch = \"a, b = {c = d\"\n", "`search` must be `true` or `false`"),
        ("[auth]\nanonymous = [\"a, b=c\", 7]\n", "`anonymous` must be a string"),
    ] {
        let refused = refusal(text);
        assert!(refused.contains(told), "{refused}");
        for word in ["struct", "expected", "invalid type", "sequence", "u16"] {
            assert!(!refused.contains(word), "{refused}");
        }
    }
    let secret = refusal("[storage]\naccess_secret = 918273645\n");
    assert!(secret.contains("access_secret") && !secret.contains("918273645"), "{secret}");
}
