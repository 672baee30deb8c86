//! What no package brings: the right to mount a small file system, which the tests fill up.

use super::Client;
use crate::command;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Tries it, and undoes it.
pub fn ensure(folder: &Path) -> Vec<Client> {
    let version = mount(&folder.join("mounted")).map(|()| "can be mounted".to_owned());
    vec![Client { name: "small tmpfs", version }]
}

fn mount(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder);
    command::answer(&mut mount)
        .ok_or("it cannot be mounted here: only root may, and not in every container")?;
    command::answer(Command::new("umount").arg(folder)).map(|_| ()).ok_or("it cannot be unmounted".to_owned())
}
