//! Which headers of a response the plugin sets, and which the host sets.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use http::header::{
    ACCEPT_RANGES, CONNECTION, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, DATE, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::content::Content;
use super::{Reply, browser, caching};
use packhouse_common::text::is_hidden;

/// Removes the headers that a plugin may not set: hop-by-hop headers (RFC 9110 §7.6.1), and those
/// that the host derives.
pub(super) fn keep_the_plugins(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        remove_connection_options(headers);
    }
    while let Some(name) = headers.keys().find(|name| is_the_hosts(name)).cloned() {
        if browser::is_the_hosts(&name) {
            tell_once(&name);
        }
        headers.remove(name);
    }
}

/// The most header names that are logged.
const MOST_TOLD: usize = 64;

fn tell_once(name: &HeaderName) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.len() < MOST_TOLD && told.insert(name.to_string()) {
        tracing::warn!(
            header = %name,
            "the plugin set the header {name}, which rules browsers on the address that all mounts share: it is not \
             sent (this is logged once)"
        );
    }
}

fn is_the_hosts(name: &HeaderName) -> bool {
    const OWNED: [HeaderName; 10] = [
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
        CONNECTION,
        VARY,
        ACCEPT_RANGES,
        DATE,
        UPGRADE,
        TE,
        TRAILER,
        PROXY_AUTHENTICATE,
    ];
    OWNED.contains(name)
        || name == "keep-alive"
        || name == "proxy-connection"
        || browser::is_the_hosts(name)
        || caching::is_the_hosts(name)
}

/// The headers that `Connection` names are hop-by-hop too.
fn remove_connection_options(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
}

/// The headers of every response.
pub(super) fn add_the_hosts(reply: &mut Reply) {
    browser::protect(&mut reply.headers);
    caching::set_cache_control(reply);
    let headers = &mut reply.headers;
    if reply.status == StatusCode::UNAUTHORIZED && !headers.contains_key(WWW_AUTHENTICATE) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"packhouse\""));
    }
    if let Some(filename) = &reply.filename {
        headers.insert(CONTENT_DISPOSITION, attachment(filename));
    }
    headers.extend(std::mem::take(&mut reply.of_the_host));
}

/// The headers that the store knows when one object is the whole body. A client may have chosen its
/// content type.
pub(super) fn describe(headers: &mut HeaderMap, content: &Content) {
    let Some(object) = content.object() else {
        return;
    };
    if !headers.contains_key(CONTENT_TYPE) {
        let known = object.content_type().filter(|kind| !browser::may_run(kind));
        let known = known.and_then(|value| HeaderValue::from_str(value).ok());
        headers.insert(CONTENT_TYPE, known.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    }
}

/// `Vary` from the headers that were read, and `Accept-Encoding` if the response depends on it.
pub(super) fn set_vary(reply: &mut Reply, negotiated: bool) {
    if reply.vary.is_empty() {
        if negotiated {
            reply.headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        return;
    }
    let mut names: Vec<&str> = Vec::with_capacity(reply.vary.len() + 1);
    let encoding = negotiated.then_some("accept-encoding");
    for name in reply.vary.iter().map(HeaderName::as_str).chain(encoding) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&names.join(", ")) {
        reply.headers.insert(VARY, value);
    }
}

/// Removes headers that describe content that is not sent (RFC 9110 §15.4.5).
pub(super) fn drop_representation(headers: &mut HeaderMap) {
    for name in
        [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_RANGE, CONTENT_DISPOSITION, CONTENT_LENGTH]
    {
        headers.remove(name);
    }
}

/// `Content-Disposition: attachment`, RFC 6266 §4. A name beyond plain ASCII also gets the form of
/// RFC 8187, and a readable ASCII name for clients without it.
fn attachment(filename: &str) -> HeaderValue {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    // A character that changes the direction of text could hide the ending of the name.
    let name = name.replace(is_hidden, "_");
    let stand_in: String =
        name.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
    let text = if stand_in == name {
        format!("attachment; filename=\"{name}\"")
    } else {
        let encoded = percent_encoding::utf8_percent_encode(&name, NOT_ATTRIBUTE);
        format!("attachment; filename=\"{stand_in}\"; filename*=UTF-8''{encoded}")
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

/// Characters that a quoted string holds without an escape. `%` is not one of them, because some
/// clients decode it.
fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~') && !matches!(character, '"' | '\\' | '%')
}

/// All but the `attr-char` of RFC 8187 §3.2.1.
const NOT_ATTRIBUTE: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_an_attachment_so_that_every_client_reads_it() {
        assert_eq!(attachment("demo-1.0.0.tgz"), "attachment; filename=\"demo-1.0.0.tgz\"");
        assert_eq!(
            attachment("h\u{e4}user \"neu\".tgz"),
            "attachment; filename=\"h_user _neu_.tgz\"; filename*=UTF-8''h%C3%A4user%20%22neu%22.tgz"
        );
        assert_eq!(attachment("../../etc/passwd"), "attachment; filename=\"passwd\"");
        assert_eq!(attachment("a\r\nSet-Cookie: x"), "attachment; filename=\"a__Set-Cookie: x\"");
        assert_eq!(attachment("a\u{202e}gpj.exe"), "attachment; filename=\"a_gpj.exe\"");
        assert_eq!(
            attachment("\u{202e}\u{e4}.tgz"),
            "attachment; filename=\"__.tgz\"; filename*=UTF-8''_%C3%A4.tgz"
        );
    }
}
