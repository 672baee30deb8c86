//! What `README.md` shows of a first start is what a first start says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use packhouse_tests::program;
use packhouse_tests::registry::{built, shared_code_cache};

const LISTENING: &str = "packhouse is listening on ";

#[test]
fn a_first_start_says_what_the_readme_shows() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = std::fs::read_to_string(workspace.join("README.md")).unwrap();
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("plugins")).unwrap();
    for plugin in ["cargo", "npm", "oci", "pypi"] {
        std::fs::copy(built(plugin), folder.path().join(format!("plugins/{plugin}.wasm"))).unwrap();
    }
    let configuration = std::fs::read_to_string(workspace.join("registry.toml")).unwrap();
    let cache = format!("{:?}", shared_code_cache());
    let configuration =
        configuration.replace("127.0.0.1:8080", "127.0.0.1:0").replace("\"data/cache\"", &cache);
    std::fs::write(folder.path().join("registry.toml"), configuration).unwrap();

    let mut command = Command::new(program());
    command.current_dir(folder.path()).env_remove("PACKHOUSE_ADMIN_PASSWORD");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        said.push(line.unwrap());
        if said.last().unwrap().starts_with(LISTENING) {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let address = said.last().unwrap().trim_start_matches(LISTENING).trim_start_matches("http://").to_owned();
    let said = said.join("\n").replace(&address, "127.0.0.1:8080");
    assert_eq!(without_password(&said), without_password(shown));
}

/// The lines, but for what is another one at each first start.
fn without_password(text: &str) -> Vec<&str> {
    let lines = text.trim().lines();
    lines.map(|line| line.split_once("shown this once: ").map_or(line, |(before, _)| before)).collect()
}
