//! Versions: yanked with a reason (PEP 592), and taken away.

use packhouse_plugin::{Call, Response, SMALL_BODY, log, settings};
use serde::Deserialize;
use serde_json::json;

use super::{change, project, reason_line, require, version};
use crate::document::File;
use crate::error::{self, Error};
use crate::name::{ProjectName, Version};

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

/// `PUT /pypi/{project}/{version}/yank`: all files of the version.
pub fn yank_version(call: &Call) -> Result<Response, Error> {
    set_version_yanked(call, true)
}

/// `DELETE /pypi/{project}/{version}/yank`.
pub fn unyank_version(call: &Call) -> Result<Response, Error> {
    set_version_yanked(call, false)
}

/// `DELETE /pypi/{project}/{version}`.
pub fn delete_version(call: &Call) -> Result<Response, Error> {
    settings::require_feature("delete")?;
    let name = project(call)?;
    require(&name, "delete")?;
    let version = version(call)?;
    if !change::remove_files(&name, |file| file.is_of(&version))? {
        return Err(no_version(&name, &version));
    }
    let fields = [("package.name", name.as_str()), ("package.version", &version.to_string())];
    log::info("deleted a version", &fields);
    Ok(Response::new(204))
}

fn set_version_yanked(call: &Call, is_yanked: bool) -> Result<Response, Error> {
    let name = project(call)?;
    require(&name, "write")?;
    let version = version(call)?;
    let reason = is_yanked.then(|| reason(call)).transpose()?;
    set_yanked(&name, reason.as_deref(), |file| file.is_of(&version))?
        .ok_or_else(|| no_version(&name, &version))
}

/// Yanks the files that are meant, or no longer; none when none is.
pub fn set_yanked(
    name: &ProjectName,
    reason: Option<&str>,
    is_meant: impl Fn(&File) -> bool,
) -> Result<Option<Response>, Error> {
    let mut count = 0;
    change::project(name, |project, _| {
        let meant: Vec<&mut File> = project.files.iter_mut().filter(|file| is_meant(file)).collect();
        count = meant.len();
        let mut any = false;
        for file in meant {
            any |= file.yanked.as_deref() != reason;
            file.yanked = reason.map(str::to_owned);
        }
        Ok(any)
    })?;
    if count == 0 {
        return Ok(None);
    }
    let what = if reason.is_some() { "yanked files" } else { "unyanked files" };
    log::info(what, &[("package.name", name.as_str())]);
    Ok(Some(Response::new(200).json(&json!({ "ok": true, "files": count }))))
}

/// Why something is yanked: `?reason=`, or the body: `{"reason": …}` or plain text. Empty when
/// nothing was said.
pub fn reason(call: &Call) -> Result<String, Error> {
    let reason = if let Some(reason) = call.query("reason") {
        reason
    } else {
        let body = call.body().read_all(SMALL_BODY)?;
        if body.first() == Some(&b'{') {
            serde_json::from_slice::<Reason>(&body)?.reason
        } else {
            String::from_utf8_lossy(&body).into_owned()
        }
    };
    reason_line(&reason).map(str::to_owned)
}

fn no_version(name: &ProjectName, version: &Version) -> Error {
    Error::because(error::NOT_FOUND, format!("{name} has no version {version}"))
}
