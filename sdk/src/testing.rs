//! A host in memory, so that endpoints run under plain `cargo test`. It behaves as `wit/*.wit` specifies:
//! versions and preconditions, rules for keys, limits, dropped resources, permissions. It has no HTTP:
//! only the real host handles ranges, conditional requests and compression.
//!
//! A test sends requests as a user, or as an anonymous caller:
//! ```
//! use packhouse_plugin::testing::Host;
//! # use packhouse_plugin::{Description, Failure, Protocol, Request, Response, Router};
//! # struct Demo;
//! # impl Protocol for Demo {
//! #     fn describe() -> Description { Description::new("demo", "Demo", "0.1.0") }
//! #     fn handle(request: Request) -> Response {
//! #         Router::<Failure>::new().get("/-/ping", |_| Ok(Response::new(200).text("pong"))).handle(request)
//! #     }
//! # }
//!
//! let host = Host::new().user("ann", &["demo:package:*:write"]);
//! let reply = host.as_user("ann").get("/-/ping").send::<Demo>();
//! assert_eq!(reply.status(), 200);
//! assert_eq!(reply.text(), "pong");
//! assert_eq!(host.anonymous().get("/elsewhere").send::<Demo>().status(), 404);
//! ```

pub mod archive;
pub(crate) mod decode;
pub(crate) mod hash;
mod host;
pub(crate) mod multipart;
pub(crate) mod network;
mod older;
mod owned;
pub(crate) mod policy;
mod reply;
mod request;
pub(crate) mod state;
mod upkeep;
mod usage;

pub use host::Host;
pub use older::{Change, Older};
pub use reply::Reply;
pub use request::{Actor, FormField, TestRequest};
pub use state::LogLine;
pub(crate) use upkeep::Run;
pub use upkeep::{Outcome, Upkeep};
