//! Whether the database file is still the one that was opened. SQLite goes on with a file that
//! was deleted or replaced, and what it answers then is nobody's: known users would stay, and new
//! ones would be lost. It must not know what the file holds.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::auth::AuthError;

/// Clones share what was told.
#[derive(Debug, Clone)]
pub(super) struct Watched(Arc<State>);

#[derive(Debug)]
struct State {
    path: PathBuf,
    /// Device and inode of the file that was opened; none where none was.
    opened: Option<(u64, u64)>,
    /// Why it is not to be used whatever file is there.
    refused: std::sync::OnceLock<String>,
    /// Has the log been told that it is gone?
    is_told: AtomicBool,
}

impl Watched {
    /// The file that is there now.
    pub fn new(path: &Path) -> Self {
        Self(Arc::new(State {
            path: path.to_owned(),
            opened: identity(path),
            refused: std::sync::OnceLock::new(),
            is_told: AtomicBool::new(false),
        }))
    }

    /// It is not to be used, for this reason, until the server is started again.
    pub fn refuse(&self, why: &str) {
        let _ = self.0.refused.set(why.to_owned());
    }

    /// `Gone` unless it is the file that was opened.
    pub fn check(&self) -> Result<(), AuthError> {
        let state = &*self.0;
        let why = match state.refused.get() {
            Some(why) => why.clone(),
            None if state.opened.is_some() && identity(&state.path) == state.opened => {
                if state.is_told.swap(false, Ordering::Relaxed) {
                    tracing::info!(file.path = %state.path.display(), "the user database is back");
                }
                return Ok(());
            }
            None => format!(
                "the user database `{}` is gone, or another file is in its place: put the one back that was there, \
                 then restart the server",
                state.path.display()
            ),
        };
        if !state.is_told.swap(true, Ordering::Relaxed) {
            tracing::error!(file.path = %state.path.display(), "{why}; until then, credentials are answered 503");
        }
        Err(AuthError::Gone(why))
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
