//! Nobody owns anything here: grants alone decide who may do what on projects. The host is
//! told so, since it could not tell it from a plugin that does not answer.

use packhouse_plugin::Error;
use packhouse_plugin::ownership::{Holder, Ownership, Page, Thing};

use crate::Pypi;

impl Ownership for Pypi {
    fn owned_by(_: &Holder, _: Option<&str>) -> Result<Page, Error> {
        Ok(Page::default())
    }

    fn disown(_: &Holder, _: &Thing) -> Result<bool, Error> {
        Ok(false)
    }
}
