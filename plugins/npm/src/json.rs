//! JSON objects whose values stay as they were written.
//!
//! A packument of 10,000 versions is 20 MB of text; as a tree of values it would be several times
//! larger. Here an object is a list of members whose values are slices of the text, so changing one
//! member and writing the rest needs no more memory than the text itself. It must not know packuments.
//!
//! # Invariants
//! - The order of members is kept. If a name occurs several times, the last member is used.
//! - Every value is complete, valid JSON (`serde_json` has walked over it without
//!   recursion, so depth costs no stack).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object of JSON: names, and values as text.
#[derive(Debug, Clone, Default)]
pub struct Object<'a> {
    members: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Object<'a> {
    /// An object without members.
    pub const EMPTY: Self = Self { members: Vec::new() };

    /// Reads the text of one object. Fails when it is no JSON or no object.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The same from bytes.
    pub fn parse_bytes(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// A name that more than one member of the object in this text has.
    pub fn first_repeated(text: &str) -> Option<String> {
        let Names(mut names) = serde_json::from_str(text).ok()?;
        names.sort_unstable();
        names
            .iter()
            .zip(names.iter().skip(1))
            .find(|(one, next)| one == next)
            .map(|(name, _)| name.to_string())
    }

    /// The object in this text, or an empty one if the text contains no object (`null`, a list, or
    /// nothing), because documents of earlier systems may lack it.
    pub fn parse_lenient(text: Option<&'a str>) -> Self {
        text.and_then(|text| Self::parse(text).ok()).unwrap_or_default()
    }

    /// The text of a member's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.members.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// The text of a member's value, as long as the text it was read from lives.
    /// None also for a value that was set since.
    pub fn get_source(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.members.iter().find(|(key, _)| key == name)?;
        match value {
            Cow::Borrowed(text) => Some(text),
            Cow::Owned(_) => None,
        }
    }

    /// A member that is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        self.value(name)
    }

    /// A member as a value of this type; none if it has another type.
    pub fn value<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// Whether there is a member of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.members.iter().any(|(key, _)| key == name)
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether the object has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Names and the text of their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(key, _)| key.as_ref())
    }

    /// Sets a member to this JSON text, in its place or at the end.
    pub fn set_raw(&mut self, name: &str, json: impl Into<Cow<'a, str>>) {
        let json = json.into();
        match self.members.iter_mut().find(|(key, _)| key == name) {
            Some((_, value)) => *value = json,
            None => self.members.push((Cow::Owned(name.to_owned()), json)),
        }
    }

    /// Sets a member to a string.
    pub fn set_text(&mut self, name: &str, text: &str) {
        self.set_raw(name, quote(text));
    }

    /// Removes a member; false when there was none.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.members.len();
        self.members.retain(|(key, _)| key != name);
        self.members.len() != before
    }

    /// Keeps the members for which this is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.members.retain(|(key, _)| keep(key));
    }

    /// The largest length of its text in bytes, if no name needs escapes.
    pub fn text_len(&self) -> usize {
        self.members.iter().map(|(key, value)| key.len() + value.len() + 4).sum::<usize>() + 2
    }

    /// Appends the text of it.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (index, (key, value)) in self.members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_name(out, key);
            out.extend_from_slice(value.as_bytes());
        }
        out.push(b'}');
    }

    /// The text of it.
    pub fn to_text(&self) -> String {
        let mut out = Vec::with_capacity(self.text_len());
        self.write_to(&mut out);
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Appends `"name":`.
pub fn write_name(out: &mut Vec<u8>, name: &str) {
    write_text(out, name);
    out.push(b':');
}

/// Appends a string with its quotes.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(quote(text).as_bytes());
}

/// A string with its quotes.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(key)) = map.next_key()? {
            let value: &'de RawValue = map.next_value()?;
            members.push((key, Cow::Borrowed(value.get())));
        }
        Ok(Object { members: without_repeats(members) })
    }
}

/// The names of an object's members, repeated ones too.
struct Names<'a>(Vec<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Names<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Names<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut names = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    map.next_value::<IgnoredAny>()?;
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(All)
    }
}

/// A member's name, borrowed unless it holds escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Of members with one name the last counts, as in JavaScript.
fn without_repeats<'a>(members: Vec<(Cow<'a, str>, Cow<'a, str>)>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let mut order: Vec<(&str, usize)> =
        members.iter().enumerate().map(|(index, (key, _))| (key.as_ref(), index)).collect();
    order.sort_unstable();
    let repeated: Vec<usize> = order
        .iter()
        .zip(order.iter().skip(1))
        .filter(|(one, next)| one.0 == next.0)
        .map(|(one, _)| one.1)
        .collect();
    if repeated.is_empty() {
        return members;
    }
    members
        .into_iter()
        .enumerate()
        .filter(|(index, _)| !repeated.contains(index))
        .map(|(_, member)| member)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn keeps_order_and_text_of_what_is_not_touched() {
        let text = r#"{"b": [1,  2], "a":{"x":1.50}, "c":"\u00e9"}"#;
        let mut object = Object::parse(text).unwrap();
        object.set_text("a", "new");
        object.set_raw("d", "4");
        assert_eq!(object.to_text(), r#"{"b":[1,  2],"a":"new","c":"\u00e9","d":4}"#);
    }

    #[test]
    fn of_members_with_one_name_the_last_counts() {
        let object = Object::parse(r#"{"a":1,"b":2,"\u0061":3}"#).unwrap();
        assert_eq!(object.to_text(), r#"{"b":2,"a":3}"#);
    }

    #[test]
    fn depth_costs_no_stack() {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(500_000), "]".repeat(500_000));
        assert!(Object::parse(&text).unwrap().contains("a"));
    }

    #[test]
    fn what_is_no_object_is_refused_or_empty() {
        assert!(Object::parse("[1]").is_err());
        assert!(Object::parse("{\"a\":}").is_err());
        assert!(Object::parse_lenient(Some("null")).is_empty());
    }
}
