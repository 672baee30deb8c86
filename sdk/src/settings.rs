//! The mount's own table of the configuration.

use serde::de::DeserializeOwned;

use crate::{Error, sys};

/// The keys of the mount's `[mount.<name>.settings]` table. `Misconfigured` names what
/// does not fit the type; give every field a default, as the table may be missing.
pub fn get<T: DeserializeOwned>() -> Result<T, Error> {
    serde_json::from_str(&sys::settings())
        .map_err(|error| Error::Misconfigured(format!("the mount's `settings` cannot be used: {error}")))
}

/// Whether a feature is on here. False when the description does not name it.
pub fn feature(name: &str) -> bool {
    sys::feature(name)
}
