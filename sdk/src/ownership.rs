//! Which packages list an account as an owner. A protocol whose packages have owners
//! implements [`Ownership`] and is exported with `export!(MyProtocol, ownership)`, so that an
//! administrator who removes a user, or a user's grants, is told what that user can still
//! change, and can revoke it. A protocol without owners implements nothing of it
//! (`impl Ownership for MyProtocol {}`): so the host can tell it from one that does not answer.
//!
//! Each call runs in a fresh instance. [`crate::storage`] works as in a request, except that
//! [`Ownership::owned_by`] can change nothing; [`crate::auth`] ends the call.

use crate::auth::Owner;
use crate::{Error, Protocol};

/// What a protocol says of its owner lists; see `wit/ownership.wit`. Unless both functions are
/// written, nobody owns anything.
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
    /// One page of what lists the account as an owner.
    fn owned_by(_holder: &Holder, _cursor: Option<&str>) -> Result<Page, Error> {
        Ok(Page::default())
    }

    /// Takes the account off the owner list of one thing, also when nobody is left on it.
    /// False when it was not listed, or there is no such thing.
    fn disown(_holder: &Holder, _thing: &Thing) -> Result<bool, Error> {
        Ok(false)
    }
}

/// An account, as owner lists name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub id: String,
    /// Set if owners that are recorded by this name alone mean this account.
    pub name: Option<String>,
}

impl Holder {
    /// Does this entry of an owner list mean the account?
    pub fn is(&self, owner: &Owner) -> bool {
        match &owner.id {
            Some(id) => *id == self.id,
            None => self.name.as_ref() == Some(&owner.name),
        }
    }
}

/// Something with an owner list, as [`crate::auth::check`] names it.
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

/// Some of what lists an account: at most 1000 things, possibly none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub things: Vec<Thing>,
    /// Where the next page begins; none at the end. Never the same twice.
    pub next: Option<String>,
}
