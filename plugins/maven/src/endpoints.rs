//! One file for each noun. This file contains what several of them need.

use packhouse_plugin::Call;
use packhouse_plugin::Response;
use packhouse_plugin::time;

use crate::error::{self, Error};
use crate::name::Coordinates;

pub mod change;
pub mod delete;
pub mod files;
pub mod folders;
pub mod metadata;
pub mod sidecars;
pub mod upload;

/// The path below the mount, decoded; `+` is a plus.
fn path(call: &Call) -> Result<String, Error> {
    Ok(call.decoded("path")?)
}

/// What is answered is as old as this.
fn dated(response: Response, modified: Option<u64>) -> Response {
    match modified.and_then(time::http_date) {
        Some(date) => response.header("last-modified", &date),
        None => response,
    }
}

fn no_file(path: &str) -> Error {
    Error::because(error::NOT_FOUND, format!("{path} is not in this repository"))
}

fn no_version(coordinates: &Coordinates) -> Error {
    Error::because(error::NOT_FOUND, format!("{coordinates} is not in this repository"))
}
