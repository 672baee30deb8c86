//! Maps the errors of SQLite to those of this crate. It does not know what was read or written.

use std::path::Path;

use crate::AuthError;

impl AuthError {
    /// Why a database file cannot be opened.
    pub(crate) fn of_file(path: &Path, error: &sqlx::Error) -> Self {
        if is_damaged(error) {
            Self::Damaged { file: named(path), reason: error.to_string() }
        } else {
            Self::Open { path: path.to_owned(), reason: error.to_string() }
        }
    }
}

pub(super) fn named(path: &Path) -> String {
    format!("`{}`", path.display())
}

impl From<sqlx::Error> for AuthError {
    fn from(error: sqlx::Error) -> Self {
        if is_damaged(&error) {
            return Self::Damaged {
                file: "that [auth] database names".to_owned(),
                reason: error.to_string(),
            };
        }
        let reason = match &error {
            sqlx::Error::PoolTimedOut => "it is locked by another process".to_owned(),
            _ if is_busy(&error) => "it is locked by another process".to_owned(),
            other => other.to_string(),
        };
        Self::Unavailable { reason, source: Some(Box::new(error)) }
    }
}

pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    matches!(code_of(error), Some(BUSY | LOCKED))
}

/// Its content is not what was written, or no database at all.
fn is_damaged(error: &sqlx::Error) -> bool {
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    matches!(code_of(error), Some(CORRUPT | NOT_A_DATABASE))
}

/// The tables are not those that the statement was written for.
pub(super) fn is_about_tables(error: &sqlx::Error) -> bool {
    code_of(error) == Some(1)
}

/// Of SQLite, without its extension.
pub(super) fn code_of(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).map(|extended| extended & 0xff)
}
