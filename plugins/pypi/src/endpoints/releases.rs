//! Yanks versions with a reason (PEP 592), and deletes them.

use packhouse_plugin::{Call, Response, SMALL_BODY, json, log, settings};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::{change, project, reason_line, require, version};
use crate::document::File;
use crate::error::{self, Error};
use crate::name::{ProjectName, Version};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    #[serde(default)]
    reason: Option<String>,
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

/// Yanks or unyanks the files that `is_meant` selects; none if it selects no file.
pub fn set_yanked(
    name: &ProjectName,
    reason: Option<&str>,
    is_meant: impl Fn(&File) -> bool,
) -> Result<Option<Response>, Error> {
    let mut count = 0;
    change::project(name, |project, _, _| {
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

/// The reason of a yank: `?reason=`, or the body, which is `{"reason": …}` or plain text. Empty without
/// a reason.
pub fn reason(call: &Call) -> Result<String, Error> {
    let reason = if let Some(reason) = call.query("reason") {
        reason
    } else {
        let body = call.body().read_all(SMALL_BODY)?;
        if is_json(call, &body) {
            json::parse::<Reason>(&body)?.reason.unwrap_or_default()
        } else {
            String::from_utf8(body)
                .map_err(|_| Error::because(error::BAD_BODY, "the reason must be UTF-8"))?
        }
    };
    reason_line(&reason).map(str::to_owned)
}

/// Whether the body is JSON: the media type decides, else the content. A text may begin with `[` or a
/// quote, e.g. `[security] use 1.2`.
fn is_json(call: &Call, body: &[u8]) -> bool {
    let media_type = call.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    let is_said = media_type == "application/json" || media_type.ends_with("+json");
    let looks_like = match body.trim_ascii_start().first() {
        Some(b'{') => true,
        Some(b'[' | b'"') => serde_json::from_slice::<IgnoredAny>(body).is_ok(),
        _ => false,
    };
    !body.trim_ascii().is_empty() && (is_said || looks_like)
}

fn no_version(name: &ProjectName, version: &Version) -> Error {
    Error::because(error::NOT_FOUND, format!("{name} has no version {version}"))
}
