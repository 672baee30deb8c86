//! `PUT /v2/{repository}/manifests/{tag or digest}`: the manifest becomes visible when everything that
//! it references exists.

use packhouse_plugin::storage::{self, Precondition};
use packhouse_plugin::{Call, Response, digests, settings};
use serde_json::json;

use super::reference;
use crate::access::{Access, require};
use crate::digest::{Algorithm, ContentDigest};
use crate::document::Manifest;
use crate::endpoints::{CONTENT_DIGEST, location, repository};
use crate::error::{self, Error};
use crate::name::{Reference, RepositoryName, Tag};
use crate::pending::Pending;
use crate::tag_map::Found;
use crate::{adoption, layout, media_types, records, referrers, tag_map};

mod content;

/// Of a manifest, in bytes. Clients read no larger ones.
const LARGEST: u64 = 8 << 20;
/// How many tags one push may set.
const MOST_TAGS: usize = 100;
/// How often a push looks again when the manifest is deleted at the same time.
const ATTEMPTS: u32 = 10;

/// What is pushed.
struct Push {
    repository: RepositoryName,
    digest: ContentDigest,
    bytes: Vec<u8>,
    manifest: Manifest,
    media_type: String,
    tags: Vec<Tag>,
}

/// By digest, several tags may come along (`?tag=`).
pub fn push_manifest(call: &Call) -> Result<Response, Error> {
    let repository = repository(call)?;
    require(&repository, Access::Push)?;
    let push = receive(call, repository)?;
    adoption::ensure(&push.repository)?;
    let found = tag_map::check_to_push(&push.repository, &push.tags)?;
    {
        let named = push.manifest.named();
        let _pending = Pending::begin(&push.repository, &named)?;
        let proven = content::check(&push.repository, &push.manifest, &named)?;
        store(&push, &proven, &found)?;
    }
    Ok(answer(call, &push))
}

fn receive(call: &Call, repository: RepositoryName) -> Result<Push, Error> {
    let reference = reference(call)?;
    let tags = tags(call, &reference)?;
    let sent = media_types::sent(call.header("content-type").as_deref())?;
    let bytes = call.body().read_all(LARGEST).map_err(|error| match error {
        packhouse_plugin::Error::TooLarge(_) => Error::new(error::MANIFEST_TOO_LARGE),
        other => other.into(),
    })?;
    let digest = digest(&bytes, &reference)?;
    let manifest = Manifest::receive(&bytes, sent.as_deref())?;
    let media_type = manifest.media_type(sent.as_deref());
    Ok(Push { repository, digest, bytes, manifest, media_type, tags })
}

fn tags(call: &Call, reference: &Reference) -> Result<Vec<Tag>, Error> {
    let mut tags: Vec<Tag> = match reference {
        Reference::Tag(tag) => vec![tag.clone()],
        Reference::Digest(_) => Vec::new(),
    };
    for (name, value) in call.query_pairs() {
        if name == "tag" {
            let tag = Tag::parse(&value)?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    if tags.len() > MOST_TAGS { Err(Error::new(error::TOO_MANY_TAGS)) } else { Ok(tags) }
}

/// The digest that was said, or the one by which a tag's manifest is stored.
fn digest(bytes: &[u8], reference: &Reference) -> Result<ContentDigest, Error> {
    let algorithm = match reference {
        Reference::Digest(digest) => digest.algorithm(),
        Reference::Tag(_) => Algorithm::Sha256,
    };
    let computed = digests::of(bytes, &[algorithm.as_str()])?;
    let computed = computed.first().map(ToString::to_string).unwrap_or_default();
    let computed = ContentDigest::parse(&computed)?;
    match reference {
        Reference::Digest(said) if *said != computed => {
            let sentence = format!("the digest should be {said} and is {computed}; send it again");
            Err(error::about(error::DIGEST_INVALID, sentence, json!({ "digest": computed.to_string() })))
        }
        _ => Ok(computed),
    }
}

/// Writes the record of the push, then the manifest, then the tags and referrers that lead to it. If a
/// deletion removes the manifest meanwhile, it is written again: the push is acknowledged last, so the
/// manifest must exist.
fn store(push: &Push, proven: &[ContentDigest], found: &Found) -> Result<(), Error> {
    let key = layout::manifest(&push.repository, &push.digest);
    found.create_missing(&push.repository)?;
    for _ in 0..ATTEMPTS {
        records::push(&push.repository, &push.digest, proven, &push.tags)?;
        media_types::keep(&push.repository, &push.digest, &push.manifest, &push.media_type)?;
        storage::put(&key, &push.bytes, Precondition::Any, Some(&push.media_type))?;
        if let Some(subject) = push.manifest.subject() {
            let size = push.bytes.len() as u64;
            let referrer = push.manifest.referrer(&push.media_type, &push.digest, size);
            referrers::write(&push.repository, &subject, &push.digest, &referrer)?;
        }
        tag_map::set(&push.repository, &push.tags, &push.digest, found)?;
        if storage::stat(&key)?.is_some() {
            return Ok(());
        }
    }
    Err(Error::new(error::BUSY))
}

fn answer(call: &Call, push: &Push) -> Response {
    let mut response = Response::new(201)
        .header("location", &location(call, &format!("{}/manifests/{}", push.repository, push.digest)))
        .header(CONTENT_DIGEST, &push.digest.to_string());
    if let (Some(subject), true) = (push.manifest.subject(), settings::feature("referrers")) {
        response = response.header("oci-subject", &subject.to_string());
    }
    if !push.tags.is_empty() {
        let tags: Vec<&str> = push.tags.iter().map(Tag::as_str).collect();
        response = response.header("oci-tag", &tags.join(", "));
    }
    response
}
