//! Makes an HTTP response from a plugin's reply, or from a failure of the host.
//!
//! All protocols share this implementation of HTTP: HEAD, ranges, validators and conditional requests,
//! compression, lengths, `Vary`, file names of attachments. It does not know plugins or storage: it
//! streams a [`StoredObject`].
//!
//! # Layout
//! - `content`: the parts of a reply as one sequence of bytes, of which ranges can be taken
//! - `validators`, `conditions`: ETag and dates, RFC 9110 §8.8 and §13
//! - `ranges`: `Range`, RFC 9110 §14
//! - `encoding`: compression, RFC 9110 §8.4 and §12.5.3
//! - `headers`: which headers the plugin sets, and which the host sets
//! - `browser`: prevents browsers from running published content
//! - `caching`: `Cache-Control`, RFC 9111
//! - `stream`: the body of a response. If a body is incomplete, it ends with an error
//! - `failure`: every status of the host's own errors; `accept`: whether the client reads JSON
//!
//! # Invariants
//! - A body has the `Content-Length` that was sent, or the connection is closed.
//! - Two different byte sequences of one resource never have the same strong ETag.

mod accept;
mod browser;
mod caching;
mod conditions;
mod content;
mod encoding;
mod failure;
#[cfg(test)]
mod fuzz;
mod headers;
mod ranges;
mod stream;
#[cfg(test)]
mod tests;
mod validators;

use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper::ext::ReasonPhrase;

use conditions::Verdict;
use content::Content;
use encoding::Encoded;
use ranges::Wanted;
use validators::Validators;

use packhouse_common::shares::Memory;

pub use conditions::{Preconditions, is_conditional_change};
pub use content::{BoxError, Part, StoredObject};
pub use failure::{Failure, FailureShape};
pub use stream::{BodyStreamError, Keep, ResponseBody};
pub use validators::settle_etag;

/// The longest reason phrase, in bytes.
const LONGEST_REASON: usize = 300;

/// The parts of a request on which the response depends. The method is the client's, e.g. `HEAD`, for
/// which the plugin saw `GET`.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    pub method: &'a Method,
    pub headers: &'a HeaderMap,
}

/// The reply of a plugin. A status below 200 or above 599 is sent as a 500.
#[expect(clippy::struct_excessive_bools, reason = "switches of a reply, each on its own")]
#[derive(Clone)]
pub struct Reply {
    pub status: StatusCode,
    /// The reason phrase of a failure in HTTP/1.1.
    pub reason: Option<String>,
    /// As the plugin set them. Headers that only the host sets are ignored.
    pub headers: HeaderMap,
    /// Headers of one of the host's own pages, such as a cookie. They replace those of every response.
    pub of_the_host: HeaderMap,
    /// The body, in order.
    pub body: Vec<Part>,
    /// The content never changes at this URL.
    pub immutable: bool,
    /// Everybody may read it, so a shared cache may keep it. Otherwise the response has `private`.
    pub public: bool,
    /// For `Content-Disposition: attachment`.
    pub filename: Option<String>,
    /// Whether the host answers `Range`.
    pub ranges: bool,
    /// Whether it may be compressed.
    pub compression: bool,
    /// The form of an error that the host sends instead of the reply.
    pub shape: Option<FailureShape>,
    /// The request headers that the reply depends on.
    pub vary: Vec<HeaderName>,
    /// The budget for a compressed body. The parts of `body` are already counted.
    pub memory: Option<Memory>,
}

impl Reply {
    /// A reply with nothing but a status; ranges and compression are on.
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            reason: None,
            headers: HeaderMap::new(),
            of_the_host: HeaderMap::new(),
            body: Vec::new(),
            immutable: false,
            public: false,
            filename: None,
            ranges: true,
            compression: true,
            shape: None,
            vary: Vec::new(),
            memory: None,
        }
    }
}

/// Makes the HTTP response for a reply. Never fails: what can go wrong later
/// goes wrong in the body, and then the connection ends.
pub async fn respond(request: RequestHead<'_>, mut reply: Reply) -> Response<ResponseBody> {
    if !(200..=599).contains(&reply.status.as_u16()) {
        reply = Failure::Reply("the plugin answered with a status that HTTP does not have".into())
            .reply(reply.shape.as_ref());
    }
    headers::keep_the_plugins(&mut reply.headers);
    headers::add_the_hosts(&mut reply);
    failure::add_retry_after(&mut reply);
    let content = Content::new(std::mem::take(&mut reply.body));
    if matches!(reply.status.as_u16(), 204 | 205 | 304) {
        return without_content(reply);
    }
    headers::describe(&mut reply.headers, &content);
    let is_head = request.method == Method::HEAD;
    let response = if reply.status == StatusCode::OK && (is_head || request.method == Method::GET) {
        respond_to_read(request, reply, content).await
    } else {
        let coding = encoding::choose(&request, &reply, &content);
        headers::set_vary(&mut reply, coding.is_negotiated());
        respond_whole(reply, content, coding.chosen(), None).await
    };
    if is_head { response.map(ResponseBody::into_head) } else { response }
}

/// A GET or HEAD that found something: conditions, then ranges, then encoding,
/// in the order of RFC 9110 §13.2.2.
async fn respond_to_read(
    request: RequestHead<'_>,
    mut reply: Reply,
    content: Content,
) -> Response<ResponseBody> {
    let validators = Validators::settle(&mut reply.headers, &content).await;
    let coding = encoding::choose(&request, &reply, &content);
    headers::set_vary(&mut reply, coding.is_negotiated());
    match conditions::check(request.headers, &validators, coding.chosen()) {
        Verdict::Proceed => {}
        Verdict::NotModified(etag) => return not_modified(reply, etag),
        Verdict::Failed => return precondition_failed(&reply),
    }
    if coding.chosen().is_none() && reply.ranges {
        reply.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(range) = wanted_range(&request, &validators) {
            match ranges::parse(range, content.size()) {
                Wanted::Whole => {}
                Wanted::Nothing => return not_satisfiable(&reply, content.size()),
                Wanted::Ranges(wanted) => return respond_partly(reply, &content, &wanted),
            }
        }
    }
    respond_whole(reply, content, coding.chosen(), validators.etag.as_ref()).await
}

/// The `Range` to answer, if there is one: RFC 9110 §14.2 has it for GET only,
/// §13.1.5 drops it when `If-Range` names another state of the resource.
fn wanted_range<'a>(request: &RequestHead<'a>, validators: &Validators) -> Option<&'a HeaderValue> {
    if request.method != Method::GET {
        return None;
    }
    let range = request.headers.get(RANGE)?;
    conditions::range_applies(request.headers, validators).then_some(range)
}

async fn respond_whole(
    mut reply: Reply,
    content: Content,
    coding: Option<encoding::Coding>,
    etag: Option<&HeaderValue>,
) -> Response<ResponseBody> {
    let body = match coding {
        None => content.into_body(),
        Some(coding) => match encoding::encode(content, coding, reply.memory.as_ref()).await {
            Encoded::AsItWas(body) => body,
            Encoded::Smaller(body) => {
                reply.headers.insert(CONTENT_ENCODING, coding.header());
                if let Some(etag) = etag {
                    validators::insert_variant(&mut reply.headers, etag, coding);
                }
                body
            }
        },
    };
    finish(reply, body)
}

/// RFC 9110 §15.3.7.
fn respond_partly(
    mut reply: Reply,
    content: &Content,
    wanted: &[std::ops::Range<u64>],
) -> Response<ResponseBody> {
    reply.status = StatusCode::PARTIAL_CONTENT;
    let body = if let [range] = wanted {
        reply.headers.insert(CONTENT_RANGE, ranges::content_range(range, content.size()));
        content.cut(range)
    } else {
        let multipart = ranges::Multipart::new(wanted, content.size(), reply.headers.get(CONTENT_TYPE));
        reply.headers.insert(CONTENT_TYPE, multipart.content_type());
        multipart.body(content)
    };
    finish(reply, body)
}

/// RFC 9110 §15.5.17.
fn not_satisfiable(replaced: &Reply, size: u64) -> Response<ResponseBody> {
    let shape = FailureShape::in_place_of(replaced);
    let mut reply = Failure::RangeNotSatisfiable { size }.reply(shape.as_ref());
    reply.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    reply.headers.insert(CONTENT_RANGE, ranges::no_content_range(size));
    finish_failure(reply)
}

/// RFC 9110 §15.4.5: the headers that a 200 would have had, without those that
/// only describe its content.
fn not_modified(mut reply: Reply, etag: Option<HeaderValue>) -> Response<ResponseBody> {
    reply.status = StatusCode::NOT_MODIFIED;
    headers::drop_representation(&mut reply.headers);
    if let Some(etag) = etag {
        reply.headers.insert(http::header::ETAG, etag);
        reply.headers.remove(http::header::LAST_MODIFIED);
    }
    without_content(reply)
}

fn precondition_failed(replaced: &Reply) -> Response<ResponseBody> {
    finish_failure(Failure::PreconditionFailed.reply(FailureShape::in_place_of(replaced).as_ref()))
}

/// An answer of the host in place of a plugin's.
fn finish_failure(mut reply: Reply) -> Response<ResponseBody> {
    headers::add_the_hosts(&mut reply);
    let content = Content::new(std::mem::take(&mut reply.body));
    finish(reply, content.into_body())
}

fn without_content(mut reply: Reply) -> Response<ResponseBody> {
    if reply.status == StatusCode::RESET_CONTENT {
        reply.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    assemble(reply, ResponseBody::empty())
}

fn finish(mut reply: Reply, body: ResponseBody) -> Response<ResponseBody> {
    if let Some(length) = body.length() {
        reply.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    assemble(reply, body)
}

fn assemble(reply: Reply, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if let Some(phrase) =
        reply.reason.filter(|_| reply.status.as_u16() >= 400).as_deref().and_then(reason_phrase)
    {
        response.extensions_mut().insert(phrase);
    }
    response
}

/// RFC 9112 §4: visible ASCII and spaces, on the status line.
fn reason_phrase(text: &str) -> Option<ReasonPhrase> {
    let visible = |character: char| if matches!(character, ' '..='~') { character } else { '?' };
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    let phrase: String = line.chars().map(visible).take(LONGEST_REASON).collect();
    if phrase.is_empty() { None } else { ReasonPhrase::try_from(phrase).ok() }
}

/// A response of bytes that needs nothing of the above, such as a health check.
pub fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<ResponseBody> {
    let mut reply = Reply::new(status);
    reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers::add_the_hosts(&mut reply);
    finish(reply, ResponseBody::bytes(text.into()))
}
