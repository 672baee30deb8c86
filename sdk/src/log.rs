//! Writes lines to the host's log, which adds the fields of the request. Write messages in lower
//! case that are readable alone. Never log a token, a password or a body.
//!
//! ```
//! packhouse_plugin::log::info("published", &[("package.name", "left-pad")]);
//! ```

use crate::sys;

/// Closed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

pub fn debug(message: &str, fields: &[(&str, &str)]) {
    write(Level::Debug, message, fields);
}

pub fn info(message: &str, fields: &[(&str, &str)]) {
    write(Level::Info, message, fields);
}

pub fn warn(message: &str, fields: &[(&str, &str)]) {
    write(Level::Warn, message, fields);
}

pub fn error(message: &str, fields: &[(&str, &str)]) {
    write(Level::Error, message, fields);
}

/// The host drops and counts what exceeds 64 KiB in one request.
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    sys::log(level, message, fields);
}
