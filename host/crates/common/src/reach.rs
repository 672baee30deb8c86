//! Whether other users of the machine can change a file or a folder. It does not know what the file
//! is for.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};

/// How another user can change a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// It belongs to this user, who is neither root nor the one of this process.
    Owner(u32),
    /// All users can write to it, or those of a group that is neither this process's nor root's.
    Permissions,
}

impl Exposure {
    /// None if only root and the user of this process can change it.
    pub fn of(metadata: &Metadata) -> Option<Self> {
        Self::of_mode(metadata.uid(), metadata.gid(), metadata.permissions().mode())
    }

    /// The same for a folder. If its sticky bit is set, other users can replace only their own files.
    pub fn of_folder(metadata: &Metadata) -> Option<Self> {
        let is_sticky = metadata.permissions().mode() & 0o1000 != 0;
        Self::of(metadata).filter(|exposure| *exposure != Self::Permissions || !is_sticky)
    }

    fn of_mode(user: u32, group: u32, mode: u32) -> Option<Self> {
        let (own_user, own_group) = (rustix::process::geteuid(), rustix::process::getegid());
        if user != 0 && user != own_user.as_raw() {
            return Some(Self::Owner(user));
        }
        let is_open = mode & 0o002 != 0 || mode & 0o020 != 0 && group != 0 && group != own_group.as_raw();
        is_open.then_some(Self::Permissions)
    }

    /// What is wrong with `place`, and what to do.
    pub fn sentence(self, place: &Path) -> String {
        let place = place.display();
        match self {
            Self::Owner(user) => format!(
                "`{place}` belongs to the user {user}, who can change it: give it with chown to root or to the user of this server"
            ),
            Self::Permissions => {
                format!("others can write to `{place}`: remove that permission with chmod o-w,g-w")
            }
        }
    }
}

/// The answer to a file that decides what the server does, if another user can change the file.
pub fn refusal(file: &Path, metadata: &Metadata) -> Option<String> {
    let exposure = Exposure::of(metadata).filter(|_| !is_read_only(file))?;
    Some(format!("another user can change what this server does: {}", exposure.sentence(file)))
}

/// The first of the folders above `path` (and `path`, if it is a folder) whose content another user
/// can replace. Both those that its text names and those to which symbolic links lead.
pub fn exposed_folder(path: &Path) -> Option<(PathBuf, Exposure)> {
    let named = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = named.ancestors().find_map(|above| above.canonicalize().ok());
    let folders = named.ancestors().skip(1).chain(real.iter().flat_map(|real| real.ancestors()));
    let mut folders = folders.filter_map(|folder| Some((folder, folder.metadata().ok()?)));
    folders.find_map(|(folder, metadata)| {
        let exposure =
            Exposure::of_folder(&metadata).filter(|_| metadata.is_dir() && !is_read_only(folder))?;
        Some((folder.to_owned(), exposure))
    })
}

/// Whether nobody can change it, because its file system is mounted read-only. The configuration of a
/// container often is, and belongs to a user of another machine.
fn is_read_only(path: &Path) -> bool {
    statvfs(path).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn only_root_and_the_user_of_the_process_may_own_and_write() {
        let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let (other, others) = (user + 1, group + 1);
        for (owner, its_group, mode, exposure) in [
            (user, group, 0o664, None),
            (0, 0, 0o664, None),
            (user, others, 0o644, None),
            (user, others, 0o664, Some(Exposure::Permissions)),
            (0, others, 0o664, Some(Exposure::Permissions)),
            (user, group, 0o646, Some(Exposure::Permissions)),
            (other, group, 0o600, Some(Exposure::Owner(other))),
            (other, group, 0o444, Some(Exposure::Owner(other))),
        ] {
            assert_eq!(Exposure::of_mode(owner, its_group, mode), exposure, "{owner} {its_group} {mode:o}");
        }
    }

    #[test]
    fn a_sticky_bit_protects_from_other_users_but_not_from_the_owner_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let of = |mode| {
            fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
            Exposure::of_folder(&folder.path().metadata().unwrap())
        };
        assert_eq!(of(0o1777), None);
        assert_eq!(of(0o777), Some(Exposure::Permissions));
        assert_eq!(of(0o755), None);
    }

    #[test]
    fn folders_above_a_file_and_above_the_target_of_a_link_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["named", "real", "real/below"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::write(at("real/below/file"), "").unwrap();
        std::os::unix::fs::symlink("../real/below/file", at("named/file")).unwrap();
        assert_eq!(exposed_folder(&at("named/file")), None);
        for open in ["named", "real"] {
            fs::set_permissions(at(open), Permissions::from_mode(0o777)).unwrap();
            let (found, exposure) = exposed_folder(&at("named/file")).unwrap();
            assert!(found.ends_with(open), "{}", found.display());
            assert!(exposure.sentence(&found).contains("chmod"));
            fs::set_permissions(at(open), Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!(exposed_folder(&at("named/absent")), None);
    }
}
