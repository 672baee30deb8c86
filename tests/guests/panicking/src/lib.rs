//! A fixture: a plugin that cannot say what it is.

use packhouse_plugin::{Description, Protocol, Request, Response};

pub struct Panicking;

packhouse_plugin::export!(Panicking);

impl Protocol for Panicking {
    #[expect(clippy::panic, reason = "that is what this fixture is for")]
    fn describe() -> Description {
        panic!("the table of endpoints has two entries for /-/all")
    }

    fn handle(_: Request) -> Response {
        Response::new(200)
    }
}
