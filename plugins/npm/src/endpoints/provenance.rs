//! The provenance of a version, in the form that `npm audit signatures` asks for.

use packhouse_plugin::json::parse_of;
use packhouse_plugin::{Call, Response, storage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{JSON, load, no_version, parse};
use crate::access::require;
use crate::document::Manifest;
use crate::error::{self, Error};
use crate::json::{Object, quote};
use crate::layout;
use crate::name::PackageName;

/// The predicate of npm's provenance statements.
pub const PREDICATE: &str = "https://slsa.dev/provenance/v1";

/// The members of a bundle that are checked.
#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow, rename = "mediaType")]
    media_type: Option<&'a RawValue>,
}

/// Whether this is a Sigstore bundle. Clients verify its signatures.
pub fn check_bundle(bytes: &[u8]) -> Result<(), Error> {
    let bundle: Bundle<'_> = parse_of("it", bytes).map_err(|error| bad_bundle(&error.to_string()))?;
    match bundle.media_type {
        Some(media_type) if media_type.get().contains("sigstore.bundle") => Ok(()),
        _ => Err(bad_bundle("its mediaType is not that of a bundle")),
    }
}

fn bad_bundle(reason: &str) -> Error {
    Error::because(error::BAD_BODY, format!("the provenance attachment is not a Sigstore bundle: {reason}"))
}

/// `GET /-/npm/v1/attestations/{package}@{version}`.
pub fn read_attestations(call: &Call) -> Result<Response, Error> {
    let wanted = call.decoded_with_slashes("package")?;
    let (name, version) = wanted
        .rsplit_once('@')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| Error::new(error::NOT_FOUND))?;
    let name = PackageName::parse(name)?;
    require(&name, "read")?;
    let document = load(&name)?;
    let packument = parse(&name, &document)?;
    let manifest = Manifest(packument.version(version).ok_or_else(|| no_version(&name, version))?);
    let none = || {
        let sentence = format!("{name}@{version} has no attestations");
        Error::because(error::NOT_FOUND, sentence)
    };
    let sha1 = manifest.shasum().filter(|_| manifest.has_attestations()).ok_or_else(none)?;
    let bundle = storage::get(&layout::provenance(&name, version, &sha1))?.ok_or_else(none)?;
    // A damaged bundle must not be put into the JSON of the answer.
    let bundle = Object::parse_bytes(&bundle.bytes).map_err(|error| bundle.damaged(error))?;
    Ok(Response::new(200).content_type(JSON).bytes(format!(
        r#"{{"attestations":[{{"predicateType":{},"bundle":{}}}]}}"#,
        quote(PREDICATE),
        bundle.to_text()
    )))
}
