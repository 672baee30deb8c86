//! The SDK for protocol plugins of Packhouse.
//!
//! A plugin implements [`Protocol`] and calls [`export!`]. The host makes a new instance for every
//! request, so nothing in memory survives a request: use [`storage`] for data that must last. The
//! plugin never gets credentials: [`auth`] says who the caller is and what they may do. The host
//! handles HEAD, ranges, conditional requests and compression.
//!
//! # Layout
//! - [`Router`], [`Call`], [`Request`], [`Response`], [`Body`], [`Part`]: HTTP
//! - [`storage`], [`uploads`], [`digests`]: objects under the mount's own prefix
//! - [`maintenance`]: collecting, rebuilding and verifying what a mount has stored
//! - [`ownership`]: which packages list an account as an owner
//! - [`auth`], [`settings`], [`clock`], [`random`], [`log`]: the other functions of the host
//! - [`json`]: reading what clients send; [`tar`], [`zip`], [`gzip`]: the contents of packages
//! - [`Error`], [`problem`], [`Failure`]: errors and their answers
//! - [`markup`], [`time`]: text in HTML and XML, moments as text
//! - `testing`: a host in memory, so that endpoints run under `cargo test`
//!
//! [`storage::Publish`] decides which of two publishers of a version succeeds.
//!
//! # Examples
//! A protocol that keeps notes:
//! ```
//! use packhouse_plugin::storage::{self, Change, Precondition};
//! use packhouse_plugin::{Call, Description, Failure, Protocol, Request, Response, Router, auth};
//!
//! pub struct Notes;
//!
//! impl Protocol for Notes {
//!     fn describe() -> Description {
//!         Description::new("notes", "Notes", "0.1.0")
//!             .scope("note", &["read", "write"], "read")
//!             .implies("note", "write", &["read"])
//!     }
//!     fn handle(request: Request) -> Response {
//!         Router::new()
//!             .get("/notes/{name}", read_note)
//!             .put("/notes/{name}", append_to_note)
//!             .handle(request)
//!     }
//! }
//! packhouse_plugin::export!(Notes);
//!
//! fn read_note(call: &Call) -> Result<Response, Failure> {
//!     let name = call.decoded("name")?;
//!     auth::require("note", &name, "read")?;
//!     Response::new(200)
//!         .object(&format!("notes/{name}"))?
//!         .ok_or_else(|| Failure::not_found(name))
//! }
//!
//! fn append_to_note(call: &Call) -> Result<Response, Failure> {
//!     let name = call.decoded("name")?;
//!     auth::require("note", &name, "write")?;
//!     let addition = call.body().read_all(64 * 1024)?;
//!     storage::update(&format!("notes/{name}"), |note| {
//!         let mut bytes = note.map(|note| note.bytes.clone()).unwrap_or_default();
//!         bytes.extend_from_slice(&addition);
//!         Ok::<_, Failure>(Change::Write(bytes))
//!     })?;
//!     Ok(Response::new(204))
//! }
//!
//! use packhouse_plugin::testing::Host;
//!
//! let host = Host::new()
//!     .user("ann", &["notes:note:*:write"])
//!     .anonymous_grants(&["notes:*:*:read"]);
//! let written = host.as_user("ann").put("/notes/todo").body("milk\n").send::<Notes>();
//! assert_eq!(written.status(), 204);
//! assert_eq!(host.anonymous().get("/notes/todo").send::<Notes>().text(), "milk\n");
//! assert_eq!(host.anonymous().put("/notes/todo").send::<Notes>().status(), 401);
//! assert_eq!(host.objects(), ["notes/todo"]);
//! ```

// What `bindings` generates names this crate as its users do.
#[cfg(target_family = "wasm")]
extern crate self as packhouse_plugin;

mod accept;
pub mod auth;
mod body;
mod call;
pub mod clock;
mod description;
pub mod digests;
mod error;
pub mod failure;
#[cfg(test)]
mod fuzz;
pub mod gzip;
pub mod json;
pub mod log;
pub mod maintenance;
pub mod markup;
pub mod ownership;
mod part;
pub mod problem;
pub mod random;
mod request;
mod response;
mod router;
mod segment;
pub mod settings;
pub mod storage;
mod sys;
pub mod tar;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod time;
mod types;
pub mod uploads;
pub mod zip;

#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod bindings;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use bindings::Component as __Component;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use wit_bindgen as __wit_bindgen;

pub use body::{Body, SaveOptions, Saved};
pub use call::{Call, SMALL_BODY};
pub use description::{Description, FailureShape, Feature, Implication, ScopeKind, Wish};
pub use error::Error;
pub use failure::{Failure, TextFailure};
pub use part::Part;
pub use problem::Descriptor;
pub use request::Request;
pub use response::Response;
pub use router::{Handler, RouteError, Router};
pub use segment::{BadSegment, BadSegmentReason};
pub use types::{Digest, ObjectInfo, Precondition, find_digest};

/// The most bytes that one call to or from the host carries. The functions of this crate split larger
/// data into pieces of this size.
pub const PIECE: usize = 1 << 20;

/// A registry protocol.
pub trait Protocol {
    /// Describes the plugin. The host calls this when it loads the plugin. No other function of the
    /// host works during this call.
    fn describe() -> Description;

    /// Answers one request. After a panic, the client gets a 500. No other request is affected.
    fn handle(request: Request) -> Response;

    /// Checks the mount's settings. The host calls it before the plugin serves a mount, and refuses to
    /// start on an error, which it shows to the operator. Only [`settings`], [`random`] and [`log`] work.
    ///
    /// By default, the protocol has no settings, and every key is an error. A protocol with settings
    /// overrides it with [`settings::check`].
    fn check_settings() -> Result<(), Error> {
        settings::expect_none()
    }
}

/// Makes a plugin of a crate of type `cdylib`: `packhouse_plugin::export!(MyProtocol);`. After the name,
/// list the optional exports: `maintenance` if the protocol implements [`maintenance::Maintenance`],
/// `ownership` if it implements [`ownership::Ownership`], as in
/// `export!(MyProtocol, maintenance, ownership);`. Has no effect if the crate is not compiled to
/// WebAssembly.
#[cfg(not(target_family = "wasm"))]
#[macro_export]
macro_rules! export {
    ($protocol:ty $(, $export:ident)*) => {
        const _: () = {
            const fn implements_protocol<P: $crate::Protocol>() {}
            implements_protocol::<$protocol>();
            $($crate::__export!($protocol, $export);)*
        };
    };
}

#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($protocol:ty, maintenance) => {
        const _: () = {
            const fn implements_maintenance<P: $crate::maintenance::Maintenance>() {}
            implements_maintenance::<$protocol>();
        };
    };
    ($protocol:ty, ownership) => {
        const _: () = {
            const fn implements_ownership<P: $crate::ownership::Ownership>() {}
            implements_ownership::<$protocol>();
        };
    };
}

/// Makes a plugin of a crate of type `cdylib`: `packhouse_plugin::export!(MyProtocol);`. After the name,
/// list the optional exports: `maintenance` if the protocol implements [`maintenance::Maintenance`],
/// `ownership` if it implements [`ownership::Ownership`], as in
/// `export!(MyProtocol, maintenance, ownership);`.
#[cfg(target_family = "wasm")]
#[macro_export]
macro_rules! export {
    ($protocol:ty $(, $export:ident)*) => {
        #[allow(unsafe_code, reason = "the component's entry points")]
        const _: () = {
            type PackhouseComponent = $crate::__Component<$protocol>;
            $crate::bindings::__export_component!(PackhouseComponent with_types_in $crate::bindings);
            $crate::bindings::configured::__export_settings_check!(
                PackhouseComponent with_types_in $crate::bindings::configured
            );
            $($crate::__export!($export);)*
        };
    };
}

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (maintenance) => {
        $crate::bindings::caretaker::__export_maintenance!(
            PackhouseComponent with_types_in $crate::bindings::caretaker
        );
    };
    (ownership) => {
        $crate::bindings::registrar::__export_ownership!(
            PackhouseComponent with_types_in $crate::bindings::registrar
        );
    };
}
