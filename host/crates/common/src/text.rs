//! Makes text that comes from elsewhere safe for logs and terminals.
//!
//! Paths, names, labels and error messages contain text from clients, plugins and stores. Such text
//! may be megabytes long, may change how a terminal shows the rest of a line, and may contain a
//! secret. This module does not know where the text comes from or where it goes.
//!
//! # Layout
//! - `escape`: makes control characters and invisible characters visible, and cuts long text
//! - `secret`: which parts of a text look like a token

mod escape;
mod secret;
#[cfg(test)]
mod tests;

pub use escape::{Bounded, is_hidden};
pub use escape::{Printable, printable, printable_up_to};
pub use secret::{printable_path, secrets_of};

/// A number and what it counts: `1 second`, `2 seconds`.
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Bytes that one text takes in a log line or in a column of a list. What is longer is cut,
/// and the number of missing bytes is appended.
pub const LONGEST: usize = 256;

/// Bytes of one line that is about such texts: a log value, a finding, an error.
pub const LONGEST_LINE: usize = 4 << 10;
