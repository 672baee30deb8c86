//! Mounted file systems: one of a few mebibytes in memory, to be filled up, and a read-only view.

use crate::skip::skip;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// Unmounted when dropped.
pub struct Tmpfs {
    folder: TempDir,
}

impl Tmpfs {
    /// None if it cannot be mounted: only root may. `cargo xtask clients` reports this.
    pub fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        let mounted = succeeds(&mut mount);
        if !mounted {
            skip("the right to mount a small file system");
        }
        mounted.then_some(Self { folder })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        unmount(self.path());
    }
}

/// A read-only view of a folder that lies over it, because a disk with open files stays writable.
/// Taken away when dropped.
pub struct ReadOnly(PathBuf);

impl ReadOnly {
    pub fn cover(folder: &Path) -> Self {
        // Made aside, because a view in which a file is open for writing cannot become read-only.
        let aside = tempfile::tempdir().expect("a temporary folder");
        let aside = Self::bind(folder, aside.path());
        let is_read_only = succeeds(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(&aside.0));
        assert!(is_read_only, "the view of {} is read-only", folder.display());
        Self::bind(&aside.0, folder)
    }

    fn bind(source: &Path, target: &Path) -> Self {
        let is_bound = succeeds(Command::new("mount").arg("--bind").args([source, target]));
        assert!(is_bound, "{} is bound to {}", source.display(), target.display());
        Self(target.to_owned())
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

/// Lazily: a process that still uses it ends soon.
fn unmount(folder: &Path) {
    succeeds(Command::new("umount").arg("--lazy").arg(folder));
}

/// One command at a time: while another one changes the list of mounts, `mount` can miss an entry.
fn succeeds(command: &mut Command) -> bool {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    command.status().is_ok_and(|status| status.success())
}
