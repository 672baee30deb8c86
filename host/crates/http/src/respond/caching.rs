//! `Cache-Control`: what caches may keep, and what a shared cache may keep.
//!
//! A shared cache does not know our permissions. So it may keep only what everybody may read: the
//! reply to a request without credentials, on a mount that everybody may read.

use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue};

use super::Reply;

const FOR_EVER: [&str; 2] = ["max-age=31536000", "immutable"];

/// Headers that overrule `Cache-Control` in shared caches (RFC 9213, and its forerunner): no
/// plugin may set them.
pub(super) fn is_the_hosts(name: &HeaderName) -> bool {
    name.as_str().ends_with("-cache-control") || name == "surrogate-control"
}

/// Sets `Cache-Control` from what the plugin set and from what the host knows.
pub(super) fn set_cache_control(reply: &mut Reply) {
    let set: Vec<String> = reply
        .headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|directive| directive.trim().to_owned())
        .filter(|directive| !directive.is_empty())
        .collect();
    let mut directives = match (set.is_empty(), reply.immutable) {
        (true, true) => FOR_EVER.map(str::to_owned).to_vec(),
        _ => set,
    };
    if !reply.public {
        directives.retain(|directive| !is_about_sharing(directive));
        directives.insert(0, "private".to_owned());
    } else if reply.immutable && !directives.iter().any(|directive| is_about_sharing(directive)) {
        directives.insert(0, "public".to_owned());
    }
    if directives.is_empty() {
        return;
    }
    // Each came from a header's value.
    if let Ok(value) = HeaderValue::from_str(&directives.join(", ")) {
        reply.headers.insert(CACHE_CONTROL, value);
    }
}

/// Whether a directive says who may keep the response (RFC 9111 §5.2.2).
fn is_about_sharing(directive: &str) -> bool {
    let name = directive.split('=').next().unwrap_or_default().trim();
    ["public", "private", "s-maxage"].iter().any(|known| name.eq_ignore_ascii_case(known))
}
