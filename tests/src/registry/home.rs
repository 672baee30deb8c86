//! The folder that a registry under test runs in: configuration, plugins, users, objects.

use super::Options;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Removed when dropped.
pub struct Home {
    folder: TempDir,
    pub(crate) options: Options,
}

impl Home {
    pub(crate) fn lay_out(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = Self { folder, options };
        fs::create_dir(home.path().join("users")).expect("a folder for users");
        fs::create_dir(home.plugins()).expect("a folder for plugins");
        for plugin in &home.options.plugins {
            fs::copy(built(plugin), home.plugins().join(format!("{plugin}.wasm")))
                .expect("the plugin is copied");
        }
        fs::write(home.configuration(), home.options.text()).expect("the configuration is written");
        home
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Its own copy of the plugins, to be replaced and broken at will.
    pub fn plugins(&self) -> PathBuf {
        self.path().join("plugins")
    }

    pub fn configuration(&self) -> PathBuf {
        self.path().join("registry.toml")
    }

    /// The folder with the objects. Panics if the storage is memory.
    pub fn objects(&self) -> PathBuf {
        self.options.backend.folder(self.path()).expect("a store that is a folder")
    }

    /// Copies a tree of files into the bucket, as somebody would by hand.
    pub fn copy_into_bucket(&self, fixture: &str) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(fixture);
        copy_below(&source, &self.objects());
    }

    /// Makes every object so much older than it is. Panics where objects are no files.
    pub fn age(&self, by: Duration) {
        let objects = self.objects();
        for key in files_below(&objects) {
            let file = fs::File::open(objects.join(&key)).expect("an object");
            let modified = file.metadata().and_then(|there| there.modified()).expect("a time");
            file.set_modified(modified - by).expect("a file of ours");
        }
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys = files_below(&self.objects());
        // The host's own, and the work in progress of the engine versitygw.
        keys.retain(|key| !key.starts_with(".packhouse/") && !key.starts_with(".sgwtmp/"));
        keys.retain(|key| !key.ends_with("/.packhouse/mount.json"));
        keys
    }
}

/// A folder with the configuration and the plugins that Packhouse comes with, on a free port.
pub fn as_delivered() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("plugins")).expect("a folder for plugins");
    for plugin in ["cargo", "composer", "maven", "npm", "oci", "pypi", "rubygems"] {
        fs::copy(built(plugin), folder.path().join(format!("plugins/{plugin}.wasm")))
            .expect("the plugin is copied");
    }
    let cache = format!("\"{}\"", shared_code_cache().display());
    let configuration = crate::page::read("registry.toml");
    let configuration =
        configuration.replace("127.0.0.1:8080", "127.0.0.1:0").replace("\"data/cache\"", &cache);
    fs::write(folder.path().join("registry.toml"), configuration).expect("the configuration is written");
    folder
}

/// Copies all files below a folder to the same places below another.
pub fn copy_below(source: &Path, target: &Path) {
    for file in files_below(source) {
        let copy = target.join(&file);
        fs::create_dir_all(copy.parent().expect("a parent")).expect("a folder");
        fs::copy(source.join(&file), copy).expect("the file is copied");
    }
}

/// Paths of all files below a folder, relative to it, sorted.
pub fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(inner) = folders.pop() {
        let Ok(entries) = fs::read_dir(&inner) else {
            continue;
        };
        for path in entries.map(|entry| entry.expect("a folder's entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let relative = path.strip_prefix(folder).expect("it lies below");
                found.push(relative.to_str().expect("keys are UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The built program.
pub fn program() -> PathBuf {
    std::env::var_os("PACKHOUSE_BIN").map_or_else(|| beside_us("packhouse"), PathBuf::from)
}

/// A built example of the host.
pub fn example(name: &str) -> PathBuf {
    beside_us("examples").join(name)
}

/// A plugin's file, or a fixture guest's.
pub fn built(plugin: &str) -> PathBuf {
    let plugins = folder("PACKHOUSE_PLUGINS", || Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins"));
    let file = format!("{plugin}.wasm");
    let found = [plugins.join(&file), guests().join(&file)].into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("{file} is not built: run `cargo xtask plugins`, or the tests as `cargo xtask test`")
    })
}

/// Where fixture guests lie that were built.
pub(crate) fn guests() -> PathBuf {
    folder("PACKHOUSE_GUESTS", || beside_us("../guests"))
}

/// Compiled code is shared by all tests, so that each start is quick.
pub fn shared_code_cache() -> PathBuf {
    beside_us("../code-cache")
}

fn folder(variable: &str, otherwise: impl FnOnce() -> PathBuf) -> PathBuf {
    std::env::var_os(variable).map_or_else(otherwise, PathBuf::from)
}

/// In the folder of cargo's programs; tests lie in `deps` below it.
fn beside_us(name: &str) -> PathBuf {
    let us = std::env::current_exe().expect("a path of our own");
    let folder = us.parent().expect("a folder of our own");
    let programs = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    programs.expect("cargo's folders").join(name)
}
