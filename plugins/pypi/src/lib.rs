//! The PyPI protocol: the simple API as HTML and JSON, uploads, the JSON API, yanking and attestations,
//! as pip, uv, twine and poetry expect them. Embedders read a bucket's documents with [`name`],
//! [`layout`] and [`document`].
//!
//! # Layout
//! - [`name`], [`layout`], [`document`]: names, keys, and the content of documents; they know no HTTP
//! - [`simple`], [`legacy_json`]: render a document
//! - [`archive`], [`metadata`], [`attestation`]: reading what clients upload, in bounded memory
//! - `catalog`: which projects there are
//! - [`error`]: the table of errors; `endpoints`: one file for each noun; `maintenance`: maintenance of
//!   what is stored

use packhouse_plugin::ownership::Ownership;
use packhouse_plugin::{Description, Protocol, Request, Response, Router};

use crate::endpoints::{files, projects, releases, simple as index, upload};
use crate::error::Error;

pub mod archive;
pub mod attestation;
mod catalog;
pub mod document;
mod endpoints;
pub mod error;
pub mod layout;
pub mod legacy_json;
mod maintenance;
pub mod metadata;
pub mod name;
#[cfg(test)]
mod samples;
pub mod simple;

/// The protocol.
pub struct Pypi;

packhouse_plugin::export!(Pypi, maintenance, ownership);

/// Only grants decide the permissions on projects.
impl Ownership for Pypi {}

const SETUP: &str = "\
pip install --index-url {base_url}/simple/ NAME
uv pip install --default-index {base_url}/simple/ NAME
twine upload --repository-url {base_url}/legacy/ --username admin dist/*
";

/// Addresses at the root of the host, as clients know them.
const ALIASES: [&str; 3] = ["/simple", "/packages", "/legacy"];

impl Protocol for Pypi {
    fn describe() -> Description {
        let description = Description::new("pypi", "Python packages", env!("CARGO_PKG_VERSION"))
            .scope("package", &["read", "write", "delete"], "read")
            .implies("package", "write", &["read", "delete"])
            .feature("upload", true, "new files can be uploaded")
            .feature("delete", true, "files, versions and projects can be deleted")
            .failure_shape("text/plain; charset=utf-8", "{message}\n")
            .setup(SETUP);
        ALIASES.iter().fold(description, |description, alias| description.root_alias(alias))
    }

    fn handle(request: Request) -> Response {
        let path = match request.alias() {
            Some(alias) => format!("{alias}{}", request.path()),
            None => request.path(),
        };
        let is_json = endpoints::is_json_api(&path);
        routes()
            .handle_shaped(request, path, |error| if is_json { error::in_json(error) } else { error }.into())
    }
}

fn routes() -> Router<Error> {
    Router::new()
        .refuse("GET", "/", index::refuse_root)
        .refuse("POST", "/", index::refuse_root)
        .refuse("POST", "/simple", index::refuse_upload)
        .refuse("POST", "/simple/", index::refuse_upload)
        .get("/simple", index::redirect_root)
        .get("/simple/", index::read_root)
        .get("/simple/{project}", index::redirect_project)
        .get("/simple/{project}/", index::read_project)
        .post("/legacy", upload::upload)
        .post("/legacy/", upload::upload)
        .post("/pypi/legacy/", upload::upload)
        .get("/packages/{project}/{file}", files::read_file)
        .delete("/packages/{project}/{file}", files::delete_file)
        .put("/packages/{project}/{file}/yank", files::yank_file)
        .delete("/packages/{project}/{file}/yank", files::unyank_file)
        .get("/integrity/{project}/{version}/{file}/provenance", files::read_provenance)
        .get("/pypi/{project}/json", projects::read_project)
        .get("/pypi/{project}/{version}/json", projects::read_version)
        .get("/{project}/json", projects::read_project)
        .get("/{project}/{version}/json", projects::read_version)
        .delete("/pypi/{project}", projects::delete_project)
        .put("/pypi/{project}/status", projects::set_status)
        .delete("/pypi/{project}/{version}", releases::delete_version)
        .put("/pypi/{project}/{version}/yank", releases::yank_version)
        .delete("/pypi/{project}/{version}/yank", releases::unyank_version)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
