//! The members of a body that are read, and what each must be. A member of another type is refused
//! before anything changes: read as if it was left out, it would remove what is there.

use crate::document::Person;
use crate::error::{self, Error};
use crate::json::Object;
use crate::name::PackageName;

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

/// Whether this user likes the package, by `users`; none when that is left out.
pub fn star_of(body: &Object<'_>, user: &str) -> Result<Option<bool>, Error> {
    let Some(users) = object(body, "users")? else { return Ok(None) };
    let read =
        |text| serde_json::from_str(text).map_err(|_| must_be(&format!("users.{user}"), "true or false"));
    Ok(Some(users.get(user).map(read).transpose()?.unwrap_or(false)))
}

/// 400.
pub fn must_be(member: &str, wanted: &str) -> Error {
    Error::because(error::BAD_JSON, format!("`{member}` in the body must be {wanted}"))
}
