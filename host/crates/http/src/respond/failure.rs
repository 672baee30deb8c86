//! The errors that the host answers itself: the status, the sentence and the headers of each. For
//! example, a plugin that traps is [`Failure::Trapped`], a 500. No other file decides the status of an
//! error of the host.
//!
//! It does not know the cause of a failure. The code that handles the cause logs it, once.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use packhouse_common::text::counted;

use super::content::Part;
use super::{Reply, RequestHead, ResponseBody, accept, respond};
use crate::body::BodyError;

/// How long a client should wait for something that does not answer.
const AWAY: Duration = Duration::from_secs(5);

type Sentence = Cow<'static, str>;

/// A failure as the client sees it. The sentences contain no secrets and no internal details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is mounted at the address, or the requested thing does not exist; says which.
    NotFound(Sentence),
    /// The credentials of the request are not valid; says why.
    Unauthorized(Sentence),
    /// The host rejects this request; says why.
    Forbidden(Sentence),
    /// `allow` lists the possible methods, e.g. `GET, HEAD`.
    MethodNotAllowed {
        allow: Sentence,
    },
    /// The request is malformed; says why.
    BadRequest(Sentence),
    /// The body ended before it was complete.
    Truncated,
    /// The body has more than this many bytes.
    TooLarge {
        limit: u64,
    },
    HeadersTooLarge,
    AddressTooLong,
    /// The client stopped sending, or sent too slowly.
    Slow,
    PreconditionFailed,
    /// The requested range is outside the content, which has this many bytes.
    RangeNotSatisfiable {
        size: u64,
    },
    /// All places for requests are taken.
    Busy {
        retry_after: Duration,
    },
    /// The plugin trapped, e.g. it panicked.
    Trapped,
    /// The plugin's reply is not valid in HTTP; says why.
    Reply(Sentence),
    /// The plugin missed its deadline.
    Deadline,
    /// The plugin exceeded its memory, or another of its limits.
    OutOfMemory,
    /// The plugin cannot be used now, e.g. because it failed to load.
    PluginUnavailable(Sentence),
    StorageUnavailable,
    /// The storage can only be read.
    StorageTakesNoWrites,
    /// Too many wrong passwords were sent.
    TooManyAttempts {
        retry_after: Duration,
    },
    /// The stores of users and tokens do not answer.
    IdentityUnavailable,
    NotImplemented(Sentence),
    Internal,
}

impl Failure {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadRequest(_) | Self::Truncated => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::AddressTooLong => StatusCode::URI_TOO_LONG,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::RangeNotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Busy { .. }
            | Self::PluginUnavailable(_)
            | Self::StorageUnavailable
            | Self::StorageTakesNoWrites
            | Self::IdentityUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Trapped | Self::Reply(_) | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Deadline => StatusCode::GATEWAY_TIMEOUT,
            Self::OutOfMemory => StatusCode::INSUFFICIENT_STORAGE,
            Self::NotImplemented(_) => StatusCode::NOT_IMPLEMENTED,
        }
    }

    /// One sentence for the client.
    pub fn message(&self) -> Sentence {
        match self {
            Self::NotFound(sentence)
            | Self::Unauthorized(sentence)
            | Self::Forbidden(sentence)
            | Self::BadRequest(sentence)
            | Self::Reply(sentence)
            | Self::PluginUnavailable(sentence)
            | Self::NotImplemented(sentence) => sentence.clone(),
            Self::MethodNotAllowed { allow } => format!("this address answers to {allow}").into(),
            Self::Truncated => "the request's body ended before it was complete: send it again".into(),
            Self::TooLarge { limit } => {
                format!("the request's body is larger than the {} that are allowed", counted(*limit, "byte"))
                    .into()
            }
            Self::HeadersTooLarge => {
                "the request's headers are too large or too many: send fewer or shorter ones".into()
            }
            Self::AddressTooLong => "the request's address is too long: send a shorter one".into(),
            Self::Slow => "the request's body came too slowly, please try again".into(),
            Self::PreconditionFailed => {
                "a precondition of the request (e.g. If-Match) is not met: read the current state and try again"
                    .into()
            }
            Self::RangeNotSatisfiable { size } => {
                format!("the range that was asked for lies outside of the content, which has {size} bytes")
                    .into()
            }
            Self::Busy { .. } => "the server is busy, please try again".into(),
            Self::Trapped => "the plugin failed while it answered: the registry's log says why".into(),
            Self::Deadline => "the plugin took too long to answer, please try again".into(),
            Self::OutOfMemory => {
                "the plugin needed more than it may use: the registry's log says which limit".into()
            }
            Self::StorageUnavailable => "the storage does not answer, please try again".into(),
            Self::StorageTakesNoWrites => "the storage takes no writes now, please try again".into(),
            Self::TooManyAttempts { retry_after } => {
                let wait = counted(whole_seconds(*retry_after), "second");
                format!("too many wrong passwords were sent: try again in {wait}").into()
            }
            Self::IdentityUnavailable => "users cannot be looked up now, please try again".into(),
            Self::Internal => "the server had an internal error: its log has the details".into(),
        }
    }

    /// How long a client should wait before it tries again.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } | Self::TooManyAttempts { retry_after } => Some(*retry_after),
            Self::StorageUnavailable
            | Self::StorageTakesNoWrites
            | Self::IdentityUnavailable
            | Self::PluginUnavailable(_) => Some(AWAY),
            _ => None,
        }
    }

    /// As a reply, in the error shape of the plugin at the requested address.
    pub fn reply(&self, shape: Option<&FailureShape>) -> Reply {
        let mut reply = Reply::new(self.status());
        let (content_type, body) = match shape {
            Some(shape) => (HeaderValue::from_str(&shape.content_type).ok(), shape.render(self)),
            None => (None, format!("{}\n", self.message())),
        };
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        reply.headers.insert(CONTENT_TYPE, content_type.unwrap_or(plain));
        reply.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(time) = self.retry_after() {
            reply.headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(time)));
        }
        if let Self::MethodNotAllowed { allow } = self
            && let Ok(allow) = HeaderValue::from_str(allow)
        {
            reply.headers.insert(ALLOW, allow);
        }
        reply.body.push(Part::Bytes(body.into()));
        reply
    }

    /// The whole answer to a request.
    pub async fn respond(
        &self,
        request: RequestHead<'_>,
        shape: Option<&FailureShape>,
    ) -> http::Response<ResponseBody> {
        respond(request, self.reply(shape)).await
    }
}

/// Adds `Retry-After` to a plugin's 503, so that clients know that the failure is temporary.
pub(super) fn add_retry_after(reply: &mut Reply) {
    if reply.status == StatusCode::SERVICE_UNAVAILABLE && !reply.headers.contains_key(RETRY_AFTER) {
        reply.headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(AWAY)));
    }
}

/// Rounded up, and never at once.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).max(1)
}

/// The failure if a body cannot be read, and no other code answers.
impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Truncated => Self::Truncated,
            BodyError::TooLarge(limit) => Self::TooLarge { limit },
            BodyError::Invalid(reason) => Self::BadRequest(reason.into()),
            BodyError::Slow => Self::Slow,
        }
    }
}

/// The form in which a plugin's clients expect an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureShape {
    /// Decides how the message is escaped: for JSON, for XML, or not at all.
    pub content_type: String,
    /// `{status}` and `{message}` are replaced, e.g. `{"error":"{message}"}`.
    pub template: String,
}

impl FailureShape {
    /// The shape for a client that reads JSON: the plugin's own shape if it is JSON.
    pub fn in_json(own: Option<&Self>) -> Self {
        own.filter(|own| matches!(own.language(), Language::Json)).cloned().unwrap_or_else(|| Self {
            content_type: "application/json".into(),
            template: r#"{"message":"{message}"}"#.into(),
        })
    }

    /// The shape that the client of a request reads: JSON if its `Accept` prefers JSON to text, else
    /// the plugin's own.
    pub fn preferred(request: &HeaderMap, own: Option<&Self>) -> Option<Self> {
        if accept::prefers_json(request) { Some(Self::in_json(own)) } else { own.cloned() }
    }

    /// The shape of a failure in place of this reply: JSON if the reply is JSON, else the plugin's own.
    pub(super) fn in_place_of(reply: &Reply) -> Option<Self> {
        let own = reply.shape.as_ref();
        let content_type = reply.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|name| matches!(language(name), Language::Json));
        if is_json { Some(Self::in_json(own)) } else { own.cloned() }
    }

    fn render(&self, failure: &Failure) -> String {
        let message = failure.message();
        let escaped = match self.language() {
            Language::Json => escape_json(&message),
            Language::Xml => escape_xml(&message),
            Language::Text => message.into_owned(),
        };
        // The status first, because a message may contain `{status}`.
        self.template.replace("{status}", failure.status().as_str()).replace("{message}", &escaped)
    }

    fn language(&self) -> Language {
        language(&self.content_type)
    }
}

fn language(content_type: &str) -> Language {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if accept::is_json(&essence) {
        Language::Json
    } else if essence.ends_with("/xml") || essence.ends_with("+xml") || essence.ends_with("/html") {
        Language::Xml
    } else {
        Language::Text
    }
}

enum Language {
    Json,
    Xml,
    Text,
}

/// The content of a JSON string, without its quotes.
fn escape_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}

fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]
    use super::*;

    fn body_of(reply: &Reply) -> String {
        match reply.body.as_slice() {
            [Part::Bytes(bytes)] => String::from_utf8(bytes.to_vec()).unwrap(),
            _ => panic!("a failure has one part of bytes"),
        }
    }

    fn shape(content_type: &str, template: &str) -> FailureShape {
        FailureShape { content_type: content_type.into(), template: template.into() }
    }

    #[test]
    fn speaks_the_plugins_language_and_escapes_for_it() {
        let failure = Failure::NotFound("no <such> \"thing\"".into());
        let json =
            failure.reply(Some(&shape("application/json", r#"{"error":"{message}","status":{status}}"#)));
        assert_eq!(body_of(&json), r#"{"error":"no <such> \"thing\"","status":404}"#);
        let xml = failure.reply(Some(&shape("application/xml; charset=utf-8", "<error>{message}</error>")));
        assert_eq!(body_of(&xml), "<error>no &lt;such&gt; &quot;thing&quot;</error>");
        let text = failure.reply(Some(&shape("text/plain", "{status}: {message}")));
        assert_eq!(body_of(&text), "404: no <such> \"thing\"");
        assert_eq!(body_of(&failure.reply(None)), "no <such> \"thing\"\n");
    }

    #[test]
    fn tells_when_to_try_again_in_whole_seconds() {
        let reply = Failure::Busy { retry_after: Duration::from_millis(1200) }.reply(None);
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(reply.headers.get(RETRY_AFTER).unwrap(), "2");
        let reply = Failure::Busy { retry_after: Duration::ZERO }.reply(None);
        assert_eq!(reply.headers.get(RETRY_AFTER).unwrap(), "1");
        for (seconds, words) in [(1, "try again in 1 second"), (2, "try again in 2 seconds")] {
            let failure = Failure::TooManyAttempts { retry_after: Duration::from_secs(seconds) };
            assert!(failure.message().ends_with(words), "{}", failure.message());
        }
    }

    #[test]
    fn the_endings_of_a_plugin_have_the_statuses_of_the_design() {
        assert_eq!(Failure::Trapped.status(), 500);
        assert_eq!(Failure::Deadline.status(), 504);
        assert_eq!(Failure::OutOfMemory.status(), 507);
        assert_eq!(Failure::MethodNotAllowed { allow: "GET, HEAD".into() }.status(), 405);
        assert_eq!(
            Failure::MethodNotAllowed { allow: "GET, HEAD".into() }.reply(None).headers.get(ALLOW).unwrap(),
            "GET, HEAD"
        );
    }
}
