//! Verifies a publish: digests, lengths, names and versions must agree between the path, the body, its
//! manifest, and the `package.json` inside the tarball.

use std::io::BufReader;

use packhouse_plugin::digests::{SHA1, SHA512};
use packhouse_plugin::json::parse_of;
use packhouse_plugin::storage::Staged;

use super::received::Tarball;
use super::types;
use crate::archive;
use crate::error::{self, Error};
use crate::integrity::{self, Verdict};
use crate::json::Object;
use crate::layout;
use crate::name::{PackageName, Tag, Version, same_release};

/// How much of a tarball is fetched from the host at once, in bytes.
const READ: usize = 256 * 1024;

/// A publish in which everything agrees.
pub struct Verified<'a> {
    pub version: String,
    pub manifest: Object<'a>,
    pub tags: Vec<String>,
    /// Lower-case hexadecimal.
    pub sha1: String,
    /// `sha512-…`.
    pub integrity: String,
    pub staged: Staged,
}

/// 400 with a sentence that says what does not agree.
pub fn verify<'a>(name: &PackageName, body: &Object<'a>, tarball: Tarball) -> Result<Verified<'a>, Error> {
    types::check_document(name, body)?;
    let versions = types::object(body, "versions")?.unwrap_or_default();
    let (version, manifest) = find_version(name, &versions, &tarball.name)?;
    if Version::parse(&version)?.has_build_metadata() {
        let sentence = format!(
            "{version} has build metadata, which clients omit when they request a version; publish it without the `+` and what follows it"
        );
        return Err(Error::because(error::BAD_VERSION, sentence));
    }
    let file = layout::tarball_name(name, &version);
    if file.len() > layout::SEGMENT_LENGTH {
        return Err(mismatch("name and version together are too long"));
    }
    check_manifest(name, &version, &manifest)?;
    types::check_publish(body, &version, &manifest)?;
    check_length(body, &tarball)?;
    let mut staged = tarball.staged;
    let (sha1, integrity) = check_digests(&manifest, &staged)?;
    check_package_json(name, &version, &mut staged)?;
    Ok(Verified { tags: read_tags(body, &version)?, version, manifest, sha1, integrity, staged })
}

fn mismatch(sentence: impl ToString) -> Error {
    Error::because(error::MISMATCH, sentence)
}

/// The version whose tarball the attachment is, and its manifest. Clients name an attachment
/// `@scope/name-1.0.0.tgz`, or as `npm pack` names the file: `scope-name-1.0.0.tgz`. Bun cleans the
/// version in the body as npm does, and not the one in the attachment's name.
fn find_version<'a>(
    name: &PackageName,
    versions: &Object<'a>,
    attachment: &str,
) -> Result<(String, Object<'a>), Error> {
    let file = attachment.rsplit('/').next().unwrap_or(attachment);
    let in_scope = name
        .scope()
        .and_then(|scope| layout::version_of_file(name, file.strip_prefix(scope)?.strip_prefix('-')?, "tgz"));
    let stated = [layout::version_of_file(name, file, "tgz"), in_scope];
    let find = |is_same: fn(&str, &str) -> bool| {
        versions.names().find(|version| stated.iter().flatten().any(|stated| is_same(stated, version)))
    };
    let version = find(|one, other| one == other).or_else(|| find(same_release)).ok_or_else(|| {
        mismatch(format!("the attachment {attachment} is the tarball of no version in the body"))
    })?;
    let text = versions.get_source(version).unwrap_or_default();
    Ok((version.to_owned(), parse_of("the manifest in the body", text.as_bytes())?))
}

fn check_manifest(name: &PackageName, version: &str, manifest: &Object<'_>) -> Result<(), Error> {
    let stated_name = manifest.text("name").unwrap_or_default();
    let stated_version = manifest.text("version").unwrap_or_default();
    if stated_name == name.as_str() && stated_version == version {
        return Ok(());
    }
    Err(mismatch(format!("the manifest of {name}@{version} says that it is {stated_name}@{stated_version}")))
}

fn check_length(body: &Object<'_>, tarball: &Tarball) -> Result<(), Error> {
    let attachments = Object::parse_lenient(body.get_source("_attachments"));
    let attachment = Object::parse_lenient(attachments.get_source(&tarball.name));
    let size = tarball.staged.size();
    let length = attachment.get("length").map(serde_json::from_str::<u64>).transpose();
    match length.map_err(|_| types::must_be("length", "the number of the attachment's bytes"))? {
        Some(length) if length != size => Err(Error::because(
            error::BAD_DIGEST,
            format!("the tarball has {size} bytes and should have {length}; publish again"),
        )),
        _ => Ok(()),
    }
}

/// The digests of the received tarball, if they match the declared ones.
fn check_digests(manifest: &Object<'_>, staged: &Staged) -> Result<(String, String), Error> {
    let dist = types::object(manifest, "dist")?.unwrap_or_default();
    let digests = staged.digests();
    let sha1 = staged.digest(SHA1)?.hex;
    if let Some(declared) = types::text(&dist, "shasum")?
        && !declared.eq_ignore_ascii_case(&sha1)
    {
        return Err(Error::because(
            error::BAD_DIGEST,
            format!("dist.shasum is {declared}, and the tarball has {sha1}; publish again"),
        ));
    }
    let computed = integrity::text(&staged.digest(SHA512)?);
    let declared = types::text(&dist, "integrity")?.unwrap_or_default();
    match integrity::compare(&declared, &digests) {
        Verdict::Agrees => Ok((sha1, computed)),
        Verdict::Unknown if declared.is_empty() => Ok((sha1, computed)),
        Verdict::Unknown => Err(Error::because(
            error::BAD_DIGEST,
            format!("dist.integrity is {declared}; it must hold sha512 or sha1"),
        )),
        Verdict::Differs => Err(Error::because(
            error::BAD_DIGEST,
            format!("dist.integrity is {declared}, and the tarball has {computed}; publish again"),
        )),
    }
}

fn check_package_json(name: &PackageName, version: &str, staged: &mut Staged) -> Result<(), Error> {
    let bytes = archive::package_json(BufReader::with_capacity(READ, staged))?;
    let text = archive::text(&bytes);
    let inside: Object<'_> = parse_of("the package.json in the tarball", text.as_bytes())
        .map_err(|error| Error::because(error::BAD_TARBALL, error))?;
    let stated_name = inside.text("name").unwrap_or_default();
    let stated_version = inside.text("version").unwrap_or_default();
    if stated_name.trim() == name.as_str() && same_release(&stated_version, version) {
        return Ok(());
    }
    Err(mismatch(format!(
        "the package.json in the tarball is of {stated_name}@{stated_version}, not of {name}@{version}"
    )))
}

/// The tags that the body names. They can only stand for the version that comes with it.
fn read_tags(body: &Object<'_>, version: &str) -> Result<Vec<String>, Error> {
    let tags = Object::parse_lenient(body.get_source("dist-tags"));
    let mut names = Vec::with_capacity(tags.len());
    for tag in tags.names() {
        let target = tags.text(tag).unwrap_or_default();
        if target != version {
            return Err(mismatch(format!("the tag {tag} must be the published version, and is {target}")));
        }
        names.push(Tag::parse(tag)?.as_str().to_owned());
    }
    Ok(names)
}
