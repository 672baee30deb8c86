//! Yanking. A yanked version is no longer listed and cannot be downloaded. Its number stays taken, and
//! it can be unyanked.

use packhouse_plugin::{Call, Response, clock, log, settings, time};

use super::{field, fields, require_owned, told};
use crate::error::{self, Error};
use crate::name::{GemName, Slot, full_name};
use crate::stored;

/// `DELETE /api/v1/gems/yank`.
pub fn yank(call: &Call) -> Result<Response, Error> {
    set_yanked(call, true)
}

/// `PUT /api/v1/gems/unyank`.
pub fn unyank(call: &Call) -> Result<Response, Error> {
    set_yanked(call, false)
}

/// `gem_name`, `version` and `platform`, in the query or in a form.
fn set_yanked(call: &Call, yanked: bool) -> Result<Response, Error> {
    let fields = fields(call)?;
    let missing = |name: &str| {
        Error::because(error::BAD_BODY, format!("name the gem and its version: `{name}` is missing"))
    };
    let name = GemName::parse(field(&fields, &["gem_name", "gem"]).ok_or_else(|| missing("gem_name"))?)?;
    require_owned(&name, "yank")?;
    settings::require_feature("yank")?;
    let version = field(&fields, &["version", "number"]).ok_or_else(|| missing("version"))?;
    let slot = match field(&fields, &["platform"]) {
        Some(platform) => Slot::new(version, Some(platform))?,
        None => Slot::parse(version)?,
    };
    let now = time::rfc3339_seconds(clock::now());
    stored::change(&name, |package, has_tried| {
        let text = slot.to_string();
        let release = package.versions.iter_mut().find(|release| release.slot == text);
        let release = release.ok_or_else(|| stored::no_version(&name, &slot))?;
        if release.yanked.is_some() == yanked {
            return if has_tried { Ok(false) } else { Err(done_before(&name, &slot, yanked)) };
        }
        release.yanked = yanked.then(|| now.clone());
        Ok(true)
    })?;
    let message = if yanked { "yanked a version" } else { "unyanked a version" };
    log::info(message, &[("gem.name", name.as_str()), ("gem.version", &slot.to_string())]);
    let verb = if yanked { "deleted" } else { "restored" };
    Ok(told(&format!("Successfully {verb} gem: {}", full_name(&name, &slot))))
}

fn done_before(name: &GemName, slot: &Slot, yanked: bool) -> Error {
    let what = if yanked { "was yanked before" } else { "is not yanked" };
    Error::because(error::BAD_YANK, format!("{} {what}", full_name(name, slot)))
}
