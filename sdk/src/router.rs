//! The routes of a protocol: method, pattern, function. It knows no protocol: requests without a route
//! become the protocol's own error.

use std::fmt;
use std::ops::Range;

use crate::call::Call;
use crate::request::Request;
use crate::response::Response;

/// What answers a route.
pub type Handler<E> = fn(&Call) -> Result<Response, E>;

/// Routes by method and pattern.
///
/// A pattern is a path of segments, matched against what the client sent, still
/// percent-encoded: `name` is itself, `{name}` is one segment that is not empty (also
/// `{name}.json`, `v{version}`), and `{name...}`, once in a pattern, is as many segments
/// as are left for it: one or more, none of them empty unless it ends the pattern. A trailing
/// `/` matters. If no pattern matches a path, the router tries it once more with one `/` at its start
/// and none at its end, because some clients join an address and a name with one `/` too many (`//name`,
/// `name/`). If several patterns match, the first segment in which they differ decides: a literal comes
/// first, then `{name}.json`, then `{name}`, then `{name...}`.
pub struct Router<E> {
    routes: Vec<Route<E>>,
}

struct Route<E> {
    method: &'static str,
    pattern: &'static str,
    handler: Handler<E>,
    /// The method is not one that the path answers.
    refuses: bool,
}

/// A request that no route answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteError {
    /// No pattern matches: 404.
    NotFound,
    /// The path exists for these methods only: 405. The router adds `Allow`.
    MethodNotAllowed { allow: Vec<&'static str> },
}

impl RouteError {
    pub fn status(&self) -> u16 {
        match self {
            RouteError::NotFound => 404,
            RouteError::MethodNotAllowed { .. } => 405,
        }
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RouteError::NotFound => formatter.write_str("nothing is served at this path"),
            RouteError::MethodNotAllowed { allow } => {
                write!(formatter, "this path answers {} only", allow.join(", "))
            }
        }
    }
}

impl std::error::Error for RouteError {}

impl<E> Default for Router<E> {
    fn default() -> Router<E> {
        Router { routes: Vec::new() }
    }
}

impl<E> Router<E> {
    pub fn new() -> Router<E> {
        Router::default()
    }

    #[must_use]
    pub fn get(self, pattern: &'static str, handler: Handler<E>) -> Router<E> {
        self.route("GET", pattern, handler)
    }

    #[must_use]
    pub fn put(self, pattern: &'static str, handler: Handler<E>) -> Router<E> {
        self.route("PUT", pattern, handler)
    }

    #[must_use]
    pub fn post(self, pattern: &'static str, handler: Handler<E>) -> Router<E> {
        self.route("POST", pattern, handler)
    }

    #[must_use]
    pub fn patch(self, pattern: &'static str, handler: Handler<E>) -> Router<E> {
        self.route("PATCH", pattern, handler)
    }

    #[must_use]
    pub fn delete(self, pattern: &'static str, handler: Handler<E>) -> Router<E> {
        self.route("DELETE", pattern, handler)
    }

    /// Any method, e.g. `QUERY`, in upper case.
    #[must_use]
    pub fn route(mut self, method: &'static str, pattern: &'static str, handler: Handler<E>) -> Router<E> {
        self.routes.push(Route { method, pattern, handler, refuses: false });
        self
    }

    /// A route that only fails, and says what to do instead. The method does not appear in `Allow`. For
    /// other methods, this route does not make the path exist.
    #[must_use]
    pub fn refuse(mut self, method: &'static str, pattern: &'static str, handler: Handler<E>) -> Router<E> {
        self.routes.push(Route { method, pattern, handler, refuses: true });
        self
    }

    /// Finds a path as it is, or else without superfluous slashes around it. Returns the path that was
    /// found.
    fn find_tidied(&self, method: &str, path: String) -> (String, Result<Found<E>, RouteError>) {
        let first = self.find(method, &path);
        if !matches!(first, Err(RouteError::NotFound)) {
            return (path, first);
        }
        for tidied in [path.trim_start_matches('/'), path.trim_matches('/')] {
            let tidied = format!("/{tidied}");
            let found = self.find(method, &tidied);
            if !matches!(found, Err(RouteError::NotFound)) {
                return (tidied, found);
            }
        }
        (path, first)
    }

    fn find(&self, method: &str, path: &str) -> Result<Found<E>, RouteError> {
        let mut best: Option<(&Route<E>, Match)> = None;
        let mut allow: Vec<&'static str> = Vec::new();
        for route in &self.routes {
            let Some(found) = match_pattern(route.pattern, path) else {
                continue;
            };
            if route.method != method {
                if !route.refuses && !allow.contains(&route.method) {
                    allow.push(route.method);
                }
            } else if best.as_ref().is_none_or(|(_, other)| found.kinds < other.kinds) {
                best = Some((route, found));
            }
        }
        match best {
            Some((route, found)) => Ok((route.handler, found.parameters)),
            None if allow.is_empty() => Err(RouteError::NotFound),
            None => {
                if allow.contains(&"GET") {
                    allow.push("HEAD");
                }
                allow.sort_unstable();
                Err(RouteError::MethodNotAllowed { allow })
            }
        }
    }
}

impl<E: Into<Response> + From<RouteError>> Router<E> {
    /// Answers with the endpoint's response, or its error's.
    pub fn handle(&self, request: Request) -> Response {
        let path = request.path();
        self.handle_path(request, path)
    }

    /// The same for a request whose path a protocol has brought into one form first, e.g.
    /// npm's `/@scope/name` into `/@scope%2fname`. Calls see this path.
    pub fn handle_path(&self, request: Request, path: String) -> Response {
        self.handle_shaped(request, path, Into::into)
    }
}

impl<E: From<RouteError>> Router<E> {
    /// As [`Router::handle_path`], for a protocol whose errors have a shape that depends on the
    /// request, e.g. since it has several APIs.
    pub fn handle_shaped(
        &self,
        request: Request,
        path: String,
        shape: impl FnOnce(E) -> Response,
    ) -> Response {
        let method = request.method();
        let (path, found) = self.find_tidied(&method, path);
        match found {
            Ok((handler, parameters)) => {
                let call = Call::new(request, method, path, parameters);
                handler(&call).unwrap_or_else(shape)
            }
            Err(error) => {
                let allow = match &error {
                    RouteError::MethodNotAllowed { allow } => Some(allow.join(", ")),
                    RouteError::NotFound => None,
                };
                let response = shape(E::from(error));
                match allow {
                    Some(allow) => response.header("allow", &allow),
                    None => response,
                }
            }
        }
    }
}

type Found<E> = (Handler<E>, Parameters);
type Parameters = Vec<(&'static str, Range<usize>)>;

struct Match {
    /// What each of the pattern's segments is; the smaller list is the better match.
    kinds: Vec<Kind>,
    parameters: Parameters,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Literal,
    Affixed,
    Parameter,
    Rest,
}

fn match_pattern(pattern: &'static str, path: &str) -> Option<Match> {
    let pattern = pattern.strip_prefix('/')?;
    let mut found = Match { kinds: Vec::new(), parameters: Vec::new() };
    let mut position = 1;
    let mut left = Some(path.strip_prefix('/')?);
    // How many segments of the pattern are left behind the current one.
    let mut behind = pattern.matches('/').count();
    for segment in pattern.split('/') {
        let rest = left?;
        let length = match rest_name(segment) {
            Some(name) => found.take_rest(name, rest, behind, position)?,
            None => found.take_segment(segment, rest, position)?,
        };
        position += length + 1;
        left = rest.get(length + 1..);
        behind = behind.saturating_sub(1);
    }
    left.is_none().then_some(found)
}

impl Match {
    /// One segment at the start of `rest`; gives its length.
    fn take_segment(&mut self, segment: &'static str, rest: &str, position: usize) -> Option<usize> {
        let actual = rest.split('/').next().unwrap_or_default();
        let (before, name, after) = split_parameter(segment);
        let Some(name) = name else {
            self.kinds.push(Kind::Literal);
            return (actual == segment).then_some(actual.len());
        };
        let value = actual.strip_prefix(before)?.strip_suffix(after)?;
        if value.is_empty() {
            return None;
        }
        let plain = before.is_empty() && after.is_empty();
        self.kinds.push(if plain { Kind::Parameter } else { Kind::Affixed });
        let start = position + before.len();
        self.parameters.push((name, start..start + value.len()));
        Some(actual.len())
    }

    /// All of `rest` but its last `behind` segments; gives its length.
    fn take_rest(&mut self, name: &'static str, rest: &str, behind: usize, position: usize) -> Option<usize> {
        let taken = match behind.checked_sub(1) {
            None => rest,
            Some(last) => {
                let (slash, _) = rest.rmatch_indices('/').nth(last)?;
                rest.get(..slash)?
            }
        };
        if taken.is_empty() {
            return None;
        }
        self.kinds.push(Kind::Rest);
        self.parameters.push((name, position..position + taken.len()));
        Some(taken.len())
    }
}

/// The name in `{name...}`.
fn rest_name(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix("...}")
}

/// `a{name}b` is (`a`, `name`, `b`); a literal has no name.
fn split_parameter(segment: &'static str) -> (&'static str, Option<&'static str>, &'static str) {
    let parts = segment.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match parts {
        Some((before, (name, after))) => (before, Some(name), after),
        None => (segment, None, ""),
    }
}
