//! A blob that another repository has need not be uploaded: `?mount={digest}&from={source}`.

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
    /// A name that is none: nothing can be had from it.
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

    /// False when it cannot be: there is no such blob, or the caller may not see it.
    pub fn fulfil(&self, target: &RepositoryName) -> Result<bool, Error> {
        let can_be_seen = match &self.source {
            Source::Named(source) => {
                is_allowed(source, Access::Pull) && membership::find(source, &self.digest)?.is_some()
            }
            Source::Any => self.is_seen_somewhere()?,
            Source::Nowhere => false,
        };
        Ok(can_be_seen && membership::mount(target, &self.digest)?)
    }

    /// Has a repository that the caller may pull from this blob? The first 1000 are looked at.
    fn is_seen_somewhere(&self) -> Result<bool, Error> {
        let prefix = layout::members(&self.digest);
        let listing = storage::list_page(&ListingOptions::new(&prefix))?;
        let members = listing.objects.iter().filter(|member| membership::is_settled(member));
        let repositories: Vec<String> = members
            .filter_map(|member| layout::member_of(&member.key))
            .map(|(_, repository)| repository.to_string())
            .collect();
        Ok(!auth::filter_allowed(REPOSITORY, &repositories, Access::Pull.action()).is_empty())
    }
}
