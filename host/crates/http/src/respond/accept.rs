//! `Accept`, RFC 9110 §12.5.1, as far as failures depend on it: does the client read JSON?

use http::HeaderMap;
use http::header::ACCEPT;

use super::encoding::weighted;

/// Whether the client likes some kind of JSON better than text and pages. `*/*` alone says nothing.
pub(super) fn prefers_json(request: &HeaderMap) -> bool {
    let (mut json, mut other) = (0, 0);
    for line in request.get_all(ACCEPT) {
        for item in line.to_str().unwrap_or_default().split(',') {
            let (name, weight) = weighted(item);
            let name = name.to_ascii_lowercase();
            if is_json(&name) {
                json = weight.max(json);
            } else if name.starts_with("text/") || name == "*/*" {
                other = weight.max(other);
            }
        }
    }
    json > other || (json > 0 && json == other && comes_first(request))
}

/// Whether the list begins with JSON, e.g. `application/json, */*`: both have the same weight, and
/// JSON is what the client names.
fn comes_first(request: &HeaderMap) -> bool {
    let first = request.get(ACCEPT).and_then(|line| line.to_str().ok()).unwrap_or_default();
    is_json(&weighted(first.split(',').next().unwrap_or_default()).0.to_ascii_lowercase())
}

/// Whether a media type in lower case, without parameters, is one of JSON.
pub(super) fn is_json(essence: &str) -> bool {
    essence.ends_with("/json") || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn json_is_preferred_where_it_is_named_and_nothing_is_liked_better() {
        let prefers = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            prefers_json(&headers)
        };
        for accept in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json, */*",
            "application/json, text/plain, */*",
            "application/vnd.example.v1+json; q=1.0, application/json; q=0.8, */*",
            "application/vnd.example.v1+json, application/vnd.example.v1+html; q=0.1, text/html; q=0.01",
        ] {
            assert!(prefers(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/html",
            "text/html, application/json",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json;q=0",
            "application/json;q=0.5, text/plain",
            "application/octet-stream",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!prefers_json(&HeaderMap::new()));
    }
}
