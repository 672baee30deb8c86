//! A project's document as it lies in the store. What is damaged is never taken for absent: then
//! the files would speak, and yanks and a quarantine would be gone.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Document};

use super::found;
use crate::document::Project;
use crate::layout;
use crate::name::ProjectName;

/// The document as it is now, and the project if the document is one of ours. Without a document
/// of ours the files speak. `Damaged` when there should be one that can be read.
pub fn read(name: &ProjectName) -> Result<(Option<Document>, Option<Project>), Error> {
    let document = storage::get(&layout::document(name))?;
    let project = document.as_ref().map(|document| project_of(name, document)).transpose()?.flatten();
    Ok((document, project))
}

/// The project, if this is a document of ours; none if it is another system's. `Damaged` when it
/// is neither, or speaks of another project.
pub fn project_of(name: &ProjectName, document: &Document) -> Result<Option<Project>, Error> {
    let damaged = |why: String| document.damaged(format!("{why}; {}", way_out(name)));
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
fn way_out(name: &ProjectName) -> String {
    let (document, page) = (layout::document(name), layout::page(name));
    format!(
        "restore `{document}`; or remove it and `{page}` and run `packhouse reindex`, which makes it anew from \
         the files, without yanks and status"
    )
}
