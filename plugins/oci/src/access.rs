//! Checks the permissions on repositories, and makes the challenge of a 401. It knows no storage.

use packhouse_plugin::auth::{self, Decision, Wanted};

use crate::error::{self, Error};
use crate::name::RepositoryName;

/// The kind of this protocol's scopes.
pub const REPOSITORY: &str = "repository";
/// To see that a repository is there; `pull` and `push` include this.
pub const LIST: &str = "list";
/// Where this mount gives out tokens, below its path.
pub const TOKEN_ENDPOINT: &str = "/token";
/// The challenge of the token endpoint itself, and of a registry without signed tokens.
pub const BASIC: &str = "Basic realm=\"oci\"";

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

    /// The actions that a token needs. A client that pushes first checks what exists.
    fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Pull => &["pull"],
            Self::Push => &["pull", "push"],
            Self::Delete => &["delete"],
        }
    }
}

/// What a token for this is asked for.
pub fn wanted(repository: &RepositoryName, access: Access) -> Wanted {
    Wanted::new(REPOSITORY, repository.as_str(), access.actions())
}

/// The caller may do this on the repository, or 401 or 403.
pub fn require(repository: &RepositoryName, access: Access) -> Result<(), Error> {
    require_with(repository, access, &[])
}

/// The same for a request that a client needs a larger token for.
pub fn require_with(repository: &RepositoryName, access: Access, more: &[Wanted]) -> Result<(), Error> {
    auth::require(REPOSITORY, repository.as_str(), access.action()).map_err(|denied| {
        let mut all = vec![wanted(repository, access)];
        all.extend_from_slice(more);
        error::denied(denied, all)
    })
}

/// May the caller do this? Nothing is answered for it.
pub fn is_allowed(repository: &RepositoryName, access: Access) -> bool {
    auth::check(REPOSITORY, repository.as_str(), access.action()) == Decision::Granted
}

/// The value of `WWW-Authenticate`: Bearer, for a token that holds the wanted, where this
/// registry knows signed tokens.
pub fn challenge(wanted: &[Wanted]) -> String {
    auth::bearer_challenge(TOKEN_ENDPOINT, wanted).unwrap_or_else(|| BASIC.to_owned())
}
