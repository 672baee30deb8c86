//! The keys of a repository's objects, below the mount's prefix.
//!
//! # Layout
//! These keys never change, so that buckets written by an earlier system stay readable.
//! - `blobs/{algorithm}/{hex}`: the bytes of a blob, once for all repositories
//! - `manifests/{repository}/{digest}`: the bytes of a manifest
//! - `tags/{repository}/tags.json`: a map of tag to digest
//!
//! Ours, where `{R}` is the repository with `+` for `/`, so that it is one segment:
//! - `members/{algorithm}/{hex}/{R}`: this blob is visible in the repository
//! - `referrers/{R}/{subject}/{digest}`: the descriptor of a manifest with this subject
//! - `adopted/{R}`: members and referrers of the repository are complete
//! - `pushed/{R}/{digest}`: what the push of a manifest proved, and whether it was deleted
//! - `types/{R}/{digest}`: the media type of a manifest that does not say it itself
//! - `pending/{id}`: a manifest on its way in
//! - `condemned/{algorithm}/{hex}`: a blob that the garbage collection is about to remove
//! - `sparse`: since when manifests may reference missing content

use crate::digest::ContentDigest;
use crate::name::RepositoryName;

pub const BLOBS: &str = "blobs/";
pub const MANIFESTS: &str = "manifests/";
pub const TAGS: &str = "tags/";
pub const MEMBERS: &str = "members/";
pub const REFERRERS: &str = "referrers/";
pub const ADOPTED: &str = "adopted/";
pub const PENDING: &str = "pending/";
pub const CONDEMNED: &str = "condemned/";
pub const TYPES: &str = "types/";
pub const PUSHED: &str = "pushed/";

/// Records since when manifests of this mount may reference content that the registry does not have.
pub const SPARSE: &str = "sparse";

const TAGS_FILE: &str = "/tags.json";

pub fn blob(digest: &ContentDigest) -> String {
    format!("{BLOBS}{}", pair(digest))
}

/// The folder of the manifests of this repository, and of the repositories below it.
pub fn manifests(repository: &RepositoryName) -> String {
    format!("{MANIFESTS}{repository}/")
}

pub fn manifest(repository: &RepositoryName, digest: &ContentDigest) -> String {
    format!("{MANIFESTS}{repository}/{digest}")
}

pub fn tags(repository: &RepositoryName) -> String {
    format!("{TAGS}{repository}{TAGS_FILE}")
}

/// Below it are the members of all repositories that the blob is visible in.
pub fn members(digest: &ContentDigest) -> String {
    format!("{MEMBERS}{}/", pair(digest))
}

pub fn member(repository: &RepositoryName, digest: &ContentDigest) -> String {
    format!("{MEMBERS}{}/{}", pair(digest), repository.segment())
}

/// Below it are the descriptors of everything in the repository with this subject.
pub fn referrers(repository: &RepositoryName, subject: &ContentDigest) -> String {
    format!("{REFERRERS}{}/{subject}/", repository.segment())
}

pub fn referrer(repository: &RepositoryName, subject: &ContentDigest, digest: &ContentDigest) -> String {
    format!("{REFERRERS}{}/{subject}/{digest}", repository.segment())
}

pub fn adopted(repository: &RepositoryName) -> String {
    format!("{ADOPTED}{}", repository.segment())
}

pub fn media_type(repository: &RepositoryName, digest: &ContentDigest) -> String {
    format!("{TYPES}{}/{digest}", repository.segment())
}

/// Below it are the records of the repository's pushes.
pub fn pushes(repository: &RepositoryName) -> String {
    format!("{PUSHED}{}/", repository.segment())
}

pub fn pushed(repository: &RepositoryName, digest: &ContentDigest) -> String {
    format!("{PUSHED}{}/{digest}", repository.segment())
}

/// The repository and the digest of the manifest that a record is about.
pub fn manifest_of_record(key: &str) -> Option<(RepositoryName, ContentDigest)> {
    let (segment, digest) = key.strip_prefix(PUSHED)?.split_once('/')?;
    Some((RepositoryName::from_segment(segment).ok()?, ContentDigest::parse(digest).ok()?))
}

/// The repository and the digest of the manifest that an entry of a referrer or a media type is
/// about.
pub fn manifest_about(key: &str) -> Option<(RepositoryName, ContentDigest)> {
    let (segment, digest) = match key.strip_prefix(REFERRERS) {
        Some(rest) => {
            let (segment, rest) = rest.split_once('/')?;
            (segment, rest.split_once('/')?.1)
        }
        None => key.strip_prefix(TYPES)?.split_once('/')?,
    };
    Some((RepositoryName::from_segment(segment).ok()?, ContentDigest::parse(digest).ok()?))
}

pub fn pending(id: &str) -> String {
    format!("{PENDING}{id}")
}

pub fn condemned(digest: &ContentDigest) -> String {
    format!("{CONDEMNED}{}", pair(digest))
}

/// The digest of the blob at this key, or the one that a condemnation is about.
pub fn digest_of(key: &str) -> Option<ContentDigest> {
    let pair = key.strip_prefix(BLOBS).or_else(|| key.strip_prefix(CONDEMNED))?;
    digest_of_pair(pair)
}

/// The blob and the repository that a member is about.
pub fn member_of(key: &str) -> Option<(ContentDigest, RepositoryName)> {
    let (pair, segment) = key.strip_prefix(MEMBERS)?.rsplit_once('/')?;
    Some((digest_of_pair(pair)?, RepositoryName::from_segment(segment).ok()?))
}

/// The repository and the digest of the manifest at this key.
pub fn manifest_of(key: &str) -> Option<(RepositoryName, ContentDigest)> {
    let (repository, digest) = key.strip_prefix(MANIFESTS)?.rsplit_once('/')?;
    Some((RepositoryName::parse(repository).ok()?, ContentDigest::parse(digest).ok()?))
}

/// The repository whose tags lie at this key.
pub fn repository_of_tags(key: &str) -> Option<RepositoryName> {
    RepositoryName::parse(key.strip_prefix(TAGS)?.strip_suffix(TAGS_FILE)?).ok()
}

/// `{algorithm}/{hex}`
fn pair(digest: &ContentDigest) -> String {
    format!("{}/{}", digest.algorithm().as_str(), digest.hex())
}

fn digest_of_pair(pair: &str) -> Option<ContentDigest> {
    let (algorithm, hex) = pair.split_once('/')?;
    ContentDigest::parse(&format!("{algorithm}:{hex}")).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn keys_are_those_of_the_layout_and_can_be_read_back() {
        let hex = "0a".repeat(32);
        let digest = ContentDigest::parse(&format!("sha256:{hex}")).unwrap();
        let repository = RepositoryName::parse("team/app").unwrap();
        assert_eq!(blob(&digest), format!("blobs/sha256/{hex}"));
        assert_eq!(manifest(&repository, &digest), format!("manifests/team/app/sha256:{hex}"));
        assert_eq!(tags(&repository), "tags/team/app/tags.json");
        assert_eq!(member(&repository, &digest), format!("members/sha256/{hex}/team+app"));
        assert_eq!(adopted(&repository), "adopted/team+app");
        assert_eq!(digest_of(&blob(&digest)), Some(digest.clone()));
        assert_eq!(digest_of(&condemned(&digest)), Some(digest.clone()));
        assert_eq!(member_of(&member(&repository, &digest)), Some((digest.clone(), repository.clone())));
        assert_eq!(manifest_of(&manifest(&repository, &digest)), Some((repository.clone(), digest)));
        assert_eq!(repository_of_tags("tags/team/app/tags.json"), Some(repository));
        for key in ["tags/tags.json", "tags/a/other", "tags/A/tags.json", "blobs/sha256/x"] {
            assert_eq!(repository_of_tags(key), None, "{key}");
            assert_eq!(digest_of(key), None, "{key}");
        }
    }
}
