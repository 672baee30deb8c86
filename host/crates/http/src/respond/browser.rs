//! Prevents browsers from running content that somebody has published.
//!
//! All mounts share one origin, and a browser may have stored a user's password for it. So no
//! response runs a script, whatever its content type is.

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Nothing is loaded, nothing runs, and the document has an origin of its own.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");
/// For a page: its links may lead to a download, and it may have styles.
const PAGE: HeaderValue =
    HeaderValue::from_static("sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'");

/// Headers that no plugin may set, since they rule a browser on the origin that all mounts share,
/// or say who may read there. `wit/http.wit` lists them.
const OF_THE_ORIGIN: [&str; 24] = [
    "accept-ch",
    "activate-storage-access",
    "alt-svc",
    "clear-site-data",
    "content-security-policy",
    "content-security-policy-report-only",
    "critical-ch",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "expect-ct",
    "nel",
    "origin-agent-cluster",
    "permissions-policy",
    "public-key-pins",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-cookie",
    "set-cookie2",
    "speculation-rules",
    "strict-transport-security",
    "x-content-type-options",
];

/// Whether a plugin may not set this header.
pub(super) fn is_the_hosts(name: &HeaderName) -> bool {
    OF_THE_ORIGIN.contains(&name.as_str())
        || name.as_str().starts_with("access-control-")
        || name.as_str().starts_with("x-permitted-cross-domain-")
}

pub(super) fn protect(headers: &mut HeaderMap) {
    let is_page = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(is_page);
    headers.insert(CONTENT_SECURITY_POLICY, if is_page { PAGE } else { SANDBOX });
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn is_page(content_type: &str) -> bool {
    essence(content_type) == "text/html"
}

/// Whether a browser may run or display a document of this type, so that it is not taken
/// from a store: HTML, anything of XML (SVG, XSLT), scripts and styles, PDF, archives of
/// pages.
pub(super) fn may_run(content_type: &str) -> bool {
    let essence = essence(content_type);
    let (kind, subtype) = essence.split_once('/').unwrap_or((essence.as_str(), ""));
    (kind == "text" && subtype != "plain")
        || kind == "multipart"
        || kind == "message"
        || subtype == "xml"
        || subtype.ends_with("+xml")
        || ["html", "script", "pdf", "flash", "mhtml", "svg"].iter().any(|word| subtype.contains(word))
        || content_type.contains(',')
}

/// `type/subtype` in lower case, without parameters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_a_browser_may_run_are_known() {
        for kind in [
            "text/html",
            "TEXT/HTML; charset=utf-8",
            "application/xhtml+xml",
            "image/svg+xml",
            "application/xml",
            "text/xml",
            "text/xsl",
            "text/javascript",
            "application/javascript",
            "application/x-javascript",
            "application/ecmascript",
            "text/css",
            "application/pdf",
            "multipart/x-mixed-replace",
            "message/rfc822",
            "application/json, text/html",
        ] {
            assert!(may_run(kind), "{kind}");
        }
        for kind in [
            "application/octet-stream",
            "application/json",
            "application/vnd.example.image.manifest.v1+json",
            "application/gzip",
            "text/plain; charset=utf-8",
            "application/zip",
        ] {
            assert!(!may_run(kind), "{kind}");
        }
    }
}
