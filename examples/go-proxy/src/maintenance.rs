//! Removes zips that no index names, and reports zips that differ from their index. Nothing is
//! derived, so there is nothing to rebuild.

use packhouse_plugin::maintenance::{self, Maintenance, Reference, Step, Stored, digests, first_missing};
use packhouse_plugin::storage::folder_of;
use packhouse_plugin::{Error, ObjectInfo};
use semver::Version;

use crate::{Go, Index, Module, name::MODULES};

impl Maintenance for Go {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        if step.cursor().is_none() {
            maintenance::forget_claims(step)?;
        }
        each_zip(step, 100, |file, module, version, index| {
            let again = || Ok::<_, Error>(reference(&stored(module)?, version));
            let found = reference(index, version);
            let is_sure = found != Reference::Unnamed || is_whole(step, module, index)?;
            if is_sure { step.reclaim(file, &module.file("index.json"), found, again) } else { Ok(()) }
        })
    }

    fn reindex(_: &Step<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Eight zips at a time: the host may read all of them in one step.
    fn verify(step: &Step<'_>) -> Result<(), Error> {
        each_zip(step, 8, |file, module, version, index| {
            step.report_unnamed(&[(file, reference(index, version))], &module.file("index.json"))?;
            let Some(release) = index.content().and_then(|index| index.get(version)) else { return Ok(()) };
            let computed = digests(&file.key, &["sha256"])?;
            let differs = computed.iter().flatten().any(|computed| computed.hex != release.sha256);
            step.damaged_if(&file.key, differs.then_some("it is not what its index says"), || Ok(true))
        })
    }
}

/// The index as it is now. It is read after the files were listed.
fn stored(module: &Module) -> Result<Stored<Index>, Error> {
    Stored::read(&module.file("index.json"), |document| {
        let index: Index = document.json()?;
        // An index without versions is damaged: it cannot show that a zip is unused.
        let checked = if index.is_empty() { Err("it names no version".to_owned()) } else { Ok(()) };
        Ok(Stored::ours(document, index, checked))
    })
}

fn reference(index: &Stored<Index>, version: &Version) -> Reference {
    match index {
        Stored::Nothing => Reference::NoDocument,
        Stored::Ours(_, index) if index.contains_key(version) => Reference::Named,
        Stored::Ours(..) => Reference::Unnamed,
        Stored::Foreign(_) | Stored::Damaged(..) => Reference::Damaged,
    }
}

/// Reports an index that is damaged or names a zip that is missing.
fn is_whole(step: &Step<'_>, module: &Module, index: &Stored<Index>) -> Result<bool, Error> {
    index.damage().iter().for_each(|why| step.damaged_once(&module.file("index.json"), why));
    let versions = index.content().into_iter().flat_map(Index::keys);
    let named: Vec<_> = versions.map(|version| module.file(&format!("v{version}.zip"))).collect();
    let missing = first_missing(&named)?;
    Ok(!step.report_missing(&module.file("index.json"), missing.as_deref()) && index.damage().is_none())
}

/// The zips of a page of keys. The indexes of the page are checked.
fn each_zip(
    step: &Step<'_>,
    keys: u32,
    look: impl Fn(&ObjectInfo, &Module, &Version, &Stored<Index>) -> Result<(), Error>,
) -> Result<(), Error> {
    let next = maintenance::each(MODULES, step.cursor().as_deref(), keys, |file| {
        step.checked(1, file.size);
        let folder = folder_of(&file.key).strip_prefix(MODULES).and_then(|path| path.strip_suffix("/@v"));
        let Some(module) = folder.and_then(Module::parse) else { return Ok(()) };
        let index = stored(&module)?;
        let name = file.key.rsplit('/').next().and_then(|name| name.strip_suffix(".zip"));
        match name.and_then(|name| module.version(name)) {
            Some(version) => look(file, &module, &version, &index),
            None => is_whole(step, &module, &index).map(drop),
        }
    });
    next.map(|next| next.iter().for_each(|next| step.set_cursor(next)))
}
