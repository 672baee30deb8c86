//! The RubyGems protocol: the compact index, the indexes in Marshal, pushing, yanking, owners,
//! search and keys, as gem and Bundler use them. Embedders read a bucket's documents with
//! [`name`], [`layout`] and [`document`].
//!
//! # Layout
//! - [`name`], [`layout`], [`document`]: names, keys, and the content of documents; they know no HTTP
//! - [`archive`], [`gemspec`], [`yaml`]: what a publisher sends, read in bounded memory
//! - [`marshal`]: what old clients read
//! - `stored`: a gem's document in the store; `catalog`: the list of all gems
//! - [`error`]: the table of errors; `endpoints`: one file for each noun; `maintenance`: maintenance of
//!   what is stored; `ownership`: which gems list an account

use packhouse_plugin::{Description, Protocol, Request, Response, Router};

use crate::endpoints::{about, dependencies, files, index, keys, owners, push, search, specs, yank};
use crate::error::Error;

pub mod archive;
mod catalog;
pub mod document;
mod endpoints;
pub mod error;
pub mod gemspec;
pub mod layout;
mod maintenance;
pub mod marshal;
pub mod name;
mod ownership;
#[cfg(test)]
mod samples;
mod stored;
pub mod yaml;

/// The protocol.
pub struct RubyGems;

packhouse_plugin::export!(RubyGems, maintenance, ownership);

const SETUP: &str = r#"export RUBYGEMS_HOST={base_url}
{if login}gem signin
gem push my-gem-1.0.gem

# Gemfile
source "{base_url}"
"#;

impl Protocol for RubyGems {
    fn describe() -> Description {
        Description::new("rubygems", "Ruby gems", env!("CARGO_PKG_VERSION"))
            .scope("gem", &["read", "write", "yank", "owner"], "read")
            .implies("gem", "write", &["read", "yank", "owner"])
            .feature("push", true, "new versions can be pushed")
            .feature("yank", true, "versions can be yanked and unyanked")
            .wish("login", "`gem signin` exchanges a password for a key")
            .failure_shape("text/plain; charset=utf-8", "{message}\n")
            .setup(SETUP)
    }

    fn handle(request: Request) -> Response {
        routes().handle(request)
    }
}

fn routes() -> Router<Error> {
    Router::new()
        .get("/", index::read_root)
        .get("/versions", index::read_versions)
        .get("/info/{gem}", index::read_info)
        .get("/names", index::read_names)
        .get("/gems/{file}.gem", files::download)
        .get("/specs.4.8.gz", specs::read_specs)
        .get("/latest_specs.4.8.gz", specs::read_latest_specs)
        .get("/prerelease_specs.4.8.gz", specs::read_prerelease_specs)
        .get("/quick/Marshal.4.8/{file}.gemspec.rz", specs::read_quick)
        .post("/api/v1/gems", push::push)
        .delete("/api/v1/gems/yank", yank::yank)
        .put("/api/v1/gems/unyank", yank::unyank)
        .get("/api/v1/gems/{gem}.json", about::read_gem)
        .get("/api/v1/versions/{gem}.json", about::read_versions)
        .get("/api/v1/versions/{gem}/latest.json", about::read_latest)
        .get("/api/v1/search.json", search::search)
        .get("/api/v1/dependencies", dependencies::read)
        .get("/api/v1/dependencies.json", dependencies::read_json)
        .get("/api/v1/gems/{gem}/owners.json", owners::list_as_json)
        .get("/api/v1/gems/{gem}/owners.yaml", owners::list_as_yaml)
        .post("/api/v1/gems/{gem}/owners", owners::add_owner)
        .delete("/api/v1/gems/{gem}/owners", owners::remove_owner)
        .get("/api/v1/api_key", keys::create_key)
        .post("/api/v1/api_key", keys::create_key)
        .put("/api/v1/api_key", keys::refuse_change)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
