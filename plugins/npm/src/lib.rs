//! The npm protocol: packuments, tarballs, tags, search, logins and tokens, spoken as
//! npm, pnpm, yarn and bun expect. Embedders read a bucket's documents with [`name`],
//! [`layout`] and [`document`].
//!
//! # Layout
//! - [`name`], [`layout`], [`document`]: names, keys, and the content of packuments; they know no HTTP
//! - [`json`], [`walker`], [`archive`], [`integrity`]: reading what clients send, in
//!   bounded memory
//! - `access`: the checks of permissions; `catalog`: the list of packages
//! - [`error`]: the table of errors; `endpoints`: one file for each noun
//! - `maintenance`: removes what interrupted publishes left, and verifies the stored files
//! - `ownership`: which packages list an account as a maintainer

use packhouse_plugin::{Description, Protocol, Request, Response, Router};

use crate::endpoints::{
    access as npm_access, audit, dist_tags, login, packument, provenance, publish, registry, search, tarball,
    tokens, unpublish, users,
};
use crate::error::Error;

mod access;
pub mod archive;
mod catalog;
pub mod document;
mod endpoints;
pub mod error;
pub mod integrity;
pub mod json;
pub mod layout;
mod maintenance;
pub mod name;
mod ownership;
#[cfg(test)]
mod samples;
pub mod walker;

/// The protocol.
pub struct Npm;

packhouse_plugin::export!(Npm, maintenance, ownership);

const SETUP: &str = "\
npm config set registry {base_url}/
{if login}npm login --registry {base_url}/
npm publish --registry {base_url}/
";

impl Protocol for Npm {
    fn describe() -> Description {
        Description::new("npm", "npm packages", env!("CARGO_PKG_VERSION"))
            .scope("package", &["read", "write", "delete", "owner"], "read")
            .implies("package", "write", &["read", "delete", "owner"])
            .feature("publish", true, "new versions can be published")
            .feature("unpublish", true, "versions and packages can be removed")
            .feature("old_names", false, "new packages can have names that npm allows for old packages only")
            .feature("search", true, "packages can be searched for and listed")
            .wish("login", "npm login and npm token exchange a password for a token")
            .failure_shape("application/json", r#"{"error":"{message}","reason":"http-{status}"}"#)
            .setup(SETUP)
    }

    fn handle(request: Request) -> Response {
        // Corepack joins an address that ends with a `/` and a name with another one.
        let path = format!("/{}", request.path().trim_start_matches('/'));
        let path = name::normalise_path(&path);
        routes().handle_path(request, path)
    }
}

/// A package's name is one segment here, scope included.
fn routes() -> Router<Error> {
    Router::new()
        .get("/{package}", packument::read_packument)
        .put("/{package}", publish::put_package)
        .get("/{package}/{version}", packument::read_version)
        .get("/{package}/-/{file}", tarball::read_file)
        .get("/{package}/-/{scope}/{file}", tarball::read_file)
        .put("/{package}/-rev/{revision}", unpublish::put_revision)
        .delete("/{package}/-rev/{revision}", unpublish::delete_package)
        .delete("/{package}/-/{file}/-rev/{revision}", unpublish::delete_tarball)
        .get("/-/package/{package}/dist-tags", dist_tags::list_tags)
        .put("/-/package/{package}/dist-tags/{tag}", dist_tags::set_tag)
        .post("/-/package/{package}/dist-tags/{tag}", dist_tags::set_tag)
        .delete("/-/package/{package}/dist-tags/{tag}", dist_tags::delete_tag)
        .get("/-/package/{package}/visibility", npm_access::read_visibility)
        .get("/-/package/{package}/access", npm_access::read_access)
        .post("/-/package/{package}/access", npm_access::set_access)
        .get("/-/package/{package}/collaborators", npm_access::list_collaborators)
        .get("/-/user/{user}/package", npm_access::list_packages)
        .get("/-/v1/search", search::search)
        .get("/-/all", search::list_all)
        .refuse("POST", "/-/v1/login", login::refuse_web_login)
        .get("/-/user/{user}", users::read_user)
        .put("/-/user/{user}", login::log_in)
        .put("/-/user/{user}/-rev/{revision}", login::log_in)
        .delete("/-/user/token/{token}", login::log_out)
        .get("/-/npm/v1/tokens", tokens::list_tokens)
        .post("/-/npm/v1/tokens", tokens::create_token)
        .delete("/-/npm/v1/tokens/token/{key}", tokens::revoke_token)
        .get("/-/npm/v1/user", users::read_profile)
        .get("/-/whoami", users::whoami)
        .get("/-/ping", registry::ping)
        .get("/-/{unknown}", registry::read_unknown)
        .get("/-/npm/v1/keys", registry::list_keys)
        .get("/-/npm/v1/attestations/{package}", provenance::read_attestations)
        .refuse("POST", "/-/npm/v1/security/advisories/bulk", audit::refuse)
        .refuse("POST", "/-/npm/v1/security/audits", audit::refuse)
        .refuse("POST", "/-/npm/v1/security/audits/quick", audit::refuse)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
