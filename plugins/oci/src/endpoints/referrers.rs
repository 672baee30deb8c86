//! `GET /v2/{repository}/referrers/{digest}`: the manifests that refer to a manifest, even if that
//! manifest does not exist.

use packhouse_plugin::storage::{self, ListingOptions};
use packhouse_plugin::{Call, Response, settings};
use serde_json::json;

use super::{digest, link_to_next, repository};
use crate::access::{Access, require};
use crate::digest::ContentDigest;
use crate::document::{IMAGE_INDEX, Manifest, Referrer};
use crate::error::{self, Error};
use crate::name::{RepositoryName, Tag};
use crate::{adoption, layout, media_types, referrers, tag_map};

/// A page ends after this many bytes of descriptors: annotations may be long.
const PAGE_BYTES: usize = 4 << 20;
const PAGE_ENTRIES: u32 = 1000;

/// What is shown, and behind which manifest the next page begins.
#[derive(Default)]
struct Page {
    referrers: Vec<Referrer>,
    next: Option<String>,
}

pub fn list_referrers(call: &Call) -> Result<Response, Error> {
    let (repository, subject) = (repository(call)?, digest(call)?);
    if !settings::feature("referrers") {
        return Err(Error::new(error::NO_REFERRERS));
    }
    require(&repository, Access::Pull)?;
    adoption::ensure(&repository)?;
    let mut page = read_page(&repository, &subject, call.query("last").as_deref())?;
    if page.next.is_none() {
        merge_fallback(&repository, &subject, &mut page)?;
    }
    let kind = call.query("artifactType").filter(|kind| !kind.is_empty());
    if let Some(kind) = &kind {
        let is_wanted = |other: &String| other.eq_ignore_ascii_case(kind);
        page.referrers.retain(|referrer| referrer.artifact_type.as_ref().is_some_and(is_wanted));
    }
    let index = json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": page.referrers });
    let mut response = Response::new(200).content_type(IMAGE_INDEX).json(&index);
    if kind.is_some() {
        response = response.header("oci-filters-applied", "artifactType");
    }
    if let Some(next) = &page.next {
        let mut query = vec![("last", next.as_str())];
        query.extend(kind.as_deref().map(|kind| ("artifactType", kind)));
        response = link_to_next(response, call, &format!("{repository}/referrers/{subject}"), &query);
    }
    Ok(response)
}

/// In the order of their digests.
fn read_page(
    repository: &RepositoryName,
    subject: &ContentDigest,
    last: Option<&str>,
) -> Result<Page, Error> {
    let prefix = layout::referrers(repository, subject);
    let last = last.map(ContentDigest::parse).transpose()?;
    let after = last.map(|last| layout::referrer(repository, subject, &last));
    let options =
        ListingOptions { after: after.as_deref(), limit: PAGE_ENTRIES, ..ListingOptions::new(&prefix) };
    let listing = storage::list_page(&options)?;
    let keys: Vec<String> = listing.objects.into_iter().map(|object| object.key).collect();
    let mut page = Page::default();
    let mut bytes = 0;
    for (key, document) in keys.iter().zip(storage::get_each(&keys)) {
        // Deleted since it was listed.
        let Some(document) = document? else { continue };
        // Somebody else has put it there.
        let Some((_, digest)) = layout::manifest_about(key) else { continue };
        bytes += document.bytes.len();
        page.referrers.push(referrers::parse(&document, &digest)?);
        if bytes >= PAGE_BYTES {
            page.next = key.strip_prefix(&prefix).map(str::to_owned);
            break;
        }
    }
    if page.next.is_none() && listing.next.is_some() {
        page.next = keys.last().and_then(|key| key.strip_prefix(&prefix)).map(str::to_owned);
    }
    Ok(page)
}

/// Adds what clients of registries without this API have listed in an index of their own
/// (distribution-spec, "Enabling the Referrers API"), as far as it is here and has this
/// subject.
fn merge_fallback(
    repository: &RepositoryName,
    subject: &ContentDigest,
    page: &mut Page,
) -> Result<(), Error> {
    let Some(tag) = Tag::parse(&subject.referrers_tag()).ok() else {
        return Ok(());
    };
    let Some(index) = tag_map::resolve(repository, &tag)?.transpose()? else {
        return Ok(());
    };
    let Some(index) = storage::get(&layout::manifest(repository, &index))? else {
        return Ok(());
    };
    let Ok(index) = Manifest::parse(&index.bytes) else {
        return Ok(());
    };
    for listed in index.children().filter_map(super::super::document::Descriptor::content) {
        let is_known = |referrer: &Referrer| referrer.digest == listed.to_string();
        // An entry of ours may stand on an earlier page.
        let own = layout::referrer(repository, subject, &listed);
        if page.referrers.iter().any(is_known) || storage::stat(&own)?.is_some() {
            continue;
        }
        page.referrers.extend(read_referrer(repository, subject, &listed)?);
    }
    Ok(())
}

fn read_referrer(
    repository: &RepositoryName,
    subject: &ContentDigest,
    digest: &ContentDigest,
) -> Result<Option<Referrer>, Error> {
    let Some(document) = storage::get(&layout::manifest(repository, digest))? else {
        return Ok(None);
    };
    let manifest = Manifest::parse(&document.bytes).ok();
    let Some(manifest) = manifest.filter(|manifest| manifest.subject().as_ref() == Some(subject)) else {
        return Ok(None);
    };
    let media_type = media_types::find(repository, digest, &document, &manifest)?;
    Ok(Some(manifest.referrer(&media_type, digest, document.info.size)))
}
