//! Reads a project's stored document. A damaged or lost document is never treated as missing: then the
//! files alone would decide, and yanks and a quarantine would be lost.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Document, PROOFS, Proof};

use super::{found, pages};
use crate::document::Project;
use crate::layout;
use crate::name::ProjectName;

/// How often a project is looked at that keeps coming and going.
const ATTEMPTS: u32 = 10;

/// The document as it is now, and the project if the document is one of ours. Without a document
/// of ours the files speak. `Damaged` when there should be one that can be read: also when there
/// was one of ours, as the page in the bucket tells that was made of it.
pub fn read(name: &ProjectName) -> Result<(Option<Document>, Option<Project>), Error> {
    let key = layout::document(name);
    let mut seen = None;
    for _ in 0..ATTEMPTS {
        let document = storage::get(&key)?;
        if let Some(project) =
            document.as_ref().map(|document| project_of(name, document)).transpose()?.flatten()
        {
            return Ok((document, Some(project)));
        }
        // A deletion takes the page away before the document. A project that is deleted and
        // made anew meanwhile has another page.
        match pages::version_of_ours(name) {
            // The proof of a deletion goes after the document; see `check_absent`.
            Ok(None) => {
                let was_ours = match &document {
                    Some(_) => Proof::of(&key)?.is_there(),
                    None => matches!(storage::check_absent(&key), Err(Error::Damaged { .. })),
                };
                if was_ours {
                    return Err(Error::damaged(&key, lost_with_page(name, document.is_some())));
                }
                return Ok((document, None));
            }
            // An upload was late with its page.
            Ok(page) if page == seen && Proof::of(&key)?.is_removed() => return Ok((document, None)),
            Ok(page) if page == seen => {
                let is_there = document.is_some();
                let why = format!("{}; {}", loss(name, is_there), way_out(name, is_there));
                return Err(Error::damaged(key, why));
            }
            Ok(page) => seen = page,
            Err(Error::Conflict | Error::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::Unavailable(format!("`{key}` changes faster than it can be read")))
}

/// The same where the page is missing too, and a proof is left.
fn lost_with_page(name: &ProjectName, is_replaced: bool) -> String {
    let document = layout::document(name);
    let (what, removed) = if is_replaced {
        ("another system's document replaced it", "it and ")
    } else {
        ("it is missing", "")
    };
    format!(
        "{what}, and its proof is there; restore `{document}`; or remove {removed}`{PROOFS}{document}` and run \
         `packhouse reindex`, which makes the document again from the files, without yanks and status"
    )
}

/// What has become of a document of ours.
fn loss(name: &ProjectName, is_replaced: bool) -> String {
    let what = if is_replaced { "another system's document replaced it" } else { "it is missing" };
    format!("{what}, but `{}` was made from it", layout::page(name))
}

/// The project, if this is a document of ours; none if it is another system's. `Damaged` when it
/// is neither, or speaks of another project.
pub fn project_of(name: &ProjectName, document: &Document) -> Result<Option<Project>, Error> {
    let damaged = |why: String| document.damaged(format!("{why}; {}", way_out(name, true)));
    let Some(project) = Project::parse(&document.bytes).map_err(|error| damaged(error.to_string()))? else {
        return Ok(None);
    };
    project.check_identity(name).map_err(damaged)?;
    match found::lost_files(name, &project)? {
        Some(why) => Err(damaged(why)),
        None => Ok(Some(project)),
    }
}

/// What the operator can do about a document that is damaged or lost.
fn way_out(name: &ProjectName, is_there: bool) -> String {
    let (document, page) = (layout::document(name), layout::page(name));
    let proof = format!("{PROOFS}{document}");
    let removed =
        if is_there { format!("it, `{page}` and `{proof}`") } else { format!("`{page}` and `{proof}`") };
    format!(
        "restore `{document}`; or remove {removed} and run `packhouse reindex`, which makes the document again from the files, without yanks and status"
    )
}
