//! `_rev`, the token with which clients name the state of a document that they have read.
//!
//! Everybody who may read a package may star it. A star must not make an unpublish or a change of
//! owners fail that somebody else is about to send. Therefore `_rev` does not change with a star: the
//! member `_starred` of the stored document names the version of the document that was current before
//! the stars that were given or taken since. Every other change removes the member.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::Packument;

/// Stored and never served.
pub const STARRED: &str = "_starred";

/// What the member says.
#[derive(Serialize, Deserialize)]
struct Starred {
    /// The stored version of the document before the stars.
    version: String,
    /// `time.modified` of that document. Hosts of an earlier version keep the member when they
    /// change the document, but not this time: the member is valid only if the two are equal.
    modified: String,
    /// Who gave or took the last star.
    by: String,
}

impl Packument<'_> {
    /// The revision of this document, whose stored version is `version`.
    pub fn revision(&self, version: &str) -> String {
        revision(self.starred().as_ref().map_or(version, |starred| &starred.version))
    }

    /// Whether the last change of the document was a star that this user gave or took.
    pub fn was_starred_by(&self, user: &str) -> bool {
        self.starred().is_some_and(|starred| starred.by == user)
    }

    /// Notes that this user changes nothing but a star, on the document whose stored version is
    /// `version`.
    pub fn keep_revision(&mut self, version: &str, user: &str) {
        let before = self.starred().map(|starred| starred.version);
        let starred = Starred {
            version: before.unwrap_or_else(|| version.to_owned()),
            modified: self.modified(),
            by: user.to_owned(),
        };
        // Strings can always be written.
        if let Ok(json) = serde_json::to_string(&starred) {
            self.top.set_raw(STARRED, json);
        }
    }

    fn starred(&self) -> Option<Starred> {
        let starred: Starred = serde_json::from_str(self.top.get(STARRED)?).ok()?;
        (starred.modified == self.modified()).then_some(starred)
    }

    fn modified(&self) -> String {
        self.time("modified").unwrap_or_default()
    }
}

/// The revision of a document whose stored version is `version`, if its last change was no star:
/// fit to stand in a URL as it is, different for different versions.
pub fn revision(version: &str) -> String {
    let mut text = String::with_capacity(version.len() + 2);
    text.push_str("1-");
    for byte in version.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            text.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(text, "_{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_in_a_url_as_it_is_and_tells_versions_apart() {
        assert_eq!(revision("abc-12"), "1-abc-12");
        assert_eq!(revision("\"a/b\""), "1-_22a_2fb_22");
        assert_ne!(revision("a_2f"), revision("a/"));
    }
}
