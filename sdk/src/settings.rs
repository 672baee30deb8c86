//! The settings of the mount, and its features.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, json, sys};

/// The table `[mount.<name>.settings]` of the mount. `Misconfigured` names a key that does not fit the
/// type, and never its value, which may be a secret. Give every field a default, because the table may
/// be missing.
///
/// A protocol that has settings also calls this in [`crate::Protocol::check_settings`], so that
/// `packhouse verify` names a bad setting before a request reads it.
///
/// ```
/// use packhouse_plugin::settings;
/// # let host = packhouse_plugin::testing::Host::new();
///
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     #[serde(default = "ten")]
///     most_dishes: u32,
/// }
/// fn ten() -> u32 {
///     10
/// }
/// let settings: Settings = settings::get()?;
/// assert_eq!(settings.most_dishes, 10);
/// # Ok::<(), packhouse_plugin::Error>(())
/// ```
pub fn get<T: DeserializeOwned>() -> Result<T, Error> {
    let table = table()?;
    T::deserialize(Value::Object(table.clone())).map_err(|error| {
        let why = json::explain_setting(&error);
        match bad_key::<T>(&table) {
            Some(key) => misconfigured(&format!("the setting `{key}` cannot be used: {why}")),
            None => misconfigured(&format!("the mount's `settings` cannot be used: {why}")),
        }
    })
}

/// For a protocol without settings: `Misconfigured` names the keys in the table, if there are any.
pub fn expect_none() -> Result<(), Error> {
    let keys: Vec<_> = table()?.keys().map(|key| format!("`{key}`")).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let keys = keys.join(", ");
    Err(misconfigured(&format!(
        "the mount's `settings` have {keys}, and its protocol has no settings: remove them"
    )))
}

/// Whether a feature is on for this mount. False if the description does not declare it.
pub fn feature(name: &str) -> bool {
    sys::feature(name)
}

/// A feature that an endpoint needs is off: 405. Displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureOff {
    pub feature: String,
}

impl fmt::Display for FeatureOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is turned off on this registry", self.feature)
    }
}

impl std::error::Error for FeatureOff {}

/// An error if the feature is off.
///
/// ```
/// use packhouse_plugin::{Failure, Response, settings};
/// # let _host = packhouse_plugin::testing::Host::new();
///
/// fn publish() -> Result<Response, Failure> {
///     settings::require_feature("publish")?;
///     Ok(Response::new(201))
/// }
/// assert_eq!(publish().err().map(|failure| failure.status()), Some(405));
/// ```
pub fn require_feature(name: &str) -> Result<(), FeatureOff> {
    if feature(name) { Ok(()) } else { Err(FeatureOff { feature: name.to_owned() }) }
}

fn table() -> Result<Map<String, Value>, Error> {
    serde_json::from_str(&sys::settings())
        .map_err(|_| misconfigured("the mount's `settings` cannot be used: they are not a table"))
}

fn misconfigured(why: &str) -> Error {
    Error::Misconfigured(why.to_owned())
}

/// The one key without which the table fits.
fn bad_key<T: DeserializeOwned>(table: &Map<String, Value>) -> Option<&String> {
    table.keys().find(|key| {
        let others = table.iter().filter(|(other, _)| other != key);
        let others = others.map(|(key, value)| (key.clone(), value.clone())).collect();
        T::deserialize(Value::Object(others)).is_ok()
    })
}

#[cfg(test)]
mod tests;
