//! The map of tags to digests. Entries of an earlier system that cannot be read are kept.
//!
//! A map without tags that this plugin wrote is `{ }`. So `{}` comes from an earlier system, or
//! somebody else emptied the document.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::digest::ContentDigest;
use crate::name::Tag;

/// A map without tags, as it is written here.
const EMPTY: &[u8] = b"{ }";
/// A longer map has tags, in bytes: a map may end with the 128 blanks of its stamp.
pub const LONGEST_EMPTY: usize = 16 + 128;

/// In the order of the tags' bytes, which is the order in which they are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, Value>);

impl Tags {
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes).map(Self)
    }

    /// The same tags always give the same bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        if self.0.is_empty() { Ok(EMPTY.to_vec()) } else { serde_json::to_vec(&self.0) }
    }

    /// Whether these bytes hold no tags, and no request is known to have removed the last one.
    pub fn may_be_emptied(bytes: &[u8]) -> bool {
        bytes.trim_ascii_end() != EMPTY
            && bytes.len() <= LONGEST_EMPTY
            && Self::parse(bytes).is_ok_and(|tags| tags.0.is_empty())
    }

    /// Whether these bytes hold no tags, whatever else they are.
    pub fn holds_nothing(bytes: &[u8]) -> bool {
        let is_empty = |value: Value| match value {
            Value::Null => true,
            Value::Array(values) => values.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        let text = bytes.trim_ascii();
        text != EMPTY
            && bytes.len() <= LONGEST_EMPTY
            && (text.is_empty() || serde_json::from_slice(text).is_ok_and(is_empty))
    }

    pub fn get(&self, tag: &Tag) -> Option<ContentDigest> {
        ContentDigest::parse(self.0.get(tag.as_str())?.as_str()?).ok()
    }

    /// Whether there is such a tag, whatever it contains.
    pub fn has(&self, tag: &Tag) -> bool {
        self.0.contains_key(tag.as_str())
    }

    /// True when that is a change.
    pub fn set(&mut self, tag: &Tag, digest: &ContentDigest) -> bool {
        let digest = Value::String(digest.to_string());
        self.0.insert(tag.as_str().to_owned(), digest.clone()) != Some(digest)
    }

    /// True when it was there.
    pub fn remove(&mut self, tag: &Tag) -> bool {
        self.0.remove(tag.as_str()).is_some()
    }

    /// Removes the tags of one manifest; true when there were some.
    pub fn remove_all(&mut self, digest: &ContentDigest) -> bool {
        let before = self.0.len();
        let digest = digest.to_string();
        self.0.retain(|_, value| value.as_str() != Some(&digest));
        self.0.len() != before
    }

    /// The names of the tags of one manifest.
    pub fn names_of(&self, digest: &ContentDigest) -> Vec<String> {
        let digest = digest.to_string();
        let named = self.0.iter().filter(|(_, value)| value.as_str() == Some(&digest));
        named.map(|(name, _)| name.clone()).collect()
    }

    /// Names behind this one, in order.
    pub fn names_after<'a>(&'a self, last: &'a str) -> impl Iterator<Item = &'a str> {
        let range = (std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded);
        self.0.range::<str, _>(range).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn tags_are_kept_in_order_and_nothing_else_is_touched() {
        let digest = ContentDigest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        let mut tags = Tags::parse(br#"{"b":"odd","Z z":3}"#).unwrap();
        let (a, b) = (Tag::parse("a").unwrap(), Tag::parse("b").unwrap());
        assert_eq!(tags.get(&b), None);
        assert!(tags.set(&a, &digest) && !tags.set(&a, &digest));
        assert_eq!(tags.get(&a), Some(digest.clone()));
        assert_eq!(tags.names_after("").collect::<Vec<_>>(), ["Z z", "a", "b"]);
        assert_eq!(tags.names_after("a").collect::<Vec<_>>(), ["b"]);
        assert!(tags.remove_all(&digest) && !tags.remove_all(&digest) && !tags.remove(&a));
        assert_eq!(tags.to_bytes().unwrap(), br#"{"Z z":3,"b":"odd"}"#);
    }

    #[test]
    fn bytes_without_tags_are_told_from_damaged_ones() {
        for nothing in ["", " \n", "null", "[]", "{}", "{\n}"] {
            assert!(Tags::holds_nothing(nothing.as_bytes()), "{nothing:?}");
        }
        for other in ["{ }", "{", "0", "\"\"", "[1]", "{\"a\":1}", "\0"] {
            assert!(!Tags::holds_nothing(other.as_bytes()), "{other:?}");
        }
    }
}
