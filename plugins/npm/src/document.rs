//! The packument. It alone decides which versions of a package exist: a file that it does not name is
//! invisible.
//!
//! Its values stay text (see [`crate::json`]): a packument of 10,000 versions is read and written back
//! in little more than twice its size. It must not know HTTP or storage, because embedders also read
//! stored documents with it.
//!
//! # Invariants
//! - The order of versions is kept, and unknown members in them are kept.
//! - A packument of an earlier system may lack `time`, `dist-tags` and `_rev`.
//! - `_rev` and absolute URLs are never stored: the plugin adds both when it serves a packument.
//! - `_ownerIds` is stored and never served: it contains the accounts of the maintainers. A maintainer
//!   that is not in it was written by a version before 0.1.1, or by another system.
//! - `_starred` is stored and never served: see `document/revision.rs`.
//! - `_sizes` is stored, before `versions`, and never served: it contains the size of each tarball in
//!   bytes. A tarball that is not in it was stored by an earlier version or system.
//!
//! # Examples
//! ```
//! let stored = br#"{"name":"a","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{}}}"#;
//! let packument = packhouse_npm::document::Packument::parse(stored)?;
//! assert_eq!(packument.tag("latest").as_deref(), Some("1.0.0"));
//! assert_eq!(packument.version("1.0.0"), Some("{}"));
//! # Ok::<(), serde_json::Error>(())
//! ```

use packhouse_plugin::auth::Owner;
use packhouse_plugin::ownership::Holder;
use packhouse_plugin::storage::Said;
use packhouse_plugin::time::parse_rfc3339;
use serde::Deserialize;

pub use manifest::Manifest;
pub use release::Release;
pub use render::{Links, Rendering};
use revision::STARRED;
pub use revision::revision;

use crate::json::{Object, quote};
use crate::name::{PackageName, Version};

mod forms;
mod manifest;
mod release;
mod render;
mod revision;

const VERSIONS: &str = "versions";
const TIME: &str = "time";
const TAGS: &str = "dist-tags";
/// The tag that every package has.
const LATEST: &str = "latest";
const MAINTAINERS: &str = "maintainers";
/// The account ids of maintainers, by name: `{"ann": "…"}`. Stored and never served.
const OWNER_IDS: &str = "_ownerIds";
/// The bytes of each version's tarball: `{"1.0.0": 321}`. Stored and never served; before
/// `versions`, so that a download finds it without reading those.
pub const SIZES: &str = "_sizes";
/// Made when a document is served, or meant for the server only.
const NEVER_STORED: [&str; 5] = ["_rev", "_attachments", "_revisions", "access", "_etag"];

/// A package's document.
#[derive(Debug, Clone)]
pub struct Packument<'a> {
    /// All members; those of which the parts follow stand here for their place only.
    top: Object<'a>,
    versions: Object<'a>,
    tags: Object<'a>,
    time: Object<'a>,
    sizes: Object<'a>,
}

/// A maintainer of a package, as clients show it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Person {
    pub name: String,
    #[serde(default)]
    pub email: Option<String>,
}

impl<'a> Packument<'a> {
    /// Reads a stored document. Fails when it is not a JSON object.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        let mut top = Object::parse_bytes(bytes)?;
        top.retain(|name| !NEVER_STORED.contains(&name));
        Ok(Self {
            versions: Object::parse_lenient(top.get_source(VERSIONS)),
            tags: Object::parse_lenient(top.get_source(TAGS)),
            time: Object::parse_lenient(top.get_source(TIME)),
            sizes: Object::parse_lenient(top.get_source(SIZES)),
            top,
        })
    }

    /// Checks that the document is a packument of this package, or says why it is not. It does
    /// not parse the manifests of the versions: they are many, and reads are too.
    pub fn check_to_read(&self, name: &PackageName) -> Result<(), String> {
        if let Some(other) = self.top.text("name").filter(|other| other != name.as_str()) {
            return Err(format!("it is the packument of {other}"));
        }
        let text = self.top.get_source(VERSIONS).ok_or("it has no `versions`")?;
        if self.versions.is_empty() {
            Object::parse(text).map_err(|error| format!("its `versions` cannot be read: {error}"))?;
        }
        match self.versions().find(|(_, manifest)| !manifest.starts_with('{')) {
            Some((version, _)) => Err(format!("its version {version} is not an object")),
            None => Ok(()),
        }
    }

    /// Checks that the document is whole, or says why it cannot be built on: it is that of another
    /// package, its versions cannot be read, or one of them occurs twice.
    pub fn check(&self, name: &PackageName) -> Result<(), String> {
        self.check_to_read(name)?;
        let text = self.top.get_source(VERSIONS).unwrap_or("{}");
        for (version, manifest) in self.versions() {
            Object::parse(manifest)
                .map_err(|error| format!("its version {version} cannot be read: {error}"))?;
        }
        match Object::first_repeated(text) {
            Some(version) => Err(format!("it lists the version {version} twice")),
            None => Ok(()),
        }
    }

    /// The document of a package without versions yet.
    pub fn new(name: &PackageName) -> Self {
        let mut top = Object::default();
        top.set_text("_id", name.as_str());
        top.set_text("name", name.as_str());
        for part in [TAGS, VERSIONS, TIME] {
            top.set_raw(part, "{}");
        }
        let [versions, tags, time, sizes] = [const { Object::EMPTY }; 4];
        Self { top, versions, tags, time, sizes }
    }

    /// A member of the document itself, e.g. `readme`, as JSON text. For `versions`,
    /// `dist-tags` and `time` use their own functions.
    pub fn member(&self, name: &str) -> Option<&str> {
        self.top.get(name)
    }

    /// Sets a member of the document itself to this JSON text; not for the parts that
    /// have their own functions.
    pub fn set_member(&mut self, name: &str, json: String) {
        self.top.set_raw(name, json);
    }

    /// The versions, in the document's order, with their manifests as JSON text.
    pub fn versions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.versions.iter()
    }

    /// The manifest of a version, as JSON text.
    pub fn version(&self, version: &str) -> Option<&str> {
        self.versions.get(version)
    }

    pub fn has_versions(&self) -> bool {
        !self.versions.is_empty()
    }

    /// The version of a tag.
    pub fn tag(&self, tag: &str) -> Option<String> {
        self.tags.text(tag)
    }

    /// The tags, as JSON text.
    pub fn tags(&self) -> String {
        self.tags.to_text()
    }

    /// This version, or the version of this tag.
    pub fn resolve(&self, version_or_tag: &str) -> Option<String> {
        if self.versions.contains(version_or_tag) {
            return Some(version_or_tag.to_owned());
        }
        self.tag(version_or_tag).filter(|version| self.versions.contains(version))
    }

    /// When a version was published, or `created` or `modified`: RFC 3339.
    pub fn time(&self, event: &str) -> Option<String> {
        self.time.text(event)
    }

    /// When the package was first published, in milliseconds since the Unix epoch.
    pub fn begun(&self) -> Option<u64> {
        parse_rfc3339(&self.time("created")?)
    }

    /// The maintainers of the package. Entries without a name are left out.
    pub fn maintainers(&self) -> Vec<Person> {
        maintainers(&self.top)
    }

    /// The same as accounts.
    pub fn owners(&self) -> Vec<Owner> {
        owners(&self.top)
    }

    /// Makes these accounts those who look after the package, e.g. as a newer state of the document had
    /// it. What else is known of them is kept.
    pub fn set_owners(&mut self, owners: &[Owner]) {
        let before = self.maintainers();
        let person = |owner: &Owner| {
            let known = before.iter().find(|person| person.name == owner.name);
            known.cloned().unwrap_or_else(|| Person { name: owner.name.clone(), email: None })
        };
        let people: Vec<Person> = owners.iter().map(person).collect();
        self.set_maintainers(&[], &[]);
        self.set_maintainers(&people, owners);
    }

    /// Replaces who looks after the package. Those who did so before keep their accounts;
    /// `added` are the accounts of the others.
    pub fn set_maintainers(&mut self, people: &[Person], added: &[Owner]) {
        let before = self.owners();
        let texts: Vec<String> = people.iter().map(Person::to_json).collect();
        self.top.set_raw(MAINTAINERS, format!("[{}]", texts.join(",")));
        let mut ids = Object::default();
        for person in people {
            let known = before.iter().chain(added).find(|owner| owner.name == person.name);
            if let Some(id) = known.and_then(|owner| owner.id.as_ref()) {
                ids.set_text(&person.name, id);
            }
        }
        if ids.is_empty() {
            self.top.remove(OWNER_IDS);
        } else {
            self.top.set_raw(OWNER_IDS, ids.to_text());
        }
    }

    /// Removes an account from the maintainers. False if it is not a maintainer.
    pub fn disown(&mut self, holder: &Holder) -> bool {
        let owners = self.owners();
        let people = self.maintainers();
        let is_kept =
            |person: &&Person| !owners.iter().any(|owner| owner.name == person.name && holder.is(owner));
        let kept: Vec<Person> = people.iter().filter(is_kept).cloned().collect();
        let was_listed = kept.len() < people.len();
        if was_listed {
            self.set_maintainers(&kept, &[]);
        }
        was_listed
    }

    /// Makes a tag stand for a version.
    pub fn set_tag(&mut self, tag: &str, version: &str) {
        self.tags.set_text(tag, version);
    }

    /// False when there is no such tag.
    pub fn remove_tag(&mut self, tag: &str) -> bool {
        self.tags.remove(tag)
    }

    /// Replaces all tags; those of versions that are not there are left out. `latest` stays
    /// where it is unless it is given. False when nothing changes.
    pub fn replace_tags(&mut self, tags: &Object<'_>) -> bool {
        let named = tags.names().filter_map(|tag| Some((tag.to_owned(), tags.text(tag)?)));
        let mut new: Vec<(String, String)> =
            named.filter(|(_, version)| self.versions.contains(version)).collect();
        if let (Some(latest), false) = (self.tag(LATEST), new.iter().any(|(tag, _)| tag == LATEST)) {
            new.push((LATEST.to_owned(), latest));
        }
        let is_same = |(tag, version): &(String, String)| self.tag(tag).as_deref() == Some(version.as_str());
        if new.len() == self.tags.len() && new.iter().all(is_same) {
            return false;
        }
        self.tags = Object::default();
        for (tag, version) in new {
            self.tags.set_text(&tag, &version);
        }
        true
    }

    /// Removes versions, their times, and the tags that stand for them. Where `latest` was one
    /// of those, it comes to stand for the highest version that is left, as npm has it.
    pub fn remove_versions(&mut self, versions: &[String]) {
        let had_latest = self.tags.contains(LATEST);
        for version in versions {
            self.remove_version(version);
        }
        if had_latest
            && !self.tags.contains(LATEST)
            && let Some(highest) = self.highest_version()
        {
            self.tags.set_text(LATEST, &highest);
        }
    }

    /// A text that is not a version is lower than every version.
    fn highest_version(&self) -> Option<String> {
        let highest = self.versions.names().max_by_key(|version| Version::parse(version).ok());
        highest.map(str::to_owned)
    }

    fn remove_version(&mut self, version: &str) {
        self.versions.remove(version);
        self.sizes.remove(version);
        self.time.remove(version);
        let tags: Vec<String> = self
            .tags
            .names()
            .filter(|tag| self.tags.text(tag).as_deref() == Some(version))
            .map(str::to_owned)
            .collect();
        for tag in tags {
            self.tags.remove(&tag);
        }
    }

    /// Sets or clears (with an empty message) a version's deprecation. False when that
    /// changes nothing, or there is no such version.
    pub fn deprecate(&mut self, version: &str, message: &str) -> bool {
        let Some(text) = self.versions.get(version) else {
            return false;
        };
        let Ok(mut manifest) = Object::parse(text) else {
            return false;
        };
        let changed = if message.is_empty() {
            manifest.remove("deprecated")
        } else {
            let same = manifest.text("deprecated").as_deref() == Some(message);
            manifest.set_text("deprecated", message);
            !same
        };
        if changed {
            let text = manifest.to_text();
            self.versions.set_raw(version, text);
        }
        changed
    }

    /// Notes that something other than a star changed and when, and gives the moment that it noted: RFC 3339. It
    /// is never before an earlier one, whatever another host's clock said then.
    pub fn touch(&mut self, now: &str) -> String {
        self.top.remove(STARRED);
        let known = ["created", "modified"].into_iter().filter_map(|event| self.time(event));
        let moment = known.fold(now.to_owned(), later);
        if !self.time.contains("created") {
            self.time.set_text("created", &moment);
        }
        self.time.set_text("modified", &moment);
        moment
    }

    /// The document as it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = [&self.top, &self.versions, &self.tags, &self.time, &self.sizes];
        // `top` still holds the text of the parts: less its versions.
        let replaced = self.top.get(VERSIONS).map_or(0, str::len);
        let length: usize = parts.iter().map(|part| part.text_len()).sum();
        let mut out = Vec::with_capacity(length.saturating_sub(replaced) + 64);
        out.push(b'{');
        let missing = [TAGS, VERSIONS, TIME].into_iter().filter(|name| !self.top.contains(name));
        let members = self.top.iter().filter(|(name, _)| *name != SIZES);
        for (index, (name, value)) in members.chain(missing.map(|name| (name, ""))).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            if name == VERSIONS && !self.sizes.is_empty() {
                crate::json::write_name(&mut out, SIZES);
                self.sizes.write_to(&mut out);
                out.push(b',');
            }
            crate::json::write_name(&mut out, name);
            match self.part(name) {
                Some(part) => part.write_to(&mut out),
                None => out.extend_from_slice(value.as_bytes()),
            }
        }
        out.push(b'}');
        out
    }

    fn part(&self, name: &str) -> Option<&Object<'a>> {
        match name {
            VERSIONS => Some(&self.versions),
            TAGS => Some(&self.tags),
            TIME => Some(&self.time),
            _ => None,
        }
    }
}

fn maintainers(top: &Object<'_>) -> Vec<Person> {
    let listed: Vec<serde_json::Value> = top.value(MAINTAINERS).unwrap_or_default();
    listed.into_iter().filter_map(|person| serde_json::from_value(person).ok()).collect()
}

fn owners(top: &Object<'_>) -> Vec<Owner> {
    let ids = Object::parse_lenient(top.get(OWNER_IDS));
    let owner = |person: Person| Owner { id: ids.text(&person.name), name: person.name };
    maintainers(top).into_iter().map(owner).collect()
}

/// What a stored document says of access. The versions are not read.
pub fn said(bytes: &[u8]) -> Said {
    let top = Object::parse_bytes(bytes).unwrap_or_default();
    Said { owners: owners(&top), ..Said::default() }
}

/// The later of two moments; the first when the other cannot be read.
fn later(one: String, other: String) -> String {
    match (parse_rfc3339(&one), parse_rfc3339(&other)) {
        (Some(first), Some(second)) if second > first => other,
        (None, Some(_)) => other,
        _ => one,
    }
}

impl Person {
    /// The JSON of a maintainer. Clients print the email, also if it is empty.
    fn to_json(&self) -> String {
        format!(
            r#"{{"name":{},"email":{}}}"#,
            quote(&self.name),
            quote(self.email.as_deref().unwrap_or_default())
        )
    }
}

#[cfg(test)]
mod tests;
