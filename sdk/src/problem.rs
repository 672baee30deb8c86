//! The error answers of a protocol.
//!
//! A protocol lists its own failures in a table ([`descriptors!`](crate::descriptors)) and
//! implements [`ErrorFormat`] once, which renders a [`Problem`]. The lines of [`defaults`] answer
//! what the router and the host report; a protocol that needs another code or status for a
//! [`Report`] overrides [`ErrorFormat::descriptor`]. All conversions are provided. So an endpoint
//! returns `Result<Response, Problem<MyProtocol>>` and uses `?` on every call of this crate.
//!
//! If an answer has a status of 500 or above, a line in the log says why, and the answer reveals
//! nothing about the inside of the host. A protocol without a format of its own uses
//! [`Failure`](crate::Failure).
//!
//! # Examples
//! A protocol whose clients read XML:
//! ```
//! use packhouse_plugin::markup::Escaped;
//! use packhouse_plugin::problem::defaults::NOT_FOUND;
//! use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
//! use packhouse_plugin::{Call, Descriptor, Response, Router, answered_as, auth, descriptors};
//!
//! descriptors! {
//!     BAD_NAME 400 "bad_name" "this is not a valid name"
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
//!             Report::BadPath { .. } => BAD_NAME,
//!             other => other.descriptor(),
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

pub mod defaults;
mod report;

pub use report::Report;

/// The most characters of a text that a sentence repeats.
const LONGEST_SHOWN: usize = 200;

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

/// What a client sent, in the form in which a sentence repeats it: quoted, with control characters
/// escaped, and cut to 200 characters.
///
/// ```
/// use packhouse_plugin::problem::shown;
///
/// assert_eq!(shown("a\"b\n"), r#""a\"b\n""#);
/// assert_eq!(shown(&"x".repeat(1000)).len(), 202);
/// ```
pub fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(LONGEST_SHOWN).collect::<String>())
}

/// Chooses the line of the table that answers an error type of the protocol. The client reads the
/// error's own words. See the example of [`problem`](crate::problem).
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

/// How a protocol answers failures.
pub trait ErrorFormat: Sized + 'static {
    /// What a problem of this protocol contains besides descriptor, sentence and headers; `()` for
    /// nothing.
    type Detail: Clone + fmt::Debug + Default + PartialEq;

    /// The line that answers what the router or the host reports. If its status is 500 and the
    /// host says 503 or 507, the answer has the host's status.
    fn descriptor(report: Report<'_>) -> Descriptor {
        report.descriptor()
    }

    /// The answer, without the headers that were added with [`Problem::header`].
    fn render(problem: &Problem<Self>) -> Response;

    /// The sentence for a client without credentials. `permission` is the missing grant, in the
    /// words in which an administrator gives it.
    fn sign_in(permission: &str) -> String {
        format!("sign in first: this needs the permission {permission}")
    }
}

/// A failure: a line of a protocol's table, the sentence for this case, and the rest of the answer.
pub struct Problem<P: ErrorFormat> {
    descriptor: Descriptor,
    sentence: String,
    headers: Vec<(&'static str, String)>,
    detail: Box<P::Detail>,
    protocol: PhantomData<fn() -> P>,
}

impl<P: ErrorFormat> Problem<P> {
    /// With the sentence of the table.
    pub fn new(descriptor: Descriptor) -> Self {
        Self::because(descriptor, descriptor.message)
    }

    /// With a sentence for this case: what is wrong, and what to do.
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

/// What the host reports. Details about the inside of the host go to the log, not to the client.
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
