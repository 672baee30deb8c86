//! Moves finished files to their names and takes names away, with the folders
//! between. All of it blocks, and is called with the key's lock held.
//!
//! Folders are made and tidied by whoever needs it, without a lock of their own:
//! a folder that vanishes between making it and renaming into it is made again.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{StagingFile, is_nothing};
use crate::storage::error::{Result, StorageError};

/// How often a folder may vanish under us before we believe that something else
/// is wrong.
const ATTEMPTS: usize = 100;

/// Makes the staged file the object `path`, durably.
pub(super) fn place(staged: &StagingFile, root: &Path, path: &str) -> Result<()> {
    let target = root.join(path);
    for _ in 0..ATTEMPTS {
        let Err(error) = fs::rename(staged.path(), &target) else {
            staged.placed();
            return sync_folder(parent_of(&target));
        };
        match error.kind() {
            io::ErrorKind::NotFound if !staged.path().exists() => {
                return Err(StorageError::NotFound);
            }
            io::ErrorKind::NotFound => make_folders(parent_of(&target), path)?,
            io::ErrorKind::NotADirectory => return Err(StorageError::clash(path)),
            io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                clear_empty_folder(&target, path)?;
            }
            _ => return Err(error.into()),
        }
    }
    Err(StorageError::unavailable(format!("the folders of `{path}` keep vanishing; try again")))
}

/// False when no object was there.
pub(super) fn remove(root: &Path, path: &str) -> Result<bool> {
    let target = root.join(path);
    match fs::metadata(&target) {
        Ok(metadata) if metadata.is_file() => fs::remove_file(&target)?,
        Ok(_) => return Ok(false),
        Err(error) if is_nothing(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    match sync_folder(parent_of(&target)) {
        Ok(()) | Err(StorageError::NotFound) => {}
        Err(error) => return Err(error),
    }
    tidy(root, parent_of(&target));
    Ok(true)
}

fn parent_of(target: &Path) -> &Path {
    target.parent().unwrap_or(target)
}

/// Empty folders go, up to the root; the first that is in use ends it.
fn tidy(root: &Path, folder: &Path) {
    let mut folder = folder;
    while folder != root && folder.starts_with(root) && fs::remove_dir(folder).is_ok() {
        folder = parent_of(folder);
    }
}

/// Every missing folder, each made durable in the one above it.
fn make_folders(folder: &Path, path: &str) -> Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => sync_folder(parent_of(folder)).or_else(vanished),
        Err(error) => match error.kind() {
            io::ErrorKind::AlreadyExists if folder.is_file() => Err(StorageError::clash(path)),
            io::ErrorKind::AlreadyExists => Ok(()),
            io::ErrorKind::NotADirectory => Err(StorageError::clash(path)),
            // The caller's next attempt comes back here with the outer one made.
            io::ErrorKind::NotFound => {
                make_folders(parent_of(folder), path).and_then(|()| match fs::create_dir(folder) {
                    Ok(()) => sync_folder(parent_of(folder)).or_else(vanished),
                    Err(_) => Ok(()),
                })
            }
            _ => Err(error.into()),
        },
    }
}

fn vanished(error: StorageError) -> Result<()> {
    if matches!(error, StorageError::NotFound) { Ok(()) } else { Err(error) }
}

/// A folder without any object in it may give way to an object.
fn clear_empty_folder(target: &Path, path: &str) -> Result<()> {
    match remove_empty_folders(target) {
        Ok(()) => Ok(()),
        Err(error) if is_nothing(&error) => Ok(()),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) =>
        {
            Err(StorageError::clash(path))
        }
        Err(error) => Err(error.into()),
    }
}

fn remove_empty_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        remove_empty_folders(&entry.path())?;
    }
    fs::remove_dir(folder)
}

/// Makes names in a folder durable. File systems that cannot say so are trusted.
fn sync_folder(folder: &Path) -> Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error.into()),
        _ => Ok(()),
    }
}
