//! `Forwarded`, RFC 7239: each proxy appends one element about who called it.
//!
//! The value is split from its right end, where the trusted proxy wrote. A parser that begins
//! at the left end, as libraries have it, lets a client hide the proxy's element behind a
//! quote that the client does not close.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::FORWARDED;

use super::{address, host, scheme};

/// What one proxy says about who called it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hop {
    /// `None` if the proxy does not say, or hides it (`unknown`, `_name`).
    pub ip: Option<IpAddr>,
    pub scheme: Option<&'static str>,
    pub host: Option<String>,
}

/// All elements, the last one first; `None` for one that cannot be read.
pub(super) fn from_right(headers: &HeaderMap) -> impl Iterator<Item = Option<Hop>> {
    let lines: Vec<_> = headers.get_all(FORWARDED).iter().collect();
    lines.into_iter().rev().flat_map(|line| {
        let text = String::from_utf8_lossy(line.as_bytes());
        elements(&text).into_iter().map(element).collect::<Vec<_>>()
    })
}

/// The elements of one header line, the last one first. A comma inside quotes separates
/// nothing.
fn elements(line: &str) -> Vec<&str> {
    let mut elements = Vec::new();
    let (mut is_quoted, mut end) = (false, line.len());
    for (at, character) in line.char_indices().rev() {
        match character {
            '"' if !is_escaped(line, at) => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                elements.push(line.get(at + 1..end).unwrap_or_default());
                end = at;
            }
            _ => {}
        }
    }
    elements.push(line.get(..end).unwrap_or_default());
    elements
}

/// Whether the character at this place follows an odd number of backslashes.
fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    (before.len() - before.trim_end_matches('\\').len()) % 2 == 1
}

/// `for=192.0.2.1;proto=https;host=example.com`. A parameter that occurs twice makes the
/// element unreadable: a client may have smuggled it in by its `Host`. So does a scheme or a host
/// that is invalid.
fn element(text: &str) -> Option<Hop> {
    let mut hop = Hop::default();
    let mut seen: Vec<String> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (pair, behind) = first_pair(rest);
        rest = behind;
        if pair.trim().is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim().to_ascii_lowercase(), unquoted(value.trim())?);
        if seen.contains(&name) {
            return None;
        }
        match name.as_str() {
            "for" => hop.ip = address(&value),
            "proto" => hop.scheme = Some(scheme(&value)?),
            "host" => hop.host = Some(host::parse(&value)?),
            _ => {}
        }
        seen.push(name);
    }
    Some(hop)
}

/// What is before the first semicolon outside quotes, and what follows it.
fn first_pair(text: &str) -> (&str, &str) {
    let mut is_quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' if !is_escaped(text, at) => is_quoted = !is_quoted,
            ';' if !is_quoted => {
                return (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
            }
            _ => {}
        }
    }
    (text, "")
}

/// A token as it is, or the text of a quoted string.
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => text.push(characters.next()?),
            _ => text.push(character),
        }
    }
    Some(text)
}
