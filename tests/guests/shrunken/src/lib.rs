//! A fixture: the protocol of `objects` by a plugin that declares less of it.

use packhouse_plugin::{Description, Protocol, Request, Response};

pub struct Shrunken;

packhouse_plugin::export!(Shrunken);

impl Protocol for Shrunken {
    fn describe() -> Description {
        Description::new("objects", "Objects", "0.2.0").scope("object", &["read"], "read")
    }

    fn handle(_: Request) -> Response {
        Response::new(200).text("less")
    }
}
