//! Plugins that were built for a released contract go on working: by this host, and by one
//! whose contract has grown since, as `wit/README.md` promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use packhouse::plugins::{Imports, LinkResult};
use packhouse::{Config, Registry, server};
use packhouse_tests::Actor;
use packhouse_tests::cargo::{self, Crate};
use packhouse_tests::npm::Package;
use packhouse_tests::oci::{Hand, Image};
use packhouse_tests::pypi::Distribution;
use packhouse_tests::registry::shared_code_cache;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

const PROTOCOLS: [&str; 4] = ["cargo", "npm", "oci", "pypi"];

/// A host in this process, with the plugins of one folder, where anybody may do anything.
struct Host {
    address: SocketAddr,
    folder: TempDir,
    registry: Registry,
    _serving: DropGuard,
}

impl Host {
    async fn serve(plugins: &Path, more: impl FnOnce(&mut Imports) -> LinkResult<()>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = configuration(&folder.path().join("objects"), plugins);
        let config = Config::parse(&text, "registry.toml".as_ref()).unwrap();
        let registry = Registry::build_offering(config, more).await.unwrap();
        let listener = server::listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let ending = server::Ending { graceful: stop.clone(), ..server::Ending::default() };
        let (settings, serving) = (registry.server_settings(), registry.clone());
        let service = move |request, peer| {
            let registry = serving.clone();
            async move { registry.dispatch(request, peer).await }
        };
        tokio::spawn(server::serve(listener, settings, service, ending));
        Self { address, folder, registry, _serving: stop.drop_guard() }
    }

    fn actor(&self, path: &str) -> Actor {
        Actor::anonymous(format!("http://{}{path}", self.address))
    }

    /// Something is published with each protocol, and comes back as it was.
    async fn is_of_use(&self) {
        let npm = self.actor("/npm");
        let package = Package::new("@acme/demo", "1.0.0").tag("latest");
        npm.put(&package.path(), &package.publish()).await.expect(201);
        assert_eq!(npm.get(&package.tarball_path()).await.expect(200).body, package.tarball());

        let registry = self.actor("/cargo");
        let published = Crate::new("demo", "1.0.0");
        published.publish(&registry).await.expect(200);
        assert_eq!(cargo::versions(&registry.get(&published.index_path()).await), ["1.0.0"]);
        assert_eq!(registry.get(&published.download_path()).await.expect(200).body, published.archive());

        let python = self.actor("/pypi");
        let wheel = Distribution::wheel("demo", "1.0");
        wheel.upload(&python).await.expect(200);
        let page = python.get("/simple/demo/").await.expect(200).text();
        assert!(page.contains(&wheel.sha256()), "{page}");

        let hand = Hand::new(&self.actor("/v2"), "team/demo");
        let image = Image::new("demo");
        hand.push(&image, "1").await;
        hand.expect_whole(&image, "1", "an image").await;
    }

    /// Every plugin walks what it has stored, and finds nothing wrong.
    fn is_well(&self) {
        let configuration = self.folder.path().join("registry.toml");
        let plugins = &self.registry.config().plugins.dir;
        let text = self::configuration(&self.folder.path().join("objects"), plugins);
        std::fs::write(&configuration, text).unwrap();
        for task in ["verify", "reindex", "gc"] {
            let mut command = std::process::Command::new(packhouse_tests::program());
            let ran = command.arg("--config").arg(&configuration).arg(task).output().unwrap();
            let told = String::from_utf8_lossy(&ran.stdout).into_owned();
            assert!(ran.status.success(), "{task}: {told}{}", String::from_utf8_lossy(&ran.stderr));
            for protocol in PROTOCOLS {
                assert!(told.contains(&format!("{protocol}: looked at")), "{task}: {told}");
            }
        }
    }
}

/// Of a host in which anybody may do anything.
fn configuration(objects: &Path, plugins: &Path) -> String {
    format!(
        "[storage]\ntype = \"fs\"\nroot = \"{}\"\n[auth]\nuser_store = \"memory\"\ntoken_store = \"memory\"\nanonymous = [\"*:*:*:*\"]\n\
         [plugins]\ndir = \"{}\"\ncache = \"{}\"\n[mount.oci]\ngrants = [\"/v2\"]\n",
        objects.display(),
        plugins.display(),
        shared_code_cache().display(),
    )
}

/// Plugins as they were when a contract was released: a folder each.
fn released() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/guests");
    let mut versions: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    versions.sort();
    assert!(!versions.is_empty(), "no contract was released");
    versions
}

/// What a later 0.1 may do: functions more in an interface that plugins import.
fn a_function_more_in_each_interface(imports: &mut Imports) -> LinkResult<()> {
    for interface in ["storage", "http", "auth", "digests", "uploads", "settings", "clock", "random", "log"] {
        imports
            .instance(&format!("packhouse:plugin/{interface}@0.1.1"))?
            .func_wrap("tell-more", |_, (word,): (String,)| Ok((format!("{word} and more"),)))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_of_every_released_contract_are_loaded_and_serve() {
    for plugins in released() {
        let host = Host::serve(&plugins, |_| Ok(())).await;
        host.is_of_use().await;
        host.is_well();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_of_every_released_contract_serve_where_interfaces_have_grown() {
    for plugins in released() {
        let host = Host::serve(&plugins, a_function_more_in_each_interface).await;
        host.is_of_use().await;
    }
}

/// The numbers in a component's names are what a host goes by; the same plugins under a later
/// number of the same line are plugins of that contract that need nothing new of it.
#[tokio::test(flavor = "multi_thread")]
async fn plugins_of_a_later_contract_of_the_line_that_need_nothing_new_serve_too() {
    let later = tempfile::tempdir().unwrap();
    let newest = released().pop().unwrap();
    for protocol in PROTOCOLS {
        let file = format!("{protocol}.wasm");
        let mut component = std::fs::read(newest.join(&file)).unwrap();
        assert!(renumber(&mut component, b"@0.1.0", b"@0.1.9") > 5, "{protocol} imports the contract");
        std::fs::write(later.path().join(&file), component).unwrap();
    }
    let host = Host::serve(later.path(), |_| Ok(())).await;
    host.is_of_use().await;
    host.is_well();
}

/// In names of the contract; a name keeps its length. Tells how many there were.
fn renumber(component: &mut [u8], from: &[u8], to: &[u8]) -> usize {
    let name = b"packhouse:plugin/";
    let mut found = 0;
    let mut at = 0;
    while let Some(start) = find(&component[at..], name).map(|start| at + start) {
        at = start + name.len();
        let end = component.len().min(at + 40);
        if let Some(number) = find(&component[at..end], from) {
            component[at + number..at + number + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    found
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
