//! Security advisories: `composer audit` sends `GET, POST /security-advisories/`, and publishers write
//! them with `PUT, DELETE /security-advisories/{vendor}/{package}/{advisory}`.

use packhouse_plugin::storage::{self, Json, PROOFS, Precondition, unless_conflict};
use packhouse_plugin::{Call, Error as HostError, Response, auth, log, time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{PACKAGE, done, load, package, require};
use crate::error::{self, Error};
use crate::layout;
use crate::name::PackageName;
use crate::upload::constraint;

/// The most packages of one question.
const PACKAGES: usize = 5000;
/// The longest question, in bytes.
const QUESTION: u64 = 1 << 20;
/// The most advisories of a package.
const ADVISORIES: usize = 500;
/// The longest text in one, in characters.
const TEXT: usize = 2000;

/// A package's advisories.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Advisories {
    advisories: Vec<Advisory>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// As Composer reads one; names are Composer's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Advisory {
    #[serde(default, rename = "advisoryId")]
    id: String,
    #[serde(default)]
    package_name: String,
    affected_versions: String,
    title: String,
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    severity: Option<String>,
    #[serde(default)]
    reported_at: String,
    #[serde(default)]
    sources: Vec<Value>,
}

/// `Damaged` if what is stored cannot be read, or is an older copy.
pub fn check(name: &PackageName) -> Result<(), HostError> {
    stored(name).read().map(drop)
}

/// Removes the advisories of a package that a request has deleted. A failure is only logged: `gc` removes
/// them then.
pub fn remove(name: &PackageName) {
    if let Err(error) = try_remove(&layout::advisories(name)) {
        let fields = [("package.name", name.as_str()), ("error", &error.to_string())];
        log::warn("the advisories of a deleted package were left for `gc`", &fields);
    }
}

/// The proof goes first: without it, the absence of the document is no loss. What somebody writes meanwhile
/// stays.
fn try_remove(document: &str) -> Result<(), HostError> {
    let proof = format!("{PROOFS}{document}");
    for found in storage::stat_many(&[proof.as_str(), document])?.into_iter().flatten() {
        unless_conflict(storage::remove(&found.key, Precondition::Version(&found.version)))?;
    }
    Ok(())
}

/// Nothing else that is stored says what an advisory says, so an older copy is refused also where it is
/// only read.
fn stored(name: &PackageName) -> Json<Advisories> {
    Json::at(layout::advisories(name)).strict()
}

/// `Damaged` if one of these documents, which were not found, was lost.
fn check_absent(documents: &[&String]) -> Result<(), HostError> {
    let proofs: Vec<String> = documents.iter().map(|document| format!("{PROOFS}{document}")).collect();
    for (document, proof) in documents.iter().zip(storage::stat_many(&proofs)?) {
        if proof.is_some() {
            storage::check_absent(document)?;
        }
    }
    Ok(())
}

/// The advisories on the packages that the question names. Composer asks with a form, and sends
/// `packages[0]=vendor/package`.
pub fn read_advisories(call: &Call) -> Result<Response, Error> {
    let pairs = if call.method() == "POST" { call.form(QUESTION)? } else { call.query_pairs() };
    let mut names: Vec<String> = pairs
        .into_iter()
        .filter(|(key, _)| key == "packages" || key.starts_with("packages["))
        .filter_map(|(_, name)| Some(PackageName::parse(&name.to_ascii_lowercase()).ok()?.to_string()))
        .take(PACKAGES)
        .collect();
    names.sort_unstable();
    names.dedup();
    auth::refuse_rejected(PACKAGE, "read")?;
    let names = auth::filter_allowed(PACKAGE, &names, "read");
    let names: Vec<PackageName> = names.iter().filter_map(|name| PackageName::parse(name).ok()).collect();
    let keys: Vec<String> = names.iter().map(layout::advisories).collect();
    let mut found = Map::new();
    let mut absent = Vec::new();
    for ((name, key), document) in names.iter().zip(&keys).zip(storage::get_each(&keys)) {
        let Some(document) = document? else {
            absent.push(key);
            continue;
        };
        let all = match stored(name).parse(&document) {
            // It was changed after it was read.
            Err(HostError::Conflict) => stored(name).read()?.unwrap_or_default(),
            parsed => parsed?,
        };
        if !all.advisories.is_empty() {
            found.insert(name.to_string(), json!(all.advisories));
        }
    }
    check_absent(&absent)?;
    Ok(Response::new(200).json(&json!({ "advisories": found })))
}

/// `PUT`: a new advisory, or a new text of one.
pub fn write_advisory(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "write")?;
    let id = advisory_id(call)?;
    let mut advisory: Advisory = call.small_json()?;
    load(&name)?;
    complete(&mut advisory, &name, &id)?;
    stored(&name).update(|there| {
        let mut all = there.unwrap_or_default();
        let before = all.advisories.iter().position(|there| there.id == id);
        let mut advisory = advisory.clone();
        match before.map(|before| all.advisories.remove(before)) {
            // When it was reported stays as it was.
            Some(before) => advisory.reported_at = before.reported_at,
            None if all.advisories.len() == ADVISORIES => {
                let sentence = format!("a package has up to {ADVISORIES} advisories");
                return Err(Error::because(error::TOO_LARGE, sentence));
            }
            None => {}
        }
        all.advisories.push(advisory);
        Ok::<_, Error>(Some(all))
    })?;
    log::info("wrote an advisory", &[("package.name", name.as_str()), ("package.advisory", &id)]);
    Ok(done(200))
}

/// `DELETE`.
pub fn delete_advisory(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "write")?;
    let id = advisory_id(call)?;
    stored(&name).update_telling(|there, has_tried| {
        let mut all = there.unwrap_or_default();
        let before = all.advisories.len();
        all.advisories.retain(|advisory| advisory.id != id);
        if all.advisories.len() < before {
            return Ok(Some(all));
        }
        if has_tried {
            return Ok(None);
        }
        Err(Error::because(error::NOT_FOUND, format!("{name} has no advisory {id}")))
    })?;
    log::info("deleted an advisory", &[("package.name", name.as_str()), ("package.advisory", &id)]);
    Ok(done(200))
}

fn advisory_id(call: &Call) -> Result<String, Error> {
    let id = call.decoded("advisory")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if id.len() <= 100 && id.bytes().all(is_plain) {
        return Ok(id);
    }
    let sentence = "the id of an advisory has up to 100 letters, digits, `-`, `.` and `_`";
    Err(Error::because(error::BAD_ADVISORY, sentence))
}

/// What the server knows better, and what clients rely on.
fn complete(advisory: &mut Advisory, name: &PackageName, id: &str) -> Result<(), Error> {
    let bad = |sentence: &str| Error::because(error::BAD_ADVISORY, sentence);
    if !constraint::is_valid(&advisory.affected_versions) {
        return Err(bad("`affectedVersions` must be a constraint, e.g. `>=1.0,<1.2.3|>=2.0,<2.1`"));
    }
    let texts =
        [Some(&advisory.title), advisory.cve.as_ref(), advisory.link.as_ref(), advisory.severity.as_ref()];
    let is_odd = |text: &String| text.chars().count() > TEXT || text.chars().any(char::is_control);
    if advisory.title.trim().is_empty() || texts.into_iter().flatten().any(is_odd) {
        return Err(bad("an advisory needs a `title`, and each string in it must be one line"));
    }
    let is_source = |source: &Value| {
        ["name", "remoteId"].iter().all(|member| source.get(*member).is_some_and(Value::is_string))
    };
    if let Some(index) = advisory.sources.iter().position(|source| !is_source(source)) {
        let sentence = format!("`sources[{index}]` must be an object with the strings `name` and `remoteId`");
        return Err(bad(&sentence));
    }
    id.clone_into(&mut advisory.id);
    advisory.package_name = name.to_string();
    if time::parse_rfc3339(&advisory.reported_at).is_none() {
        advisory.reported_at = super::publish::written(storage::now()?);
    }
    Ok(())
}
