//! Repeated warnings and errors: the same line is logged a few times a minute, and a later line
//! says how often it was suppressed. It does not know the meaning of a line.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata};
use tracing_subscriber::layer::{Context, Filter};

/// How often the same line is logged per minute.
const MOST: u64 = 5;
const WINDOW: Duration = Duration::from_mins(1);
/// The most lines that are compared at a time. Further lines are logged as they come.
const LINES: usize = 1000;
/// The most bytes of a line that are compared, and shown in the summary.
const LOOKED_AT: usize = 4096;
const SHOWN: usize = 200;

/// A filter of events. Clones share the lines that they have seen.
#[derive(Clone, Default)]
pub struct Repeats {
    seen: Arc<Mutex<HashMap<blake3::Hash, Seen>>>,
}

struct Seen {
    since: Instant,
    count: u64,
    shown: String,
}

impl Repeats {
    /// Whether to log this line now.
    fn allows(&self, line: &str, now: Instant) -> bool {
        let mut seen = self.lock();
        if seen.len() >= LINES {
            seen.retain(|_, seen| !seen.is_over(now));
        }
        let has_room = seen.len() < LINES;
        let hash = blake3::hash(line.as_bytes());
        if let Some(seen) = seen.get_mut(&hash) {
            if seen.is_over(now) && seen.count <= MOST {
                (seen.since, seen.count) = (now, 0);
            }
            seen.count += 1;
            return seen.count <= MOST;
        }
        if has_room {
            let shown = line.chars().take(SHOWN).collect();
            seen.insert(hash, Seen { since: now, count: 1, shown });
        }
        true
    }

    /// The suppressed lines of past windows, and how often each was suppressed.
    fn take_suppressed(&self, now: Instant) -> Vec<(String, u64)> {
        let mut suppressed = Vec::new();
        self.lock().retain(|_, seen| {
            let is_over = seen.is_over(now);
            if is_over && seen.count > MOST {
                suppressed.push((std::mem::take(&mut seen.shown), seen.count - MOST));
            }
            !is_over
        });
        suppressed
    }

    /// Logs regularly what was suppressed, as long as the process lives.
    pub fn report(self) {
        let reporting = move || {
            loop {
                // Nothing unparks this thread earlier.
                std::thread::park_timeout(WINDOW);
                for (line, count) in self.take_suppressed(Instant::now()) {
                    tracing::warn!(
                        suppressed = count,
                        "{count} more lines in a minute were the same as: {line}"
                    );
                }
            }
        };
        // Without the thread, lines are still suppressed.
        let _ = std::thread::Builder::new().name("log-repeats".to_owned()).spawn(reporting);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= WINDOW
    }
}

impl<S> Filter<S> for Repeats {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        if *event.metadata().level() > Level::WARN {
            return true;
        }
        let mut line = Line(String::new());
        event.record(&mut line);
        self.allows(&line.0, Instant::now())
    }
}

/// The message of an event, followed by its other fields.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.0.len() < LOOKED_AT {
            // Writing to a string cannot fail.
            let _ = if field.name() == "message" {
                write!(self.0, "{value:?}")
            } else {
                write!(self.0, " {}={value:?}", field.name())
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_repeats_is_logged_a_few_times_and_then_counted() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        let logged = (0..100).filter(|_| repeats.allows("the same", start)).count() as u64;
        assert_eq!(logged, MOST);
        assert!(repeats.allows("another", start));
        assert!(repeats.take_suppressed(start).is_empty());
        let later = start + WINDOW;
        assert_eq!(repeats.take_suppressed(later), [("the same".to_owned(), 100 - MOST)]);
        assert!(repeats.allows("the same", later), "the next window is a new one");
    }

    #[test]
    fn lines_that_differ_are_all_logged_and_take_bounded_memory() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        assert!((0..10 * LINES).all(|number| repeats.allows(&number.to_string(), start)));
        assert_eq!(repeats.lock().len(), LINES);
        assert!(repeats.allows("new", start + WINDOW));
        assert_eq!(repeats.lock().len(), 1);
    }
}
