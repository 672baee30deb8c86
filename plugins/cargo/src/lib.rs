//! The Cargo registry protocol: a sparse index, publishing, downloads, yanking, owners and
//! search, spoken as cargo expects. Embedders read a bucket's documents with [`name`],
//! [`layout`] and [`document`].
//!
//! # Layout
//! - [`name`], [`layout`], [`document`], [`owners`]: names, keys, and the content of documents; they
//!   know no HTTP
//! - [`upload`], [`archive`], [`manifest`]: what a publisher sends, read in bounded memory
//!   and held against each other
//! - `access`: the crate of a request, and the checks of permissions
//! - [`error`]: the table of errors; `endpoints`: one file for each noun; `maintenance`: maintenance of
//!   what is stored; `ownership`: which crates list an account

use packhouse_plugin::{Description, Protocol, Request, Response, Router};

use crate::endpoints::{download, index, login, owners as owner_lists, publish, search, yank};
use crate::error::Error;

mod access;
pub mod archive;
mod catalog;
pub mod document;
mod endpoints;
pub mod error;
pub mod layout;
mod maintenance;
pub mod manifest;
pub mod name;
pub mod owners;
mod ownership;
#[cfg(test)]
mod samples;
pub mod upload;

/// The protocol.
pub struct Cargo;

packhouse_plugin::export!(Cargo, maintenance, ownership);

const SETUP: &str = r#"# ~/.cargo/config.toml
[registries.packhouse]
index = "sparse+{base_url}/"
credential-provider = ["cargo:token"]

cargo login --registry packhouse
cargo publish --registry packhouse
"#;

impl Protocol for Cargo {
    fn describe() -> Description {
        Description::new("cargo", "Cargo crates", env!("CARGO_PKG_VERSION"))
            .scope("crate", &["read", "write", "yank", "owner"], "read")
            .implies("crate", "write", &["read", "yank", "owner"])
            .feature("publish", true, "new versions can be published")
            .feature("yank", true, "versions can be yanked and unyanked")
            .feature("search", true, "crates can be searched for")
            .failure_shape("application/json", r#"{"errors":[{"detail":"{message}"}]}"#)
            .setup(SETUP)
    }

    fn handle(request: Request) -> Response {
        let login_url = login::url(&request.base_url());
        let response = routes().handle(request);
        if response.status() == 401 {
            // Cargo shows it to a user without a token.
            return response.header("www-authenticate", &format!("Cargo login_url=\"{login_url}\""));
        }
        response
    }
}

/// The index is served at the root and below `/index`, since clients use both.
fn routes() -> Router<Error> {
    Router::new()
        .get("/config.json", index::read_config)
        .get("/1/{name}", index::read_index)
        .get("/2/{name}", index::read_index)
        .get("/3/{first}/{name}", index::read_index)
        .get("/{first}/{second}/{name}", index::read_index)
        .get("/index/config.json", index::read_config)
        .get("/index/1/{name}", index::read_index)
        .get("/index/2/{name}", index::read_index)
        .get("/index/3/{first}/{name}", index::read_index)
        .get("/index/{first}/{second}/{name}", index::read_index)
        .put("/api/v1/crates/new", publish::publish)
        .get("/api/v1/crates", search::search)
        .get("/api/v1/crates/{crate}/{version}/download", download::download)
        .delete("/api/v1/crates/{crate}/{version}/yank", yank::yank)
        .put("/api/v1/crates/{crate}/{version}/unyank", yank::unyank)
        .get("/api/v1/crates/{crate}/owners", owner_lists::list_owners)
        .put("/api/v1/crates/{crate}/owners", owner_lists::add_owners)
        .delete("/api/v1/crates/{crate}/owners", owner_lists::remove_owners)
        .get("/me", login::show_login)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
