//! Validators, RFC 9110 §8.8: the entity tag and the time of last change.
//!
//! It computes validators; `conditions` evaluates them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::Reply;
use super::content::{Content, Part};
use super::encoding::Coding;

/// Above this many bytes the hash is computed off the async threads.
const HASHED_IN_PLACE: u64 = 256 << 10;

/// The validators of a resource.
#[derive(Default)]
pub(super) struct Validators {
    /// Of the content without any coding. Always well formed.
    pub etag: Option<HeaderValue>,
    /// In whole seconds, as in HTTP dates.
    pub modified: Option<SystemTime>,
}

impl Validators {
    /// Takes the validators that the plugin set, adds the missing ones, and puts both into the
    /// headers.
    pub async fn settle(headers: &mut HeaderMap, content: &Content) -> Self {
        let modified = settle_modified(headers, content);
        let etag = match plugin_etag(headers) {
            Some(etag) => Some(etag),
            None => computed_etag(content.parts()).await,
        };
        if let Some(etag) = &etag {
            headers.insert(ETAG, etag.clone());
        }
        Self { etag, modified }
    }
}

/// Gives a 200 without an ETag the one that [`super::respond`] would compute, so that a reply that
/// is sent several times is hashed once.
pub async fn settle_etag(reply: &mut Reply) {
    if reply.status == StatusCode::OK
        && plugin_etag(&mut reply.headers).is_none()
        && let Some(etag) = computed_etag(&reply.body).await
    {
        reply.headers.insert(ETAG, etag);
    }
}

fn settle_modified(headers: &mut HeaderMap, content: &Content) -> Option<SystemTime> {
    if let Some(value) = headers.get(LAST_MODIFIED) {
        if let Some(time) = value.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok()) {
            return Some(time);
        }
        headers.remove(LAST_MODIFIED);
    }
    let modified = whole_seconds(content.object()?.modified()?)?;
    let value = HeaderValue::from_str(&httpdate::fmt_http_date(modified)).ok()?;
    headers.insert(LAST_MODIFIED, value);
    Some(modified)
}

/// An HTTP date has whole seconds, and starts with the year 1970 here.
fn whole_seconds(time: SystemTime) -> Option<SystemTime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(since.as_secs()))
}

/// The plugin's ETag. Quotes are added if they are missing. A value that cannot be an entity tag is
/// removed.
fn plugin_etag(headers: &mut HeaderMap) -> Option<HeaderValue> {
    let value = headers.get(ETAG)?;
    if is_entity_tag(value.as_bytes()) {
        return Some(value.clone());
    }
    let quoted = quote(value.as_bytes());
    match &quoted {
        Some(quoted) => headers.insert(ETAG, quoted.clone()),
        None => headers.remove(ETAG),
    };
    quoted
}

fn is_entity_tag(value: &[u8]) -> bool {
    let opaque = value.strip_prefix(b"W/").unwrap_or(value);
    let inner = opaque.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    inner.is_some_and(|inner| inner.iter().all(|byte| is_etag_byte(*byte)))
}

/// `etagc`, RFC 9110 §8.8.3.
fn is_etag_byte(byte: u8) -> bool {
    byte == 0x21 || (0x23..=0x7e).contains(&byte) || byte >= 0x80
}

fn quote(text: &[u8]) -> Option<HeaderValue> {
    if text.is_empty() || !text.iter().all(|byte| is_etag_byte(*byte)) {
        return None;
    }
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(text);
    quoted.push(b'"');
    HeaderValue::from_maybe_shared(bytes::Bytes::from(quoted)).ok()
}

/// The version of the object if one object is the body, otherwise a hash over all parts.
async fn computed_etag(parts: &[Part]) -> Option<HeaderValue> {
    if let [Part::Object(object)] = parts {
        let version = object.version().as_bytes();
        let bare = version.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(version);
        if let Some(etag) = quote(bare) {
            return Some(etag);
        }
    }
    let in_memory: u64 =
        parts.iter().map(|part| if let Part::Bytes(bytes) = part { bytes.len() as u64 } else { 0 }).sum();
    if in_memory <= HASHED_IN_PLACE {
        return hash(parts);
    }
    let parts = parts.to_vec();
    tokio::task::spawn_blocking(move || hash(&parts)).await.ok().flatten()
}

/// 128 bits of BLAKE3. If all parts are bytes, it is the hash of the bytes, however they are
/// divided. An object contributes its version.
fn hash(parts: &[Part]) -> Option<HeaderValue> {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        match part {
            Part::Bytes(bytes) => {
                hasher.update(bytes);
            }
            Part::Object(object) => {
                let version = blake3::hash(object.version().as_bytes());
                hasher.update(b"\0object\0").update(&object.size().to_le_bytes()).update(version.as_bytes());
            }
        }
    }
    let hex = hasher.finalize().to_hex();
    quote(hex.as_bytes().get(..32)?)
}

/// The ETag of the content under a coding. A strong ETag gets a suffix, because the bytes differ. A
/// weak one does not identify bytes and stays the same (RFC 9110 §8.8.3.3).
pub(super) fn variant(etag: &HeaderValue, coding: Coding) -> HeaderValue {
    let bytes = etag.as_bytes();
    if bytes.starts_with(b"W/") {
        return etag.clone();
    }
    let open = bytes.strip_suffix(b"\"").unwrap_or(bytes);
    let mut tagged = Vec::with_capacity(bytes.len() + 5);
    tagged.extend_from_slice(open);
    tagged.push(b'-');
    tagged.extend_from_slice(coding.name().as_bytes());
    tagged.push(b'"');
    HeaderValue::from_maybe_shared(bytes::Bytes::from(tagged)).unwrap_or_else(|_| etag.clone())
}

pub(super) fn insert_variant(headers: &mut HeaderMap, etag: &HeaderValue, coding: Coding) {
    headers.insert(ETAG, variant(etag, coding));
}
