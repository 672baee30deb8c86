//! The invariants of ARCHITECTURE.md that can be read off the tree.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::path::{Path, PathBuf};

/// All source files of the host's crates but their tests, with their paths relative to `src/`;
/// those of `crates/` begin with it.
fn sources() -> Vec<(String, String)> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = host.join("src");
    let mut folders = vec![root.clone(), host.join("crates")];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                let name = path.strip_prefix(&root).or_else(|_| path.strip_prefix(host)).unwrap();
                let name = name.to_str().unwrap().to_owned();
                sources.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(sources.len() > 20, "the sources are found");
    sources
}

fn is_of(file: &str, rooms: &[&str]) -> bool {
    rooms.iter().any(|room| file == format!("{room}.rs") || file.starts_with(&format!("{room}/")))
}

/// Files outside `rooms` in which one of `words` stands, as a word of its own.
fn strangers(words: &[&str], rooms: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, text) in sources() {
        if is_of(&file, rooms) {
            continue;
        }
        let lower = text.to_lowercase();
        let spoken = lower.split(|c: char| !c.is_ascii_alphanumeric());
        found.extend(spoken.filter(|word| words.contains(word)).map(|word| format!("{file} says {word}")));
    }
    found
}

#[test]
fn the_host_names_no_protocol() {
    let protocols = ["npm", "oci", "docker", "cargo", "pypi", "maven", "composer", "rubygems", "packument"];
    // The words of the earlier system's configuration.
    assert_eq!(strangers(&protocols, &["config/auth"]), Vec::<String>::new());
}

/// The crates of the host that depend on `name`, apart from their tests.
fn dependents(name: &str) -> Vec<String> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(host.join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for folder in crates.chain([host.to_owned()]) {
        let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        if manifest["dependencies"].as_table().unwrap().contains_key(name) {
            found.push(manifest["package"]["name"].as_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn each_large_library_has_one_crate_that_depends_on_it() {
    assert_eq!(dependents("opendal"), ["packhouse-storage"]);
    assert_eq!(dependents("sqlx"), ["packhouse-auth"]);
    assert_eq!(dependents("wasmtime"), ["packhouse"]);
}

#[test]
fn only_plugins_bindings_and_capabilities_name_wasmtime() {
    let rooms = ["plugins", "bindings", "capabilities"];
    assert_eq!(strangers(&["wasmtime"], &rooms), Vec::<String>::new());
}
