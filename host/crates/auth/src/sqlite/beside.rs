//! The logs that lie beside the database file. SQLite looks for one whenever it begins to read, also
//! in a file that is open for long, and applies it to the file. A log does not name the database, nor
//! the state, that it was written for. So a log that a crash left beside one file, or that was copied
//! at another time, would change the file that it is put beside: removed users and revoked tokens
//! would be back. It must not know the tables.
//!
//! # Invariants
//! - A file that is not in write-ahead mode has no write-ahead log: SQLite removes the log before
//!   it changes the mode. Files of this version are never in that mode, and those of an earlier
//!   version are until their first start.
//! - A rollback journal holds the pages as they were before one transaction. So the file is either
//!   as before that transaction, or as after it.
//! - A log can be put there between the look and the transaction. SQLite then opens it, and what is
//!   committed is in that log alone. So a transaction that writes asks its connection whether it has
//!   a log. Closing such a connection would delete the log, so it stays open while the log is there.
//! - Closing a file gives up all locks that this process holds on it, SQLite's too. So the file
//!   through which it is looked at is opened before SQLite opens it, and never closed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteConnection;

use super::watched::identity;

/// The database files that this process has open, or had. They stay open until it ends.
static HELD: Mutex<BTreeMap<(u64, u64), Arc<File>>> = Mutex::new(BTreeMap::new());

/// How long a log that belongs to another file is looked at again: another process may be writing.
const SETTLING: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_millis(20);
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// Of a database file.
const HEADER: usize = 100;
/// Records of a journal that are looked at for the first page.
const MOST_RECORDS: u32 = 100_000;

/// A database file, open for looking at it.
#[derive(Debug)]
pub struct Held {
    /// As SQLite names it: it follows symbolic links before it names the logs.
    path: PathBuf,
    file: Arc<File>,
}

impl Held {
    pub fn take(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let known = identity(&path).and_then(|file| held.get(&file).cloned());
        if let Some(file) = known {
            return Ok(Self { path, file });
        }
        let file = Arc::new(File::open(&path)?);
        let metadata = file.metadata()?;
        // If a file that is open has replaced it a moment ago, that one's descriptor is leaked.
        let id = (metadata.dev(), metadata.ino());
        if let Some(other) = held.insert(id, Arc::clone(&file)) {
            std::mem::forget(other);
        }
        Ok(Self { path, file })
    }

    /// A sentence about a log beside the file that was not written for it.
    pub async fn foreign_log(&self) -> io::Result<Option<String>> {
        let deadline = Instant::now() + SETTLING;
        loop {
            match self.foreign_log_now()? {
                Some(_) if Instant::now() < deadline => tokio::time::sleep(RETRY).await,
                answer => return Ok(answer),
            }
        }
    }

    /// The same, at this moment. It may be wrong about one that another process is writing.
    pub fn foreign_log_now(&self) -> io::Result<Option<String>> {
        let log = beside(&self.path, "-wal");
        let has_log = log.metadata().is_ok_and(|metadata| metadata.len() > 0);
        if has_log && !is_in_log_mode(&self.header()?) {
            return Ok(Some(sentence(&self.path, &log)));
        }
        let log = beside(&self.path, "-journal");
        let journal = match File::open(&log) {
            Ok(journal) => journal,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_own = match Journal::read(&journal)? {
            Some(journal) => journal.belongs_to(&self.header()?),
            // SQLite finds nothing to apply in it.
            None => true,
        };
        Ok((!is_own).then(|| sentence(&self.path, &log)))
    }

    /// A sentence if this connection reads a write-ahead log that was not written for the file.
    pub async fn foreign_log_of(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<String>, sqlx::Error> {
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(connection).await?;
        let is_foreign = mode == "wal" && !is_in_log_mode(&self.header()?);
        Ok(is_foreign.then(|| sentence(&self.path, &beside(&self.path, "-wal"))))
    }

    fn header(&self) -> io::Result<Vec<u8>> {
        let mut header = vec![0; HEADER];
        let mut read = 0;
        while let Some(rest) = header.get_mut(read..)
            && !rest.is_empty()
        {
            match self.file.read_at(rest, read as u64)? {
                0 => break,
                some => read += some,
            }
        }
        header.truncate(read);
        Ok(header)
    }
}

fn sentence(path: &Path, log: &Path) -> String {
    format!(
        "the log `{}` lies beside the user database `{}` and was not written for this file: nothing was changed. If you \
         restored the database, move the log away; otherwise put the database back that was there",
        log.display(),
        path.display()
    )
}

/// Write-ahead mode, in which an earlier version left its files.
fn is_in_log_mode(header: &[u8]) -> bool {
    header.get(18..20).is_some_and(|versions| versions.contains(&2))
}

/// The name of a file beside another one.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
}

/// A rollback journal that SQLite would apply.
struct Journal {
    /// How many pages the database had before the transaction.
    pages: u32,
    /// The header of the file as it was then; none where the journal does not hold it.
    first: Option<[u8; HEADER]>,
}

impl Journal {
    fn read(file: &File) -> io::Result<Option<Self>> {
        let mut header = [0; 28];
        match file.read_exact_at(&mut header, 0) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let at = |offset| number(&header, offset).unwrap_or_default();
        let (records, pages, sector, page) = (at(8), at(16), at(20), at(24));
        let fits = (32..=65_536).contains(&sector) && (512..=65_536).contains(&page);
        if !header.starts_with(&JOURNAL_MAGIC) || !fits {
            return Ok(None);
        }
        let mut first = None;
        for record in 0..records.min(MOST_RECORDS) {
            let start = u64::from(sector) + u64::from(record) * (u64::from(page) + 8);
            let mut name = [0; 4];
            match file.read_exact_at(&mut name, start) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                read => read?,
            }
            if u32::from_be_bytes(name) == 1 {
                let mut content = [0; HEADER];
                file.read_exact_at(&mut content, start + 4)?;
                first = Some(content);
                break;
            }
        }
        Ok(Some(Self { pages, first }))
    }

    /// Is a file with this header as the journal says, or one transaction further?
    fn belongs_to(&self, header: &[u8]) -> bool {
        let (changes, pages) = (number(header, 24), number(header, 28));
        match (&self.first, self.pages) {
            (Some(first), _) => {
                let next = number(first, 24).map(|before| before.wrapping_add(1));
                first.starts_with(header) && !header.is_empty() || changes.is_some() && changes == next
            }
            // The transaction that makes the first tables.
            (None, 0) => changes.is_none_or(|changes| changes <= 1),
            (None, before) => pages == Some(before),
        }
    }
}

#[cfg(test)]
mod tests;
