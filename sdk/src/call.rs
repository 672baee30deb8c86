//! A request that the router has matched: what an endpoint gets.

use serde::de::DeserializeOwned;

use crate::Error;
use crate::accept;
use crate::body::Body;
use crate::request::Request;
use crate::segment::{self, BadSegment};

/// The largest body of a request that is small by nature, in bytes.
pub const SMALL_BODY: u64 = 64 << 10;

/// A request and the parameters of its route.
pub struct Call {
    request: Request,
    method: String,
    path: String,
    parameters: Vec<(&'static str, std::ops::Range<usize>)>,
}

impl Call {
    pub(crate) fn new(
        request: Request,
        method: String,
        path: String,
        parameters: Vec<(&'static str, std::ops::Range<usize>)>,
    ) -> Call {
        Call { request, method, path, parameters }
    }

    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Upper case; HEAD arrives as `GET`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Whether the client sent `HEAD`; see [`Request::is_head`].
    pub fn is_head(&self) -> bool {
        self.request.is_head()
    }

    /// Below the mount, still percent-encoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A path that is relative to [`Call::path`], as it must be in a `Location`. The router finds a path
    /// also with slashes after it, and a client resolves a `Location` against the path that it sent.
    pub fn relative(&self, to: &str) -> String {
        let slashes = |path: &str| path.len() - path.trim_end_matches('/').len();
        let more = slashes(&self.request.path()).saturating_sub(slashes(&self.path));
        format!("{}{to}", "../".repeat(more))
    }

    /// A parameter as the client sent it, percent-encoded. Empty if the route has no parameter of this
    /// name.
    pub fn param(&self, name: &str) -> &str {
        self.parameters
            .iter()
            .find(|(parameter, _)| *parameter == name)
            .and_then(|(_, range)| self.path.get(range.clone()))
            .unwrap_or_default()
    }

    /// A parameter, decoded. Rejected are bad percent-encoding, bytes that are not UTF-8, control
    /// characters, empty segments, `.`, `..`, and an encoded `/`. For a `{name...}`, each segment is
    /// checked like this, and they are joined with `/`.
    pub fn decoded(&self, name: &str) -> Result<String, BadSegment> {
        self.decode(name, false)
    }

    /// Like [`Call::decoded`], where `%2F` is a `/` of the name (npm's `@scope%2fname`).
    pub fn decoded_with_slashes(&self, name: &str) -> Result<String, BadSegment> {
        self.decode(name, true)
    }

    fn decode(&self, name: &str, slashes: bool) -> Result<String, BadSegment> {
        segment::decode(self.param(name), slashes)
            .map_err(|reason| BadSegment { parameter: name.to_owned(), reason })
    }

    /// The query's pairs in order, decoded as forms are (`+` is a space).
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        self.request.query().map(|query| segment::query_pairs(&query)).unwrap_or_default()
    }

    /// The first value of this name in the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        self.query_pairs().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The pairs of a body that is a form (`application/x-www-form-urlencoded`), in order;
    /// `TooLarge` above `limit` bytes, `Invalid` when it is not UTF-8.
    pub fn form(&self, limit: u64) -> Result<Vec<(String, String)>, Error> {
        let body = String::from_utf8(self.body().read_all(limit)?)
            .map_err(|_| Error::Invalid("the form is not UTF-8".to_owned()))?;
        Ok(segment::query_pairs(&body))
    }

    /// Reads a small body as JSON. `TooLarge` above [`SMALL_BODY`] bytes; `BadJson` names the member
    /// that does not fit.
    ///
    /// ```
    /// # use packhouse_plugin::{Call, Failure, Response};
    /// #[derive(serde::Deserialize)]
    /// struct Yank {
    ///     reason: String,
    /// }
    /// fn yank(call: &Call) -> Result<Response, Failure> {
    ///     let yank: Yank = call.small_json()?;
    ///     Ok(Response::new(200).text(yank.reason))
    /// }
    /// ```
    pub fn small_json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.body().json(SMALL_BODY)
    }

    /// The values joined with `, `; none when absent.
    pub fn header(&self, name: &str) -> Option<String> {
        self.request.header(name)
    }

    /// The index of the media type that the client prefers (`Accept`, RFC 9110 §12.5.1). None if the
    /// client accepts none of them. Without the header, the first one.
    pub fn accepts(&self, offers: &[&str]) -> Option<usize> {
        accept::best_offer(self.request.header("accept").as_deref(), offers)
    }

    /// Where clients reach this mount, without a trailing slash.
    pub fn base_url(&self) -> String {
        self.request.base_url()
    }

    /// The path of [`Call::base_url`]: see [`Request::base_path`].
    pub fn base_path(&self) -> String {
        self.request.base_path()
    }

    /// The alias that the client used, e.g. `/v2`; none for the mount's own address.
    pub fn alias(&self) -> Option<String> {
        self.request.alias()
    }

    /// The body. The same one at each call: it is read once and in order.
    pub fn body(&self) -> Body<'_> {
        self.request.body()
    }
}
