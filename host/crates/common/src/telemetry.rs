//! Logs: one line for each event, with the fields of its request. A line that repeats is
//! suppressed for a while (`repeats`).
//!
//! # Invariants
//! - Whatever a client, a plugin or a store put into a value, it stays one line of bounded
//!   length, and a terminal shows every character of it.

mod line;
mod repeats;
#[cfg(test)]
mod tests;

use std::io::IsTerminal;

use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::fmt::format;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use repeats::Repeats;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Libraries whose debug messages contain secrets. They are never logged below this level,
/// whatever the filter says.
const SECRETIVE: [&str; 2] = ["reqsign_core=info", "reqsign_aws_v4=info"];

/// Begins logging to standard error. `filter` has the form of `PACKHOUSE_LOG`, e.g.
/// `info` or `packhouse_guest=debug,warn`.
pub fn start(format: LogFormat, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter =
        SECRETIVE.iter().filter_map(|quiet| quiet.parse().ok()).fold(filter, EnvFilter::add_directive);
    let repeats = Repeats::default();
    let filter = filter.and(repeats.clone());
    let layer = tracing_subscriber::fmt::layer();
    let layer = match format {
        LogFormat::Json => {
            layer.json().flatten_event(true).with_writer(line::Lines).with_filter(filter).boxed()
        }
        LogFormat::Text => layer
            .fmt_fields(format::debug_fn(line::value).delimited(" "))
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .with_filter(filter)
            .boxed(),
    };
    // A second start in one process (tests do that) keeps the first.
    if tracing_subscriber::registry().with(layer).try_init().is_ok() {
        repeats.report();
    }
}

/// An error with its causes, on one line. Many errors contain the text of their cause: it is
/// not repeated.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = error.source();
    }
    text
}
