//! The invariants of ARCHITECTURE.md that can be read off the tree.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// All source files of the host's crates but their tests, with their paths relative to `src/`;
/// those of `crates/` begin with it.
fn sources() -> Vec<(String, String)> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = sources_of(&host.join("src"));
    sources.extend(
        sources_of(&host.join("crates")).into_iter().map(|(file, text)| (format!("crates/{file}"), text)),
    );
    sources
}

/// The source files below a folder but tests, with their paths relative to it.
fn sources_of(root: &Path) -> Vec<(String, String)> {
    let mut folders = vec![root.to_owned()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("tests.rs")
            {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                sources.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!sources.is_empty(), "the sources are found");
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
    let protocols =
        ["npm", "oci", "docker", "cargo", "pypi", "maven", "composer", "rubygems", "packument", "yank"];
    // The words of the earlier system's configuration.
    assert_eq!(strangers(&protocols, &["config/auth"]), Vec::<String>::new());
}

fn host() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folders of the crates below `host/crates/`.
fn crates() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(host().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("Cargo.toml").exists()).collect();
    folders.sort();
    assert!(folders.len() > 5, "the crates are found: {folders:?}");
    folders
}

fn manifest(folder: &Path) -> toml::Table {
    toml::from_str(&std::fs::read_to_string(folder.join("Cargo.toml")).unwrap()).unwrap()
}

/// The crates of the host that depend on `name`, apart from their tests.
fn dependents(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for folder in crates().into_iter().chain([host()]) {
        let manifest = manifest(&folder);
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
    assert_eq!(dependents("ldap3"), ["packhouse-providers"]);
    assert_eq!(dependents("redis"), ["packhouse-auth"]);
    assert_eq!(dependents("sqlx"), ["packhouse-auth"]);
    assert_eq!(dependents("wasmtime"), ["packhouse-guest"]);
}

/// Whether code outside of tests names the library.
fn is_used(library: &str, sources: &[(String, String)]) -> bool {
    let name = if library == "md-5" { "md5".to_owned() } else { library.replace('-', "_") };
    let code = sources.iter().filter(|(file, _)| !file.split('/').any(|part| part == "tests"));
    let mut code = code.map(|(_, text)| text.split("mod tests {").next().unwrap());
    code.any(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name))
}

#[test]
fn what_only_tests_use_is_a_dependency_of_tests() {
    // Their code is being written.
    let unfinished = ["auth", "providers"];
    let soon = ["packhouse-providers"];
    let finished =
        crates().into_iter().filter(|folder| !unfinished.iter().any(|name| folder.ends_with(name)));
    for folder in finished.chain([host()]) {
        let (manifest, sources) = (manifest(&folder), sources_of(&folder.join("src")));
        let libraries = manifest["dependencies"].as_table().unwrap().keys();
        let unused = libraries.filter(|library| !is_used(library, &sources));
        let unused: Vec<&String> = unused.filter(|library| !soon.contains(&library.as_str())).collect();
        assert_eq!(unused, Vec::<&String>::new(), "{}", folder.display());
    }
}

/// The modules at the top of a crate, and for each those that it uses.
fn uses(root: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in sources_of(root) {
        let path: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
        let module = path[0];
        if ["lib", "main"].contains(&module) || path.contains(&"tests") {
            continue;
        }
        let others = uses.entry(module.to_owned()).or_default();
        let code = text.split("#[cfg(test)]").next().unwrap().lines();
        let code: Vec<&str> = code.filter(|line| !line.trim_start().starts_with("//")).collect();
        let code = code.join("\n");
        // Both lead to the top of the crate.
        for top in ["crate::".to_owned(), "super::".repeat(path.len())] {
            for (at, _) in code.match_indices(&top) {
                let is_part = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
                if !is_part {
                    others.extend(
                        named_at(&code[at + top.len()..]).filter(|name| *name != module).map(str::to_owned),
                    );
                }
            }
        }
    }
    uses
}

/// The modules that a path names at this place: one, or those in braces.
fn named_at(code: &str) -> impl Iterator<Item = &str> {
    let list = code.strip_prefix('{').and_then(|rest| rest.split('}').next());
    let names = list.map_or_else(|| vec![code], |list| list.split(',').map(str::trim).collect());
    names.into_iter().filter_map(|name| name.split(|c: char| !c.is_alphanumeric() && c != '_').next())
}

/// Pairs of modules that use each other, directly or through others.
fn cycles(uses: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let reach = |from: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = next.pop() {
            for used in uses.get(&module).into_iter().flatten() {
                if seen.insert(used.clone()) {
                    next.push(used.clone());
                }
            }
        }
        seen
    };
    let in_cycle = uses.keys().filter(|module| reach(module).contains(*module));
    in_cycle.cloned().collect()
}

#[test]
fn no_modules_of_a_crate_use_each_other_in_a_circle() {
    // `bindgen!` of `bindings` names the types behind its resources, which implement its traits.
    let known = [("guest", vec!["bindings", "capabilities"])];
    assert_eq!(cycles(&uses(&host().join("src"))), Vec::<String>::new(), "the program");
    for folder in crates() {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let found = cycles(&uses(&folder.join("src")));
        let expected = known.iter().find(|(known, _)| *known == name);
        assert_eq!(found, expected.map_or_else(Vec::new, |(_, modules)| modules.clone()), "{name}");
    }
}
