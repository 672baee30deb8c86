//! Who may do what on a repository, and what a client is told to get where it may not. It
//! knows no storage.

use packhouse_plugin::auth::{self, Decision};

use crate::error::Error;
use crate::name::RepositoryName;

/// The kind of this protocol's scopes.
pub const REPOSITORY: &str = "repository";
/// How the challenge and tokens name this registry when nothing is configured.
const REALM: &str = "Basic realm=\"oci\"";

/// A permission that clients ask a token for: `{kind}:{name}:{actions}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub kind: String,
    pub name: String,
    pub actions: Vec<String>,
}

/// What a request does to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Pull,
    Push,
    Delete,
}

impl Access {
    pub fn action(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
        }
    }

    /// What a token for it is asked for: whoever pushes looks first at what is there.
    fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Pull => &["pull"],
            Self::Push => &["pull", "push"],
            Self::Delete => &["delete"],
        }
    }
}

impl Wanted {
    pub fn on(repository: &RepositoryName, access: Access) -> Self {
        Self::new(REPOSITORY, repository.as_str(), access.actions())
    }

    pub fn new(kind: &str, name: &str, actions: &[&str]) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
        }
    }
}

/// The caller may do this on the repository, or 401 or 403.
pub fn require(repository: &RepositoryName, access: Access) -> Result<(), Error> {
    require_with(repository, access, &[])
}

/// The same for a request that a client needs a larger token for.
pub fn require_with(repository: &RepositoryName, access: Access, more: &[Wanted]) -> Result<(), Error> {
    auth::require(REPOSITORY, repository.as_str(), access.action()).map_err(|denied| {
        let mut wanted = vec![Wanted::on(repository, access)];
        wanted.extend_from_slice(more);
        Error::denied(&denied, wanted)
    })
}

/// May the caller do this? Nothing is answered for it.
pub fn is_allowed(repository: &RepositoryName, access: Access) -> bool {
    auth::check(REPOSITORY, repository.as_str(), access.action()) == Decision::Granted
}

/// The value of `WWW-Authenticate`.
pub fn challenge(_wanted: &[Wanted]) -> String {
    REALM.to_owned()
}
