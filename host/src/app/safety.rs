//! Whether the host's own files are out of the reach of others: what runs (plugins, compiled
//! code) and who may do what (users) must not lie where objects are stored, nor where other
//! users of the machine can write.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::BuildError;
use crate::config::{Config, StorageKind};

/// One sentence for the first that is not safe.
pub(super) fn check(config: &Config) -> Result<(), BuildError> {
    let places = [
        ("[plugins] dir", &config.plugins.dir),
        ("[plugins] cache", &config.plugins.cache),
        ("[auth] database", &config.auth.database),
    ];
    for (key, place) in places {
        let place = absolute(place);
        if config.storage.kind == StorageKind::Fs && place.starts_with(absolute(&config.storage.root)) {
            return Err(refuse(
                config,
                key,
                &place,
                "it lies in the storage folder, which is for objects alone: \
                                                    choose a place outside of it",
            ));
        }
        if let Some(open) = place.ancestors().find(|folder| is_open_to_others(folder)) {
            let why = format!(
                "others can write to `{}`: take that away with chmod o-w,g-w, or choose another place",
                open.display()
            );
            return Err(refuse(config, key, &place, &why));
        }
    }
    Ok(())
}

fn refuse(config: &Config, key: &str, place: &Path, why: &str) -> BuildError {
    config.error(format!("{key} is `{}`, and {why}", place.display())).into()
}

/// Without symbolic links, as far as it exists.
fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match existing {
        Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(Path::new(""))),
        None => path,
    }
}

/// Can users other than this process's replace what is in it? Where the sticky bit is set, they
/// can only replace what is their own.
fn is_open_to_others(folder: &Path) -> bool {
    let Ok(metadata) = folder.metadata() else { return false };
    let mode = metadata.permissions().mode();
    let is_sticky = mode & 0o1000 != 0;
    let by_all = mode & 0o002 != 0;
    let by_group =
        mode & 0o020 != 0 && metadata.gid() != rustix::process::getegid().as_raw() && metadata.gid() != 0;
    metadata.is_dir() && !is_sticky && (by_all || by_group)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::fs;

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
}
