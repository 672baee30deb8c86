//! Members that must have a type, but are not read by the plugin: clients read them later.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A `T` or `null`, which is checked but not kept. Give the member `#[serde(default)]`.
///
/// ```
/// use packhouse_plugin::json::{Text, Unread, parse};
///
/// #[derive(Debug, serde::Deserialize)]
/// struct About {
///     #[serde(default)]
///     authors: Unread<Vec<Text>>,
/// }
/// assert!(parse::<About>(br#"{"authors": null}"#).is_ok());
/// let error = parse::<About>(br#"{"authors": ["ann", 1]}"#).unwrap_err();
/// assert_eq!(error.to_string(), "`authors[1]` in the body must be a string, and is a number");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread<T>(PhantomData<T>);

impl<T> Default for Unread<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unread<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(deserializer).map(|_| Self::default())
    }
}

/// A string, which is checked but not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Text;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Text, E> {
                Ok(Text)
            }
        }
        deserializer.deserialize_str(Any)
    }
}
