//! The Composer protocol: metadata of the repository format's version 2, dists, uploads, search and
//! security advisories, as Composer expects them. Embedders read a bucket's documents with [`name`],
//! [`layout`] and [`document`].
//!
//! # Layout
//! - [`name`], [`layout`], [`document`]: names, keys, and the content of documents; they know no HTTP
//! - [`members`]: JSON of any depth
//! - [`archive`], [`upload`]: reading what publishers send, in bounded memory
//! - `catalog`: which packages there are, and what a search knows of them
//! - [`error`]: the table of errors; `endpoints`: one file for each noun; `maintenance`: maintenance of
//!   what is stored

use packhouse_plugin::ownership::Ownership;
use packhouse_plugin::{Description, Protocol, Request, Response, Router};

use crate::endpoints::{advisories, dists, metadata, packages, publish, repository, search};
use crate::error::Error;

pub mod archive;
mod catalog;
pub mod document;
mod endpoints;
pub mod error;
pub mod layout;
mod maintenance;
pub mod members;
pub mod name;
#[cfg(test)]
mod samples;
pub mod upload;

/// The protocol.
pub struct Composer;

packhouse_plugin::export!(Composer, maintenance, ownership);

/// Only grants decide the permissions on packages.
impl Ownership for Composer {}

const SETUP: &str = "\
composer config secure-http false   # over plain http only
composer config repositories.packhouse composer {base_url}
composer require VENDOR/PACKAGE
curl --user admin --upload-file lib.zip '{base_url}/packages/VENDOR/PACKAGE?version=1.0.0'
";

impl Protocol for Composer {
    fn describe() -> Description {
        Description::new("composer", "PHP packages", env!("CARGO_PKG_VERSION"))
            .scope("package", &["read", "write", "delete"], "read")
            .implies("package", "write", &["read", "delete"])
            .feature("upload", true, "new versions can be uploaded")
            .feature("delete", true, "versions and packages can be deleted")
            .failure_shape(
                "application/json",
                r#"{"status":"error","message":"{message}","warning":"{message}"}"#,
            )
            .setup(SETUP)
    }

    fn handle(request: Request) -> Response {
        routes().handle(request)
    }
}

fn routes() -> Router<Error> {
    Router::new()
        .get("/packages.json", repository::read_root)
        .get("/packages/list.json", repository::list_packages)
        .get("/search.json", search::search)
        .get("/providers/{vendor}/{package}.json", search::read_providers)
        .post("/downloads/", repository::note_downloads)
        .get("/p2/{vendor}/{package}.json", metadata::read_metadata)
        .get("/dists/{vendor}/{package}/{reference}.zip", dists::download)
        .put("/packages/{vendor}/{package}", publish::publish)
        .delete("/packages/{vendor}/{package}", packages::delete_package)
        .put("/packages/{vendor}/{package}/abandoned", packages::abandon)
        .delete("/packages/{vendor}/{package}/abandoned", packages::take_up)
        .delete("/packages/{vendor}/{package}/{version...}", packages::delete_version)
        .get("/security-advisories/", advisories::read_advisories)
        .post("/security-advisories/", advisories::read_advisories)
        .put("/security-advisories/{vendor}/{package}/{advisory}", advisories::write_advisory)
        .delete("/security-advisories/{vendor}/{package}/{advisory}", advisories::delete_advisory)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
