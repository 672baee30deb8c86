//! The OCI Distribution protocol, as docker, podman, skopeo, crane, oras, helm and others use it:
//! blobs, uploads, manifests, tags, referrers. Embedders read a bucket's documents with [`name`],
//! [`digest`], [`layout`] and [`document`].
//!
//! # Layout
//! - [`name`], [`digest`], [`layout`], [`document`]: names, digests, keys, and the content of
//!   documents; they know no HTTP and no storage
//! - `membership`, `records`, `adoption`, `condemned`, `pending`: which repository has which blob, also
//!   during a garbage collection
//! - `sparse`: since when a manifest proves nothing by itself
//! - `tag_map`, `referrers`, `media_types`, `holdings`: what else is stored of a repository
//! - [`access`], [`error`]: permissions and challenges, the table of errors
//! - `endpoints`: one file for each noun; `maintenance`: collecting, rebuilding, verifying

use packhouse_plugin::ownership::Ownership;
use packhouse_plugin::{Description, Protocol, Request, Response, Router};

use crate::endpoints::{api, blobs, catalog, manifests, referrers as referrer_lists, tags, token, uploads};
use crate::error::Error;

pub mod access;
mod adoption;
mod condemned;
pub mod digest;
pub mod document;
mod endpoints;
pub mod error;
mod holdings;
pub mod layout;
mod maintenance;
mod media_types;
mod membership;
pub mod name;
mod pending;
mod records;
mod referrers;
mod sparse;
mod tag_map;

/// The protocol.
pub struct Oci;

packhouse_plugin::export!(Oci, maintenance, ownership);

/// Only grants decide the permissions on repositories.
impl Ownership for Oci {}

/// Clients take the host only, whatever path the mount has.
const SETUP: &str = "\
docker login {host}
docker push {host}/team/image:tag
";

/// The path at the root of the host that clients insist on, and the first segment below the
/// mount.
const ROOT: &str = "/v2";

impl Protocol for Oci {
    fn describe() -> Description {
        Description::new("oci", "OCI images and artifacts", env!("CARGO_PKG_VERSION"))
            .root_alias(ROOT)
            .scope(access::REPOSITORY, &["pull", "push", "delete", access::LIST], "pull")
            .implies(access::REPOSITORY, "push", &["pull"])
            .implies(access::REPOSITORY, "pull", &[access::LIST])
            .wish("login", "docker login and others exchange a password or a refresh token for a token")
            .feature("referrers", true, "the referrers of a manifest can be listed")
            .feature("deletion", true, "manifests, tags and blobs can be deleted")
            .feature("sparse", false, "manifests may reference blobs and manifests that do not exist here")
            .failure_shape("application/json", r#"{"errors":[{"code":"UNKNOWN","message":"{message}"}]}"#)
            .setup(SETUP)
    }

    fn handle(request: Request) -> Response {
        let path = match request.alias() {
            Some(_) => format!("{ROOT}{}", request.path()),
            None => request.path(),
        };
        routes().handle_path(request, path).header("docker-distribution-api-version", "registry/2.0")
    }
}

fn routes() -> Router<Error> {
    Router::new()
        .get(access::TOKEN_ENDPOINT, token::get_token)
        .post(access::TOKEN_ENDPOINT, token::post_token)
        .get("/v2", api::read_root)
        .get("/v2/", api::read_root)
        .get("/v2/_catalog", catalog::list_repositories)
        .get("/v2/{repository...}/tags/list", tags::list_tags)
        .get("/v2/{repository...}/referrers/{digest}", referrer_lists::list_referrers)
        .get("/v2/{repository...}/manifests/{reference}", manifests::read_manifest)
        .put("/v2/{repository...}/manifests/{reference}", manifests::push_manifest)
        .delete("/v2/{repository...}/manifests/{reference}", manifests::delete_manifest)
        .get("/v2/{repository...}/blobs/{digest}", blobs::read_blob)
        .delete("/v2/{repository...}/blobs/{digest}", blobs::delete_blob)
        .post("/v2/{repository...}/blobs/uploads", uploads::start_upload)
        .post("/v2/{repository...}/blobs/uploads/", uploads::start_upload)
        .get("/v2/{repository...}/blobs/uploads/{upload}", uploads::read_upload)
        .patch("/v2/{repository...}/blobs/uploads/{upload}", uploads::append_to_upload)
        .put("/v2/{repository...}/blobs/uploads/{upload}", uploads::finish_upload)
        .delete("/v2/{repository...}/blobs/uploads/{upload}", uploads::cancel_upload)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
