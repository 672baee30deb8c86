//! The clock of the file system. For a network file system it is the clock of another machine: if a
//! file's time is set to "now", that machine sets it. It does not know what the time is used for.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

/// The time of a file is that of the last tick of the kernel's coarse clock.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// Sets the time of the last change to now, and reads it. Takes no space on the disk.
pub(super) fn touch(file: &File) -> io::Result<SystemTime> {
    let leave = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    rustix::fs::futimens(file, &Timestamps { last_access: leave, last_modification: now })?;
    file.metadata()?.modified()
}

/// What time it is, found out by touching a folder. Where nothing can be written (a file
/// system that is mounted read-only), this machine's clock has to do: nothing can be removed
/// for its age there either.
pub(super) fn read(folder: io::Result<File>) -> io::Result<SystemTime> {
    match folder.and_then(|folder| touch(&folder)) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
            ) =>
        {
            tracing::debug!(%error, "the clock of the storage folder cannot be read: {error}");
            Ok(SystemTime::now())
        }
        told => told,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn a_file_of_any_age_is_touched_with_the_present_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("old")).unwrap();
        let before = SystemTime::now() - Duration::from_millis(100);
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let now = touch(&file).unwrap();
        assert!(now > before && now <= SystemTime::now(), "{now:?}");
    }

    #[test]
    fn the_clock_of_a_folder_ticks() {
        let folder = tempfile::tempdir().unwrap();
        let first = read(File::open(folder.path())).unwrap();
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while read(File::open(folder.path())).unwrap() == first {
            assert!(std::time::Instant::now() < until, "it stands still");
        }
        assert!(read(File::open(folder.path())).unwrap() > first);
    }
}
