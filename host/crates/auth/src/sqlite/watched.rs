//! Whether the database file is still the one that was opened. SQLite continues to use a file that
//! was deleted or replaced: the users in it would stay valid, and new ones would be lost. It does
//! not know the content of the file; `lineage` does.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::lineage::Stranger;
use crate::AuthError;

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
    /// A sentence about a log beside it that is not its own.
    log: Mutex<Option<String>>,
    /// What the log has been told, while it is not there.
    told: Mutex<Option<String>>,
}

impl Watched {
    /// The file that is there now.
    pub fn new(path: &Path) -> Self {
        Self(Arc::new(State {
            path: path.to_owned(),
            opened: identity(path),
            refused: std::sync::OnceLock::new(),
            log: Mutex::default(),
            told: Mutex::default(),
        }))
    }

    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// A sentence for content that is not what was opened.
    pub fn overwritten(&self, stranger: Stranger) -> String {
        let with = match stranger {
            Stranger::Other => "the content of another one",
            Stranger::Earlier => "an earlier state of itself",
            Stranger::Mixed => {
                return format!(
                    "the user database `{}` was overwritten in the middle of a write, and is a mixture of two states: \
                     stop the server, restore the database from a backup, and start it again",
                    self.0.path.display()
                );
            }
            Stranger::Unknown => {
                return format!(
                    "the user database `{}` was changed so often since the server last read it that the server cannot verify that it is the same one: restart the server to use it",
                    self.0.path.display()
                );
            }
        };
        format!(
            "the user database `{}` was overwritten with {with} while the server ran: if it is a restored copy, restart \
             the server to use it; otherwise stop the server, put the right one back, and start it again",
            self.0.path.display()
        )
    }

    /// A log that is not its own lies beside it, as the sentence says, or does no longer.
    pub fn found(&self, log: Option<String>) {
        *self.0.log.lock().unwrap_or_else(PoisonError::into_inner) = log;
    }

    /// The sentence about a log that was found last.
    pub fn log(&self) -> Option<String> {
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Is it the file that was opened, whatever it holds?
    pub fn is_there(&self) -> bool {
        self.0.opened.is_some() && identity(&self.0.path) == self.0.opened
    }

    /// It is not to be used, for this reason, until the server is started again.
    pub fn refuse(&self, why: &str) {
        let _ = self.0.refused.set(why.to_owned());
    }

    /// `Gone` unless it is the file that was opened, and no other file's log lies beside it.
    pub fn check(&self) -> Result<(), AuthError> {
        let state = &*self.0;
        let why = match state.refused.get() {
            Some(why) => why.clone(),
            None if self.is_there() => {
                let Some(sentence) = self.log() else {
                    if self.tell(None) {
                        tracing::info!(file.path = %state.path.display(), "the user database is back");
                    }
                    return Ok(());
                };
                sentence
            }
            None if state.opened.is_some() && state.path.exists() => format!(
                "another file is in the place of the user database `{}`: if it is a restored copy, restart the server \
                 to use it; otherwise put the one back that was there",
                state.path.display()
            ),
            None => format!(
                "the user database `{}` is gone: put it back, or restore it from a backup and restart the server",
                state.path.display()
            ),
        };
        if self.tell(Some(&why)) {
            tracing::error!(file.path = %state.path.display(), "{why}; until then, credentials are answered 503");
        }
        Err(AuthError::Gone(why))
    }

    /// Is this news?
    fn tell(&self, why: Option<&str>) -> bool {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_deref() == why {
            return false;
        }
        *told = why.map(str::to_owned);
        true
    }
}

pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
