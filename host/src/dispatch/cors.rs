//! Reads by scripts of other web sites (Fetch, CORS). `[server] cors` lists the sites. Their
//! scripts may read what everybody may read, and never send a credential: a preflight for
//! `Authorization` is rejected, and a response to a request with a credential is not readable for
//! the script.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::auth::Credentials;
use crate::respond::{Failure, Reply};

const READS: HeaderValue = HeaderValue::from_static("GET, HEAD");
const ALL: HeaderValue = HeaderValue::from_static("*");
/// How long a browser may remember the answer to a preflight, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("3600");
const REFUSED: &str = "another web site may only read here, with GET and HEAD and without credentials, and only if [server] \
                       cors lists it";

/// What a response permits the script of another site.
#[derive(Default)]
pub(super) struct Cors {
    /// The site that may read the response, or all of them.
    allowed: Option<HeaderValue>,
    /// Whether the response depends on the requesting site.
    varies: bool,
    preflight: Option<Preflight>,
}

struct Preflight {
    is_allowed: bool,
    headers: Option<HeaderValue>,
}

impl Cors {
    /// For a request that still has its credentials in its headers. `sites` are the configured
    /// ones.
    pub fn of(sites: &[String], request: &Parts) -> Self {
        if sites.is_empty() {
            return Self::default();
        }
        let varies = !sites.iter().any(|site| site == "*");
        let allowed = site_of(sites, &request.headers);
        let wanted = request.headers.get(ACCESS_CONTROL_REQUEST_METHOD);
        let preflight = wanted.filter(|_| request.method == Method::OPTIONS).map(|method| Preflight {
            is_allowed: allowed.is_some() && (method == "GET" || method == "HEAD"),
            headers: without_credentials(&request.headers),
        });
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        let is_open = match &preflight {
            Some(preflight) => preflight.is_allowed,
            None => is_read && !Credentials::are_in(&request.headers),
        };
        Self { allowed: allowed.filter(|_| is_open), varies, preflight }
    }

    /// The response to a preflight, if the request is one.
    pub fn preflight(&self) -> Option<Result<Reply, Failure>> {
        let preflight = self.preflight.as_ref()?;
        let refused = || Failure::Forbidden(REFUSED.into());
        Some(preflight.is_allowed.then(|| Reply::new(StatusCode::NO_CONTENT)).ok_or_else(refused))
    }

    /// Adds the headers that the browser requires.
    pub fn add_to(self, headers: &mut HeaderMap) {
        if self.varies {
            add_vary(headers);
        }
        let Some(allowed) = self.allowed else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        match self.preflight {
            Some(preflight) => {
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, READS);
                headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
                if let Some(names) = preflight.headers {
                    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
                }
            }
            None => _ = headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ALL),
        }
    }
}

/// The value of `Access-Control-Allow-Origin`, if the requesting site is listed.
fn site_of(sites: &[String], headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(ORIGIN)?;
    if sites.iter().any(|site| site == "*") {
        return Some(ALL);
    }
    sites.iter().any(|site| origin.as_bytes() == site.as_bytes()).then(|| origin.clone())
}

/// The headers that a script wants to send, without those that may hold a credential.
fn without_credentials(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
    let names: Vec<String> = names
        .filter_map(|name| name.trim().parse::<HeaderName>().ok())
        .filter(|name| !Credentials::may_be_in(name))
        .map(|name| name.to_string())
        .collect();
    HeaderValue::from_str(&names.join(", ")).ok().filter(|names| !names.is_empty())
}

fn add_vary(headers: &mut HeaderMap) {
    let varied = headers.get(VARY).and_then(|value| value.to_str().ok());
    let with = varied.map_or_else(|| "origin".to_owned(), |names| format!("{names}, origin"));
    if let Ok(value) = HeaderValue::from_str(&with) {
        headers.insert(VARY, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    const SITE: &str = "https://app.example.com";

    /// The status of a preflight's answer, 0 for another request, and the headers.
    fn ask(sites: &[&str], method: &str, lines: &[(&str, &str)]) -> (u16, HeaderMap) {
        let mut request = http::Request::builder().method(method);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let sites: Vec<String> = sites.iter().map(|&site| site.to_owned()).collect();
        let cors = Cors::of(&sites, &request.body(()).unwrap().into_parts().0);
        let status = cors.preflight().map_or(0, |answer| {
            answer.map_or_else(|failure| failure.status().as_u16(), |reply| reply.status.as_u16())
        });
        let mut headers = HeaderMap::new();
        cors.add_to(&mut headers);
        (status, headers)
    }

    #[test]
    fn a_listed_site_may_read_and_nothing_else() {
        let from = ("origin", SITE);
        let (_, headers) = ask(&[SITE], "GET", &[from]);
        assert_eq!(headers["access-control-allow-origin"], SITE);
        assert_eq!(headers["vary"], "origin");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        let refused: [(&str, &[(&str, &str)]); 6] = [
            ("GET", &[]),
            ("GET", &[("origin", "https://evil.example.com")]),
            ("GET", &[("origin", "null")]),
            ("PUT", &[from]),
            ("GET", &[from, ("authorization", "Bearer x")]),
            ("GET", &[from, ("x-api-key", "x")]),
        ];
        for (method, lines) in refused {
            let (_, headers) = ask(&[SITE], method, lines);
            assert!(!headers.contains_key("access-control-allow-origin"), "{method} {lines:?}");
            assert_eq!(headers["vary"], "origin", "{method} {lines:?}");
        }
        let (status, headers) = ask(&["*"], "HEAD", &[from]);
        assert_eq!((status, &headers["access-control-allow-origin"]), (0, &ALL));
        assert!(!headers.contains_key("vary"));
        assert!(ask(&[], "GET", &[from]).1.is_empty(), "off unless configured");
    }

    #[test]
    fn a_preflight_is_answered_without_the_plugin() {
        let (from, get) = (("origin", SITE), ("access-control-request-method", "GET"));
        let wished = ("access-control-request-headers", "accept, Authorization,x-api-key, if-none-match");
        let (status, headers) = ask(&[SITE], "OPTIONS", &[from, get, wished]);
        assert_eq!(status, 204);
        assert_eq!(headers["access-control-allow-methods"], "GET, HEAD");
        assert_eq!(headers["access-control-allow-headers"], "accept, if-none-match");
        let put = ("access-control-request-method", "PUT");
        let refused: [&[(&str, &str)]; 3] =
            [&[from, put], &[("origin", "https://evil.example.com"), get], &[get]];
        for lines in refused {
            let (status, headers) = ask(&[SITE], "OPTIONS", lines);
            assert_eq!(status, 403, "{lines:?}");
            assert!(!headers.contains_key("access-control-allow-origin"), "{lines:?}");
        }
        assert_eq!(ask(&[SITE], "OPTIONS", &[from]).0, 0, "no preflight");
        assert_eq!(ask(&[], "OPTIONS", &[from, get]).0, 0, "off unless configured");
    }
}
