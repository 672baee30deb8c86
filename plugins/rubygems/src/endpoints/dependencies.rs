//! `GET /api/v1/dependencies?gems=a,b`: what the versions of gems need, for Bundler before the
//! compact index.

use packhouse_plugin::{Call, Response};
use serde_json::{Value, json};

use super::{GEM, Readable, failed};
use crate::document::Package;
use crate::error::{self, Error};
use crate::marshal::Marshal;
use crate::name::GemName;
use crate::stored;

/// The most gems of one request.
const MOST: usize = 200;

/// One version of one gem.
struct Needs {
    name: String,
    number: String,
    platform: String,
    dependencies: Vec<(String, String)>,
}

/// In Marshal. Without gems there is nothing: Bundler asks so whether this is served.
pub fn read(call: &Call) -> Result<Response, Error> {
    let needs = find(call)?;
    let mut marshal = Marshal::begin(Vec::new()).map_err(failed)?;
    write(&mut marshal, &needs).map_err(failed)?;
    Ok(Response::new(200).content_type("application/octet-stream").no_compression().bytes(marshal.finish()))
}

/// The same as JSON.
pub fn read_json(call: &Call) -> Result<Response, Error> {
    let needs = find(call)?;
    let needs: Vec<Value> = needs
        .iter()
        .map(|one| {
            json!({
                "name": one.name, "number": one.number, "platform": one.platform, "dependencies": one.dependencies,
            })
        })
        .collect();
    Ok(Response::new(200).json(&needs))
}

fn find(call: &Call) -> Result<Vec<Needs>, Error> {
    packhouse_plugin::auth::refuse_rejected(GEM, "read")?;
    let gems = call.query("gems").unwrap_or_default();
    let names: Vec<&str> = gems.split(',').filter(|name| !name.is_empty()).collect();
    if names.len() > MOST {
        return Err(Error::because(error::TOO_LARGE, format!("ask for at most {MOST} gems at once")));
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let readable = Readable::of(names.iter())?;
    let mut needs = Vec::new();
    for name in names.into_iter().filter(|name| readable.allows(name)) {
        let name = GemName::parse(name)?;
        needs.extend(stored::load(&name)?.iter().flat_map(needs_of));
    }
    Ok(needs)
}

fn needs_of(package: &Package) -> Vec<Needs> {
    let of_release = |release: &crate::document::Release| {
        let slot = release.parsed().ok()?;
        Some(Needs {
            name: package.name.clone(),
            number: slot.number.to_string(),
            platform: slot.platform,
            dependencies: release.dependencies().map(|(name, bounds)| (name.to_owned(), bounds)).collect(),
        })
    };
    package.live().filter_map(of_release).collect()
}

fn write(marshal: &mut Marshal<Vec<u8>>, needs: &[Needs]) -> std::io::Result<()> {
    marshal.array(needs.len())?;
    for one in needs {
        marshal.hash(4)?;
        for (key, value) in [("name", &one.name), ("number", &one.number), ("platform", &one.platform)] {
            marshal.symbol(key)?;
            marshal.text(value)?;
        }
        marshal.symbol("dependencies")?;
        marshal.array(one.dependencies.len())?;
        for (name, bounds) in &one.dependencies {
            marshal.array(2)?;
            marshal.text(name)?;
            marshal.text(bounds)?;
        }
    }
    Ok(())
}
