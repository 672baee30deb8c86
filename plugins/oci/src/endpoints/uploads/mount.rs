//! A client need not upload a blob that another repository has: `?mount={digest}&from={source}`.

use packhouse_plugin::storage::{self, ListingOptions};
use packhouse_plugin::{Call, auth};

use crate::access::{Access, REPOSITORY, is_allowed};
use crate::digest::ContentDigest;
use crate::error::Error;
use crate::name::RepositoryName;
use crate::{layout, membership};

/// What a client would like to have without sending it.
pub struct Wish {
    pub digest: ContentDigest,
    source: Source,
}

enum Source {
    Named(RepositoryName),
    /// Any that the caller may pull from.
    Any,
    /// Not a valid name: there is nothing to mount.
    Nowhere,
}

impl Wish {
    /// None when nothing is wished.
    pub fn of(call: &Call) -> Result<Option<Self>, Error> {
        let Some(digest) = call.query("mount") else {
            return Ok(None);
        };
        let source = match call.query("from").filter(|name| !name.is_empty()) {
            None => Source::Any,
            Some(name) => RepositoryName::parse(&name).map_or(Source::Nowhere, Source::Named),
        };
        Ok(Some(Self { digest: ContentDigest::parse(&digest)?, source }))
    }

    /// The repository that it names.
    pub fn source(&self) -> Option<&RepositoryName> {
        match &self.source {
            Source::Named(source) => Some(source),
            Source::Any | Source::Nowhere => None,
        }
    }

    /// False when it cannot be: there is no such blob, the caller may not see it, or it is
    /// damaged. Then the client sends it.
    pub fn fulfil(&self, target: &RepositoryName) -> Result<bool, Error> {
        match &self.source {
            Source::Named(source) if is_allowed(source, Access::Pull) => self.mount(source, target),
            Source::Any => match self.seen_in()? {
                Some(source) => self.mount(&source, target),
                None => Ok(false),
            },
            Source::Named(_) | Source::Nowhere => Ok(false),
        }
    }

    fn mount(&self, source: &RepositoryName, target: &RepositoryName) -> Result<bool, Error> {
        let found = membership::find(source, &self.digest)?.whole();
        found.map_or(Ok(false), |member| Ok(membership::mount(target, &self.digest, member.size())?))
    }

    /// A repository that the caller may pull from and that has this blob. The first 1000 are
    /// looked at.
    fn seen_in(&self) -> Result<Option<RepositoryName>, Error> {
        let prefix = layout::members(&self.digest);
        let listing = storage::list_page(&ListingOptions::new(&prefix))?;
        let members = listing.objects.iter().filter(|member| membership::is_settled(member));
        let repositories: Vec<String> = members
            .filter_map(|member| layout::member_of(&member.key))
            .map(|(_, repository)| repository.to_string())
            .collect();
        let seen = auth::filter_allowed(REPOSITORY, &repositories, Access::Pull.action());
        Ok(seen.first().and_then(|name| RepositoryName::parse(name).ok()))
    }
}
