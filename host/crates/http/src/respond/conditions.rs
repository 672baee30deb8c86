//! Conditional requests, RFC 9110 §13: a GET or HEAD that found something, and a request that
//! changes something.

use std::time::{Duration, SystemTime};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::content::Content;
use super::encoding::Coding;
use super::failure::FailureShape;
use super::validators::{self, Validators};
use super::{Reply, RequestHead};

/// What the conditions of a request come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    /// 304, with the ETag to name in it.
    NotModified(Option<HeaderValue>),
    /// 412.
    Failed,
}

/// In the order of RFC 9110 §13.2.2. `coding` is the one that a 200 would have.
pub(super) fn check(headers: &HeaderMap, validators: &Validators, coding: Option<Coding>) -> Verdict {
    if headers.contains_key(IF_MATCH) {
        if !is_listed(headers, IF_MATCH, validators, Comparison::Strong) {
            return Verdict::Failed;
        }
    } else if let (Some(date), Some(modified)) = (date(headers, IF_UNMODIFIED_SINCE), validators.modified)
        && modified > date
    {
        return Verdict::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        return match listed(headers, IF_NONE_MATCH, validators, Comparison::Weak) {
            Listed::No => Verdict::Proceed,
            Listed::Any => Verdict::NotModified(selected_etag(validators, coding)),
            Listed::Tag(tag) => Verdict::NotModified(tag.or_else(|| selected_etag(validators, coding))),
        };
    }
    match (date(headers, IF_MODIFIED_SINCE), validators.modified) {
        (Some(date), Some(modified)) if modified <= date => {
            Verdict::NotModified(selected_etag(validators, coding))
        }
        _ => Verdict::Proceed,
    }
}

/// The preconditions of a request that changes something.
#[derive(Clone, Debug)]
pub struct Preconditions {
    /// Whether the change may be made.
    pub are_met: bool,
    /// How a client reads that they are not.
    pub shape: Option<FailureShape>,
}

impl Preconditions {
    /// Whether they are met where a GET of the same address is answered with this reply. When the reply
    /// does not tell what is there, e.g. since the caller may not read it, they are not.
    pub async fn of_change(headers: &HeaderMap, mut reply: Reply) -> Self {
        let shape = FailureShape::in_place_of(&reply);
        let are_met = match reply.status {
            status if status.is_success() => {
                let content = Content::new(std::mem::take(&mut reply.body));
                permit_change(headers, Some(&Validators::settle(&mut reply.headers, &content).await))
            }
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => {
                permit_change(headers, None)
            }
            _ => false,
        };
        Self { are_met, shape }
    }
}

/// Whether the request changes something, and only under a condition. `If-Modified-Since` and
/// `If-Range` are no conditions of a change (RFC 9110 §13.1.3, §13.1.5).
pub fn is_conditional_change(request: RequestHead<'_>) -> bool {
    let changes = [Method::PUT, Method::DELETE, Method::PATCH, Method::POST];
    let conditions = [IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE];
    changes.contains(request.method) && conditions.iter().any(|name| request.headers.contains_key(name))
}

/// RFC 9110 §13.2.2 for a change. `present` is what is there, if anything is.
fn permit_change(headers: &HeaderMap, present: Option<&Validators>) -> bool {
    if headers.contains_key(IF_MATCH) {
        if !present.is_some_and(|present| is_listed(headers, IF_MATCH, present, Comparison::Strong)) {
            return false;
        }
    } else if let (Some(date), Some(modified)) =
        (date(headers, IF_UNMODIFIED_SINCE), present.and_then(|present| present.modified))
        && modified > date
    {
        return false;
    }
    !present.is_some_and(|present| is_listed(headers, IF_NONE_MATCH, present, Comparison::Weak))
}

/// `If-Range`, RFC 9110 §13.1.5: absent, or naming exactly the present state. A
/// date must also be old enough to tell two changes apart.
pub(super) fn range_applies(headers: &HeaderMap, validators: &Validators) -> bool {
    let Some(value) = headers.get(IF_RANGE) else {
        return true;
    };
    let bytes = value.as_bytes();
    if bytes.starts_with(b"\"") || bytes.starts_with(b"W/") {
        return validators.etag.as_ref().is_some_and(|etag| etag == value && !bytes.starts_with(b"W/"));
    }
    match (date(headers, IF_RANGE), validators.modified) {
        (Some(date), Some(modified)) => date == modified && is_old_enough(modified),
        _ => false,
    }
}

fn is_old_enough(modified: SystemTime) -> bool {
    SystemTime::now().duration_since(modified).is_ok_and(|age| age >= Duration::from_secs(1))
}

fn selected_etag(validators: &Validators, coding: Option<Coding>) -> Option<HeaderValue> {
    let etag = validators.etag.as_ref()?;
    Some(coding.map_or_else(|| etag.clone(), |coding| validators::variant(etag, coding)))
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// RFC 9110 §8.8.3.2.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

enum Listed {
    No,
    /// By `*`.
    Any,
    /// By this tag; none when it has no form that could be sent back.
    Tag(Option<HeaderValue>),
}

fn is_listed(headers: &HeaderMap, name: HeaderName, validators: &Validators, comparison: Comparison) -> bool {
    !matches!(listed(headers, name, validators, comparison), Listed::No)
}

/// Whether the list of entity tags under `name` has the present one, or the same
/// under one of our content codings.
fn listed(headers: &HeaderMap, name: HeaderName, validators: &Validators, comparison: Comparison) -> Listed {
    for value in headers.get_all(name) {
        let mut rest = value.as_bytes().trim_ascii();
        if rest == b"*" {
            return Listed::Any;
        }
        let Some(etag) = &validators.etag else {
            continue;
        };
        while let Some((tag, after)) = next_tag(rest) {
            if matches(tag, etag.as_bytes(), comparison) {
                return Listed::Tag(
                    HeaderValue::from_bytes(tag).ok().filter(|tag| tag.as_bytes().ends_with(b"\"")),
                );
            }
            rest = after;
        }
    }
    Listed::No
}

/// The first tag of a list, and what follows it. Tags may hold commas; one that
/// lost its quotes reaches to the next comma.
fn next_tag(list: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = list.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
    let list = list.get(start..)?;
    let quote = if list.starts_with(b"W/\"") { 2 } else { 0 };
    let end = if list.get(quote) == Some(&b'"') {
        let length = list.get(quote + 1..)?.iter().position(|byte| *byte == b'"');
        length.map_or(list.len(), |length| quote + length + 2)
    } else {
        list.iter().position(|byte| *byte == b',').unwrap_or(list.len())
    };
    let (tag, after) = list.split_at_checked(end)?;
    Some((tag.trim_ascii(), after))
}

fn matches(candidate: &[u8], etag: &[u8], comparison: Comparison) -> bool {
    let (candidate_weak, candidate) = opaque(candidate);
    let (weak, own) = opaque(etag);
    if comparison == Comparison::Strong && (weak || candidate_weak) {
        return false;
    }
    match candidate.strip_prefix(own) {
        Some(b"") => true,
        Some([b'-', coding @ ..]) => {
            !weak && Coding::ALL.iter().any(|known| known.name().as_bytes() == coding)
        }
        _ => false,
    }
}

/// Whether a tag is weak, and what stands between its quotes.
fn opaque(tag: &[u8]) -> (bool, &[u8]) {
    let (weak, tag) = tag.strip_prefix(b"W/").map_or((false, tag), |rest| (true, rest));
    let inner = tag.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    (weak, inner.unwrap_or(tag))
}
