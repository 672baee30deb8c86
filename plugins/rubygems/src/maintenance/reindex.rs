//! Rewrites what is derived: the pages and the list of the compact index, and what is derived from the
//! list. It makes the document of an earlier system's gem from its page.
//!
//! Documents are not derived: only they, and their proofs, know yanks and owners. Lost documents are
//! reported. A document that has lost versions gets these back.

use packhouse_plugin::maintenance::{Phase, Step, Stored, each, each_document};
use packhouse_plugin::storage::{self, Proof, put_naming, unless_conflict};
use packhouse_plugin::{Error, ObjectInfo, log};

use super::document;
use crate::catalog::rendered::{self, Kind};
use crate::catalog::{self, anew, listing::Listing};
use crate::document::Package;
use crate::layout;
use crate::name::GemName;
use crate::stored::{self, JSON};

mod older;

/// Documents of one step.
const KEYS: u32 = 300;
/// Bytes of documents after which a step ends.
const MOST_READ: u64 = 16 << 20;

pub const PHASES: &[Phase] = &[
    Phase { name: "begun", step: begin_beside },
    Phase { name: "found", step: found },
    Phase { name: "proofs", step: proofs },
    Phase {
        name: "older",
        step: |step, after| step.each_proven(after, |document, proof| older::rebuild(step, &document, proof)),
    },
    Phase { name: "list", step: begin_list },
    Phase { name: "documents", step: documents },
    Phase { name: "listed", step: end_list },
    Phase { name: "rendered", step: render },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

/// Beside the list of an earlier system. Without it, a gem that gets its document from its page would look
/// as if the lines behind the end of the list were lost.
fn begin_beside(step: &Step<'_>, _: Option<&str>) -> Result<Option<String>, Error> {
    if !step.is_dry_run()
        && storage::stat(layout::VERSIONS)?.is_some()
        && storage::stat(layout::RECENT)?.is_none()
    {
        match catalog::current() {
            // The list is written anew below.
            Ok(_) | Err(Error::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Pages without a document.
fn found(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut names = Vec::new();
    let next = each(layout::INFO, after, KEYS, |page| {
        names.extend(layout::gem_of_info(&page.key));
        Ok(())
    })?;
    step.checked(names.len() as u64, 0);
    let keys: Vec<String> = names.iter().map(layout::document).collect();
    for (name, there) in names.iter().zip(storage::stat_many(&keys)?) {
        if there.is_none() {
            step.pass(adopt(step, name))?;
        }
    }
    Ok(next)
}

/// A document that was lost is not begun anew.
fn adopt(step: &Step<'_>, name: &GemName) -> Result<(), Error> {
    let key = layout::document(name);
    storage::check_absent(&key)?;
    let Some(mut package) = stored::found(name)? else { return Ok(()) };
    measure(name, &mut package)?;
    if !step.is_dry_run() {
        let bytes = storage::to_json(&package)?;
        let proof = Proof::of(&key)?.saying(package.said());
        if unless_conflict(put_naming(proof, None, bytes, Some(JSON), &[]))?.is_none() {
            return Ok(());
        }
    }
    step.rebuilt(&key);
    Ok(())
}

/// A page says nothing of sizes.
fn measure(name: &GemName, package: &mut Package) -> Result<(), Error> {
    let keys: Vec<String> = super::files(package);
    debug_assert_eq!(package.name, name.as_str());
    let found: Vec<Option<ObjectInfo>> = storage::stat_many(&keys)?;
    for (release, info) in package.versions.iter_mut().zip(found) {
        release.size = info.map(|info| info.size);
    }
    Ok(())
}

/// Of documents that an earlier version wrote.
fn proofs(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut keys = Vec::new();
    let next = each(layout::PACKAGES, after, KEYS, |object| {
        keys.extend(layout::gem_of_document(&object.key).map(|name| layout::document(&name)));
        Ok(())
    })?;
    step.prove(&keys)?;
    Ok(next)
}

/// The page of each gem, and its line in the list.
fn documents(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut names: Vec<GemName> = Vec::new();
    let next = each_document(layout::PACKAGES, after, KEYS, MOST_READ, |object, document| {
        step.checked(1, object.size);
        let package = step.pass(document.and_then(|document| stored::parse(&document)))?;
        names.extend(package.and_then(|package| GemName::parse(&package.name).ok()));
        Ok(())
    })?;
    write_pages(step, &names)?;
    follow(step, &names)?;
    Ok(next)
}

fn write_pages(step: &Step<'_>, names: &[GemName]) -> Result<(), Error> {
    let keys: Vec<String> = names.iter().map(layout::info).collect();
    let mut behind = Vec::new();
    for ((name, key), page) in names.iter().zip(&keys).zip(storage::get_each(&keys)) {
        let page = step.pass(page)?.flatten();
        let stored = document(name)?;
        let Stored::Ours(_, package) = &stored else { continue };
        if page.is_none_or(|page| page.bytes != package.info().as_bytes()) {
            behind.push((name, key));
        }
    }
    for (name, key) in behind {
        if step.is_dry_run() || stored::try_write_info(name)? {
            step.rebuilt(key);
        }
    }
    Ok(())
}

/// A list that was lost or damaged is written anew. The documents follow, one by one.
fn begin_list(step: &Step<'_>, _: Option<&str>) -> Result<Option<String>, Error> {
    let Some(why) = damage_of_list()? else { return Ok(None) };
    log::warn("the list of gems is written anew", &[("key", layout::VERSIONS), ("reason", &why)]);
    if !step.is_dry_run() {
        anew::begin()?;
    }
    list_rebuilt(step);
    Ok(None)
}

fn end_list(step: &Step<'_>, _: Option<&str>) -> Result<Option<String>, Error> {
    if !step.is_dry_run() {
        anew::end()?;
    }
    Ok(None)
}

fn damage_of_list() -> Result<Option<String>, Error> {
    match catalog::peek() {
        Err(Error::Damaged { why, .. }) => Ok(Some(why)),
        read => read.map(|_| None),
    }
}

fn list_rebuilt(step: &Step<'_>) {
    if step.remembered(&[layout::VERSIONS]).contains(&false) {
        step.remember(&[layout::VERSIONS]);
        step.rebuilt(layout::VERSIONS);
    }
}

fn follow(step: &Step<'_>, names: &[GemName]) -> Result<(), Error> {
    if step.is_dry_run() && damage_of_list()?.is_some() {
        return Ok(());
    }
    let names: Vec<&GemName> = names.iter().collect();
    let is_behind = !Listing::new(&anew::draft()?).lines_for(&names)?.is_empty();
    if is_behind && !step.is_dry_run() {
        catalog::follow(&names)?;
    }
    if is_behind {
        list_rebuilt(step);
    }
    Ok(())
}

/// What is made of the list. Only reading writes it, so one that is behind is as it should be: it is
/// named if it is missing or was made of something else.
fn render(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let number: usize = after.and_then(|number| number.parse().ok()).unwrap_or(0);
    let Some(kind) = Kind::ALL.get(number).copied() else { return Ok(None) };
    let there = storage::stat(kind.key())?;
    if step.is_dry_run() {
        let is_damaged = damage_of_list()?.is_some();
        if there.is_none() && (is_damaged || !catalog::peek()?.is_empty()) {
            step.rebuilt(kind.key());
        }
        return Ok(Some((number + 1).to_string()));
    }
    let current = catalog::current()?;
    if current.is_empty() {
        return Ok(Some((number + 1).to_string()));
    }
    let bytes = rendered::render(kind, &current.text()?, |_| true)?;
    step.checked(1, bytes.len() as u64);
    let is_same = match &there {
        Some(info) if info.size == bytes.len() as u64 => {
            storage::get(kind.key())?.is_some_and(|stored| stored.bytes == bytes)
        }
        _ => false,
    };
    if !is_same && rendered::write(kind, &bytes, &current, there.as_ref())? {
        step.rebuilt(kind.key());
    }
    Ok(Some((number + 1).to_string()))
}
