//! Which parts of a text look like a token: a hyphenated UUID, 32 hexadecimal digits, or a signed
//! access token (JWT).
//!
//! To sign out, some clients send the token in the path. The host may reject such a request, and a
//! client may send it to the wrong mount, so the host decides by the form alone.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::{LONGEST, printable};

/// What is shown in place of a secret.
const HIDDEN: &str = "…";
/// How often a text may be percent-encoded over and over until it is not decoded any more.
const MOST_ENCODINGS: usize = 8;

/// A request's path for a log line: bounded, escaped, and without any segment that may
/// contain a secret, however the client encoded it.
pub fn printable_path(path: &str) -> String {
    let mut shown = String::new();
    let mut rest = Some(path);
    while let Some(current) = rest {
        let (segment, behind) = match current.split_once('/') {
            Some((segment, behind)) => (segment, Some(behind)),
            None => (current, None),
        };
        shown.push_str(if may_hold_secret(segment) { HIDDEN } else { segment });
        if let Some(behind) = behind {
            shown.push('/');
            if shown.len() > LONGEST {
                // `printable` drops all of this.
                shown.push_str(behind);
                break;
            }
        }
        rest = behind;
    }
    printable(&shown).to_string()
}

/// Every part of a text that looks like a secret, as the text contains it and decoded. What
/// a plugin logs about its request is compared with them.
pub fn secrets_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for segment in text.split(['/', '&', '=', '?']).filter(|segment| !segment.is_empty()) {
        if may_hold_secret(segment) {
            found.push(segment.to_owned());
            if let Some(decoded) = decoded(segment) {
                found.extend(identifiers(&decoded).map(str::to_owned));
                found.push(decoded.into_owned());
            }
        }
    }
    found.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    found.dedup();
    found
}

/// Whether a segment of a path contains something of a token's form, once it is decoded.
fn may_hold_secret(segment: &str) -> bool {
    decoded(segment).is_none_or(|decoded| {
        Uuid::try_parse(&decoded).is_ok() || identifiers(&decoded).next().is_some() || has_jwt(&decoded)
    })
}

/// Without any percent-encoding. `None` for a text that stays encoded for too long: nobody
/// needs that but to hide something.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    let mut text = Cow::Borrowed(text);
    for _ in 0..MOST_ENCODINGS {
        let next = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if next == text {
            return Some(text);
        }
        text = Cow::Owned(next);
    }
    None
}

/// All hyphenated UUIDs in a text.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    const LENGTH: usize = 36;
    let candidates = text.match_indices('-').filter_map(|(at, _)| {
        // The first group has eight digits.
        let start = at.checked_sub(8)?;
        text.get(start..start + LENGTH)
    });
    candidates.filter(|candidate| Uuid::try_parse(candidate).is_ok())
}

/// Whether a text contains three parts of base64url with dots between them, of which the
/// first is a JSON object.
fn has_jwt(text: &str) -> bool {
    text.match_indices("eyJ").any(|(at, _)| {
        let candidate = text.get(at..).unwrap_or_default();
        let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let end = candidate.find(|c| !is_token(c)).unwrap_or(candidate.len());
        candidate.get(..end).is_some_and(|token| token.matches('.').count() >= 2)
    })
}
