//! Compares each file with its document, and reports files that no document names. It changes nothing.

use packhouse_plugin::digests::{BLAKE2B256, MD5, SHA256};
use packhouse_plugin::maintenance::{
    Budget, Phase, Place, Reference, Step, digests, each_folder, each_in_parts,
};
use packhouse_plugin::storage::{self, ListingOptions, list_page};
use packhouse_plugin::{Digest, Error, ObjectInfo, find_digest};

use super::collect::Part;
use super::{Stored, go_on, stored};
use crate::attestation;
use crate::document::File;
use crate::layout;
use crate::name::{FileName, ProjectName};

/// Documents of one listing.
const KEYS: u32 = 500;
/// Files after which a step ends, and bytes.
const MOST_FILES: u64 = 200;
const MOST_READ: u64 = 1 << 30;
/// Bytes of documents that were read for their files after which a step ends.
const MOST_OF_DOCUMENTS: u64 = 16 << 20;
/// What the layout has folders for.
const FOLDERS: [&str; 3] = ["metadata", "packages", "simple"];

pub const PHASES: &[Phase] = &[
    Phase { name: "documents", step: documents },
    Phase { name: "files", step: files },
    Phase { name: "pages", step: pages },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

/// Projects in the order of their keys, until enough was read. The place is the number of the
/// project's files that were read before, and the document's key.
fn documents(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        step.report_files_for_folders(&FOLDERS)?;
    }
    let mut budget = Budget::new(MOST_FILES, MOST_READ);
    each_in_parts(layout::METADATA, after, KEYS, |key, done| {
        if step.report_misplaced(layout::misplaced(key)) {
            return Ok(None);
        }
        verify_project(step, key, done, &mut budget)
    })
}

/// Files that a whole document does not name. Where no document of ours speaks, they are served.
fn files(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder(layout::PACKAGES, after, KEYS, MOST_OF_DOCUMENTS, |objects| {
        let key = objects.first().map_or(layout::PACKAGES, |object| object.key.as_str());
        go_on(step, key, verify_files_of_project(step, objects))
    })
}

/// Pages whose document was lost, also where no file is left.
fn pages(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let options = ListingOptions { after, limit: KEYS, folders: true, ..ListingOptions::new(layout::PAGES) };
    let page = list_page(&options)?;
    let names = page.folders.iter().filter_map(|folder| {
        let name = folder.strip_prefix(layout::PAGES)?.trim_end_matches('/');
        ProjectName::parse_normalised(name)
    });
    let names: Vec<ProjectName> = names.collect();
    let documents: Vec<String> = names.iter().map(layout::document).collect();
    let found = storage::stat_many(&documents)?;
    for (name, key) in
        names.iter().zip(&documents).zip(found).filter(|(_, found)| found.is_none()).map(|(one, _)| one)
    {
        if let Some(why) = stored(name)?.damage() {
            step.damaged_once(key, why);
        }
    }
    Ok(page.next)
}

/// Gives the bytes that were read.
fn verify_files_of_project(step: &Step<'_>, objects: &[ObjectInfo]) -> Result<u64, Error> {
    for object in objects {
        step.report_misplaced(layout::misplaced(&object.key));
    }
    let Some((name, _)) = objects.first().and_then(|object| layout::project_of_file(&object.key)) else {
        return Ok(0);
    };
    let stored = stored(&name)?;
    if let Some(why) = stored.damage() {
        step.damaged_once(&layout::document(&name), why);
    }
    if let Stored::Ours(_, project) = &stored {
        let parts = objects.iter().filter_map(|object| Some((object, Part::of(&name, &object.key)?)));
        let unnamed = parts.filter(|(_, part)| !part.is_named(project));
        let unnamed: Vec<_> = unnamed.map(|(object, _)| (object, Reference::Unnamed)).collect();
        step.report_unnamed(&unnamed, &layout::document(&name))?;
    }
    Ok(stored.size())
}

/// The project whose document this is, less the files that were read before. Gives the place to go
/// on at when the step has done enough.
fn verify_project(
    step: &Step<'_>,
    key: &str,
    read: usize,
    budget: &mut Budget,
) -> Result<Option<String>, Error> {
    if budget.is_spent() {
        return Ok(Some(Place::at(read, key)));
    }
    let Some(name) = layout::project_of_document(key) else { return Ok(None) };
    let stored = stored(&name)?;
    if read == 0 {
        step.checked(1, stored.size());
    }
    if let Some(why) = stored.damage() {
        step.damaged_once(key, why);
    }
    let Some(project) = stored.content() else { return Ok(None) };
    for (index, file) in project.files.iter().enumerate().skip(read) {
        if budget.is_spent() {
            return Ok(Some(Place::at(index, key)));
        }
        budget.spend(1, file.size);
        go_on(step, key, verify_file(step, &name, file, key))?;
    }
    Ok(None)
}

/// `document` is the key of the project's document.
fn verify_file(step: &Step<'_>, name: &ProjectName, file: &File, document: &str) -> Result<(), Error> {
    tell(step, name, file, document, fault(name, file).as_deref())?;
    let key = layout::file(name, &file.filename);
    let computed = digests(&key, &[SHA256, MD5, BLAKE2B256])?;
    step.checked(1, file.size);
    let stated = [(SHA256, &file.sha256), (MD5, &file.md5), (BLAKE2B256, &file.blake2b_256)];
    tell(step, name, file, &key, trouble(computed.as_deref(), &stated).as_deref())?;
    let size = storage::stat(&key)?.map(|info| info.size);
    if let Some(size) = size.filter(|size| *size != file.size) {
        let why = format!("it has {size} bytes, but the document says {}", file.size);
        tell(step, name, file, &key, Some(&why))?;
    }

    // Without it, the metadata is read from inside the file.
    let key = format!("{key}{}", layout::CORE_METADATA);
    if let Some(computed) = digests(&key, &[SHA256])? {
        step.checked(1, 0);
        let trouble = trouble(Some(&computed), &[(SHA256, &file.metadata_sha256)]);
        tell(step, name, file, &key, trouble.as_deref())?;
    }
    if file.provenance {
        let key = layout::file(name, &format!("{}{}", file.filename, layout::PROVENANCE));
        step.checked(1, 0);
        let trouble = match storage::get(&key)? {
            None => Some(MISSING),
            Some(stored) => (!attestation::is_stored(&stored.bytes)).then_some("it is not a JSON object"),
        };
        tell(step, name, file, &key, trouble)?;
    }
    Ok(())
}

/// Why the entry of a file in the document is not valid. The file itself is not read.
fn fault(name: &ProjectName, file: &File) -> Option<String> {
    let filename = &file.filename;
    match FileName::parse_stored(name, filename) {
        None => Some(format!("it lists the file {filename:?}, which is not a file of {name}")),
        Some(parsed) if !file.is_of(&parsed.version) => {
            Some(format!("it lists the file {filename} with the version {:?}", file.version))
        }
        Some(_) if file.sha256.is_none() => {
            Some(format!("it lists the file {filename} without `sha256`: the file cannot be verified"))
        }
        Some(_) => None,
    }
}

const MISSING: &str = "it is missing, but the document lists it";

/// Why the file is damaged; none if it is not.
fn trouble(computed: Option<&[Digest]>, stated: &[(&str, &Option<String>)]) -> Option<String> {
    let Some(computed) = computed else { return Some(MISSING.to_owned()) };
    stated.iter().find_map(|(algorithm, stated)| {
        let computed = find_digest(computed, algorithm)?;
        let stated = stated.as_deref()?;
        (!stated.eq_ignore_ascii_case(&computed.hex))
            .then(|| format!("its bytes have {computed}, but the document says {stated}"))
    })
}

/// Reports it, unless the document has changed its mind meanwhile.
fn tell(
    step: &Step<'_>,
    name: &ProjectName,
    file: &File,
    key: &str,
    trouble: Option<&str>,
) -> Result<(), Error> {
    step.damaged_if(key, trouble, || {
        Ok(stored(name)?.content().is_some_and(|project| project.file(&file.filename) == Some(file)))
    })
}
