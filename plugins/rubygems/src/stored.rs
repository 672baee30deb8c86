//! Reads a gem's stored document. A damaged or lost document is never treated as missing: then yanks
//! and owners would be lost.

use packhouse_plugin::storage::{self, Change, Document, Reader, Said, Update};
use packhouse_plugin::{Error as Host, log};

use crate::catalog;
use crate::document::Package;
use crate::error::{self, Error};
use crate::layout;
use crate::name::{GemName, Slot};

/// The content type of documents of this plugin.
pub const JSON: &str = "application/json";
/// The content type of files of the compact index.
pub const TEXT: &str = "text/plain; charset=utf-8";

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

/// A gem that an earlier system has stored, read from its page of the compact index.
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

/// Writes the gem's page of the compact index for other readers of the bucket. This plugin does not
/// read it if there is a document. If it cannot be written, the request continues.
pub fn write_info(name: &GemName) {
    if let Err(error) = try_write_info(name) {
        let fields = [("gem.name", name.as_str()), ("error", &error.to_string())];
        log::warn("a page of the compact index could not be written", &fields);
    }
}

/// True if the page was out of date. The document is read after the page. Of two writers, the later one
/// has seen the later document, and the other one gets a conflict.
pub fn try_write_info(name: &GemName) -> Result<bool, Host> {
    let mut is_out_of_date = false;
    Update::new(&layout::info(name)).content_type(TEXT).run(|current| {
        let document = storage::get(&layout::document(name))?;
        let package = document.as_ref().map(parse).transpose()?;
        let page = package.filter(|package| package.name == name.as_str()).map(|package| package.info());
        let page = page.filter(|page| current.is_none_or(|there| there.bytes != page.as_bytes()));
        is_out_of_date |= page.is_some();
        Ok::<_, Host>(page.map_or(Change::Keep, |page| Change::Write(page.into())))
    })?;
    Ok(is_out_of_date)
}

/// A stored gem, to be read.
pub fn open(name: &GemName, slot: &Slot) -> Result<Reader, Host> {
    let key = layout::gem_file(name, slot);
    Reader::open(&key)?
        .ok_or_else(|| Host::damaged(&key, "it is missing, but the document lists it: push it again"))
}
