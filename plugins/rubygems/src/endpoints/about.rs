//! Gems and versions as JSON, for people and programs.

use packhouse_plugin::{Call, Response};
use serde_json::{Map, Value, json};

use super::{gem_name, require_read};
use crate::document::{Package, Release};
use crate::error::Error;
use crate::name::{GemName, Slot, full_name};
use crate::stored;

/// `GET /api/v1/versions/{gem}.json`: those that are not yanked, the highest first.
pub fn read_versions(call: &Call) -> Result<Response, Error> {
    let name = gem_name(call)?;
    require_read(&name)?;
    let package = stored::require(&name)?;
    let mut versions: Vec<(Slot, &Release)> =
        package.live().filter_map(|release| Some((release.parsed().ok()?, release))).collect();
    if versions.is_empty() {
        return Err(stored::no_gem(&name));
    }
    versions.sort_by(|(one, _), (other, _)| {
        other.number.cmp(&one.number).then(one.platform.cmp(&other.platform))
    });
    let versions: Vec<Value> = versions.into_iter().map(|(slot, release)| version(&slot, release)).collect();
    Ok(Response::new(200).json(&versions))
}

/// `GET /api/v1/versions/{gem}/latest.json`.
pub fn read_latest(call: &Call) -> Result<Response, Error> {
    let name = gem_name(call)?;
    require_read(&name)?;
    let package = stored::require(&name)?;
    let (slot, _) = package.newest().ok_or_else(|| stored::no_gem(&name))?;
    Ok(Response::new(200).json(&json!({ "version": slot.number.as_str() })))
}

/// `GET /api/v1/gems/{gem}.json`: its highest version.
pub fn read_gem(call: &Call) -> Result<Response, Error> {
    let name = gem_name(call)?;
    require_read(&name)?;
    let package = stored::require(&name)?;
    let gem = gem(&name, &package, &call.base_url()).ok_or_else(|| stored::no_gem(&name))?;
    Ok(Response::new(200).json(&gem))
}

fn version(slot: &Slot, release: &Release) -> Value {
    let about = &release.about;
    json!({
        "authors": about.authors.join(", "),
        "built_at": about.date.as_ref().map(|date| format!("{date}T00:00:00.000Z")),
        "created_at": release.created,
        "description": about.description,
        "downloads_count": 0,
        "licenses": about.licenses,
        "metadata": metadata(release),
        "number": slot.number.as_str(),
        "platform": slot.platform,
        "prerelease": slot.number.is_prerelease(),
        "requirements": [],
        "ruby_version": release.requirement("ruby").unwrap_or_else(|| ">= 0".to_owned()),
        "rubygems_version": release.requirement("rubygems").unwrap_or_else(|| ">= 0".to_owned()),
        "sha": release.sha256,
        "summary": about.summary,
    })
}

/// A gem in its highest version; none when all are yanked.
pub fn gem(name: &GemName, package: &Package, base_url: &str) -> Option<Value> {
    let (slot, release) = package.newest()?;
    let about = &release.about;
    let uri = |key: &str| about.metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    let needed = |(name, requirements): (&str, String)| json!({ "name": name, "requirements": requirements });
    let runtime: Vec<Value> = release.dependencies().map(needed).collect();
    let development: Vec<Value> =
        about.development.iter().map(|(name, bounds)| needed((name.as_str(), bounds.clone()))).collect();
    Some(json!({
        "name": package.name,
        "downloads": 0,
        "version": slot.number.as_str(),
        "version_created_at": release.created,
        "version_downloads": 0,
        "platform": slot.platform,
        "authors": about.authors.join(", "),
        "info": about.description.as_ref().or(about.summary.as_ref()),
        "licenses": about.licenses,
        "metadata": metadata(release),
        "yanked": false,
        "sha": release.sha256,
        "project_uri": format!("{base_url}/api/v1/gems/{}.json", package.name),
        "gem_uri": format!("{base_url}/gems/{}.gem", full_name(name, &slot)),
        "homepage_uri": about.homepage.clone().or_else(|| uri("homepage_uri")),
        "wiki_uri": uri("wiki_uri"),
        "documentation_uri": uri("documentation_uri"),
        "mailing_list_uri": uri("mailing_list_uri"),
        "source_code_uri": uri("source_code_uri"),
        "bug_tracker_uri": uri("bug_tracker_uri"),
        "changelog_uri": uri("changelog_uri"),
        "funding_uri": uri("funding_uri"),
        "dependencies": { "development": development, "runtime": runtime },
    }))
}

fn metadata(release: &Release) -> Value {
    let members: Map<String, Value> =
        release.about.metadata.iter().map(|(key, value)| (key.clone(), Value::from(value.clone()))).collect();
    Value::Object(members)
}
