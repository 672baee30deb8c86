//! Moves finished files to their names, and removes names, with the folders above them. All
//! functions block, and are called with the key's lock held.
//!
//! Folders are created and removed without a lock of their own. If a folder disappears after it was
//! created and before a file is renamed into it, it is created again. The store's folder itself is
//! never created here.

use std::io;

use super::inside::{Inside, Kind, parent_of, sync};
use super::{StagingFile, is_nothing};
use crate::error::{Result, StorageError};

/// How often a folder may vanish under us before we believe that something else
/// is wrong.
const ATTEMPTS: usize = 100;

/// Makes the staged file the object `path`, durably.
pub(super) fn place(inside: &Inside, staged: &StagingFile, path: &str) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let error = match inside.rename(staged.path(), path) {
            Ok(folder) => {
                staged.placed();
                return Ok(sync(folder)?);
            }
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::NotFound if inside.metadata(staged.path()).is_err() => {
                return Err(StorageError::NotFound);
            }
            io::ErrorKind::NotFound => make_folders(inside, parent_of(path), path)?,
            io::ErrorKind::NotADirectory => return Err(StorageError::clash(path)),
            io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                clear_empty_folder(inside, path)?;
            }
            _ => return Err(error.into()),
        }
    }
    Err(StorageError::unavailable(format!("the folders of `{path}` keep vanishing; try again")))
}

/// False when no object was there.
pub(super) fn remove(inside: &Inside, path: &str) -> Result<bool> {
    match inside.metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Ok(false),
        Err(error) if is_nothing(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    sync(inside.remove(path)?)?;
    tidy(inside, parent_of(path));
    Ok(true)
}

/// Empty folders go; the first that is in use ends it.
fn tidy(inside: &Inside, folder: &str) {
    let mut folder = folder;
    while !folder.is_empty() && inside.remove_folder(folder).is_ok() {
        folder = parent_of(folder);
    }
}

/// Every missing folder, each made durable in the one above it.
fn make_folders(inside: &Inside, folder: &str, path: &str) -> Result<()> {
    if folder.is_empty() {
        return Err(StorageError::NotFound);
    }
    match inside.make_folder(folder) {
        Ok(above) => Ok(sync(above)?),
        Err(error) => match error.kind() {
            io::ErrorKind::AlreadyExists if inside.metadata(folder).is_ok_and(|found| found.is_file()) => {
                Err(StorageError::clash(path))
            }
            io::ErrorKind::AlreadyExists => Ok(()),
            io::ErrorKind::NotADirectory => Err(StorageError::clash(path)),
            // The caller's next attempt comes back here with the outer one made.
            io::ErrorKind::NotFound => {
                make_folders(inside, parent_of(folder), path)?;
                if let Ok(above) = inside.make_folder(folder) {
                    sync(above)?;
                }
                Ok(())
            }
            _ => Err(error.into()),
        },
    }
}

/// A folder without any object in it may give way to an object.
fn clear_empty_folder(inside: &Inside, target: &str) -> Result<()> {
    match remove_empty_folders(inside, target) {
        Ok(()) => Ok(()),
        Err(error) if is_nothing(&error) => Ok(()),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) =>
        {
            Err(StorageError::clash(target))
        }
        Err(error) => Err(error.into()),
    }
}

fn remove_empty_folders(inside: &Inside, folder: &str) -> io::Result<()> {
    for (name, kind) in inside.entries(folder)? {
        if kind != Kind::Folder {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        remove_empty_folders(inside, &format!("{folder}/{name}"))?;
    }
    inside.remove_folder(folder)
}
