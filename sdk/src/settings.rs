//! The settings of the mount, and its features.

mod keys;

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, json, sys};

/// The table `[mount.<name>.settings]` of the mount. `Misconfigured` names a key that does not fit the
/// type, and never its value, which may be a secret. Give every field a default, because the table may
/// be missing.
///
/// A protocol that has settings also passes the type to [`check`], so that the host refuses a bad one
/// before a request meets it.
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

/// For [`crate::Protocol::check_settings`] of a protocol with settings: the table holds only fields of
/// the type, and fits it. `Misconfigured` names what is wrong, and the settings that there are.
///
/// ```
/// use packhouse_plugin::{Description, Error, Protocol, Request, Response, settings};
/// use packhouse_plugin::testing::Host;
///
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     #[serde(default)]
///     most_dishes: u32,
/// }
///
/// struct Recipes;
/// impl Protocol for Recipes {
///     fn check_settings() -> Result<(), Error> {
///         settings::check::<Settings>()
///     }
/// #   fn describe() -> Description { Description::new("recipes", "Recipes", "0.1.0") }
/// #   fn handle(_: Request) -> Response { Response::new(200) }
/// }
///
/// let host = Host::new().settings(&serde_json::json!({"most_dishs": 3}));
/// let why = host.check_settings::<Recipes>().unwrap_err();
/// assert_eq!(why.to_string(), "the setting `most_dishs` is not known: this protocol has `most_dishes`");
/// ```
pub fn check<T: DeserializeOwned>() -> Result<(), Error> {
    // A type that takes any key has no list of them.
    if let Some(known) = keys::of::<T>() {
        expect_only(known)?;
    }
    get::<T>().map(drop)
}

/// For a protocol without settings: `Misconfigured` names the keys that are there nevertheless.
pub fn expect_none() -> Result<(), Error> {
    expect_only(&[])
}

fn expect_only(known: &[&str]) -> Result<(), Error> {
    let table = table()?;
    let unknown: Vec<_> = table.keys().map(String::as_str).filter(|key| !known.contains(key)).collect();
    let subject = match unknown.as_slice() {
        [] => return Ok(()),
        [one] => format!("the setting `{one}` is"),
        several => format!("the settings {} are", listed(several)),
    };
    let known = if known.is_empty() { "no settings".to_owned() } else { listed(known) };
    Err(misconfigured(&format!("{subject} not known: this protocol has {known}")))
}

fn listed(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
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
