//! The members of a body and their types. A member of a wrong type is rejected before anything changes.
//! If it were treated as missing, the request would remove something; if it were stored in a manifest,
//! clients could not install the package.

use serde_json::value::RawValue;

use crate::document::Person;
use crate::error::{self, Error};
use crate::json::Object;
use crate::name::PackageName;

/// The type of a member.
struct Rule {
    member: &'static str,
    wanted: &'static str,
    fits: fn(&str) -> bool,
}

const fn rule(member: &'static str, wanted: &'static str, fits: fn(&str) -> bool) -> Rule {
    Rule { member, wanted, fits }
}

const TEXT: &str = "a string";
const TEXTS: &str = "a string or a list of strings";
const RANGES: &str = "an object whose values are strings";
const OPTIONS: &str = "an object whose values are objects";

/// Of a manifest that is published, what npm, pnpm and yarn read when they install it. Where npm
/// accepts several forms of a member, all of them are accepted. `null` is as good as nothing.
const OF_MANIFEST: [Rule; 18] = [
    rule("dependencies", RANGES, is_ranges),
    rule("devDependencies", RANGES, is_ranges),
    rule("optionalDependencies", RANGES, is_ranges),
    rule("peerDependencies", RANGES, is_ranges),
    rule("acceptDependencies", RANGES, is_ranges),
    rule("peerDependenciesMeta", OPTIONS, is_objects),
    rule("dependenciesMeta", OPTIONS, is_objects),
    rule("bundleDependencies", "a list of strings, an object, or `true` or `false`", is_bundle),
    rule("bundledDependencies", "a list of strings, an object, or `true` or `false`", is_bundle),
    rule("bin", "a string, a list of strings, or an object whose values are strings", is_bin),
    rule("directories", "a string, or an object whose `bin` is a string", is_directories),
    rule("os", TEXTS, is_texts),
    rule("cpu", TEXTS, is_texts),
    rule("libc", TEXTS, is_texts),
    rule("keywords", TEXTS, is_texts),
    rule("description", TEXT, is_text),
    rule("deprecated", "a string or `false`", is_deprecated),
    rule("_id", TEXT, is_text),
];

/// Of a body that publishes a version.
const OF_BODY: [Rule; 7] = [
    rule("_id", TEXT, is_text),
    rule("access", TEXT, is_text),
    rule("description", TEXT, is_text),
    rule("readme", TEXT, is_text),
    rule("maintainers", "a list of people: objects with a string `name`, or strings", is_people),
    rule("users", "an object", is_object),
    rule("time", RANGES, is_ranges),
];

/// The members of a body that publishes this version, in addition to those of every body.
pub fn check_publish(body: &Object<'_>, version: &str, manifest: &Object<'_>) -> Result<(), Error> {
    check(body, &OF_BODY, "")?;
    check(manifest, &OF_MANIFEST, &format!("versions.{version}."))
}

fn check(object: &Object<'_>, rules: &[Rule], prefix: &str) -> Result<(), Error> {
    let broken = rules.iter().find(|rule| {
        let text = object.get(rule.member);
        text.is_some_and(|text| text != "null" && !(rule.fits)(text))
    });
    match broken {
        Some(Rule { member, wanted, .. }) => Err(must_be(&format!("{prefix}{member}"), wanted)),
        None => Ok(()),
    }
}

fn is_text(json: &str) -> bool {
    json.starts_with('"')
}

fn is_object(json: &str) -> bool {
    json.starts_with('{')
}

fn is_texts(json: &str) -> bool {
    is_text(json) || is_list(json, is_text)
}

fn is_list(json: &str, fits: fn(&str) -> bool) -> bool {
    let items: Option<Vec<&RawValue>> = serde_json::from_str(json).ok();
    items.is_some_and(|items| items.iter().all(|item| fits(item.get())))
}

fn is_map(json: &str, fits: fn(&str) -> bool) -> bool {
    Object::parse(json).is_ok_and(|object| object.iter().all(|(_, value)| fits(value)))
}

/// Old tools write an empty list if there are no dependencies. It is stored as an object.
fn is_ranges(json: &str) -> bool {
    is_map(json, is_text) || is_list(json, |_| false)
}

/// Clients look for members of each value, which only `null` does not survive.
fn is_objects(json: &str) -> bool {
    is_map(json, |value| value != "null")
}

fn is_bundle(json: &str) -> bool {
    matches!(json, "true" | "false") || is_object(json) || is_list(json, is_text)
}

fn is_bin(json: &str) -> bool {
    is_texts(json) || is_map(json, is_text)
}

fn is_directories(json: &str) -> bool {
    let bin_fits = |object: &Object<'_>| object.get("bin").is_none_or(|bin| bin == "null" || is_text(bin));
    is_text(json) || Object::parse(json).is_ok_and(|object| bin_fits(&object))
}

fn is_deprecated(json: &str) -> bool {
    json == "false" || is_text(json)
}

fn is_people(json: &str) -> bool {
    let has_name =
        |object: &Object<'_>| object.get("name").is_none_or(|name| name == "null" || is_text(name));
    let is_person = |json: &RawValue| {
        is_text(json.get()) || Object::parse(json.get()).is_ok_and(|object| has_name(&object))
    };
    let people: Option<Vec<&RawValue>> = serde_json::from_str(json).ok();
    people.is_some_and(|people| people.into_iter().all(is_person))
}

/// What every body that is sent to a package may hold: its name, versions and tags.
pub fn check_document(name: &PackageName, body: &Object<'_>) -> Result<(), Error> {
    if body.contains("name") {
        let stated = body.text("name").ok_or_else(|| must_be("name", "a string"))?;
        if stated != name.as_str() {
            let sentence = format!("the request is for {name}, and its body for {stated}");
            return Err(Error::because(error::MISMATCH, sentence));
        }
    }
    for (version, manifest) in object(body, "versions")?.unwrap_or_default().iter() {
        if !manifest.starts_with('{') {
            return Err(must_be(&format!("versions.{version}"), "an object"));
        }
    }
    let tags = object(body, "dist-tags")?.unwrap_or_default();
    match tags.names().find(|tag| tags.text(tag).is_none()) {
        Some(tag) => Err(must_be(&format!("dist-tags.{tag}"), "a version in a string")),
        None => Ok(()),
    }
}

/// A member that is an object, or is left out.
pub fn object<'a>(body: &Object<'a>, member: &str) -> Result<Option<Object<'a>>, Error> {
    let parse = |text| Object::parse(text).map_err(|_| must_be(member, "an object"));
    body.get_source(member).map(parse).transpose()
}

/// A member that is a string, or is left out.
pub fn text(body: &Object<'_>, member: &str) -> Result<Option<String>, Error> {
    let read = |text| serde_json::from_str(text).map_err(|_| must_be(member, "a string"));
    body.get(member).map(read).transpose()
}

/// The people in `maintainers`, unless it is left out.
pub fn maintainers(body: &Object<'_>) -> Result<Option<Vec<Person>>, Error> {
    let wanted = "a list of objects, each with a string `name`";
    let read = |text| serde_json::from_str(text).map_err(|_| must_be("maintainers", wanted));
    body.get("maintainers").map(read).transpose()
}

/// Whether this user has starred the package (`users`); none if the member is left out.
pub fn star_of(body: &Object<'_>, user: &str) -> Result<Option<bool>, Error> {
    let Some(users) = object(body, "users")? else { return Ok(None) };
    let read =
        |text| serde_json::from_str(text).map_err(|_| must_be(&format!("users.{user}"), "true or false"));
    Ok(Some(users.get(user).map(read).transpose()?.unwrap_or(false)))
}

/// 400 for a member of a wrong type.
pub fn must_be(member: &str, wanted: &str) -> Error {
    Error::because(error::BAD_JSON, format!("`{member}` in the body must be {wanted}"))
}
