//! `README.md` and `docs/users-and-tokens.md`, followed word for word: a first start, and the
//! commands of an operator.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use packhouse_tests::npm::{Package, noise};
use packhouse_tests::registry::as_delivered;
use packhouse_tests::{page, program};
use serde_json::json;

const LISTENING: &str = "packhouse is listening on ";
/// From here on the page is about a registry that is there.
const COMMANDS: &str = "## Users and tokens";

#[test]
fn a_first_start_says_what_the_readme_shows() {
    let readme = readme();
    let shown = readme.split("```text\n").nth(1).unwrap().split("```").next().unwrap();

    let folder = as_delivered();
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

#[test]
fn the_commands_of_the_readme_print_what_it_shows() {
    let readme = readme();
    let (_, commands) = readme.split_once(COMMANDS).unwrap();
    let folder = as_delivered();
    forget_a_version(&folder.path().join("data/objects"));
    // The first start has written the identity of the storage.
    let mut adopt = Command::new(program());
    adopt.current_dir(folder.path()).args(["store", "adopt"]).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(adopt.status().unwrap().success());
    follow(commands, folder.path());
}

#[test]
fn the_commands_about_users_and_tokens_do_what_the_page_says() {
    let folder = as_delivered();
    follow(&page::read("docs/users-and-tokens.md"), folder.path());
    let key = fs::read_to_string(folder.path().join("token-key.pem")).unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"), "a key file is made");
}

/// Follows a page with `packhouse` in the path.
fn follow(page: &str, folder: &Path) {
    fs::create_dir(folder.join("bin")).unwrap();
    std::os::unix::fs::symlink(program(), folder.join("bin/packhouse")).unwrap();
    let path = format!("{}/bin:{}", folder.display(), std::env::var("PATH").unwrap());
    page::follow(page, folder, &[("PATH", &path), ("PASSWORD", "correct horse battery staple")]);
}

fn readme() -> String {
    page::read("README.md")
}

/// What a publish leaves that ended between its two writes, two days ago.
fn forget_a_version(objects: &Path) {
    let [known, forgotten] =
        ["1.0.0", "1.1.0"].map(|version| Package::new("demo", version).file("data.bin", noise(1, 1_250_000)));
    let published = known.publish();
    let document = json!({
        "name": "demo", "dist-tags": {"latest": "1.0.0"}, "versions": published["versions"],
        "time": {"created": "2026-01-02T03:04:05.000Z", "1.0.0": "2026-01-02T03:04:05.000Z"},
    });
    for (key, bytes) in [
        (known.index_key(), document.to_string().into_bytes()),
        (known.tarball_key(), known.tarball()),
        (forgotten.tarball_key(), forgotten.tarball()),
    ] {
        let path = objects.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        let long_ago = SystemTime::now() - Duration::from_hours(48);
        fs::File::open(&path).unwrap().set_modified(long_ago).unwrap();
    }
}

/// The lines, but for what is another one at each first start.
fn without_password(text: &str) -> Vec<&str> {
    let lines = text.trim().lines();
    lines.map(|line| line.split_once("shown this once: ").map_or(line, |(before, _)| before)).collect()
}
