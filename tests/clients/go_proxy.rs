//! The example of a plugin from outside the workspace, `examples/go-proxy`, with the Go tool.

use http::Method;
use packhouse_tests::clients::golang::{self, Go};
use packhouse_tests::pypi::zip;
use packhouse_tests::{Actor, Options, Registry};

const MAIN: &str = "package main\n\nimport (\n\tone \"example.com/hello\"\n\ttwo \"example.com/hello/v2\"\n\n\t\
                    \"example.com/BigCorp/Tool\"\n)\n\nfunc main() { println(one.V, two.V, tool.V) }\n";

async fn publish(publisher: &Actor, path: &str, version: &str, package: &str) {
    let file = |name: &str| format!("{path}@{version}/{name}");
    let (go_mod, code) =
        (format!("module {path}\n"), format!("package {package}\n\nconst V = \"{version}\"\n"));
    let archive = zip(&[(&file("go.mod"), go_mod.as_bytes()), (&file("code.go"), code.as_bytes())]);
    let escaped: String = path.chars().map(escape).collect();
    let address = format!("/{escaped}/@v/{version}.zip");
    publisher.send(Method::PUT, &address, archive.clone()).await.expect(201);
    publisher.send(Method::PUT, &address, archive).await.expect(200);
}

fn escape(letter: char) -> String {
    if letter.is_ascii_uppercase() { format!("!{}", letter.to_ascii_lowercase()) } else { letter.into() }
}

#[tokio::test]
async fn the_go_tool_gets_lists_and_verifies_modules() {
    if packhouse_tests::clients::system("go").is_none() {
        return;
    }
    golang::build_proxy().await;
    let registry = Registry::start(Options::mounts("[mount.go]\n[mount.npm]\n").plugin("go")).await;
    let Some(go) = Go::module(&registry) else { return };
    let user = registry.user("publisher", &["go:module:*:write"]).await;
    let publisher = registry.actor("/go").with_token(&user.token);
    for version in ["v1.0.0", "v1.10.0", "v1.9.0", "v1.11.0-rc.1"] {
        publish(&publisher, "example.com/hello", version, "hello").await;
    }
    publish(&publisher, "example.com/hello/v2", "v2.0.1", "hello").await;
    publish(&publisher, "example.com/BigCorp/Tool", "v0.3.0", "tool").await;

    go.write("main.go", MAIN);
    go.run(&["get", "example.com/hello@v1.0.0"]).await.ok();
    assert_eq!(go.run(&["list", "-m", "example.com/hello"]).await.ok(), "example.com/hello v1.0.0\n");
    go.run(&["get", "example.com/hello@latest", "example.com/hello/v2", "example.com/BigCorp/Tool"])
        .await
        .ok();
    let listed = go.run(&["list", "-m", "all"]).await.ok();
    let expected =
        "app\nexample.com/BigCorp/Tool v0.3.0\nexample.com/hello v1.10.0\nexample.com/hello/v2 v2.0.1\n";
    assert_eq!(listed, expected);
    let versions = go.run(&["list", "-m", "-versions", "example.com/hello"]).await.ok();
    assert_eq!(versions, "example.com/hello v1.0.0 v1.9.0 v1.10.0 v1.11.0-rc.1\n");
    assert_eq!(go.run(&["mod", "verify"]).await.ok(), "all modules verified\n");
    go.run(&["vet", "."]).await.ok();

    // The Go tool shows what the plugin says.
    let unknown = go.run(&["get", "example.com/hello@v1.2.3"]).await.fails();
    assert!(unknown.contains("404 Not Found"), "{unknown}");
    assert!(unknown.contains("example.com/hello@v1.2.3 was not found"), "{unknown}");
    let branch = go.run(&["get", "example.com/hello@main"]).await.fails();
    assert!(branch.contains("410 Gone") && branch.contains("has no version main"), "{branch}");
}
