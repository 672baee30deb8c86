//! Ready-made problems for protocols without an error format.

use std::fmt;
use std::marker::PhantomData;

use crate::Response;
use crate::problem::{Descriptor, ErrorFormat, Problem, Report};

/// A status and a sentence, answered as `{"error": "…"}`.
///
/// ```
/// use packhouse_plugin::{Failure, Response};
///
/// let failure = Failure::with_status(409, "soup is cooked already");
/// assert_eq!((failure.status(), failure.sentence()), (409, "soup is cooked already"));
/// # let _host = packhouse_plugin::testing::Host::new();
/// assert_eq!(Response::from(failure).status(), 409);
/// assert_eq!(Failure::not_found("soup").to_string(), "soup was not found");
/// ```
pub type Failure = Problem<Plain<Json>>;

/// A status and a sentence, answered as one line of text.
///
/// ```
/// use packhouse_plugin::{Call, Description, Protocol, Request, Response, Router, TextFailure};
/// use packhouse_plugin::testing::Host;
///
/// struct Words;
/// impl Protocol for Words {
///     fn describe() -> Description {
///         Description::new("words", "Words", "0.1.0").failure_shape("text/plain", "{message}\n")
///     }
///     fn handle(request: Request) -> Response {
///         let gone = |_: &Call| Err(TextFailure::with_status(410, "this word is gone"));
///         Router::new().get("/{word}", gone).handle(request)
///     }
/// }
/// let reply = Host::new().anonymous().get("/hello").send::<Words>();
/// assert_eq!((reply.status(), reply.text().as_str()), (410, "this word is gone\n"));
/// ```
pub type TextFailure = Problem<Plain<Text>>;

/// The error format of [`Failure`] and [`TextFailure`].
pub struct Plain<F>(PhantomData<F>);

/// `{"error": "…"}`.
pub struct Json;

/// One line.
pub struct Text;

/// Sealed: implement [`ErrorFormat`] for another format.
pub trait Form: 'static {
    #[doc(hidden)]
    fn write(response: Response, sentence: &str) -> Response;
}

impl Form for Json {
    fn write(response: Response, sentence: &str) -> Response {
        response.json(&serde_json::json!({ "error": sentence }))
    }
}

impl Form for Text {
    fn write(response: Response, sentence: &str) -> Response {
        response.text(format!("{sentence}\n"))
    }
}

impl<F: Form> ErrorFormat for Plain<F> {
    type Detail = ();

    fn descriptor(report: Report<'_>) -> Descriptor {
        bare(report.status())
    }

    fn render(problem: &Problem<Self>) -> Response {
        F::write(Response::new(problem.status()), problem.sentence())
    }
}

impl<F: Form> Problem<Plain<F>> {
    /// The status, and the sentence that the client reads.
    pub fn with_status(status: u16, sentence: impl ToString) -> Self {
        Self::because(bare(status), sentence)
    }

    /// 404 with a sentence that names what was not found.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::with_status(404, format!("{what} was not found"))
    }

    /// 400.
    pub fn bad_request(sentence: impl ToString) -> Self {
        Self::with_status(400, sentence)
    }
}

/// These formats have no codes.
fn bare(status: u16) -> Descriptor {
    Descriptor { code: "", status, message: "the request failed" }
}
