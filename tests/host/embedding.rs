//! Packhouse inside another program, without a socket: requests are values, storage and
//! identity are reached beside them, and a plugin's documents are read through its crate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

use std::net::IpAddr;
use std::process::Command;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use packhouse::auth::{Grant, NewUser, TokenRequest, UserName};
use packhouse::storage::Key;
use packhouse::{Config, Registry, RemoteAddress};
use packhouse_npm::document::Packument;
use packhouse_npm::layout;
use packhouse_npm::name::PackageName;
use packhouse_tests::npm::Package;
use packhouse_tests::registry::{built, example};
use secrecy::ExposeSecret;

/// A registry in memory with the npm plugin.
async fn registry(folder: &std::path::Path) -> Registry {
    let plugins = folder.join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    std::fs::copy(built("npm"), plugins.join("npm.wasm")).unwrap();
    let text = format!(
        "[storage]\ntype = \"memory\"\n[auth]\nuser_store = \"memory\"\ntoken_store = \"memory\"\n[plugins]\ndir = \"{}\"\ncache = \"{}\"\n[mount.npm]\n",
        plugins.display(),
        folder.join("cache").display()
    );
    let config = Config::parse(&text, "embedded.toml".as_ref()).unwrap();
    Registry::build(config).await.unwrap()
}

async fn token(registry: &Registry) -> String {
    let password = "correct horse".to_owned().into();
    let name = UserName::parse("ann").unwrap();
    let grants = vec![Grant::parse("npm:package:*:write").unwrap()];
    registry
        .auth()
        .add_user(NewUser { name, email: None, grants, owns_by_name: false }, &password)
        .await
        .unwrap();
    let account = registry.auth().account("ann").await.unwrap();
    let issued = registry.auth().issue(&account, &TokenRequest::default()).await.unwrap();
    issued.secret.expose_secret().to_owned()
}

async fn send(registry: &Registry, request: Request<Full<Bytes>>) -> (StatusCode, Bytes) {
    let response = registry.handle(request).await;
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn what_was_published_is_read_from_storage_through_the_plugins_crate() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path()).await;
    let token = token(&registry).await;
    let package = Package::new("@demo/embedded", "1.0.0").tag("latest");
    let publish = Request::put(format!("/npm{}", package.path()))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(package.publish().to_string().into()))
        .unwrap();
    let (status, body) = send(&registry, publish).await;
    assert!(status.is_success(), "{status} {}", String::from_utf8_lossy(&body));

    let name = PackageName::parse("@demo/embedded").unwrap();
    let objects = registry.storage().scope("npm").unwrap();
    let key = Key::parse(&layout::index(&name)).unwrap();
    let (_, bytes) = objects.get(&key, 1 << 20).await.unwrap().expect("a packument");
    let packument = Packument::parse(&bytes).unwrap();
    assert_eq!(packument.tag("latest").as_deref(), Some("1.0.0"));

    let anonymous = Request::get("/npm/@demo%2fembedded").body(Full::default()).unwrap();
    assert_eq!(send(&registry, anonymous).await.0, StatusCode::OK);
    assert_eq!(registry.plugin("npm").unwrap().description.protocol, "npm");
}

#[tokio::test]
async fn the_program_says_who_sent_a_request() {
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(folder.path()).await;
    token(&registry).await;
    let account = registry.auth().account("ann").await.unwrap();
    let cidr = vec![packhouse::auth::parse_network("192.0.2.0/24").unwrap()];
    let request = TokenRequest { cidr, ..TokenRequest::default() };
    let secret = registry.auth().issue(&account, &request).await.unwrap().secret.expose_secret().to_owned();
    let ask = async |from: Option<[u8; 4]>| {
        let mut request =
            Request::get("/npm/-/whoami").header(header::AUTHORIZATION, format!("Bearer {secret}"));
        if let Some(address) = from {
            request = request.extension(RemoteAddress(IpAddr::from(address)));
        }
        registry.handle(request.body(Full::<Bytes>::default()).unwrap()).await.status()
    };
    assert_eq!(ask(Some([192, 0, 2, 7])).await, StatusCode::OK);
    assert_eq!(ask(Some([198, 51, 100, 7])).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(None).await, StatusCode::UNAUTHORIZED, "it came from this program");
}

#[test]
fn the_example_runs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(built("objects"), folder.path().join("objects.wasm")).unwrap();
    let ran = Command::new(example("embed")).arg(folder.path()).output().unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(told.contains("Objects at /objects is generation 1 with 0 objects"), "{told}");
}
