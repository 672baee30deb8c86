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
        let word = if self.objects == 1 { "object" } else { "objects" };
        write!(formatter, "{} {word} ({})", self.objects, ByteSize(self.bytes))
    }
}

/// The counts of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub checked: Amount,
    pub left_over: Amount,
    /// Left over, and younger than the grace.
    pub kept: Amount,
    pub damaged: u64,
    pub rebuilt: u64,
}

impl Tally {
    pub fn count(&mut self, finding: &Finding) {
        match finding {
            Finding::LeftOver { bytes, .. } => self.left_over.add(1, *bytes),
            Finding::Damaged { .. } => self.damaged += 1,
            Finding::Rebuilt { .. } => self.rebuilt += 1,
        }
    }

    /// The counts as one line, without a full stop.
    pub fn line(&self, order: &Order) -> String {
        let (checked, dry) = (self.checked, order.dry_run);
        match order.task {
            Task::Collect => {
                let verb = if dry { "would remove" } else { "removed" };
                let kept = match self.kept.objects {
                    0 => String::new(),
                    1 => format!("; {} is left over too and stays for now, being recent", self.kept),
                    _ => format!("; {} are left over too and stay for now, being recent", self.kept),
                };
                let damaged = self.damaged_part();
                let left_over = match self.left_over.objects {
                    0 => "nothing".to_owned(),
                    _ => self.left_over.to_string(),
                };
                format!("looked at {} objects, {verb} {left_over}{kept}{damaged}", checked.objects)
            }
            Task::Reindex => {
                let verb = if dry { "would rebuild" } else { "rebuilt" };
                let rebuilt = match self.rebuilt {
                    0 => "nothing".to_owned(),
                    1 => "1 document".to_owned(),
                    count => format!("{count} documents"),
                };
                let damaged = self.damaged_part();
                format!("looked at {} objects, {verb} {rebuilt}{damaged}", checked.objects)
            }
            Task::Verify => {
                let damaged = match self.damaged {
                    0 => ", all is well".to_owned(),
                    _ => self.damaged_part(),
                };
                format!("looked at {} objects, read {}{damaged}", checked.objects, ByteSize(checked.bytes))
            }
        }
    }

    fn damaged_part(&self) -> String {
        match self.damaged {
            0 => String::new(),
            count => format!("; damaged: {count}"),
        }
    }
}

impl Finding {
    pub fn tone(&self) -> Tone {
        match self {
            Self::LeftOver { .. } | Self::Rebuilt { .. } => Tone::Finding,
            Self::Damaged { .. } => Tone::Damage,
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
            Self::Damaged { key, why } => format!("damaged: {prefix}/{key}: {why}"),
            Self::Rebuilt { key } => {
                let verb = if dry { "would rebuild" } else { "rebuilt" };
                format!("{verb} {prefix}/{key}")
            }
        }
    }
}
