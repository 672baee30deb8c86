//! Whether other users of the machine can change a file or a folder. It does not know what the file
//! is for.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// All users, or those of a group that is neither this process's nor root's.
pub fn others_can_write(metadata: &Metadata) -> bool {
    let (mode, group) = (metadata.permissions().mode(), metadata.gid());
    mode & 0o002 != 0 || mode & 0o020 != 0 && group != rustix::process::getegid().as_raw() && group != 0
}

/// What is said of a file of the host's own that others can write to.
pub fn refusal(file: &Path) -> String {
    let file = file.display();
    format!(
        "others can write to `{file}`, which decides what this server does: remove that permission with chmod o-w,g-w"
    )
}
