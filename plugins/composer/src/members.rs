//! The members of a JSON object, with their values as text. A `composer.json` may be nested more deeply
//! than the stack of a plugin allows, so nothing here recurses into it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// The most levels of a `composer.json`. PHP reads 512 levels of JSON, and the metadata of a repository
/// has three around it.
pub const DEEPEST: usize = 509;
/// How many levels of a value are looked at.
const LEVELS: usize = 8;

/// The members, in the order in which they were written. If one is written twice, the last value is used.
#[derive(Debug, Clone, Default)]
pub struct Members {
    list: Vec<(String, Box<RawValue>)>,
    places: BTreeMap<String, usize>,
}

impl Members {
    /// An error if the text is not an object.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The text of a value.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        let (_, value) = self.list.get(*self.places.get(name)?)?;
        Some(value)
    }

    /// A value. Lists and objects below its first levels are empty.
    pub fn value(&self, name: &str) -> Option<Value> {
        self.get(name).map(shallow)
    }

    pub fn insert(&mut self, name: String, value: Box<RawValue>) {
        if let Some(there) = self.places.get(&name).and_then(|place| self.list.get_mut(*place)) {
            there.1 = value;
        } else {
            self.places.insert(name.clone(), self.list.len());
            self.list.push((name, value));
        }
    }

    pub fn set(&mut self, name: &str, value: &impl Serialize) -> Result<(), serde_json::Error> {
        self.insert(name.to_owned(), to_raw_value(value)?);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.list.iter().map(|(name, value)| (name.as_str(), &**value))
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some((name, value)) = map.next_entry()? {
                    members.insert(name, value);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Each)
    }
}

/// A value. Lists and objects below its first levels are empty.
pub fn shallow(value: &RawValue) -> Value {
    within(value.get(), LEVELS)
}

/// Recurses at most [`LEVELS`] times.
fn within(text: &str, levels: usize) -> Value {
    match (text.as_bytes().first(), levels.checked_sub(1)) {
        (Some(b'{'), None) => Value::Object(serde_json::Map::new()),
        (Some(b'['), None) => Value::Array(Vec::new()),
        (Some(b'{'), Some(levels)) => {
            let members = Members::read(text).unwrap_or_default();
            let each = members.list.iter().map(|(name, value)| (name.clone(), within(value.get(), levels)));
            Value::Object(each.collect())
        }
        (Some(b'['), Some(levels)) => {
            let values: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
            Value::Array(values.iter().map(|value| within(value.get(), levels)).collect())
        }
        _ => serde_json::from_str(text).unwrap_or_default(),
    }
}

/// The same JSON without white space, and with each string written in one way. `text` must be JSON.
/// Says why a value cannot be read, or that the text has too many levels.
pub fn compact(text: &str) -> Result<String, String> {
    let (mut written, mut rest, mut level) = (String::with_capacity(text.len()), text, 0_usize);
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => length_of_string(rest),
            b'-' | b'0'..=b'9' => length_of_number(rest),
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        let (token, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = behind;
        match first {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'{' | b'[' => level += 1,
            b'}' | b']' => level = level.saturating_sub(1),
            b'"' if token.contains('\\') => {
                let string: String = serde_json::from_str(token)
                    .map_err(|_| "a string has an escape of half a character".to_owned())?;
                written.push_str(&Value::String(string).to_string());
                continue;
            }
            b'-' | b'0'..=b'9' if serde_json::from_str::<Value>(token).is_err() => {
                return Err("a number is too large".to_owned());
            }
            _ => {}
        }
        if level > DEEPEST {
            return Err(format!("it has more than {DEEPEST} levels of lists and objects"));
        }
        written.push_str(token);
    }
    Ok(written)
}

/// With both quotes.
fn length_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn length_of_number(text: &str) -> usize {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    text.bytes().position(|byte| !is_part(byte)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use serde_json::json;

    #[test]
    fn compact_json_has_one_form_and_the_same_value() {
        let text = " {\"a\" : [1 , -2.5e3, true,null ],\n\"b \\\"\": \"x \\u005f \\/ é\\n\", \"c\":{} } ";
        let compacted = compact(text).unwrap();
        assert_eq!(compacted, r#"{"a":[1,-2.5e3,true,null],"b \"":"x _ / é\n","c":{}}"#);
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(value(&compacted), value(text));
    }

    #[test]
    fn what_php_cannot_read_is_refused() {
        for (text, why) in
            [(r#"{"a":"\ud800"}"#, "half a character"), (r#"{"a":1e999}"#, "number is too large")]
        {
            assert!(compact(text).unwrap_err().contains(why), "{text}");
        }
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(compact(&nested(DEEPEST)).is_ok());
        assert!(compact(&nested(DEEPEST + 1)).unwrap_err().contains("more than 509 levels"));
        assert!(compact(&nested(1_000_000)).is_err());
    }

    #[test]
    fn members_keep_their_order_and_the_last_value() {
        let members = Members::read(r#"{"b":1,"a":{"x":[1,{"y":[]}]},"b":2}"#).unwrap();
        assert_eq!(serde_json::to_string(&members).unwrap(), r#"{"b":2,"a":{"x":[1,{"y":[]}]}}"#);
        assert_eq!(members.value("a"), Some(json!({ "x": [1, { "y": [] }] })));
        assert_eq!(members.value("c"), None);
        assert!(Members::read("[]").is_err() && Members::read("{\"a\":1").is_err());
    }

    #[test]
    fn a_value_is_cut_below_its_first_levels() {
        let deep = "[".repeat(DEEPEST) + &"]".repeat(DEEPEST);
        let members = Members::read(&format!("{{\"a\":{deep}}}")).unwrap();
        assert_eq!(members.value("a").unwrap().to_string(), "[[[[[[[[[]]]]]]]]]");
        assert_eq!(members.get("a").unwrap().get(), deep);
    }
}
