//! Checks that other users of the machine cannot change the host's own files. The code that runs
//! (plugins, compiled code), the users, the keys and the configuration must not be files that another
//! user owns or can write to, nor lie in such folders. They must not lie among the objects either.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::BuildError;
use crate::config::Config;
use packhouse_common::reach;

/// One sentence about the first unsafe file or folder.
pub(super) fn check(config: &Config) -> Result<(), BuildError> {
    let (plugins, cache) = (&config.plugins.dir, &config.plugins.cache);
    let places =
        [("[plugins] dir", plugins), ("[plugins] cache", cache), ("[auth] database", &config.auth.database)];
    for (key, place) in places {
        check_place(config, key, place)?;
    }
    if let Some(root) = config.storage.folder().map(absolute) {
        for (key, place) in [("[plugins] dir", plugins), ("[plugins] cache", cache)] {
            if root.starts_with(absolute(place)) {
                let why = format!(
                    "it lies in the folder of {key}, where clients would store files: choose another place"
                );
                return Err(refuse(config, "[storage] root", &root, &why));
            }
        }
    }
    for file in own_files(config) {
        check_file(config, &file)?;
    }
    Ok(())
}

/// A place outside of the objects, in folders to which others cannot write.
fn check_place(config: &Config, key: &str, place: &Path) -> Result<(), BuildError> {
    let root = config.storage.folder().map(absolute);
    if root.is_some_and(|root| absolute(place).starts_with(root)) {
        let why = "it lies in the storage folder, which is for objects alone: choose a place outside of it";
        return Err(refuse(config, key, place, why));
    }
    match reach::exposed_folder(place) {
        Some((open, exposure)) => {
            let why = format!("{}, or choose another place", exposure.sentence(&open));
            Err(refuse(config, key, place, &why))
        }
        None => Ok(()),
    }
}

/// The files that decide which code runs and who may do what: the configuration, the plugins, the
/// users, the keys of tokens. `plugins/key.rs` checks the key of compiled code.
fn own_files(config: &Config) -> Vec<PathBuf> {
    let beside = |path: &Path, ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let database = &config.auth.database;
    let mut files = vec![config.file.clone(), database.clone()];
    files.extend(["-journal", "-wal", "-shm"].map(|ending| beside(database, ending)));
    files.extend(config.auth.key_files().cloned());
    if let Ok(entries) = config.plugins.dir.read_dir() {
        let paths = entries.flatten().map(|entry| entry.path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")));
    }
    files
}

/// Neither the file nor a folder above it can be changed by others.
fn check_file(config: &Config, file: &Path) -> Result<(), BuildError> {
    let Some(metadata) = file.metadata().ok().filter(Metadata::is_file) else { return Ok(()) };
    if let Some(why) = reach::refusal(file, &metadata) {
        return Err(config.error(why).into());
    }
    let Some((folder, exposure)) = reach::exposed_folder(file) else { return Ok(()) };
    let why = exposure.sentence(&folder);
    let file = file.display();
    Err(config
        .error(format!("`{file}` decides what this server does, and another user can replace it: {why}"))
        .into())
}

fn refuse(config: &Config, key: &str, place: &Path, why: &str) -> BuildError {
    config.error(format!("{key} is `{}`, and {why}", place.display())).into()
}

/// The path without symbolic links, as far as it exists.
fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match existing {
        Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(folder: &Path, text: &str) -> Config {
        let text = text.replace("HERE", &folder.display().to_string());
        Config::parse(&text, Path::new("registry.toml")).unwrap()
    }

    const SAFE: &str = "[storage]\nroot = \"HERE/objects\"\n[auth]\ndatabase = \"HERE/own/users.sqlite\"\n\
                        [plugins]\ndir = \"HERE/plugins\"\ncache = \"HERE/cache\"\n";

    #[test]
    fn what_is_the_hosts_own_lies_outside_of_the_storage_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(&config(folder.path(), SAFE)).is_ok(), "below a sticky folder");
        fs::create_dir(folder.path().join("objects")).unwrap();
        std::os::unix::fs::symlink("objects", folder.path().join("link")).unwrap();
        for (own, key) in [("plugins", "dir"), ("cache", "cache"), ("own/users.sqlite", "database")] {
            for inside in ["objects/x", "link/x", "objects"] {
                let text = SAFE.replace(&format!("\"HERE/{own}\""), &format!("\"HERE/{inside}\""));
                let error = check(&config(folder.path(), &text)).unwrap_err().to_string();
                assert!(error.contains(key) && error.contains("storage folder"), "{error}");
            }
        }
        assert!(check(&config(folder.path(), &SAFE.replace("HERE/cache", "HERE/objects-cache"))).is_ok());
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused_unless_it_is_sticky() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        fs::create_dir(&own).unwrap();
        let set = |mode| fs::set_permissions(&own, fs::Permissions::from_mode(mode)).unwrap();
        for (mode, is_safe) in [(0o777, false), (0o757, false), (0o1777, true), (0o755, true), (0o700, true)]
        {
            set(mode);
            assert_eq!(check(&config(folder.path(), SAFE)).is_ok(), is_safe, "{mode:o}");
        }
        set(0o757);
        let error = check(&config(folder.path(), SAFE)).unwrap_err().to_string();
        assert!(error.contains("[auth] database") && error.contains("chmod"), "{error}");
    }

    #[test]
    fn the_storage_folder_does_not_lie_among_what_runs() {
        let folder = tempfile::tempdir().unwrap();
        for inside in ["plugins", "plugins/objects", "cache/objects"] {
            let text = SAFE.replace("HERE/objects", &format!("HERE/{inside}"));
            let error = check(&config(folder.path(), &text)).unwrap_err().to_string();
            assert!(error.contains("storage") && error.contains("[plugins]"), "{error}");
        }
        assert!(check(&config(folder.path(), &SAFE.replace("HERE/objects", "HERE/plugins-objects"))).is_ok());
    }

    #[test]
    fn a_file_of_the_host_that_others_can_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for own in ["own", "plugins"] {
            fs::create_dir(folder.path().join(own)).unwrap();
        }
        let own = ["plugins/demo.wasm", "own/users.sqlite", "own/users.sqlite-wal", "own/token-key.pem"];
        let key = crate::config::TokenKey {
            kid: "1".into(),
            algorithm: "ES256".into(),
            private_key: Some(folder.path().join("own/token-key.pem")),
            public_key: None,
        };
        let mut config = config(folder.path(), SAFE);
        config.auth.push_key(key);
        for name in own {
            let file = folder.path().join(name);
            fs::write(&file, "").unwrap();
            for (mode, is_safe) in [(0o666, false), (0o602, false), (0o644, true), (0o600, true)] {
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
                let checked = check(&config);
                assert_eq!(checked.is_ok(), is_safe, "{name} {mode:o}");
                if let Err(error) = checked {
                    assert!(
                        error.to_string().contains(name) && error.to_string().contains("chmod"),
                        "{error}"
                    );
                }
            }
        }
        fs::write(folder.path().join("plugins/notes.txt"), "").unwrap();
        let notes = folder.path().join("plugins/notes.txt");
        fs::set_permissions(&notes, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(check(&config).is_ok(), "it is no plugin");
    }
}
