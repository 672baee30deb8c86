//! Checks the permissions on packages: a caller needs a grant, or must be listed as an owner in the
//! packument.

use packhouse_plugin::auth::{self, Account, Decision};
use packhouse_plugin::storage;

use crate::document::Packument;
use crate::endpoints::{PACKAGE, parse};
use crate::error::{self, Error};
use crate::layout;
use crate::name::PackageName;

/// The caller may do this on the package, or 401 or 403.
pub fn require(name: &PackageName, action: &str) -> Result<(), Error> {
    Ok(auth::require(PACKAGE, name.as_str(), action)?)
}

/// The caller may do this by a grant, or since the package lists them as an owner; or 401
/// or 403. The document is read only when there is no grant.
pub fn require_listed(name: &PackageName, action: &str) -> Result<(), Error> {
    require_any(name, &[action])
}

/// The same for one of these; refused for the first.
pub fn require_any(name: &PackageName, actions: &[&str]) -> Result<(), Error> {
    let Some(first) = actions.first() else {
        return Ok(());
    };
    let granted = |action: &&str| auth::check(PACKAGE, name.as_str(), action) == Decision::Granted;
    if actions.iter().any(granted) {
        return Ok(());
    }
    if auth::check(PACKAGE, name.as_str(), first) == Decision::SignIn {
        return require(name, first);
    }
    let Some(document) = storage::get(&layout::index(name))? else {
        // If the packument was lost, its owners are not known.
        storage::check_absent(&layout::index(name))?;
        return require(name, first);
    };
    let packument = parse(name, &document)?;
    let listed = |action: &&str| require_in(name, &packument, action).is_ok();
    if actions.iter().any(listed) { Ok(()) } else { require_in(name, &packument, first) }
}

/// The caller may do this on the package that this is the document of, or 401 or 403.
pub fn require_in(name: &PackageName, packument: &Packument<'_>, action: &str) -> Result<(), Error> {
    auth::require_owned(PACKAGE, name.as_str(), action, || Ok(packument.owners()))
}

/// The caller, or 401.
pub fn require_account() -> Result<Account, Error> {
    auth::caller().ok_or_else(|| match auth::rejection() {
        Some(rejection) => Error::because(error::SIGN_IN, rejection),
        None => Error::new(error::SIGN_IN),
    })
}
