//! The configurations of `docs/behind-a-proxy.md`, run by the proxies that they are for. A
//! client lies in every header that a proxy should set, and is not believed.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use packhouse_tests::clients::system;
use packhouse_tests::npm::Package;
use packhouse_tests::{Options, Registry, wait};
use serde_json::Value;
use tempfile::TempDir;

const PAGE: &str = include_str!("../../docs/behind-a-proxy.md");
const NAME: &str = "registry.example.com";
/// Another address of this machine than the proxy's.
const CLIENT: &str = "127.0.0.2";

/// The first block of the page in this language.
fn block(language: &str) -> String {
    let (_, behind) = PAGE.split_once(&format!("```{language}\n")).expect("a block of this language");
    behind.split_once("```").expect("its end").0.to_owned()
}

/// What the page says about `[server]`, but for the address.
fn server() -> String {
    let lines = block("toml");
    let lines: Vec<_> = lines.lines().filter(|line| !line.starts_with(['[', 'l'])).collect();
    lines.join("\n")
}

/// A running proxy; killed when dropped.
struct Proxy {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Proxy {
    /// Writes a configuration made from the free port and the folder, and runs the command on
    /// it. `None` where a program is missing.
    async fn start(
        file: &str,
        configure: impl FnOnce(u16, &Path) -> String,
        command: impl FnOnce(&Path) -> Option<Command>,
    ) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make_certificate(folder.path())?;
        let mut command = command(folder.path())?;
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        std::fs::write(folder.path().join(file), configure(port, folder.path())).expect("a configuration");
        let output = std::fs::File::create(folder.path().join("output")).expect("a file");
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("a file")).stderr(output);
        let mut proxy = Self { child: command.spawn().expect("it is installed"), port, folder };
        wait::until("that the proxy listens", || {
            let ended = proxy.child.try_wait().expect("a child of ours");
            assert!(ended.is_none(), "ended with {ended:?}: {}", proxy.output());
            let listens = std::net::TcpStream::connect(("127.0.0.1", proxy.port)).is_ok();
            std::future::ready(listens.then_some(()))
        })
        .await;
        Some(proxy)
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output")).unwrap_or_default()
    }

    /// What a client at another address gets who lies in every header: the head and the body.
    fn ask(&self, path: &str, more: &[&str]) -> Option<(String, String)> {
        let mut curl = system("curl")?;
        curl.args(["--silent", "--show-error", "--insecure", "--include", "--interface", CLIENT]);
        curl.args(["--resolve", &format!("{NAME}:{}:127.0.0.1", self.port)]);
        for lie in [
            "X-Forwarded-For: 192.0.2.66",
            "X-Forwarded-Proto: gopher",
            "X-Forwarded-Host: evil.example.com",
            "Forwarded: for=192.0.2.66;proto=http;host=evil.example.com",
        ] {
            curl.args(["--header", lie]);
        }
        let answer = curl.args(more).arg(format!("https://{NAME}:{}{path}", self.port)).output();
        let answer = answer.expect("curl runs");
        let told = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(answer.status.success(), "{told}\n{}", self.output());
        let text = String::from_utf8(answer.stdout).expect("text").replace("\r\n", "\n");
        // The answer to `Expect: 100-continue` comes before.
        let text = text.strip_prefix("HTTP/1.1 100 Continue\n\n").unwrap_or(&text);
        let (head, body) = text.split_once("\n\n").expect("a head and a body");
        Some((head.to_lowercase(), body.to_owned()))
    }
}

/// `site.pem` with `site.key`, and both in `both.pem`.
fn make_certificate(folder: &Path) -> Option<()> {
    let mut openssl = system("openssl")?;
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args([
        "-subj",
        "/CN=registry.example.com",
        "-days",
        "2",
        "-keyout",
        "site.key",
        "-out",
        "site.pem",
    ]);
    let done = openssl.current_dir(folder).output().expect("openssl runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("openssl wrote it");
    std::fs::write(folder.join("both.pem"), read("site.pem") + &read("site.key")).expect("a file");
    Some(())
}

async fn registry() -> Registry {
    Registry::start(Options::npm().server(&server())).await
}

/// The client's address, scheme and host are the true ones, and nothing of a request is lost.
async fn tells_the_truth(registry: &Registry, proxy: &Proxy) -> Option<()> {
    let origin = format!("https://{NAME}:{}", proxy.port);
    let publisher = registry.publisher().await;
    let package = Package::new("@scope/demo", "1.0.0");
    publisher.put("/@scope%2fdemo", &package.publish()).await.expect(201);
    let (head, body) = proxy.ask("/npm/@scope%2fdemo", &[])?;
    let document: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{head}\n\n{body}"));
    let link = document["versions"]["1.0.0"]["dist"]["tarball"].as_str().unwrap_or_default();
    assert!(link.starts_with(&format!("{origin}/npm/@scope/demo/-/")), "{link}");
    let vary = head.lines().find_map(|line| line.strip_prefix("vary: ")).unwrap_or_default();
    assert!(vary.contains("x-forwarded-proto") && vary.contains("x-forwarded-host"), "{head}");
    let logs = registry.logs_with("GET /npm/@scope%2fdemo 200").await;
    assert!(logs.contains(&format!("client.ip={CLIENT}")), "{logs}");
    assert!(logs.contains("@scope%2fdemo") && !logs.contains("192.0.2.66"), "{logs}");

    let (name, password) = ("admin", packhouse_tests::registry::ADMIN_PASSWORD);
    let large = proxy.folder.path().join("large.json");
    std::fs::write(&large, vec![b' '; 3 << 20]).expect("a file");
    let large = large.to_string_lossy().into_owned();
    let user = format!("{name}:{password}");
    let (head, body) = proxy.ask("/npm/large", &["--user", &user, "--upload-file", &large])?;
    // It reached the plugin, which found nothing in it.
    assert!(head.lines().next().is_some_and(|line| line.contains(" 400")), "{head}\n\n{body}");
    assert!(head.contains("cache-control: private"), "{head}");
    Some(())
}

#[tokio::test]
async fn nginx_tells_who_the_client_is() {
    let registry = registry().await;
    let address = registry.address();
    let configure = |port: u16, folder: &Path| {
        let site = block("nginx")
            .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"))
            .replace("/etc/ssl/registry.example.com", &folder.join("site").to_string_lossy())
            .replace("127.0.0.1:8080", &address);
        format!(
            "daemon off; worker_processes 1; pid nginx.pid; error_log stderr; events {{ }}\n\
             http {{ access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\n\
             uwsgi_temp_path t4; scgi_temp_path t5;\n{site}}}\n"
        )
    };
    let command = |folder: &Path| {
        let mut nginx = system("nginx")?;
        nginx.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "stderr"]);
        Some(nginx)
    };
    let Some(proxy) = Proxy::start("nginx.conf", configure, command).await else { return };
    tells_the_truth(&registry, &proxy).await;
}

#[tokio::test]
async fn caddy_tells_who_the_client_is() {
    let registry = registry().await;
    let address = registry.address();
    let configure = |port: u16, _: &Path| {
        let site = block("caddyfile")
            .replace(
                "registry.example.com {",
                &format!("https://registry.example.com:{port} {{\n    tls site.pem site.key"),
            )
            .replace("127.0.0.1:8080", &address);
        format!("{{\n    admin off\n    auto_https disable_redirects\n}}\n{site}")
    };
    let command = |folder: &Path| {
        let mut caddy = system("caddy")?;
        caddy.args(["run", "--config", "Caddyfile"]).current_dir(folder);
        caddy.env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder).env("HOME", folder);
        Some(caddy)
    };
    let Some(proxy) = Proxy::start("Caddyfile", configure, command).await else { return };
    tells_the_truth(&registry, &proxy).await;
}

#[tokio::test]
async fn haproxy_tells_who_the_client_is() {
    let registry = registry().await;
    let address = registry.address();
    let configure = |port: u16, folder: &Path| {
        block("haproxy")
            .replace("bind :443", &format!("bind 127.0.0.1:{port}"))
            .replace("/etc/haproxy/registry.example.com.pem", &folder.join("both.pem").to_string_lossy())
            .replace("127.0.0.1:8080", &address)
    };
    let command = |folder: &Path| {
        let mut haproxy = system("haproxy")?;
        haproxy.args(["-db", "-f", "haproxy.cfg"]).current_dir(folder);
        Some(haproxy)
    };
    let Some(proxy) = Proxy::start("haproxy.cfg", configure, command).await else { return };
    tells_the_truth(&registry, &proxy).await;
}
