//! The crate of a request, in its stored spelling. A request may spell the name differently, because
//! the index has one file for `Demo` and `demo`. Permissions are checked on the stored spelling, and
//! the keys of a stored crate are made from it.
//!
//! # Invariants
//! - A [`StoredName`] belongs to the index file of the name that it was looked up for.
//! - A list of owners is used only if it has exactly this spelling.

use packhouse_plugin::Error as HostError;
use packhouse_plugin::auth::{self, Decision, Denied};
use packhouse_plugin::storage::{self, Document, Json, Reader, unless_conflict};

use crate::document::Index;
use crate::endpoints::{CRATE, EVERY_CRATE, no_crate, owners_of};
use crate::error::Error;
use crate::layout;
use crate::name::CrateName;
use crate::owners::Owners;

/// Of an index file, so much is read for the spelling of the name: first less, then more.
const FIRST_LINE: [u32; 2] = [16 << 10, 1 << 20];

/// The name of a crate that is there, as its index has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredName(CrateName);

impl StoredName {
    /// None when the crate is not there. `Damaged` when the index file was lost, or has no line
    /// that can be read.
    pub fn find(asked: &CrateName) -> Result<Option<Self>, Error> {
        let key = layout::index(asked);
        let read = |_| unless_conflict(read_name(&key));
        match storage::retry(&key, read)? {
            Found::Nothing => {
                storage::check_absent(&key)?;
                Ok(None)
            }
            Found::Document(name) => Self::checked(name, &key).map(Some),
        }
    }

    /// The name in an index file that was read.
    pub fn of_document(document: &Document) -> Result<Self, Error> {
        Self::checked(Index::new(&document.bytes).name(), &document.info.key)
    }

    fn checked(name: Option<CrateName>, key: &str) -> Result<Self, Error> {
        if let Some(name) = name.filter(|name| layout::index(name) == key) {
            return Ok(Self(name));
        }
        Err(HostError::damaged(key, "it does not name its crate").into())
    }

    /// The crate, if the caller may do this on it by a grant; or 401, 403 or 404.
    pub fn require(asked: &CrateName, action: &str) -> Result<Self, Error> {
        Self::allowed(asked, action, |stored| Ok(auth::check(CRATE, stored.0.as_str(), action)))
    }

    /// The crate, if the caller may do this on it by a grant, or since it lists them as an
    /// owner; or 401, 403 or 404. The list is read only when there is no grant.
    pub fn require_owned(asked: &CrateName, action: &str) -> Result<Self, Error> {
        Self::allowed(asked, action, |stored| stored.decide_owned(action))
    }

    fn allowed(
        asked: &CrateName,
        action: &str,
        decide: impl Fn(&Self) -> Result<Decision, Error>,
    ) -> Result<Self, Error> {
        let Some(stored) = Self::find(asked)? else {
            auth::require(CRATE, asked.as_str(), action)?;
            return Err(no_crate(asked));
        };
        match decide(&stored)? {
            Decision::Granted => Ok(stored),
            denied => Err(stored.denied(asked, action, denied)),
        }
    }

    /// May the caller do this by a grant, or as an owner?
    pub fn decide_owned(&self, action: &str) -> Result<Decision, Error> {
        self.decide(action, &owners_of(&self.0).strict())
    }

    /// The same, asked again in the same request: it is known by then that the list is no older copy.
    pub fn decide_again(&self, action: &str) -> Result<Decision, Error> {
        self.decide(action, &owners_of(&self.0))
    }

    fn decide(&self, action: &str, list: &Json<Owners>) -> Result<Decision, Error> {
        let owners = || Ok(self.recorded(list)?.unwrap_or_default().list());
        auth::decide_owned(CRATE, self.0.as_str(), action, owners)
    }

    /// The answer reveals the stored spelling only to a caller who may do this on the requested
    /// spelling. So nobody learns the spelling of a crate that they cannot see.
    pub fn denied(&self, asked: &CrateName, action: &str, decision: Decision) -> Error {
        let could = auth::check(CRATE, asked.as_str(), action) == Decision::Granted;
        let told = if could { &self.0 } else { asked };
        if told.as_str() == self.0.as_str() && decision == Decision::Forbidden {
            // Asked again for the reason, which is that of the last question.
            if let Err(error) = self.decide_again(action) {
                return error;
            }
        }
        let (permission, rejection) = (auth::grant(CRATE, told.as_str(), action), auth::rejection());
        let denied = match decision {
            Decision::SignIn => Denied::SignIn { permission, rejection },
            Decision::Forbidden | Decision::Granted => Denied::Forbidden { permission, rejection },
        };
        denied.into()
    }

    /// Its owners; none when nobody recorded any, e.g. of a crate of another system. `Damaged` if their
    /// document is an older copy: it may list somebody who is no owner any more.
    pub fn owners(&self) -> Result<Option<Owners>, Error> {
        self.recorded(&owners_of(&self.0).strict())
    }

    fn recorded(&self, list: &Json<Owners>) -> Result<Option<Owners>, Error> {
        Ok(list.read()?.filter(|owners| owners.name == self.0.as_str()))
    }

    /// Is this index file still about this crate?
    pub fn is_of(&self, document: &Document) -> bool {
        Index::new(&document.bytes).name().as_ref() == Some(&self.0)
    }

    pub fn name(&self) -> &CrateName {
        &self.0
    }
}

/// The caller may read the crate, if it is there, or 401 or 403. For a caller who may read
/// every crate nothing is looked up.
pub fn require_read(asked: &CrateName) -> Result<(), Error> {
    if auth::check(CRATE, EVERY_CRATE, "read") == Decision::Granted {
        return Ok(());
    }
    StoredName::require(asked, "read").map(|_| ())
}

enum Found {
    Nothing,
    /// With the name of its first line that can be read.
    Document(Option<CrateName>),
}

fn read_name(key: &str) -> Result<Found, HostError> {
    let Some(reader) = Reader::open(key)? else {
        return Ok(Found::Nothing);
    };
    for length in FIRST_LINE {
        // What is cut in the middle of a line is no line.
        let name = Index::new(&reader.read_at(0, length)?).name();
        if name.is_some() {
            return Ok(Found::Document(name));
        }
    }
    Ok(Found::Document(None))
}
