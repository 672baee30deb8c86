//! The Maven repository protocol: files at their paths, checksums, metadata that the registry
//! generates, snapshots, and listings, as Maven and Gradle expect them. Embedders read a bucket's
//! documents with [`name`], [`layout`] and [`document`].
//!
//! # Layout
//! - [`name`], [`layout`], [`document`]: names, keys, and the content of documents; they know no HTTP
//! - [`metadata`], [`pom`], [`xml`]: read and render documents of Maven
//! - `path`: the meaning of a path; `access`: the checks of permissions
//! - `stored`: reading stored versions; `catalog`: the versions of an artifact; `changes`: those
//!   that are being listed; `prefixes`: those of plugins; `retention`: the builds of a snapshot that are
//!   kept
//! - [`error`]: the table of errors; `endpoints`: one file for each noun; `maintenance`: maintenance of
//!   what is stored

use packhouse_plugin::ownership::Ownership;
use packhouse_plugin::{Description, Protocol, Request, Response, Router};

use crate::endpoints::{delete, files, folders, upload};
use crate::error::Error;
use crate::settings::Settings;

mod access;
mod catalog;
mod changes;
pub mod document;
mod endpoints;
pub mod error;
pub mod layout;
mod maintenance;
pub mod metadata;
pub mod name;
mod path;
pub mod pom;
mod prefixes;
mod retention;
#[cfg(test)]
mod samples;
mod settings;
mod stored;
pub mod xml;

/// The protocol.
pub struct Maven;

packhouse_plugin::export!(Maven, maintenance, ownership);

/// Only grants decide the permissions on artifacts.
impl Ownership for Maven {}

const SETUP: &str = "\
<!-- settings.xml --> <server><id>packhouse</id><username>admin</username><password>PASSWORD</password></server>
<!-- pom.xml --> <repository><id>packhouse</id><url>{base_url}</url></repository>
mvn deploy -DaltDeploymentRepository=packhouse::default::{base_url}
";

impl Protocol for Maven {
    fn describe() -> Description {
        Description::new("maven", "Maven artifacts", env!("CARGO_PKG_VERSION"))
            .scope(access::ARTIFACT, &["read", "write", "delete"], "read")
            .implies(access::ARTIFACT, "write", &["read", "delete"])
            .feature("upload", true, "new files can be deployed")
            .feature("delete", true, "files, versions and artifacts can be deleted")
            .failure_shape("text/plain; charset=utf-8", "{message}\n")
            .setup(SETUP)
    }

    fn check_settings() -> Result<(), packhouse_plugin::Error> {
        packhouse_plugin::settings::check::<Settings>()
    }

    fn handle(request: Request) -> Response {
        // Clients that join an address and a path with a `/` too many send two.
        let path = format!("/{}", request.path().trim_start_matches('/'));
        let routes = if path.ends_with('/') { folder_routes() } else { file_routes() };
        routes.handle_path(request, path)
    }
}

fn file_routes() -> Router<Error> {
    Router::new()
        .get("/.meta/prefixes.txt", files::no_prefixes)
        .get("/{path...}", files::read)
        .put("/{path...}", upload::upload)
        .delete("/{path...}", delete::delete)
}

fn folder_routes() -> Router<Error> {
    Router::new()
        .get("/", folders::read_root)
        .get("/{path...}/", folders::read)
        .delete("/{path...}/", delete::delete_folder)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
