//! Reads JSON that a client sent. If it does not fit, one sentence says what is wrong: it names the
//! member and uses the words of JSON, never the names of Rust types. It never repeats a value, which
//! may be a secret.
//!
//! # Examples
//! ```
//! use packhouse_plugin::json;
//!
//! #[derive(Debug, serde::Deserialize)]
//! struct Yank {
//!     reason: String,
//! }
//! let error = json::parse::<Yank>(br#"{"reason": ["old"]}"#).unwrap_err();
//! assert_eq!(error.to_string(), "`reason` in the body must be a string, and is a list");
//! let error = json::parse::<Yank>(b"{}").unwrap_err();
//! assert_eq!(error.to_string(), "`reason` is missing in the body");
//! ```

use std::fmt;

use message::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;
pub use strict::Strict;
pub use unread::{Text, Unread};

mod message;
mod path;
mod strict;
#[cfg(test)]
mod tests;
mod unread;

/// What is wrong with JSON, as a sentence for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadJson(String);

impl fmt::Display for BadJson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BadJson {}

impl From<BadJson> for crate::Error {
    fn from(error: BadJson) -> Self {
        Self::BadJson(error)
    }
}

/// Reads the body of a request.
pub fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, BadJson> {
    parse_of("the body", bytes)
}

/// Reads something else that a client sent. `what` names it in the sentence, e.g. `the manifest`.
pub fn parse_of<'a, T: Deserialize<'a>>(what: &str, bytes: &'a [u8]) -> Result<T, BadJson> {
    let read: Result<Strict<T>, _> = serde_json::from_slice(bytes);
    read.map(|Strict(value)| value).map_err(|error| explain(what, bytes, &error))
}

/// Explains the error that the parser gave for these bytes.
pub fn explain(what: &str, bytes: &[u8], error: &serde_json::Error) -> BadJson {
    // The parser reports such a byte in the words of the value that it is in.
    if let Err(fault) = std::str::from_utf8(bytes) {
        return BadJson(format!(
            "{what} is not valid JSON at byte {}: JSON is UTF-8, and the bytes there are not",
            fault.valid_up_to() + 1
        ));
    }
    let message = match Message::of(error) {
        // The parser reports any other value in the place of one of several words as bad syntax.
        Message::Syntax { .. } if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() => {
            Message::Type { wanted: "a string".to_owned(), found: None }
        }
        message => message,
    };
    let path = path::at(bytes, error.line(), error.column(), message.bracket());
    let place = if path.is_empty() { what.to_owned() } else { format!("`{path}` in {what}") };
    let message = match message {
        Message::Missing(member) if !path.is_empty() => Message::Missing(format!("{path}.{member}")),
        message => message,
    };
    BadJson(sentence(what, &place, message))
}

/// Explains what serde says about a document of another format, e.g. TOML. The names of Rust types
/// and the values are left out.
pub fn plain(message: &str) -> String {
    sentence("it", "a value in it", Message::of_data(message))
}

/// Explains an error when the bytes are no longer available: it names the line instead of the member.
pub(crate) fn explain_by_line(error: &serde_json::Error) -> BadJson {
    let (line, column) = (error.line(), error.column());
    let place = if line == 0 {
        "a value in the JSON".to_owned()
    } else {
        format!("the value at line {line}, column {column} of the JSON")
    };
    BadJson(sentence("the JSON", &place, Message::of(error)))
}

/// Why one setting, or the table of them, cannot be used.
pub(crate) fn explain_setting(error: &serde_json::Error) -> String {
    sentence("it", "it", Message::of(error))
}

fn sentence(what: &str, place: &str, message: Message) -> String {
    match message {
        Message::Ended => format!("{what} ends before its JSON is complete"),
        Message::Syntax { line, column, why } => {
            format!("{what} is not valid JSON at line {line}, column {column}: {why}")
        }
        Message::Missing(member) => format!("`{member}` is missing in {what}"),
        Message::Unknown => format!("{place} is not known here: leave it out"),
        Message::Twice => format!("{place} occurs twice: send it once"),
        Message::Type { wanted, found: Some(found) } => format!("{place} must be {wanted}, and is {found}"),
        Message::Type { wanted, found: None } => format!("{place} must be {wanted}"),
        Message::Form => format!("a value in {what} has none of the forms that are known here"),
        Message::Own(why) => format!("{place} cannot be used: {why}"),
    }
}
