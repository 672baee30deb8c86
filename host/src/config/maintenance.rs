//! `[maintenance]`: the schedule of the collection.

use std::time::Duration;

use serde::Deserialize;

use crate::config::values::Span;

/// `[maintenance]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaintenanceConfig {
    /// How often a running host removes what nothing references any more.
    pub gc: Every,
    /// Younger objects are kept, because they may belong to a running request.
    pub older_than: Span,
}

/// A span of time between two runs, or `off`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Every(pub Option<Duration>);

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        match humantime::parse_duration(&text) {
            Ok(every) if !every.is_zero() => Ok(Self(Some(every))),
            _ => Err(format!(
                "{text:?} is not a length of time between two runs: write it like \"24h\", or \"off\""
            )),
        }
    }
}

impl Default for MaintenanceConfig {
    fn default() -> Self {
        Self { gc: Every(Some(DAY)), older_than: Span(DAY) }
    }
}

const DAY: Duration = Duration::from_hours(24);
