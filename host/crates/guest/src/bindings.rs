//! Rust types and traits of the contract in `wit/`, generated.
//!
//! This is the only `bindgen!` of a line of the contract. A breaking change adds a second file like
//! this one, and the host supports both lines side by side.
//!
//! Getters of values in memory are synchronous, so they cost a plain call. Functions that may wait
//! for a client or a store are asynchronous in the host, and ordinary calls for the plugin.
//!
//! The world has every export, but a plugin does not need all of them. Therefore the host does not
//! use the generated type of the world. `plugins/linked.rs` looks up each export.

use crate::capabilities::{
    HostError, about, auth, body, digests, request, response, staged, storage, upkeep, uploads,
};

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "complete",
    imports: {
        "packhouse:plugin/http.[method]body.read": async | trappable,
        "packhouse:plugin/http.[method]body.slice": async | trappable,
        "packhouse:plugin/http.[method]body.json-string": async | trappable,
        "packhouse:plugin/http.[method]body.base64": async | trappable,
        "packhouse:plugin/http.[method]body.next-part": async | trappable,
        "packhouse:plugin/http.[method]body.stage": async | trappable,
        "packhouse:plugin/http.[method]body.save": async | trappable,
        "packhouse:plugin/http.[method]response.write-object": async | trappable,
        "packhouse:plugin/storage.[method]staged.size": trappable,
        "packhouse:plugin/storage.[method]staged.digests": trappable,
        "packhouse:plugin/storage.[method]reader.info": trappable,
        "packhouse:plugin/storage.[constructor]writer": trappable,
        "packhouse:plugin/storage": async | trappable,
        "packhouse:plugin/uploads.[method]upload.id": trappable,
        "packhouse:plugin/uploads.[method]upload.label": trappable,
        "packhouse:plugin/uploads.[method]upload.offset": trappable,
        "packhouse:plugin/uploads.reached-limit": trappable,
        "packhouse:plugin/uploads": async | trappable,
        "packhouse:plugin/auth.[method]account.id": trappable,
        "packhouse:plugin/auth.[method]account.name": trappable,
        "packhouse:plugin/auth.[method]account.email": trappable,
        "packhouse:plugin/auth.[method]account.is-read-only": trappable,
        "packhouse:plugin/auth.grant": trappable,
        "packhouse:plugin/auth.retry-after": trappable,
        "packhouse:plugin/auth": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "packhouse:plugin/about.description": about::DescriptionBuilder,
        "packhouse:plugin/auth.account": auth::SignedIn,
        "packhouse:plugin/digests.hasher": digests::Hasher,
        "packhouse:plugin/http.body": body::BodyHandle,
        "packhouse:plugin/http.part": body::PartHandle,
        "packhouse:plugin/http.request": request::RequestHandle,
        "packhouse:plugin/http.response": response::ResponseBuilder,
        "packhouse:plugin/storage.staged": staged::StagedObject,
        "packhouse:plugin/storage.reader": storage::ObjectReader,
        "packhouse:plugin/storage.writer": storage::ObjectWriter,
        "packhouse:plugin/upkeep.step": upkeep::StepHandle,
        "packhouse:plugin/uploads.upload": uploads::UploadSession,
    },
    trappable_error_type: {
        "packhouse:plugin/types.error" => HostError,
    },
});
