//! Reads a gem's stored document. A damaged or lost document is never treated as missing: then yanks
//! and owners would be lost.

use packhouse_plugin::storage::{
    self, Change, Document, Precondition, Reader, Said, Update, unless_conflict,
};
use packhouse_plugin::{Error as Host, log};

use crate::catalog;
use crate::document::Package;
use crate::error::{self, Error};
use crate::layout;
use crate::name::{GemName, Slot};

/// Of our own documents.
pub const JSON: &str = "application/json";
/// Of files of the compact index.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// How often a page is tried against others.
const ATTEMPTS: u32 = 10;

/// What a document says. `Damaged` if it cannot be one of this plugin's, or is about another gem.
pub fn parse(document: &Document) -> Result<Package, Host> {
    let package: Package = document.json()?;
    package.check().map_err(|why| document.damaged(why))?;
    let key = GemName::parse(&package.name).map(|name| layout::document(&name));
    if key.as_ref() == Ok(&document.info.key) {
        return Ok(package);
    }
    Err(document.damaged(format!("it is about {}", package.name)))
}

/// What a stored document says of access and of yanks.
pub fn said(bytes: &[u8]) -> Said {
    serde_json::from_slice::<Package>(bytes).map(|package| package.said()).unwrap_or_default()
}

/// A gem that an earlier system has stored: its page of the compact index speaks.
pub fn found(name: &GemName) -> Result<Option<Package>, Host> {
    let Some(page) = storage::get(&layout::info(name))? else { return Ok(None) };
    let text = std::str::from_utf8(&page.bytes).map_err(|_| page.damaged("it is not UTF-8"))?;
    Package::of_info(name, text).map(Some).map_err(|why| page.damaged(why))
}

/// The gem with exactly this name, if it exists. `Damaged` if its document was lost.
pub fn load(name: &GemName) -> Result<Option<Package>, Host> {
    Ok(load_any(name)?.filter(|package| package.name == name.as_str()))
}

/// The gem of this name, or one whose name differs in case only.
pub fn load_any(name: &GemName) -> Result<Option<Package>, Host> {
    of_document(name, storage::get(&layout::document(name))?.as_ref())
}

/// The same for a document that was read.
pub fn of_document(name: &GemName, document: Option<&Document>) -> Result<Option<Package>, Host> {
    if let Some(document) = document {
        return parse(document).map(Some);
    }
    storage::check_absent(&layout::document(name))?;
    found(name)
}

/// The gem, or 404.
pub fn require(name: &GemName) -> Result<Package, Error> {
    load(name)?.ok_or_else(|| no_gem(name))
}

/// 404 for a gem.
pub fn no_gem(name: &GemName) -> Error {
    Error::because(error::NOT_FOUND, format!("the gem {name} is not in this registry"))
}

/// 404 for a version.
pub fn no_version(name: &GemName, slot: &Slot) -> Error {
    Error::because(error::NOT_FOUND, format!("the gem {name} has no version {slot}"))
}

/// Changes a gem that is there. The second argument of `change` tells whether this request may
/// have made the change already; it gives whether the gem is to be written.
pub fn change(
    name: &GemName,
    mut change: impl FnMut(&mut Package, bool) -> Result<bool, Error>,
) -> Result<(), Error> {
    let key = layout::document(name);
    Update::new(&key).content_type(JSON).proven().saying(said).run_telling(|document, has_tried| {
        let package = of_document(name, document)?.filter(|package| package.name == name.as_str());
        let mut package = package.ok_or_else(|| no_gem(name))?;
        if change(&mut package, has_tried)? {
            catalog::announce(name)?;
            Ok(Change::json(&package)?)
        } else {
            Ok::<_, Error>(Change::Keep)
        }
    })?;
    write_info(name);
    Ok(())
}

/// Writes the gem's page of the compact index for other readers of the bucket. It is never read
/// here while there is a document. That it cannot be written fails nothing.
pub fn write_info(name: &GemName) {
    if let Err(error) = try_write_info(name) {
        let fields = [("gem.name", name.as_str()), ("error", &error.to_string())];
        log::warn("a page of the compact index could not be written", &fields);
    }
}

/// True if the page was out of date. The document is read after the page. Of two writers, the later one
/// has seen the later document, and the other one gets a conflict.
pub fn try_write_info(name: &GemName) -> Result<bool, Host> {
    let key = layout::info(name);
    for attempt in 1..=ATTEMPTS {
        let current = storage::get(&key)?;
        let Some(document) = storage::get(&layout::document(name))? else { return Ok(false) };
        let package = parse(&document)?;
        let page = package.info();
        if package.name != name.as_str()
            || current.as_ref().is_some_and(|there| there.bytes == page.as_bytes())
        {
            return Ok(false);
        }
        let precondition = current.as_ref().map_or(Precondition::Absent, Document::precondition);
        if unless_conflict(storage::put(&key, page.as_bytes(), precondition, Some(TEXT)))?.is_some() {
            return Ok(true);
        }
        storage::wait_turn(&key, attempt)?;
    }
    Err(Host::Unavailable(format!("`{key}` changes faster than it can be written")))
}

/// A stored gem, to be read.
pub fn open(name: &GemName, slot: &Slot) -> Result<Reader, Host> {
    let key = layout::gem_file(name, slot);
    Reader::open(&key)?
        .ok_or_else(|| Host::damaged(&key, "it is missing, but the document lists it: push it again"))
}
