//! Each file against what its document says of it, and files that no document names. It changes
//! nothing.

use packhouse_plugin::digests::{BLAKE2B256, MD5, SHA256};
use packhouse_plugin::maintenance::{Reference, Step};
use packhouse_plugin::storage::{self, ListingOptions, list_page};
use packhouse_plugin::{Digest, Error, ObjectInfo, find_digest};

use super::collect::{Part, folder};
use super::{Stored, go_on};
use crate::attestation;
use crate::document::{File, Project};
use crate::layout;
use crate::name::{FileName, ProjectName};

/// Documents of one listing.
const KEYS: u32 = 500;
/// Files after which a step ends, and bytes.
const MOST_FILES: usize = 200;
const MOST_READ: u64 = 1 << 30;
/// Bytes of documents that were read for their files after which a step ends.
const MOST_OF_DOCUMENTS: u64 = 16 << 20;
/// What the layout has folders for.
const FOLDERS: [&str; 3] = ["metadata", "packages", "simple"];

/// What a step has done so far.
#[derive(Default)]
struct Done {
    files: usize,
    bytes: u64,
}

/// One step: projects in the order of their keys, until enough was read. The cursor is the
/// number of the project's files that were read before, and the document's key.
pub fn verify(step: &Step<'_>) -> Result<(), Error> {
    let cursor = step.cursor();
    let (read, after) = match cursor.as_deref().and_then(|cursor| cursor.split_once(' ')) {
        Some((read, key)) => (read.parse().unwrap_or(0), Some(key)),
        None => (0, None),
    };
    if after.is_none() {
        step.report_files_for_folders(&FOLDERS)?;
    }
    if let Some(after) = after.filter(|after| after.starts_with(layout::PACKAGES)) {
        return verify_files(step, after);
    }
    if let Some(after) = after.filter(|after| after.starts_with(layout::PAGES)) {
        return verify_pages(step, after);
    }
    let mut done = Done::default();
    if let Some(key) = after.filter(|_| read > 0)
        && !verify_project(step, key, read, &mut done)?
    {
        return Ok(());
    }
    let page = list_page(&ListingOptions { after, limit: KEYS, ..ListingOptions::new(layout::METADATA) })?;
    for object in &page.objects {
        if !step.report_misplaced(layout::misplaced(&object.key))
            && !verify_project(step, &object.key, 0, &mut done)?
        {
            return Ok(());
        }
    }
    step.set_cursor(&format!("0 {}", page.next.as_deref().unwrap_or(layout::PACKAGES)));
    Ok(())
}

/// Files that a whole document does not name. Where no document of ours speaks, they are served.
fn verify_files(step: &Step<'_>, after: &str) -> Result<(), Error> {
    let after = Some(after).filter(|after| *after != layout::PACKAGES);
    let page = list_page(&ListingOptions { after, limit: KEYS, ..ListingOptions::new(layout::PACKAGES) })?;
    let mut read = 0;
    for objects in page.objects.chunk_by(|one, next| folder(&one.key) == folder(&next.key)) {
        let key = objects.first().map_or(layout::PACKAGES, |object| object.key.as_str());
        read += go_on(step, key, verify_files_of_project(step, objects))?;
        if let Some(last) = objects.last().filter(|_| read > MOST_OF_DOCUMENTS) {
            step.set_cursor(&format!("0 {}", last.key));
            return Ok(());
        }
    }
    step.set_cursor(&format!("0 {}", page.next.as_deref().unwrap_or(layout::PAGES)));
    Ok(())
}

/// Pages whose document was lost, also where no file is left.
fn verify_pages(step: &Step<'_>, after: &str) -> Result<(), Error> {
    let after = Some(after).filter(|after| *after != layout::PAGES);
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
        if let Stored::Damaged(_, why) = Stored::read(name)? {
            step.damaged_once(key, &why);
        }
    }
    if let Some(next) = page.next {
        step.set_cursor(&format!("0 {next}"));
    }
    Ok(())
}

/// Gives the bytes that were read.
fn verify_files_of_project(step: &Step<'_>, objects: &[ObjectInfo]) -> Result<u64, Error> {
    for object in objects {
        step.report_misplaced(layout::misplaced(&object.key));
    }
    let Some((name, _)) = objects.first().and_then(|object| layout::project_of_file(&object.key)) else {
        return Ok(0);
    };
    let stored = Stored::read(&name)?;
    if let Stored::Damaged(_, why) = &stored {
        step.damaged_once(&layout::document(&name), why);
    }
    if let Stored::Project(_, project) = &stored {
        let parts = objects.iter().filter_map(|object| Some((object, Part::of(&name, &object.key)?)));
        let unnamed = parts.filter(|(_, part)| !part.is_named(project));
        let unnamed: Vec<_> = unnamed.map(|(object, _)| (object, Reference::Unnamed)).collect();
        step.report_unnamed(&unnamed, &layout::document(&name))?;
    }
    Ok(stored.size())
}

/// The project whose document this is, less the files that were read before. False, with the
/// cursor set, when the step has done enough.
fn verify_project(step: &Step<'_>, key: &str, read: usize, done: &mut Done) -> Result<bool, Error> {
    let Some(name) = layout::project_of_document(key) else { return Ok(true) };
    let stored = Stored::read(&name)?;
    if read == 0 {
        step.checked(1, stored.size());
    }
    if let Stored::Damaged(.., why) = &stored {
        step.damaged_once(key, why);
    }
    let Some(project) = stored.project() else { return Ok(true) };
    for (index, file) in project.files.iter().enumerate().skip(read) {
        if done.files >= MOST_FILES || done.bytes >= MOST_READ {
            step.set_cursor(&format!("{index} {key}"));
            return Ok(false);
        }
        go_on(step, key, verify_file(step, &name, file, key, done))?;
    }
    Ok(true)
}

/// `document` is the key of the project's document.
fn verify_file(
    step: &Step<'_>,
    name: &ProjectName,
    file: &File,
    document: &str,
    done: &mut Done,
) -> Result<(), Error> {
    done.files += 1;
    tell(step, name, file, document, fault(name, file))?;
    let key = layout::file(name, &file.filename);
    let computed = digests(&key, &[SHA256, MD5, BLAKE2B256])?;
    step.checked(1, file.size);
    done.bytes += file.size;
    let stated = [(SHA256, &file.sha256), (MD5, &file.md5), (BLAKE2B256, &file.blake2b_256)];
    tell(step, name, file, &key, trouble(computed.as_deref(), &stated))?;
    let size = storage::stat(&key)?.map(|info| info.size);
    if let Some(size) = size.filter(|size| *size != file.size) {
        let why = format!("it has {size} bytes, and the document says {}", file.size);
        tell(step, name, file, &key, Some(why))?;
    }

    // Without it, the metadata is read from inside the file.
    let key = format!("{key}{}", layout::CORE_METADATA);
    if let Some(computed) = digests(&key, &[SHA256])? {
        step.checked(1, 0);
        tell(step, name, file, &key, trouble(Some(&computed), &[(SHA256, &file.metadata_sha256)]))?;
    }
    if file.provenance {
        let key = layout::file(name, &format!("{}{}", file.filename, layout::PROVENANCE));
        step.checked(1, 0);
        let trouble = match storage::get(&key)? {
            None => Some(MISSING),
            Some(stored) => (!attestation::is_stored(&stored.bytes)).then_some("it is no JSON object"),
        };
        tell(step, name, file, &key, trouble.map(str::to_owned))?;
    }
    Ok(())
}

/// What is wrong with what the document says of a file, whatever lies in the store.
fn fault(name: &ProjectName, file: &File) -> Option<String> {
    let filename = &file.filename;
    match FileName::parse_stored(name, filename) {
        None => Some(format!("it lists the file {filename:?}, which is none of {name}")),
        Some(parsed) if !file.is_of(&parsed.version) => {
            Some(format!("it lists the file {filename} as one of the version {:?}", file.version))
        }
        Some(_) if file.sha256.is_none() => {
            Some(format!("it lists the file {filename} without `sha256`: the file cannot be verified"))
        }
        Some(_) => None,
    }
}

const MISSING: &str = "it is missing, and the document names it";

/// What is wrong; none when all is well.
fn trouble(computed: Option<&[Digest]>, stated: &[(&str, &Option<String>)]) -> Option<String> {
    let Some(computed) = computed else { return Some(MISSING.to_owned()) };
    stated.iter().find_map(|(algorithm, stated)| {
        let computed = find_digest(computed, algorithm)?;
        let stated = stated.as_deref()?;
        (!stated.eq_ignore_ascii_case(&computed.hex))
            .then(|| format!("its bytes have {computed}, and the document says {stated}"))
    })
}

/// Reports it, unless the document has changed its mind meanwhile.
fn tell(
    step: &Step<'_>,
    name: &ProjectName,
    file: &File,
    key: &str,
    trouble: Option<String>,
) -> Result<(), Error> {
    let Some(why) = trouble else { return Ok(()) };
    let still = |project: &Project| project.file(&file.filename) == Some(file);
    if Stored::read(name)?.project().is_some_and(still) {
        step.damaged_once(key, &why);
    }
    Ok(())
}

/// None when nothing is there. What is replaced while it is read is read again, once.
fn digests(key: &str, algorithms: &[&str]) -> Result<Option<Vec<Digest>>, Error> {
    match storage::digests(key, algorithms) {
        Err(Error::Conflict) => storage::digests(key, algorithms),
        read => read,
    }
}
