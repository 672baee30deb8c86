//! The list of packages, from the folders in the storage. There is no stored list that could be out of
//! date, and a walk reads one page of keys per 1000 packages.

use packhouse_plugin::storage::folders;

use crate::error::Error;
use crate::layout::PACKAGES;
use crate::name::PackageName;

/// Every package that has a folder, in the order of its bytes. Whether it has a document
/// shows when that is read. Stops after `limit` names.
pub fn package_names(limit: usize) -> Result<Vec<PackageName>, Error> {
    let mut names = Vec::new();
    for folder in folders(PACKAGES) {
        let folder = folder?;
        if names.len() >= limit {
            break;
        }
        if folder.starts_with('@') {
            for base in folders(&format!("{PACKAGES}{folder}/")).take(limit - names.len()) {
                names.extend(PackageName::parse(&format!("{folder}/{}", base?)));
            }
        } else {
            names.extend(PackageName::parse(&folder));
        }
    }
    Ok(names)
}
