//! `_rev`, the token by which clients say which state of a document they have seen.

use std::fmt::Write as _;

/// The revision of a document whose stored version is `version`: fit to stand in a URL
/// as it is, different for different versions.
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
