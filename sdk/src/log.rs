//! Lines in the host's log, with the request's own fields beside them. Messages are lower
//! case and readable alone; never a token, a password or a body.
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

/// What is over 64 KiB in one request is dropped and counted by the host.
pub fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    sys::log(level, message, fields);
}
