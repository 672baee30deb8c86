//! A fixture: a plugin that wishes for a path of the host's own, and must not load.

use packhouse_plugin::{Description, Protocol, Request, Response};

pub struct Claimant;

packhouse_plugin::export!(Claimant);

impl Protocol for Claimant {
    fn describe() -> Description {
        Description::new("claimant", "Claimant", env!("CARGO_PKG_VERSION")).root_alias("/-/packhouse")
    }

    fn handle(_: Request) -> Response {
        Response::new(200)
    }
}
