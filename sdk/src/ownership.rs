//! Which packages list an account as an owner. A protocol whose packages have owners implements
//! [`Ownership`] and is exported with `export!(MyProtocol, ownership)`. When an administrator
//! removes a user or a user's grants, the host can then show what that user can still change, and
//! revoke it. A protocol without owners writes `impl Ownership for MyProtocol {}`, which tells the
//! host that it has none.
//!
//! Each call runs in a fresh instance. [`crate::storage`] works as in a request, except that
//! [`Ownership::owned_by`] cannot change anything. Using [`crate::auth`] fails the call.

use crate::auth::Owner;
use crate::{Error, Protocol};

pub use survey::Survey;

mod survey;

/// The owner lists of a protocol; see `wit/ownership.wit`. By default, nobody owns anything.
///
/// ```
/// use packhouse_plugin::ownership::{Holder, Ownership, Page};
/// # use packhouse_plugin::{Description, Protocol, Request, Response};
/// # struct Notes;
/// # impl Protocol for Notes {
/// #     fn describe() -> Description { Description::new("notes", "Notes", "0.1.0") }
/// #     fn handle(_: Request) -> Response { Response::new(200) }
/// # }
/// impl Ownership for Notes {}
/// let ann = Holder { id: "0190".to_owned(), name: None };
/// assert_eq!(Notes::owned_by(&ann, None), Ok(Page::default()));
/// ```
pub trait Ownership: Protocol {
    /// One page of the things that list the account as an owner. An owner list that cannot be read or
    /// was lost is an error, so that the account does not seem to own less than it does: see [`Survey`].
    fn owned_by(_holder: &Holder, _cursor: Option<&str>) -> Result<Page, Error> {
        Ok(Page::default())
    }

    /// Removes the account from the owner list of one thing, even if the list is then empty. False
    /// if the list did not name it, or there is no such thing.
    fn disown(_holder: &Holder, _thing: &Thing) -> Result<bool, Error> {
        Ok(false)
    }
}

/// An account, as owner lists name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub id: String,
    /// Set if owner entries with only this name mean this account.
    pub name: Option<String>,
}

impl Holder {
    /// Whether this entry of an owner list means the account.
    pub fn is(&self, owner: &Owner) -> bool {
        match &owner.id {
            Some(id) => *id == self.id,
            None => self.name.as_ref() == Some(&owner.name),
        }
    }
}

/// A thing with an owner list, named as in [`crate::auth::check`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    pub kind: String,
    pub name: String,
}

impl Thing {
    pub fn new(kind: &str, name: &str) -> Thing {
        Thing { kind: kind.to_owned(), name: name.to_owned() }
    }
}

/// A part of the things that list an account: at most 1000, possibly none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub things: Vec<Thing>,
    /// Where the next page begins; none at the end. Never the same twice.
    pub next: Option<String>,
}
