//! One run of maintenance as the steps of a plugin see it: the words that it remembers and its
//! findings. It does not know who ordered the run or who reads the findings.

mod words;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

pub use words::TooMany;
use words::Words;

/// The most findings of files that are not objects in one run.
const MOST_ODD: usize = 1000;
/// The most bytes of a key, and of a reason, in a finding.
const LONGEST_PART: usize = 1000;
/// How much earlier than the real moment a store may record a time: one second because it cuts off
/// fractions, and one because a file's time may be set back to make it unique.
const MARGIN: Duration = Duration::from_secs(2);

/// The task of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Collect,
    Reindex,
    Verify,
}

/// The state that all steps of a run share.
pub struct Run {
    /// A UUID.
    pub id: String,
    pub started: SystemTime,
    /// The run keeps everything that was written later.
    pub keep_since: SystemTime,
    pub is_dry: bool,
    /// Whether the run may also remove files without a document.
    pub removes_orphans: bool,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    words: Words,
    findings: Vec<Finding>,
    tally: Tally,
    /// Keys that the host has reported. A listing may return them again.
    odd: HashSet<String>,
}

impl Run {
    /// Only what was written at least `older_than` before the run may be removed.
    pub fn new(now: SystemTime, older_than: Duration, is_dry: bool, removes_orphans: bool) -> Self {
        let kept = older_than.saturating_add(MARGIN);
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            started: now,
            keep_since: now.checked_sub(kept).unwrap_or(SystemTime::UNIX_EPOCH),
            is_dry,
            removes_orphans,
            book: Mutex::default(),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts up to now.
    pub fn tally(&self) -> Tally {
        self.book().tally
    }

    pub fn remember(&self, words: &[String]) -> Result<(), TooMany> {
        let mut book = self.book();
        words.iter().try_for_each(|word| book.words.insert(word))
    }

    pub fn remembered(&self, words: &[String]) -> Vec<bool> {
        let book = self.book();
        words.iter().map(|word| book.words.contains(word)).collect()
    }

    pub fn note(&self, finding: Finding) {
        let mut book = self.book();
        book.tally.count(&finding);
        book.findings.push(finding);
    }

    /// The finding about a symbolic link; none if the run has reported it before.
    pub fn link(&self, key: &str) -> Option<Finding> {
        let why = "it is a symbolic link, which the host does not follow: replace it with its target";
        let mut book = self.book();
        let is_new = book.odd.len() < MOST_ODD && book.odd.insert(key.to_owned());
        is_new.then(|| Finding::Damaged { key: line(key), why: why.to_owned() })
    }

    pub fn count_kept(&self, objects: u64, bytes: u64) {
        self.book().tally.kept.add(objects, bytes);
    }

    pub fn count_ordered(&self, objects: u64) {
        let mut book = self.book();
        book.tally.ordered = book.tally.ordered.saturating_add(objects);
    }

    pub fn count_checked(&self, objects: u64, bytes: u64) {
        self.book().tally.checked.add(objects, bytes);
    }

    /// The findings since the last call.
    pub fn take_findings(&self) -> Vec<Finding> {
        std::mem::take(&mut self.book().findings)
    }
}

/// The text on one line, without control characters and cut to a limit.
pub(crate) fn line(text: &str) -> String {
    let mut end = text.len().min(LONGEST_PART);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = if end < text.len() { "…" } else { "" };
    format!("{}{cut}", text.get(..end).unwrap_or_default().replace(char::is_control, " "))
}

/// One finding, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Removed. In a dry run: would be removed.
    LeftOver {
        key: String,
        bytes: u64,
        why: String,
    },
    /// No document names the file. A document may be lost, so `gc` keeps the file until the
    /// operator orders its removal. `verify` also reports files that `gc` would remove.
    Orphan {
        key: String,
        bytes: u64,
        why: String,
    },
    Damaged {
        key: String,
        why: String,
    },
    /// Written. In a dry run: would be written.
    Rebuilt {
        key: String,
    },
}

/// A number of objects, and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub objects: u64,
    pub bytes: u64,
}

impl Amount {
    pub fn add(&mut self, objects: u64, bytes: u64) {
        self.objects = self.objects.saturating_add(objects);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// The counts of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub checked: Amount,
    pub left_over: Amount,
    /// How many of these objects requests have marked for removal.
    pub ordered: u64,
    /// See [`Finding::Orphan`].
    pub orphans: Amount,
    /// Left over, but younger than the grace period.
    pub kept: Amount,
    pub damaged: u64,
    pub rebuilt: u64,
}

impl Tally {
    pub fn count(&mut self, finding: &Finding) {
        match finding {
            Finding::LeftOver { bytes, .. } => self.left_over.add(1, *bytes),
            Finding::Orphan { bytes, .. } => self.orphans.add(1, *bytes),
            Finding::Damaged { .. } => self.damaged += 1,
            Finding::Rebuilt { .. } => self.rebuilt += 1,
        }
    }

    /// Nothing is damaged, and documents name all files.
    pub fn is_well(&self) -> bool {
        self.damaged == 0 && self.orphans.objects == 0
    }
}
