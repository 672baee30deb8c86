//! `POST /api/v1/gems`: a new version.
//!
//! # Invariants
//! - Nothing is visible before the gem's document names it.
//! - A version that was ever pushed is never replaced, and a yanked one stays taken.
//! - What a push costs does not depend on how many other gems there are.
//! - Nothing is staged for a caller who may not push the gem (see `receive`).

use packhouse_plugin::auth::{self, Owner};
use packhouse_plugin::digests::SHA256;
use packhouse_plugin::storage::{self, Document, Entry, Publish, Refused, Staged};
use packhouse_plugin::{Call, Response, clock, log};

use super::{GEM, told};
use crate::document::{Package, Release};
use crate::error::{self, Error};
use crate::gemspec::Gemspec;
use crate::name::{GemName, Slot, full_name, readings};
use crate::stored::{self, JSON};
use crate::{archive, catalog, layout};
use receive::receive;

mod receive;

/// Of gems in the store, where it keeps content types.
const OCTETS: &str = "application/octet-stream";

/// See the module.
pub fn push(call: &Call) -> Result<Response, Error> {
    let mut staged = receive(call)?;
    let spec = archive::read(&mut staged)?;
    let name = spec.name.clone();
    require_push(&name, stored::load_any(&name)?.as_ref())?;
    make_visible(&spec, &mut staged)?;
    stored::write_info(&name);
    let platform = if spec.slot.is_ruby() { String::new() } else { format!(" for {}", spec.slot.platform) };
    Ok(told(&format!("Successfully registered gem: {name} ({}){platform}", spec.slot.number)))
}

/// In the order of a publish: prepared, the key, the document.
fn make_visible(spec: &Gemspec, staged: &mut Staged) -> Result<(), Error> {
    let (name, slot) = (&spec.name, &spec.slot);
    let (key, file) = (layout::document(name), layout::gem_file(name, slot));
    let checksum = staged.digest(SHA256)?.hex;
    let release = Release::new(spec, &checksum, staged.size(), clock::now());
    let mut look = |document: Option<&Document>| look(spec, &release, document);
    let refuse = |refused| match refused {
        Refused::Same | Refused::Exists => exists(name, slot),
        Refused::Busy => Error::because(
            error::BEING_PUBLISHED,
            format!("somebody else is pushing {}; try again in a few minutes", full_name(name, slot)),
        ),
        Refused::TooLarge => Error::because(
            error::TOO_LARGE,
            "this gem has more versions than its document can hold; push under another name",
        ),
    };
    let begun = |document: &Document| stored::parse(document).ok()?.begun();
    let publish = Publish::new(&key).content_type(JSON).begun(begun).proven().saying(stored::said);
    let prepared = match publish.prepare(&mut look)? {
        Err(Refused::Same) if repair(name, slot, staged)? => return Ok(()),
        prepared => prepared.map_err(refuse)?,
    };
    let claimed = prepared.claim(staged, &file, Some(OCTETS), &mut look)?.map_err(refuse)?;
    // From now on, requests that read the list also read this document.
    catalog::announce(name)?;
    claimed.name(&mut look)?.map_err(refuse)?;
    log::info("published a version", &[("gem.name", name.as_str()), ("gem.version", &slot.to_string())]);
    Ok(())
}

/// What the document says of the version, and how it will be with it.
fn look(spec: &Gemspec, release: &Release, document: Option<&Document>) -> Result<Entry, Error> {
    let (name, slot) = (&spec.name, &spec.slot);
    let there = stored::of_document(name, document)?;
    let is_same_gem = there.as_ref().is_none_or(|package| package.name == name.as_str());
    if let Some(package) = there.as_ref().filter(|_| is_same_gem)
        && let Some(found) = package.find_same(slot)
    {
        let is_same = found.slot == release.slot && found.sha256 == release.sha256 && found.yanked.is_none();
        return Ok(if is_same { Entry::Same } else { Entry::Other });
    }
    require_push(name, there.as_ref())?;
    check_file_name(name, slot)?;
    let is_new = there.is_none();
    let mut package = there.unwrap_or_else(|| Package::new(name));
    if is_new && let Some(publisher) = auth::caller() {
        package.add_owner(Owner::of(&publisher));
    }
    package.versions.push(release.clone());
    Ok(Entry::New(storage::to_json(&package)?))
}

/// 409 when the file of this version would be that of a version of another gem: `a-1` in version 2
/// and `a` in version 1 for the platform 2.
fn check_file_name(name: &GemName, slot: &Slot) -> Result<(), Error> {
    let file = full_name(name, slot);
    for (other, there) in readings(&file) {
        if other != *name && stored::load(&other)?.is_some_and(|package| package.find(&there).is_some()) {
            let sentence =
                format!("{file}.gem is the file of {other} {there} already; choose another version");
            return Err(Error::because(error::VERSION_EXISTS, sentence));
        }
    }
    Ok(())
}

/// The caller may push this gem, which is new unless it is `there`; or 401 or 403. Owners count
/// only of a gem that is there. 409 when it is there in another spelling.
fn require_push(name: &GemName, there: Option<&Package>) -> Result<(), Error> {
    match there {
        Some(package) if package.name == name.as_str() => {
            Ok(auth::require_owned(GEM, name.as_str(), "write", || Ok::<_, Error>(package.owners()))?)
        }
        other => {
            auth::require(GEM, name.as_str(), "write")?;
            match other {
                Some(package) => Err(taken(name, &package.name)),
                None => check_lower(name),
            }
        }
    }
}

/// A gem of an earlier system has no document: the page of its name in lower case is looked up.
fn check_lower(name: &GemName) -> Result<(), Error> {
    let lower = GemName::parse(&name.lower())?;
    let is_there = lower != *name && storage::stat(&layout::info(&lower))?.is_some();
    if is_there { Err(taken(name, lower.as_str())) } else { Ok(()) }
}

/// A version that is there with the same bytes, and whose stored file is missing or damaged, gets
/// them back.
fn repair(name: &GemName, slot: &Slot, staged: &mut Staged) -> Result<bool, Error> {
    Ok(staged.repair(&layout::gem_file(name, slot), Some(OCTETS))?)
}

fn exists(name: &GemName, slot: &Slot) -> Error {
    let there = stored::load(name).ok().flatten();
    let there = there.and_then(|package| Some(package.find_same(slot)?.slot.clone()));
    let (there, same) = match there {
        Some(there) if there != slot.to_string() => (there, format!(", and {slot} is the same version")),
        _ => (slot.to_string(), String::new()),
    };
    let sentence = format!(
        "Repushing of gem versions is not allowed: {name} {there} was pushed before{same}. A version that was yanked \
         stays taken. Push another version"
    );
    Error::because(error::VERSION_EXISTS, sentence)
}

fn taken(name: &GemName, there: &str) -> Error {
    let sentence =
        format!("there is a gem {there}, and {name} differs from it in case only; push under another name");
    Error::because(error::NAME_TAKEN, sentence)
}
