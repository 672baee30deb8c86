//! Writes the findings of a run as text: a line per finding, and a line of counts at the end. It
//! does not know where the lines go.

use bytesize::ByteSize;

use crate::maintenance::{Amount, Finding, Order, Tally, Task, Tone};

/// `3 objects (1.2 KiB)`
fn amount(amount: Amount) -> String {
    format!("{} ({})", counted(amount.objects, "object"), ByteSize(amount.bytes))
}

/// `1 object`, `3 objects`
pub fn counted(count: u64, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// `nothing`, or the result of `some`.
pub fn or_nothing(count: u64, some: impl FnOnce() -> String) -> String {
    if count == 0 { "nothing".to_owned() } else { some() }
}

/// The counts as one line, without a full stop; `is_whole` if the run finished.
pub fn summary(tally: &Tally, order: &Order, is_whole: bool) -> String {
    let looked_at = format!("looked at {}", counted(tally.checked.objects, "object"));
    let done = match order.task {
        Task::Collect => {
            let verb = if order.dry_run { "would remove" } else { "removed" };
            let left_over = or_nothing(tally.left_over.objects, || amount(tally.left_over));
            format!("{verb} {left_over}{}", kept_part(tally))
        }
        Task::Reindex => {
            let verb = if order.dry_run { "would rebuild" } else { "rebuilt" };
            format!("{verb} {}", or_nothing(tally.rebuilt, || counted(tally.rebuilt, "document")))
        }
        Task::Verify => format!("read {}", ByteSize(tally.checked.bytes)),
    };
    let damaged = match tally.damaged {
        0 if order.task == Task::Verify && is_whole && tally.is_well() => ", all is well".to_owned(),
        0 => String::new(),
        count => format!("; damaged: {count}"),
    };
    format!("{looked_at}, {done}{}{damaged}", orphans_part(tally, order.task))
}

/// As orphans, `verify` also reports what `gc` removes without an order.
fn orphans_part(tally: &Tally, task: Task) -> String {
    let (verb, what) = match tally.orphans.objects {
        0 => return String::new(),
        1 => ("is", "its document may have been lost: restore it"),
        _ => ("are", "their documents may have been lost: restore them"),
    };
    match task {
        Task::Verify => format!(
            "; {} {verb} named by no document: `packhouse gc` removes what is left over, and the lines \
             above tell where a document may have been lost",
            amount(tally.orphans)
        ),
        _ => format!(
            "; {} {verb} kept, because {what}, or run `packhouse gc --orphans`",
            amount(tally.orphans)
        ),
    }
}

fn kept_part(tally: &Tally) -> String {
    match tally.kept.objects {
        0 => String::new(),
        1 => format!("; {} is left over too and stays for now, being recent", amount(tally.kept)),
        _ => format!("; {} are left over too and stay for now, being recent", amount(tally.kept)),
    }
}

pub fn tone(finding: &Finding) -> Tone {
    match finding {
        Finding::LeftOver { .. } | Finding::Rebuilt { .. } => Tone::Finding,
        Finding::Damaged { .. } | Finding::Orphan { .. } => Tone::Damage,
    }
}

/// The finding as one line, its key below `prefix`.
pub fn line(finding: &Finding, prefix: &str, order: &Order) -> String {
    let dry = order.dry_run;
    match finding {
        Finding::LeftOver { key, bytes, why } => {
            let verb = if dry { "would remove" } else { "removed" };
            format!("{verb} {prefix}/{key} ({}): {why}", ByteSize(*bytes))
        }
        Finding::Orphan { key, bytes, why } => {
            format!("orphan: {prefix}/{key} ({}): {why}", ByteSize(*bytes))
        }
        Finding::Damaged { key, why } => format!("damaged: {prefix}/{key}: {why}"),
        Finding::Rebuilt { key } => {
            let verb = if dry { "would rebuild" } else { "rebuilt" };
            format!("{verb} {prefix}/{key}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_of_unnamed_objects_what_is_true_for_the_task() {
        let tally = |objects| Tally { orphans: Amount { objects, bytes: 10 }, ..Tally::default() };
        let verified = summary(&tally(2), &Order::new(Task::Verify), true);
        assert!(verified.contains("2 objects (10 B) are named by no document"), "{verified}");
        assert!(verified.contains("`packhouse gc` removes what is left over"), "{verified}");
        let collected = summary(&tally(1), &Order::new(Task::Collect), true);
        assert!(collected.contains("1 object (10 B) is kept"), "{collected}");
        assert!(collected.ends_with("restore it, or run `packhouse gc --orphans`"), "{collected}");
        let well = summary(&tally(0), &Order::new(Task::Verify), true);
        assert!(well.ends_with("all is well"), "{well}");
    }
}
