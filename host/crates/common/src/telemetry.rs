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

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::format;
use tracing_subscriber::layer::{Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use repeats::Repeats;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Modules of libraries whose messages contain secrets, and the most detailed level at which they are
/// logged, whatever the filter says.
const SECRETIVE: [(&str, Level); 6] = [
    // Credentials, what is signed with them, and the commands that print them.
    ("reqsign_core", Level::INFO),
    ("reqsign_aws_core", Level::INFO),
    ("reqsign_aws_v4", Level::INFO),
    ("reqsign_azure_storage", Level::INFO),
    // The bytes of connections, and the addresses of proxies with their passwords.
    ("reqwest::connect", Level::INFO),
    // Values of connection strings, and lines of a password file, as warnings.
    ("sqlx_postgres::options", Level::ERROR),
];

/// Begins logging to standard error. `filter` has the form of `PACKHOUSE_LOG`, e.g.
/// `info` or `packhouse_guest=debug,warn`.
pub fn start(format: LogFormat, filter: &str) {
    let repeats = Repeats::default();
    let filter = chosen(filter).and(repeats.clone());
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

/// The lines that the operator wants, without those that contain secrets.
fn chosen<S: Subscriber>(filter: &str) -> impl Filter<S> + Send + Sync + 'static {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    filter.and(filter_fn(keeps_secrets))
}

fn keeps_secrets(metadata: &Metadata<'_>) -> bool {
    let is_of = |module: &str| {
        let rest = metadata.target().strip_prefix(module);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    !SECRETIVE.iter().any(|(module, level)| metadata.level() > level && is_of(module))
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
