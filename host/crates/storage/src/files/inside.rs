//! The open folder of a store, and the operations below it. Paths are relative to it, and **no
//! symbolic link below it is followed**, because a link could lead the host to files outside. All
//! functions block.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

/// Bucket are the host's own.
const FILE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER: Mode = Mode::RWXU;
const READ_FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);
/// Enough to look at a file or to go through a folder, and possible without the right to read.
#[cfg(target_os = "linux")]
const LOOK: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const LOOK: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

pub(super) struct Inside {
    folder: OwnedFd,
}

/// Tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileState {
    file: (u64, u64),
    /// Seconds and nanoseconds.
    changed: (i128, i128),
}

/// What a name in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// It is not followed.
    Link,
    /// No object: a socket, a pipe, a device.
    Other,
}

impl Inside {
    /// The path to the store's folder itself may lead through symbolic links.
    pub fn open(root: &Path) -> io::Result<Self> {
        let folder = rustix::fs::open(root, LOOK | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { folder })
    }

    pub fn read(&self, path: &str) -> io::Result<File> {
        // A pipe that somebody put there must not hold the thread.
        self.open_at(path, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).map(File::from)
    }

    /// A new file that only the host can read.
    pub fn create(&self, path: &str) -> io::Result<File> {
        self.open_at(path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL, FILE).map(File::from)
    }

    /// The same, or the one that is there.
    pub fn read_or_create(&self, path: &str) -> io::Result<File> {
        self.open_at(path, OFlags::RDWR | OFlags::CREATE, FILE).map(File::from)
    }

    pub fn metadata(&self, path: &str) -> io::Result<Metadata> {
        let metadata = File::from(self.open_at(path, LOOK, Mode::empty())?).metadata()?;
        if metadata.is_symlink() { Err(Errno::LOOP.into()) } else { Ok(metadata) }
    }

    /// Device and inode of a file, without opening it.
    pub fn identity(&self, path: &str) -> io::Result<(u64, u64)> {
        let stat = rustix::fs::statat(&self.folder, path, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// The same with the time of its last change (inode numbers are used again, and a file may be
    /// overwritten).
    pub fn state(&self, path: &str) -> io::Result<FileState> {
        let stat = rustix::fs::statat(&self.folder, path, AtFlags::SYMLINK_NOFOLLOW)?;
        let changed = (i128::from(stat.st_ctime), i128::from(stat.st_ctime_nsec));
        Ok(FileState { file: (stat.st_dev, stat.st_ino), changed })
    }

    /// Gives the target's folder, whose names are to be made durable.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<OwnedFd> {
        let (source, target) = (self.look_at_folder(parent_of(from))?, self.folder(parent_of(to))?);
        rustix::fs::renameat(&source, name_of(from), &target, name_of(to))?;
        Ok(target)
    }

    /// A second name for a file.
    pub fn link(&self, from: &str, to: &str) -> io::Result<()> {
        let (source, target) = (self.look_at_folder(parent_of(from))?, self.look_at_folder(parent_of(to))?);
        Ok(rustix::fs::linkat(&source, name_of(from), &target, name_of(to), AtFlags::empty())?)
    }

    /// Gives the folder, as [`Self::rename`].
    pub fn remove(&self, path: &str) -> io::Result<OwnedFd> {
        let folder = self.folder(parent_of(path))?;
        rustix::fs::unlinkat(&folder, name_of(path), AtFlags::empty())?;
        Ok(folder)
    }

    /// Gives the folder above, as [`Self::rename`].
    pub fn make_folder(&self, path: &str) -> io::Result<OwnedFd> {
        let above = self.folder(parent_of(path))?;
        rustix::fs::mkdirat(&above, name_of(path), FOLDER)?;
        Ok(above)
    }

    /// Fails unless it is empty.
    pub fn remove_folder(&self, path: &str) -> io::Result<()> {
        let above = self.look_at_folder(parent_of(path))?;
        Ok(rustix::fs::unlinkat(&above, name_of(path), AtFlags::REMOVEDIR)?)
    }

    /// Names that are UTF-8 and their kinds, in no order.
    pub fn entries(&self, folder: &str) -> io::Result<Vec<(String, Kind)>> {
        let folder = self.folder(folder)?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => match rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(Errno::NOENT) => continue,
                    Err(error) => return Err(error.into()),
                },
                kind => kind,
            };
            let kind = match kind {
                FileType::RegularFile => Kind::File,
                FileType::Directory => Kind::Folder,
                FileType::Symlink => Kind::Link,
                _ => Kind::Other,
            };
            entries.push((name.to_owned(), kind));
        }
        Ok(entries)
    }

    /// An open folder, to set its time.
    pub fn folder_itself(&self, path: &str) -> io::Result<File> {
        self.folder(path).map(File::from)
    }

    fn folder(&self, path: &str) -> io::Result<OwnedFd> {
        self.open_at(path, READ_FOLDER, Mode::empty())
    }

    fn look_at_folder(&self, path: &str) -> io::Result<OwnedFd> {
        self.open_at(path, LOOK | OFlags::DIRECTORY, Mode::empty())
    }

    /// The empty path is the store's folder.
    fn open_at(&self, path: &str, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let path = if path.is_empty() { "." } else { path };
        Ok(open_below(self.folder.as_fd(), path, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, mode)?)
    }
}

/// Makes names in a folder durable. File systems that cannot say so are trusted.
pub(super) fn sync(folder: OwnedFd) -> io::Result<()> {
    match File::from(folder).sync_all() {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error),
        _ => Ok(()),
    }
}

/// Whether an error says that nothing can be written, which a folder that is only read can bear.
pub(super) fn is_about_writing(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::StorageFull | Kind::QuotaExceeded | Kind::ReadOnlyFilesystem | Kind::PermissionDenied
    )
}

pub(super) fn parent_of(path: &str) -> &str {
    path.trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn name_of(path: &str) -> &OsStr {
    let path = path.trim_end_matches('/');
    OsStr::from_bytes(path.rsplit_once('/').map_or(path, |(_, name)| name).as_bytes())
}

/// In one call where the system can do it.
#[cfg(target_os = "linux")]
fn open_below(folder: BorrowedFd<'_>, path: &str, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};
    match openat2(folder, path, flags, mode, ResolveFlags::NO_SYMLINKS) {
        // Kernels before 5.6, and sandboxes that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => step_by_step(folder, path, flags, mode),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_below(folder: BorrowedFd<'_>, path: &str, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
    step_by_step(folder, path, flags, mode)
}

/// One folder after the other.
fn step_by_step(
    folder: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
    mode: Mode,
) -> rustix::io::Result<OwnedFd> {
    let through = LOOK | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut above: Option<OwnedFd> = None;
    let (folders, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
    for segment in folders.split('/').filter(|segment| !segment.is_empty()) {
        let at = above.as_ref().map_or(folder, AsFd::as_fd);
        let opened = rustix::fs::openat(at, segment, through, Mode::empty());
        above = Some(opened.map_err(|error| told_of_links(at, segment, error))?);
    }
    let at = above.as_ref().map_or(folder, AsFd::as_fd);
    rustix::fs::openat(at, name, flags, mode).map_err(|error| told_of_links(at, name, error))
}

/// A symbolic link is `ENOTDIR` to who asks for a folder.
fn told_of_links(at: BorrowedFd<'_>, name: &str, error: Errno) -> Errno {
    let is_link = |stat: rustix::fs::Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
    let looked = || rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
    if error == Errno::NOTDIR && looked().is_ok_and(is_link) { Errno::LOOP } else { error }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::error::is_link;

    type Way = fn(BorrowedFd<'_>, &str, OFlags, Mode) -> rustix::io::Result<OwnedFd>;

    #[test]
    fn both_ways_of_opening_refuse_links_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/file"), "text").unwrap();
        std::os::unix::fs::symlink("b", folder.path().join("a/link")).unwrap();
        std::os::unix::fs::symlink("file", folder.path().join("a/b/link")).unwrap();
        let inside = Inside::open(folder.path()).unwrap();
        let ways: [Way; 2] = [open_below, step_by_step];
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        for way in ways {
            let open = |path, flags| way(inside.folder.as_fd(), path, flags, Mode::empty());
            assert!(open("a/b/file", flags).is_ok());
            assert!(open(".", flags | OFlags::DIRECTORY).is_ok());
            assert_eq!(open("a/link/file", flags).unwrap_err(), Errno::LOOP);
            assert_eq!(open("a/b/link", flags).unwrap_err(), Errno::LOOP);
            assert_eq!(open("a/c/file", flags).unwrap_err(), Errno::NOENT);
            assert_eq!(open("a/b/file/c", flags).unwrap_err(), Errno::NOTDIR);
        }
        assert!(is_link(&inside.metadata("a/link").unwrap_err()));
        assert!(inside.entries("a").unwrap().contains(&("link".to_owned(), Kind::Link)));
        assert!(is_link(&inside.entries("a/link/").unwrap_err()));
    }
}
