//! The mount's own table of the configuration, and its features.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::{Error, sys};

/// The keys of the mount's `[mount.<name>.settings]` table. `Misconfigured` names what
/// does not fit the type; give every field a default, as the table may be missing.
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
    serde_json::from_str(&sys::settings())
        .map_err(|error| Error::Misconfigured(format!("the mount's `settings` cannot be used: {error}")))
}

/// Whether a feature is on here. False when the description does not name it.
pub fn feature(name: &str) -> bool {
    sys::feature(name)
}

/// A feature that an endpoint needs is switched off: 405. Displays as a sentence.
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

/// The feature is on, or the reason why not.
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
