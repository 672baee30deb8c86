//! `npm audit`: this registry knows of no advisories, and says so in the shapes that
//! clients read. What they send about their projects is not read.

use packhouse_plugin::{Call, Response};
use serde_json::json;

use crate::error::Error;

/// `POST /-/npm/v1/security/advisories/bulk`: by package, none.
#[expect(clippy::unnecessary_wraps, reason = "the shape of an endpoint")]
pub fn list_advisories(_: &Call) -> Result<Response, Error> {
    Ok(Response::new(200).json(&json!({})))
}

/// `POST /-/npm/v1/security/audits` and `…/quick`, as npm 6 and yarn classic ask.
#[expect(clippy::unnecessary_wraps, reason = "the shape of an endpoint")]
pub fn audit(_: &Call) -> Result<Response, Error> {
    Ok(Response::new(200).json(&json!({
        "actions": [],
        "advisories": {},
        "muted": [],
        "metadata": {
            "vulnerabilities": { "info": 0, "low": 0, "moderate": 0, "high": 0, "critical": 0 },
            "dependencies": 0,
            "devDependencies": 0,
            "optionalDependencies": 0,
            "totalDependencies": 0,
        },
    })))
}
