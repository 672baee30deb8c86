//! Debian's packages, where we may install them: the container tools, and what other kinds of
//! program need.

use super::Client;
use crate::command;
use std::process::Command;
use std::sync::OnceLock;

/// Whether the lists were fetched, once a run.
static UPDATED: OnceLock<bool> = OnceLock::new();

/// The name of each program, the packages that contain it and what it loads, and the argument that prints its
/// version. Any version will do: the distribution pins it.
const PROGRAMS: [(&str, &str, &str); 16] = [
    ("skopeo", "skopeo", "--version"),
    ("podman", "podman", "--version"),
    ("buildah", "buildah", "--version"),
    // What buildah and podman run commands with.
    ("crun", "crun", "--version"),
    // What the page for plugin authors asks its routes with.
    ("curl", "curl", "--version"),
    // Only its command line is used; no daemon is started.
    ("docker", "docker.io", "--version"),
    ("php", "php-cli php-zip php-curl php-xml php-mbstring", "--version"),
    ("composer", "composer", "--version"),
    // The proxies of `docs/behind-a-proxy.md`, and what makes their certificates.
    ("nginx", "nginx", "-v"),
    ("haproxy", "haproxy", "-v"),
    ("caddy", "caddy", "version"),
    ("openssl", "openssl", "version"),
    ("ruby", "ruby", "--version"),
    ("bundle", "bundler", "--version"),
    ("mvn", "maven", "--version"),
    // The browser of the tests of pages.
    ("chromedriver", "chromium chromium-driver", "--version"),
];

/// Installs the container tools that are not there, all at once; tells what then runs.
pub fn ensure() -> Vec<Client> {
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _, argument)| version(program, argument).is_none())
        .flat_map(|(_, packages, _)| packages.split(' '))
        .collect();
    let installed = if missing.is_empty() { Ok(()) } else { install(&missing) };
    PROGRAMS
        .into_iter()
        .map(|(name, _, argument)| {
            let failed = || installed.clone().err().unwrap_or_else(|| format!("`{name} {argument}` fails"));
            Client { name, version: version(name, argument).ok_or_else(failed) }
        })
        .collect()
}

/// The first word with a number of the first line: `skopeo version 1.9.3`. nginx prints its
/// version to standard error, as `nginx/1.22.1`.
fn version(program: &str, argument: &str) -> Option<String> {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("PATH=\"$PATH:/usr/sbin\" {program} {argument} 2>&1"));
    let told = command::answer(&mut shell)?;
    let words = told.lines().next()?.split([' ', '\t', '/', 'v', '\u{1b}']);
    words
        .map(|word| word.trim_end_matches(','))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// Installs these packages; a sentence saying why not otherwise.
pub fn install(packages: &[&str]) -> Result<(), String> {
    if command::on_path("apt-get").is_none() {
        return Err(format!("install {} (there is no apt-get here)", packages.join(" ")));
    }
    if command::answer(Command::new("id").arg("-u")).as_deref() != Some("0") {
        return Err(format!("install {} (only root may)", packages.join(" ")));
    }
    let updated = *UPDATED.get_or_init(|| command::succeeds(apt().arg("update")).unwrap_or(false));
    let installed = updated
        && command::succeeds(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
            .unwrap_or(false);
    if installed { Ok(()) } else { Err(format!("apt-get could not install {}", packages.join(" "))) }
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
    apt
}
