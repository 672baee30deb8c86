//! What a run has found, and how it is said: a line for each finding, a line of counts at
//! the end. It does not know where the lines go.

use std::fmt;

use bytesize::ByteSize;

use crate::maintenance::{Order, Task, Tone};

/// One thing that people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Removed, or in a dry run to be removed.
    LeftOver {
        key: String,
        bytes: u64,
        why: String,
    },
    /// No document names it. `gc` keeps it, because a document was lost, until the operator orders
    /// its removal; `verify` also reports what `gc` removes.
    Orphan {
        key: String,
        bytes: u64,
        why: String,
    },
    Damaged {
        key: String,
        why: String,
    },
    /// Written, or in a dry run to be written.
    Rebuilt {
        key: String,
    },
}

/// Objects and their bytes.
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

/// `3 objects (1.2 KiB)`
impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", counted(self.objects, "object"), ByteSize(self.bytes))
    }
}

/// `1 object`, `3 objects`
pub fn counted(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// `nothing`, or what `some` makes of it.
pub fn or_nothing(count: u64, some: impl FnOnce() -> String) -> String {
    if count == 0 { "nothing".to_owned() } else { some() }
}

/// The counts of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub checked: Amount,
    pub left_over: Amount,
    /// How many of these a request has marked for removal.
    pub ordered: u64,
    /// See [`Finding::Orphan`].
    pub orphans: Amount,
    /// Left over, and younger than the grace.
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

    /// Nothing is damaged, and every file is named by its document.
    pub fn is_well(&self) -> bool {
        self.damaged == 0 && self.orphans.objects == 0
    }

    /// The counts as one line, without a full stop; `is_whole` when the run came to its end.
    pub fn line(&self, order: &Order, is_whole: bool) -> String {
        let looked_at = format!("looked at {}", counted(self.checked.objects, "object"));
        let done = match order.task {
            Task::Collect => {
                let verb = if order.dry_run { "would remove" } else { "removed" };
                let left_over = or_nothing(self.left_over.objects, || self.left_over.to_string());
                format!("{verb} {left_over}{}", self.kept_part())
            }
            Task::Reindex => {
                let verb = if order.dry_run { "would rebuild" } else { "rebuilt" };
                format!("{verb} {}", or_nothing(self.rebuilt, || counted(self.rebuilt, "document")))
            }
            Task::Verify => format!("read {}", ByteSize(self.checked.bytes)),
        };
        let damaged = match self.damaged {
            0 if order.task == Task::Verify && is_whole && self.is_well() => ", all is well".to_owned(),
            0 => String::new(),
            count => format!("; damaged: {count}"),
        };
        format!("{looked_at}, {done}{}{damaged}", self.orphans_part(order.task))
    }

    /// `verify` reports as orphans also what `gc` removes without an order.
    fn orphans_part(&self, task: Task) -> String {
        let (verb, what) = match self.orphans.objects {
            0 => return String::new(),
            1 => ("is", "its document may have been lost: restore it"),
            _ => ("are", "their documents may have been lost: restore them"),
        };
        match task {
            Task::Verify => format!(
                "; {} {verb} named by no document: `packhouse gc` removes what is left over, and the lines \
                 above tell where a document may have been lost",
                self.orphans
            ),
            _ => format!("; {} {verb} kept, because {what}, or order `packhouse gc --orphans`", self.orphans),
        }
    }

    fn kept_part(&self) -> String {
        match self.kept.objects {
            0 => String::new(),
            1 => format!("; {} is left over too and stays for now, being recent", self.kept),
            _ => format!("; {} are left over too and stay for now, being recent", self.kept),
        }
    }
}

impl Finding {
    pub fn tone(&self) -> Tone {
        match self {
            Self::LeftOver { .. } | Self::Rebuilt { .. } => Tone::Finding,
            Self::Damaged { .. } | Self::Orphan { .. } => Tone::Damage,
        }
    }

    /// The finding as one line, its key below `prefix`.
    pub fn line(&self, prefix: &str, order: &Order) -> String {
        let dry = order.dry_run;
        match self {
            Self::LeftOver { key, bytes, why } => {
                let verb = if dry { "would remove" } else { "removed" };
                format!("{verb} {prefix}/{key} ({}): {why}", ByteSize(*bytes))
            }
            Self::Orphan { key, bytes, why } => {
                format!("orphan: {prefix}/{key} ({}): {why}", ByteSize(*bytes))
            }
            Self::Damaged { key, why } => format!("damaged: {prefix}/{key}: {why}"),
            Self::Rebuilt { key } => {
                let verb = if dry { "would rebuild" } else { "rebuilt" };
                format!("{verb} {prefix}/{key}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_of_unnamed_objects_what_is_true_for_the_task() {
        let tally = |objects| Tally { orphans: Amount { objects, bytes: 10 }, ..Tally::default() };
        let verified = tally(2).line(&Order::new(Task::Verify), true);
        assert!(verified.contains("2 objects (10 B) are named by no document"), "{verified}");
        assert!(verified.contains("`packhouse gc` removes what is left over"), "{verified}");
        let collected = tally(1).line(&Order::new(Task::Collect), true);
        assert!(collected.contains("1 object (10 B) is kept"), "{collected}");
        assert!(collected.ends_with("restore it, or order `packhouse gc --orphans`"), "{collected}");
        let well = tally(0).line(&Order::new(Task::Verify), true);
        assert!(well.ends_with("all is well"), "{well}");
    }
}
