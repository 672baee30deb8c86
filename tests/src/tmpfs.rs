//! A file system of a few mebibytes in memory, to be filled up.

use crate::skip::skip;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Unmounted when dropped.
pub struct Tmpfs {
    folder: TempDir,
}

impl Tmpfs {
    /// None where it cannot be mounted (only root may), which `cargo xtask clients` tells.
    pub fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let size = format!("size={mebibytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        let mounted = mount.status().is_ok_and(|status| status.success());
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
        // Lazily: whoever uses it still ends soon.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
