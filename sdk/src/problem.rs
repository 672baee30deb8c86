//! What a protocol answers when it does not do what was asked.
//!
//! A protocol lists its failures in a table ([`descriptors!`](crate::descriptors)) and implements
//! [`ErrorFormat`] once: it names a line of the table for each [`Report`] of the router and the
//! host, and renders a [`Problem`]. The conversions come with that. So an endpoint returns
//! `Result<Response, Problem<MyProtocol>>` and uses `?` on every call of this crate.
//!
//! An answer with a status of 500 and above always has a line in the log that says why, and tells
//! the client nothing of the inside of the host. A protocol without an own format uses
//! [`Failure`](crate::Failure).
//!
//! # Examples
//! A protocol whose clients read XML:
//! ```
//! use packhouse_plugin::markup::Escaped;
//! use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
//! use packhouse_plugin::{Call, Descriptor, Response, Router, answered_as, auth, descriptors};
//!
//! descriptors! {
//!     NO_ROUTE 404 "no_route" "nothing is served at this path"
//!     NOT_FOUND 404 "not_found" "this is not in this registry"
//!     METHOD 405 "method" "this path does not answer this method"
//!     FEATURE_OFF 405 "feature_off" "this is turned off on this registry"
//!     BAD_NAME 400 "bad_name" "this is not a valid name"
//!     BAD_BODY 400 "bad_body" "the body cannot be read"
//!     TOO_LARGE 413 "too_large" "this is larger than the registry takes"
//!     SIGN_IN 401 "sign_in" "sign in first"
//!     FORBIDDEN 403 "forbidden" "this account lacks a permission"
//!     CONFLICT 409 "conflict" "somebody else changed it at the same time; try again"
//!     INTERNAL 500 "internal" "the registry met an internal error"
//! }
//!
//! /// The protocol.
//! pub struct Books;
//! /// What its endpoints fail with.
//! pub type Error = Problem<Books>;
//!
//! impl ErrorFormat for Books {
//!     type Detail = ();
//!
//!     fn descriptor(report: Report<'_>) -> Descriptor {
//!         match report {
//!             Report::NoRoute => NO_ROUTE,
//!             Report::Method => METHOD,
//!             Report::FeatureOff => FEATURE_OFF,
//!             Report::BadPath { .. } => BAD_NAME,
//!             Report::BadJson | Report::Invalid | Report::Truncated | Report::DigestMismatch => BAD_BODY,
//!             Report::TooLarge => TOO_LARGE,
//!             Report::SignIn => SIGN_IN,
//!             Report::Forbidden => FORBIDDEN,
//!             Report::NotFound => NOT_FOUND,
//!             Report::Conflict => CONFLICT,
//!             Report::Unavailable | Report::Internal => INTERNAL,
//!         }
//!     }
//!
//!     fn render(problem: &Error) -> Response {
//!         let (code, sentence) = (problem.code(), Escaped(problem.sentence()));
//!         let xml = format!("<error code=\"{code}\">{sentence}</error>\n");
//!         Response::new(problem.status()).content_type("application/xml").bytes(xml)
//!     }
//! }
//!
//! /// Why a text is not the name of a book.
//! pub struct BadName;
//! impl std::fmt::Display for BadName {
//!     fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
//!         formatter.write_str("the name of a book is not longer than 9 bytes")
//!     }
//! }
//! answered_as! { Error: BadName => BAD_NAME }
//!
//! fn read(call: &Call) -> Result<Response, Error> {
//!     let name = call.decoded("book")?;
//!     if name.len() > 9 {
//!         return Err(BadName.into());
//!     }
//!     auth::require("book", &name, "read")?;
//!     let sentence = || format!("there is no book <{name}>");
//!     Response::new(200).object(&name)?.ok_or_else(|| Error::because(NOT_FOUND, sentence()))
//! }
//!
//! # use packhouse_plugin::{Description, Protocol, Request};
//! # impl Protocol for Books {
//! #     fn describe() -> Description {
//! #         Description::new("books", "Books", "0.1.0").scope("book", &["read"], "read")
//! #     }
//! #     fn handle(request: Request) -> Response { Router::new().get("/{book}", read).handle(request) }
//! # }
//! use packhouse_plugin::testing::Host;
//!
//! let host = Host::new().anonymous_grants(&["*:*:*:read"]);
//! let reply = host.anonymous().get("/emma").send::<Books>();
//! assert_eq!(reply.status(), 404);
//! assert_eq!(reply.text(), "<error code=\"not_found\">there is no book &lt;emma&gt;</error>\n");
//! assert_eq!(host.anonymous().get("/much-too-long").send::<Books>().status(), 400);
//! assert_eq!(host.anonymous().put("/emma").send::<Books>().status(), 405);
//! ```

use std::fmt;
use std::marker::PhantomData;

use crate::auth::Denied;
use crate::json::{self, BadJson};
use crate::router::RouteError;
use crate::segment::BadSegment;
use crate::settings::FeatureOff;
use crate::{Error, Response};

/// One line of a protocol's table of failures: the table is also the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// The word that clients branch on.
    pub code: &'static str,
    /// HTTP.
    pub status: u16,
    /// Lower case, no final period, says what to do.
    pub message: &'static str,
}

/// A protocol's table of [`Descriptor`]s: a constant for each line, and `TABLE` with all of them.
///
/// ```
/// packhouse_plugin::descriptors! {
///     NAME_UNKNOWN 404 "NAME_UNKNOWN" "there is no repository of this name"
///     NAME_INVALID 400 "NAME_INVALID" "this is not the name of a repository"
/// }
/// # fn main() {
/// assert_eq!(NAME_UNKNOWN.status, 404);
/// assert!(TABLE.iter().all(|line| !line.message.ends_with('.')));
/// # }
/// ```
#[macro_export]
macro_rules! descriptors {
    ($($(#[$meta:meta])* $name:ident $status:literal $code:literal $message:literal)*) => {
        $($(#[$meta])* pub const $name: $crate::Descriptor =
            $crate::Descriptor { code: $code, status: $status, message: $message };)*
        /// The whole table.
        pub const TABLE: &[$crate::Descriptor] = &[$($name),*];
    };
}

/// Which line of the table answers an error of the protocol's own, in the error's own words. See
/// the example of [`problem`](crate::problem).
#[macro_export]
macro_rules! answered_as {
    ($problem:ty: $($error:ty => $descriptor:expr),+ $(,)?) => {
        $(impl ::std::convert::From<$error> for $problem {
            fn from(error: $error) -> Self {
                Self::because($descriptor, error)
            }
        })+
    };
}

/// What the router or the host reports. The list is complete, so that a protocol names a line of
/// its table for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report<'a> {
    /// No route matches the path. 404.
    NoRoute,
    /// The path exists for other methods. 405; the router adds `Allow`.
    Method,
    /// The operator switched the feature off ([`crate::settings::require_feature`]). 405.
    FeatureOff,
    /// A part of the path cannot be a name. `parameter` is its name in the route's pattern. 400.
    BadPath { parameter: &'a str },
    /// The client sent JSON that does not parse as what the endpoint needs. 400.
    BadJson,
    /// The caller must sign in, or the credentials are not valid. 401.
    SignIn,
    /// The account lacks a permission, or the plugin lacks a grant ([`Error::Denied`]). 403.
    Forbidden,
    /// [`Error::NotFound`]. 404.
    NotFound,
    /// [`Error::Conflict`]. 409.
    Conflict,
    /// [`Error::DigestMismatch`]. 400.
    DigestMismatch,
    /// [`Error::TooLarge`]. 413.
    TooLarge,
    /// [`Error::Truncated`]. 400.
    Truncated,
    /// [`Error::Invalid`]. 400.
    Invalid,
    /// [`Error::Unavailable`]. 503.
    Unavailable,
    /// Damaged stored data, a wrong setting, a bug of the plugin, or any other error of the host.
    /// 500; the log says why.
    Internal,
}

impl Report<'_> {
    /// The HTTP status that says the same, for protocols without an own opinion.
    pub fn status(self) -> u16 {
        match self {
            Report::NoRoute | Report::NotFound => 404,
            Report::Method | Report::FeatureOff => 405,
            Report::BadPath { .. }
            | Report::BadJson
            | Report::DigestMismatch
            | Report::Truncated
            | Report::Invalid => 400,
            Report::SignIn => 401,
            Report::Forbidden => 403,
            Report::Conflict => 409,
            Report::TooLarge => 413,
            Report::Unavailable => 503,
            Report::Internal => 500,
        }
    }

    fn of(error: &Error) -> Report<'static> {
        match error {
            Error::NotFound => Report::NotFound,
            Error::Conflict => Report::Conflict,
            Error::DigestMismatch { .. } => Report::DigestMismatch,
            Error::TooLarge(_) => Report::TooLarge,
            Error::Truncated => Report::Truncated,
            Error::Invalid(_) => Report::Invalid,
            Error::BadJson(_) => Report::BadJson,
            Error::Denied(_) => Report::Forbidden,
            Error::Unavailable(_) => Report::Unavailable,
            Error::Damaged { .. } | Error::Misconfigured(_) | Error::Misused(_) | Error::Other { .. } => {
                Report::Internal
            }
        }
    }
}

/// How a protocol answers failures.
pub trait ErrorFormat: Sized + 'static {
    /// What a problem of this protocol holds beside descriptor, sentence and headers; `()` for
    /// nothing.
    type Detail: Clone + fmt::Debug + Default + PartialEq;

    /// The line of the protocol's table for what the router or the host reports. Where this is a
    /// 500 and the host says 503 or 507, the answer has the host's status.
    fn descriptor(report: Report<'_>) -> Descriptor;

    /// The answer, without the headers that were added with [`Problem::header`].
    fn render(problem: &Problem<Self>) -> Response;

    /// What a client without credentials reads. `permission` is the grant that is missing, as an
    /// administrator gives it.
    fn sign_in(permission: &str) -> String {
        format!("sign in first: this needs the permission {permission}")
    }
}

/// A line of a protocol's table, the sentence for this case, and what else the answer holds.
pub struct Problem<P: ErrorFormat> {
    descriptor: Descriptor,
    sentence: String,
    headers: Vec<(&'static str, String)>,
    detail: Box<P::Detail>,
    protocol: PhantomData<fn() -> P>,
}

impl<P: ErrorFormat> Problem<P> {
    /// With the table's own sentence.
    pub fn new(descriptor: Descriptor) -> Self {
        Self::because(descriptor, descriptor.message)
    }

    /// With a sentence that says more: what is wrong, and what to do.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over what they made")]
    pub fn because(descriptor: Descriptor, sentence: impl ToString) -> Self {
        Self {
            descriptor,
            sentence: sentence.to_string(),
            headers: Vec::new(),
            detail: Box::default(),
            protocol: PhantomData,
        }
    }

    /// Replaces the protocol's own part.
    #[must_use]
    pub fn with_detail(self, detail: P::Detail) -> Self {
        Self { detail: Box::new(detail), ..self }
    }

    /// Adds a header to the answer. It replaces one of this name that [`ErrorFormat::render`] sets.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The client should try again after so many seconds (`Retry-After`).
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header("retry-after", seconds.to_string())
    }

    pub fn descriptor(&self) -> Descriptor {
        self.descriptor
    }

    /// HTTP.
    pub fn status(&self) -> u16 {
        self.descriptor.status
    }

    /// The word that clients branch on.
    pub fn code(&self) -> &'static str {
        self.descriptor.code
    }

    /// What the client reads.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The protocol's own part.
    pub fn detail(&self) -> &P::Detail {
        &self.detail
    }
}

impl<P: ErrorFormat> From<Problem<P>> for Response {
    fn from(problem: Problem<P>) -> Response {
        let response = P::render(&problem);
        problem.headers.iter().fold(response, |response, (name, value)| response.header(name, value))
    }
}

impl<P: ErrorFormat> From<RouteError> for Problem<P> {
    fn from(error: RouteError) -> Self {
        let report = match error {
            RouteError::NotFound => Report::NoRoute,
            RouteError::MethodNotAllowed { .. } => Report::Method,
        };
        Self::because(P::descriptor(report), error)
    }
}

impl<P: ErrorFormat> From<BadSegment> for Problem<P> {
    fn from(error: BadSegment) -> Self {
        Self::because(P::descriptor(Report::BadPath { parameter: &error.parameter }), &error)
    }
}

impl<P: ErrorFormat> From<Denied> for Problem<P> {
    fn from(denied: Denied) -> Self {
        match &denied {
            Denied::SignIn { permission, rejection: None } => {
                Self::because(P::descriptor(Report::SignIn), P::sign_in(permission))
            }
            Denied::SignIn { .. } => Self::because(P::descriptor(Report::SignIn), denied),
            Denied::Forbidden { .. } => Self::because(P::descriptor(Report::Forbidden), denied),
        }
    }
}

impl<P: ErrorFormat> From<FeatureOff> for Problem<P> {
    fn from(off: FeatureOff) -> Self {
        Self::because(P::descriptor(Report::FeatureOff), off)
    }
}

/// What the host reports. What tells of its inside goes to the log, not to the client.
impl<P: ErrorFormat> From<Error> for Problem<P> {
    fn from(error: Error) -> Self {
        error.log_unless_clients();
        let mut descriptor = P::descriptor(Report::of(&error));
        if descriptor.status == 500 && error.status() > 500 {
            descriptor.status = error.status();
        }
        Self::because(descriptor, error.public_message())
    }
}

/// JSON that a client sent.
impl<P: ErrorFormat> From<BadJson> for Problem<P> {
    fn from(error: BadJson) -> Self {
        Self::because(P::descriptor(Report::BadJson), error)
    }
}

/// JSON that a client sent; [`json::parse`] names the member as well. Stored JSON is read with
/// [`Document::json`](crate::storage::Document::json), which says `Damaged`.
impl<P: ErrorFormat> From<serde_json::Error> for Problem<P> {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() {
            return Error::from(error).into();
        }
        Self::because(P::descriptor(Report::BadJson), json::explain_by_line(&error))
    }
}

impl<P: ErrorFormat> fmt::Display for Problem<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

impl<P: ErrorFormat> std::error::Error for Problem<P> {}

impl<P: ErrorFormat> fmt::Debug for Problem<P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Problem");
        shown.field("descriptor", &self.descriptor).field("sentence", &self.sentence);
        shown.field("headers", &self.headers).field("detail", &self.detail).finish_non_exhaustive()
    }
}

impl<P: ErrorFormat> Clone for Problem<P> {
    fn clone(&self) -> Self {
        Self {
            descriptor: self.descriptor,
            sentence: self.sentence.clone(),
            headers: self.headers.clone(),
            detail: self.detail.clone(),
            protocol: PhantomData,
        }
    }
}

impl<P: ErrorFormat> PartialEq for Problem<P> {
    fn eq(&self, other: &Self) -> bool {
        self.descriptor == other.descriptor
            && self.sentence == other.sentence
            && self.headers == other.headers
            && self.detail == other.detail
    }
}
