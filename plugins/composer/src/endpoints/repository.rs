//! The description of the repository: `packages.json`, the list of packages, and the endpoint to which
//! clients report installations.

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::{Call, Response, SMALL_BODY};
use serde_json::json;

use super::PACKAGE;
use crate::catalog;
use crate::error::Error;

/// With more packages than this, clients ask for each that they look for.
const LISTED: usize = 2000;
/// No package has this name: a caller may read it only if they may read all packages.
pub const EVERY_PACKAGE: &str = "*";

/// `GET /packages.json`. All addresses are whole: clients take a path for one of the host, and not of
/// the mount. It has no `Last-Modified`, so that clients never take an old one for new.
pub fn read_root(call: &Call) -> Result<Response, Error> {
    let names = readable()?;
    let base_url = call.base_url();
    let mut root = json!({
        "packages": [],
        "metadata-url": format!("{base_url}/p2/%package%.json"),
        "list": format!("{base_url}/packages/list.json"),
        "search": format!("{base_url}/search.json?q=%query%&type=%type%"),
        "providers-api": format!("{base_url}/providers/%package%.json"),
        "notify-batch": format!("{base_url}/downloads/"),
        "security-advisories": { "metadata": false, "api-url": format!("{base_url}/security-advisories/") },
    });
    if let Some(root) = root.as_object_mut() {
        if names.len() <= LISTED {
            root.insert("available-packages".to_owned(), json!(names));
        } else if auth::check(PACKAGE, EVERY_PACKAGE, "read") == Decision::Granted {
            root.insert("available-package-patterns".to_owned(), json!(patterns(&names)));
        } else {
            // A pattern would name packages that the caller may not read, which stops Composer.
            root.insert("available-packages".to_owned(), json!(names));
        }
    }
    Ok(Response::new(200).json(&root))
}

/// `vendor/*` for each vendor.
fn patterns(names: &[String]) -> Vec<String> {
    let vendors = names.iter().filter_map(|name| name.split('/').next());
    let mut patterns: Vec<String> = vendors.map(|vendor| format!("{vendor}/*")).collect();
    patterns.dedup();
    patterns
}

/// `GET /packages/list.json?filter=&vendor=&type=`: names of packages.
pub fn list_packages(call: &Call) -> Result<Response, Error> {
    let names = readable()?;
    let (filter, vendor) = (call.query("filter"), call.query("vendor"));
    let filter = filter.filter(|filter| !filter.is_empty()).map(|filter| filter.to_ascii_lowercase());
    let vendor = vendor.filter(|vendor| !vendor.is_empty()).map(|vendor| vendor.to_ascii_lowercase());
    let is_meant = |name: &&String| {
        filter.as_ref().is_none_or(|filter| matches(filter, name))
            && vendor.as_ref().is_none_or(|vendor| name.split('/').next() == Some(vendor))
    };
    let names: Vec<&String> = names.iter().filter(is_meant).collect();
    Ok(Response::new(200).json(&json!({ "packageNames": names })))
}

/// `POST /downloads/`: nothing is counted here.
pub fn note_downloads(call: &Call) -> Result<Response, Error> {
    call.body().read_all(16 * SMALL_BODY)?;
    Ok(Response::new(204))
}

/// The packages that the caller may read. 401 if there is none and the caller has not signed in,
/// because a signed-in user may see some.
pub fn readable() -> Result<Vec<String>, Error> {
    auth::refuse_rejected(PACKAGE, "read")?;
    let names = auth::filter_allowed(PACKAGE, &catalog::names()?, "read");
    if names.is_empty() && auth::caller().is_none() {
        auth::require(PACKAGE, EVERY_PACKAGE, "read")?;
    }
    Ok(names)
}

/// Whether the text is of the pattern, in which `*` is any run of characters.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(found) = left.find(part) else { return false };
        left = left.get(found + part.len()..).unwrap_or_default();
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/bc", true),
            ("*lib*", "acme/lib", true),
            ("a*b*c", "a/xbyc", true),
            ("a*b*c", "a/xcyb", false),
            ("*b", "a/b", true),
            ("ab*ba", "aba", false),
            ("**", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_vendor_is_one_pattern() {
        let names = ["a/b", "a/c", "d/e"].map(str::to_owned);
        assert_eq!(patterns(&names), ["a/*", "d/*"]);
    }
}
