//! Changes deprecations, owners and tags, and removes versions. Only what a body contains is changed. A
//! version that the body omits is kept, unless the request is an unpublish.

use packhouse_plugin::auth::{self, Decision, Owner};
use packhouse_plugin::maintenance::void_removal;
use packhouse_plugin::storage::{self, Change, Document, Update};
use packhouse_plugin::{Call, Response, SMALL_BODY, json, settings};
use serde_json::json;

use super::super::{PACKAGE, caller, now, parse_whole};
use super::types;
use crate::access::{require, require_account, require_any, require_in};
use crate::document::{Packument, Person, revision, said};
use crate::error::{self, Error};
use crate::json::{Object, quote};
use crate::layout;
use crate::name::{PackageName, Tag};

/// The most owners of one package; so many count in a permission too.
const MOST_MAINTAINERS: usize = 1000;

/// Seconds between two changes of one account's star of one package.
const STAR_PAUSE: u64 = 10;

/// The members of a body that change something.
pub struct Changes<'a> {
    /// None if the body has no versions.
    versions: Option<Object<'a>>,
    tags: Option<Object<'a>>,
    maintainers: Option<Vec<Person>>,
    /// The caller, and whether the star is set, if the body contains it.
    star: Option<(String, bool)>,
    /// Whether versions that the body omits are removed.
    removes: bool,
}

impl<'a> Changes<'a> {
    /// Of `PUT /{package}` without attachments. Such a body is often a whole packument that was read a
    /// while ago. What others have changed since must be kept, so only the deprecations in it are used.
    pub fn of_package(name: &PackageName, body: &Object<'a>) -> Result<Self, Error> {
        types::check_document(name, body)?;
        let versions = types::object(body, "versions")?;
        let is_whole = versions.is_some();
        Ok(Self {
            versions,
            tags: None,
            maintainers: if is_whole { None } else { types::maintainers(body)? },
            star: if is_whole { None } else { star(body)? },
            removes: false,
        })
    }

    /// For a body with the whole new state of the package, and a revision.
    pub fn of_revision(name: &PackageName, body: &Object<'a>) -> Result<Self, Error> {
        types::check_document(name, body)?;
        Ok(Self {
            versions: types::object(body, "versions")?,
            tags: types::object(body, "dist-tags")?,
            maintainers: types::maintainers(body)?,
            star: star(body)?,
            removes: true,
        })
    }

    /// The caller, if the body speaks of their star and of nothing else.
    fn star_alone(&self) -> Option<&str> {
        let speaks_of_more = self.versions.is_some() || self.tags.is_some() || self.maintainers.is_some();
        self.star.as_ref().filter(|_| !speaks_of_more).map(|(user, _)| user.as_str())
    }

    /// The existing versions that are removed.
    pub fn removed(&self, packument: &Packument<'_>) -> Vec<String> {
        match &self.versions {
            Some(versions) if self.removes => packument
                .versions()
                .map(|(version, _)| version)
                .filter(|version| !versions.contains(version))
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// The caller, and whether they like the package, when the body speaks of it.
fn star(body: &Object<'_>) -> Result<Option<(String, bool)>, Error> {
    let Some(me) = caller().map(|person| person.name) else { return Ok(None) };
    let star = types::star_of(body, &me)?;
    Ok(star.map(|star| (me, star)))
}

/// Whether the change was made already, including `removed`. Called after a conflict, because the answer
/// of an earlier write may have been lost.
pub fn is_made(
    name: &PackageName,
    packument: &mut Packument<'_>,
    changes: &mut Changes<'_>,
    removed: &[String],
) -> bool {
    if removed.iter().any(|version| packument.version(version).is_some()) {
        return false;
    }
    changes.removes = false;
    if !removed.is_empty() {
        // The tags may have been moved since.
        changes.tags = None;
        changes.versions = None;
    }
    apply(name, packument, changes).is_ok_and(|any| !any)
}

/// The answer to a caller who may change nothing of a package. It names the permission that the body
/// needs. Only a small body is read for this, such as `npm owner` sends.
pub fn refused_for_body(call: &Call, name: &PackageName, denied: Error) -> Error {
    if denied.code() != error::FORBIDDEN.code {
        return denied;
    }
    let Ok(json) = call.body().read_all(SMALL_BODY) else { return denied };
    let Ok(body) = Object::parse_bytes(&json) else { return denied };
    if body.contains("versions") || !body.contains("maintainers") {
        return denied;
    }
    require_any(name, &["owner"]).err().unwrap_or(denied)
}

/// `PUT /{package}` without attachments.
pub fn change_package(name: &PackageName, json: &[u8]) -> Result<Response, Error> {
    let body: Object<'_> = json::parse(json)?;
    let changes = Changes::of_package(name, &body)?;
    if changes.star.is_none() {
        require_any(
            name,
            if changes.maintainers.is_some() { &["owner", "write"] } else { &["write", "owner"] },
        )?;
    }
    let mut kept = None;
    let info = Update::new(&layout::index(name)).proven().saying(said).run(|document| {
        let Some(document) = document else {
            storage::check_absent(&layout::index(name))?;
            return Err(no_tarball(name));
        };
        let mut packument = parse_whole(name, document)?;
        kept = changes.star_alone().map(|_| packument.revision(&document.info.version));
        if !apply(name, &mut packument, &changes)? {
            kept = Some(packument.revision(&document.info.version));
            return Ok(Change::Keep);
        }
        if let Some(user) = changes.star_alone() {
            check_pause(&packument, document, user)?;
            packument.keep_revision(&document.info.version, user);
        } else {
            packument.touch(&now());
        }
        void_removal(&document.info.key)?;
        Ok(Change::Write(packument.to_bytes()))
    })?;
    let version = info.map(|info| info.version).unwrap_or_default();
    Ok(changed(name, &kept.unwrap_or_else(|| revision(&version))))
}

/// 429 if the last change of this package was a star of the same caller a moment ago, because each star
/// writes the whole packument.
fn check_pause(packument: &Packument<'_>, document: &Document, user: &str) -> Result<(), Error> {
    let is_recent = storage::age(&document.info)?.is_some_and(|age| age < STAR_PAUSE * 1000);
    if is_recent && packument.was_starred_by(user) {
        return Err(Error::new(error::TOO_MANY_STARS).retry_after(STAR_PAUSE));
    }
    Ok(())
}

/// The answer to a change.
fn changed(name: &PackageName, revision: &str) -> Response {
    Response::new(200).json(&json!({
        "ok": true,
        "success": true,
        "id": name.as_str(),
        "rev": revision,
    }))
}

/// Makes the changes that the caller may make. True if there were any.
pub fn apply(
    name: &PackageName,
    packument: &mut Packument<'_>,
    changes: &Changes<'_>,
) -> Result<bool, Error> {
    let removed = changes.removed(packument);
    let mut any = !removed.is_empty();
    if any {
        settings::require_feature("unpublish")?;
        require_in(name, packument, "delete")?;
        packument.remove_versions(&removed);
        if !packument.has_versions() {
            return Err(Error::because(
                error::BAD_BODY,
                format!("this would leave {name} without versions; use npm unpublish --force"),
            ));
        }
    }
    if let Some(versions) = &changes.versions {
        any |= deprecate(name, packument, versions)?;
    }
    if let Some(tags) = &changes.tags {
        any |= replace_tags(name, packument, tags)?;
    }
    if let Some(maintainers) = &changes.maintainers {
        any |= replace_maintainers(name, packument, maintainers)?;
    }
    if let Some((_, star)) = &changes.star {
        any |= set_star(name, packument, *star)?;
    }
    Ok(any)
}

fn deprecate(
    name: &PackageName,
    packument: &mut Packument<'_>,
    versions: &Object<'_>,
) -> Result<bool, Error> {
    let mut any = false;
    for (version, text) in versions.iter() {
        let Some(there) = packument.version(version) else {
            return Err(no_tarball_of(name, version));
        };
        let Some(sent) = Object::parse(text)?.get("deprecated").map(str::to_owned) else { continue };
        // An earlier system may have stored another form, which the client sends back unchanged.
        if Object::parse_lenient(Some(there)).get("deprecated") == Some(&*sent) {
            continue;
        }
        let message: String = serde_json::from_str(&sent)
            .map_err(|_| types::must_be(&format!("versions.{version}.deprecated"), "a string"))?;
        any |= packument.deprecate(version, &message);
    }
    if any {
        require_in(name, packument, "write")?;
    }
    Ok(any)
}

/// The tags of removed versions have been changed by now. Any other change of tags needs `write`.
fn replace_tags(name: &PackageName, packument: &mut Packument<'_>, tags: &Object<'_>) -> Result<bool, Error> {
    for tag in tags.names() {
        // Tags that an earlier system accepted may stay.
        if packument.tag(tag).is_none() {
            Tag::parse(tag)?;
        }
    }
    let any = packument.replace_tags(tags);
    if any {
        require_in(name, packument, "write")?;
    }
    Ok(any)
}

fn replace_maintainers(
    name: &PackageName,
    packument: &mut Packument<'_>,
    maintainers: &[Person],
) -> Result<bool, Error> {
    let before = packument.maintainers();
    if maintainers == before {
        return Ok(false);
    }
    require_in(name, packument, "owner")?;
    if maintainers.is_empty() {
        return Err(Error::because(error::BAD_BODY, "a package needs an owner: add somebody else first"));
    }
    if maintainers.len() > MOST_MAINTAINERS {
        let sentence = format!("a package may have at most {MOST_MAINTAINERS} owners");
        return Err(Error::because(error::BAD_BODY, sentence));
    }
    let mut added = Vec::new();
    for person in maintainers {
        if before.iter().any(|other| other.name == person.name) {
            continue;
        }
        let id = auth::account_id(&person.name)?;
        if id.is_none() {
            return Err(Error::because(error::BAD_BODY, format!("there is no user {}", person.name)));
        }
        added.push(Owner { name: person.name.clone(), id });
    }
    packument.set_maintainers(maintainers, &added);
    Ok(true)
}

/// `npm star`: a caller can change only their own star, so `read` is enough. But the token of the caller
/// must allow writes to this package: it must not be read-only or for other packages.
fn set_star(name: &PackageName, packument: &mut Packument<'_>, star: bool) -> Result<bool, Error> {
    let account = require_account()?;
    let me = account.name();
    let text = packument.member("users").unwrap_or("{}").to_owned();
    let mut users = Object::parse_lenient(Some(&text));
    if users.contains(&me) == star {
        return Ok(false);
    }
    require(name, "read")?;
    if account.is_read_only() {
        let sentence = "this token can only read, but a star is a change";
        return Err(Error::because(error::FORBIDDEN, sentence));
    }
    if auth::check_owned(PACKAGE, name.as_str(), "write", &[Owner::of(&account)]) != Decision::Granted {
        let sentence = format!("this token cannot write to {name}, but a star is a change");
        return Err(Error::because(error::FORBIDDEN, sentence));
    }
    if star {
        users.set_raw(&me, "true");
    } else {
        users.remove(&me);
    }
    let text = users.to_text();
    packument.set_member("users", text);
    Ok(true)
}

fn no_tarball(name: &PackageName) -> Error {
    Error::because(
        error::BAD_BODY,
        format!("{name} is not in this registry, and the body has no tarball to publish"),
    )
}

fn no_tarball_of(name: &PackageName, version: &str) -> Error {
    Error::because(
        error::BAD_BODY,
        format!("{name} has no version {}, and the body has no tarball to publish", quote(version)),
    )
}
