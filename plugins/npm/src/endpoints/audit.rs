//! `npm audit`: this registry has no advisories. It must not answer with an empty list, which clients
//! would show as "0 vulnerabilities". npm and yarn report an error if both of their endpoints fail, and
//! after a 404 pnpm reports that there is no audit.

use packhouse_plugin::{Call, Response};

use crate::error::{self, Error};

/// `POST /-/npm/v1/security/advisories/bulk`, and `POST /-/npm/v1/security/audits` and
/// `…/quick`, as npm asks when that failed, and as npm 6, pnpm and yarn classic ask.
pub fn refuse(_: &Call) -> Result<Response, Error> {
    Err(Error::new(error::NO_AUDIT))
}
