//! The logs that lie beside the database file when it is opened. SQLite applies such a log to the
//! file, and a log does not name the database that it was written for. So a log that a crash left
//! beside one file would change another file that an operator puts in its place: removed users and
//! revoked tokens would be back. It must not know the tables.
//!
//! # Invariants
//! - A file that is not in write-ahead mode has no write-ahead log: SQLite removes the log before
//!   it changes the mode. Files of this version are never in that mode, and those of an earlier
//!   version are until their first start.
//! - A rollback journal holds the pages as they were before one transaction. So the file is either
//!   as before that transaction, or as after it.
//! - Closing a file gives up all locks that this process holds on it, SQLite's too. So a file is
//!   looked at only while this process does not have it open.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::watched::identity;

/// How often this process has each database file open.
static HELD: Mutex<BTreeMap<(u64, u64), usize>> = Mutex::new(BTreeMap::new());

const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// Of a database file.
const HEADER: usize = 100;
/// Records of a journal that are looked at for the first page.
const MOST_RECORDS: u32 = 100_000;

/// The file is open in this process until this is dropped.
#[derive(Debug)]
pub struct Held((u64, u64));

impl Held {
    /// Holds the file, unless a log beside it is not its own: then a sentence says so.
    pub fn take(path: &Path) -> io::Result<Result<Self, String>> {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let file = identity(path).ok_or(ErrorKind::NotFound)?;
        if !held.contains_key(&file)
            && let Some(sentence) = foreign_log(path)?
        {
            return Ok(Err(sentence));
        }
        *held.entry(file).or_default() += 1;
        Ok(Ok(Self(file)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.0) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.0);
            }
        }
    }
}

/// A sentence about a log beside the file that was not written for it.
fn foreign_log(path: &Path) -> io::Result<Option<String>> {
    // SQLite follows symbolic links before it names the logs.
    let path = &path.canonicalize()?;
    let mut header = Vec::new();
    File::open(path)?.take(HEADER as u64).read_to_end(&mut header)?;
    let log = beside(path, "-wal");
    let has_log = log.metadata().is_ok_and(|metadata| metadata.len() > 0);
    if has_log && !is_in_log_mode(&header) {
        return Ok(Some(sentence(path, &log)));
    }
    let log = beside(path, "-journal");
    let journal = match File::open(&log) {
        Ok(journal) => journal,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_own = match Journal::read(&journal)? {
        Some(journal) => journal.belongs_to(&header),
        // SQLite finds nothing to apply in it.
        None => true,
    };
    Ok((!is_own).then(|| sentence(path, &log)))
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
