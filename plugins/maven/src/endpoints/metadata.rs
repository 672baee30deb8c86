//! `maven-metadata.xml`, which the registry generates. Clients read it, add an entry and write all of
//! it, which would overwrite the entries that others added meanwhile. So only the new entries are taken
//! from what a client sends.

use std::collections::HashSet;

use packhouse_plugin::auth::Denied;
use packhouse_plugin::{Call, Response, storage};

use super::{dated, no_file, no_version};
use crate::access;
use crate::catalog::{self, XML};
use crate::error::{self, Error};
use crate::metadata::{self, Metadata, Plugin, snapshot as builds};
use crate::name::{Artifact, Coordinates, GroupId};
use crate::path::Place;
use crate::xml::strict;
use crate::{changes, layout, prefixes, stored};

/// The most versions of one upload of metadata that are looked up.
const LOOKED_UP: usize = 1000;
/// The most plugins that one upload may add to a group.
const NEW_PLUGINS: usize = 100;

/// `GET /{path}/maven-metadata.xml` of an artifact, of a group of plugins, or of both.
pub fn read(place: &Place) -> Result<Response, Error> {
    let (bytes, modified) = visible(place)?;
    Ok(dated(Response::new(200), modified).content_type(XML).bytes(bytes))
}

/// What the caller may see of it, and when it was last changed.
pub fn visible(place: &Place) -> Result<(Vec<u8>, Option<u64>), Error> {
    let artifact = place.artifact.as_ref().map(|artifact| access::require(artifact, "read"));
    let group = place.group.as_ref().map(|group| access::require_in_group(group, "read"));
    let is_all = |allowed: &Option<Result<(), _>>| allowed.as_ref().is_none_or(Result::is_ok);
    let may_read = artifact.as_ref().is_some_and(Result::is_ok);
    let Some(Whole { bytes, modified, metadata }) = stored_or_made(place, may_read)? else {
        // A caller who may see neither does not learn whether it exists.
        return match (artifact, group) {
            (Some(Err(denied)), None | Some(Err(_))) | (None, Some(Err(denied))) => Err(denied.into()),
            _ => Err(no_file(&format!("{}/maven-metadata.xml", place.path))),
        };
    };
    let may_see = |plugin: &Plugin| place.group.as_ref().is_some_and(|group| may(group, plugin, "read"));
    if is_all(&artifact) && is_all(&group) && metadata.plugins.iter().all(may_see) {
        return Ok((bytes, modified));
    }
    let mut shown = Metadata::default();
    if may_read {
        shown = Metadata { plugins: Vec::new(), ..metadata.clone() };
    }
    shown.plugins = metadata.plugins;
    shown.plugins.retain(may_see);
    match (shown.is_empty(), artifact, group) {
        (true, Some(Err(denied)), _) | (true, None, Some(Err(denied))) => Err(denied.into()),
        (true, ..) => Err(no_file(&format!("{}/maven-metadata.xml", place.path))),
        (false, ..) => Ok((shown.render().into_bytes(), modified)),
    }
}

/// The metadata of a path.
struct Whole {
    bytes: Vec<u8>,
    /// When the stored document was changed.
    modified: Option<u64>,
    metadata: Metadata,
}

/// As it is stored. If the metadata was lost, what the documents of the versions and the notes of the plugins
/// say: a client that gets a 404 asks its next repository. `may_read`: the caller may read the artifact.
fn stored_or_made(place: &Place, may_read: bool) -> Result<Option<Whole>, Error> {
    if let Some((document, metadata)) = catalog::read(&place.path)? {
        let modified = document.info.modified;
        return Ok(Some(Whole { bytes: document.bytes, modified, metadata }));
    }
    let mut made = Metadata::default();
    if let Some(artifact) = place.artifact.as_ref().filter(|_| may_read) {
        made.change_versions(artifact, &catalog::walk(artifact)?, &[]);
    }
    if let Some(group) = &place.group {
        made.plugins = catalog::lost_plugins(group, &Metadata::default())?;
    }
    let whole =
        |metadata: Metadata| Whole { bytes: metadata.render().into_bytes(), modified: None, metadata };
    Ok((!made.is_empty()).then(|| whole(made)))
}

fn may(group: &GroupId, plugin: &Plugin, action: &str) -> bool {
    Artifact::parse(group.clone(), &plugin.artifact).is_ok_and(|artifact| access::may(&artifact, action))
}

/// `GET /{path}-SNAPSHOT/maven-metadata.xml`.
pub fn read_snapshot(path: &str, coordinates: &Coordinates) -> Result<Response, Error> {
    let (bytes, modified) = snapshot(path, coordinates)?;
    Ok(dated(Response::new(200), modified).content_type(XML).bytes(bytes))
}

/// The metadata of a snapshot, and when it was last changed.
pub fn snapshot(path: &str, coordinates: &Coordinates) -> Result<(Vec<u8>, Option<u64>), Error> {
    access::require(&coordinates.artifact, "read")?;
    let release = stored::load(coordinates)?.map(|loaded| loaded.release);
    let rendered = release.as_ref().and_then(|release| {
        let modified = release.files.iter().filter_map(crate::document::File::uploaded_at).max();
        Some((builds::render(coordinates, release)?.into_bytes(), modified))
    });
    if rendered.is_none() && release.is_none() {
        storage::check_absent(&layout::document(coordinates))?;
    }
    rendered.ok_or_else(|| no_file(path))
}

/// `PUT /{path}-SNAPSHOT/maven-metadata.xml`: the files say it all.
pub fn upload_snapshot(call: &Call, coordinates: &Coordinates) -> Result<Response, Error> {
    let artifact = &coordinates.artifact;
    let sent = receive(call)?;
    agrees("groupId", sent.group.as_deref(), artifact.group.as_str())?;
    agrees("artifactId", sent.artifact.as_deref(), artifact.id())?;
    agrees("version", sent.version.as_deref(), coordinates.version())?;
    Ok(Response::new(201))
}

/// `PUT /{path}/maven-metadata.xml`.
pub fn upload(call: &Call, place: &Place) -> Result<Response, Error> {
    let denied = permitted(place)?.err();
    let sent = receive(call)?;
    if let Some(denied) = denied {
        require_plugin(place, &sent.plugins, denied)?;
    }
    if !sent.plugins.is_empty() {
        add_plugins(place, &sent.plugins)?;
    }
    if !sent.versions.is_empty() || sent.latest.is_some() || sent.release.is_some() {
        let artifact = place.artifact.as_ref().ok_or_else(|| {
            Error::because(error::BAD_METADATA, "the metadata has versions, but this is the path of a group")
        })?;
        access::require(artifact, "write")?;
        agrees("groupId", sent.group.as_deref(), artifact.group.as_str())?;
        agrees("artifactId", sent.artifact.as_deref(), artifact.id())?;
        add_versions(artifact, sent)?;
    }
    Ok(Response::new(201))
}

/// Whether the caller may write the artifact of the path, or all plugins of the group. Only an account
/// without this permission may still write some plugin of the group, so everybody else is refused at
/// once.
fn permitted(place: &Place) -> Result<Result<(), Denied>, Error> {
    let artifact = place.artifact.as_ref().map(|artifact| access::require(artifact, "write"));
    let group = place.group.as_ref().map(|group| access::require_in_group(group, "write"));
    match (artifact, group) {
        (Some(Ok(())), _) | (_, Some(Ok(()))) => Ok(Ok(())),
        (artifact, Some(Err(denied))) if denied.status() == 403 => {
            Ok(Err(artifact.and_then(Result::err).unwrap_or(denied)))
        }
        (Some(Err(denied)), _) | (None, Some(Err(denied))) => Err(denied.into()),
        (None, None) => Err(Error::new(error::BAD_PATH)),
    }
}

/// The caller may write one of these plugins; otherwise the caller is denied.
fn require_plugin(place: &Place, plugins: &[Plugin], denied: Denied) -> Result<(), Error> {
    if may_write_some(place, plugins) {
        return Ok(());
    }
    let first = place.group.as_ref().zip(plugins.first());
    if let Some((group, plugin)) = first {
        access::require(&Artifact::parse(group.clone(), &plugin.artifact)?, "write")?;
    }
    Err(denied.into())
}

/// The same for what comes with the metadata: one of the plugins that the group lists.
pub fn require_listed(place: &Place) -> Result<(), Error> {
    let Err(denied) = permitted(place)? else { return Ok(()) };
    let listed = catalog::read(&place.path)?.map(|(_, metadata)| metadata.plugins).unwrap_or_default();
    if may_write_some(place, &listed) { Ok(()) } else { Err(denied.into()) }
}

fn may_write_some(place: &Place, plugins: &[Plugin]) -> bool {
    place.group.as_ref().is_some_and(|group| plugins.iter().any(|plugin| may(group, plugin, "write")))
}

fn receive(call: &Call) -> Result<Metadata, Error> {
    let bytes = call.body().read_all(metadata::LIMIT)?;
    Metadata::parse(&bytes)
        .and_then(|metadata| strict::check(&bytes).map(|()| metadata))
        .map_err(|error| Error::because(error::BAD_METADATA, format!("the metadata cannot be read: {error}")))
}

/// Checks that the metadata and its path agree.
fn agrees(element: &str, said: Option<&str>, expected: &str) -> Result<(), Error> {
    match said {
        Some(said) if said != expected => {
            let said: String = said.chars().filter(|character| !character.is_control()).take(100).collect();
            let sentence =
                format!("the metadata says <{element}> {said}, but it was sent to the path of {expected}");
            Err(Error::because(error::BAD_METADATA, sentence))
        }
        _ => Ok(()),
    }
}

/// Those that are new. A client sends those of others too, as it has read them.
fn add_plugins(place: &Place, sent: &[Plugin]) -> Result<(), Error> {
    let group = place.group.as_ref().ok_or_else(|| {
        Error::because(error::BAD_METADATA, "the metadata has plugins, but this is not the path of a group")
    })?;
    let known = catalog::read(&place.path)?.map(|(_, metadata)| metadata.plugins).unwrap_or_default();
    // If the document was lost, a new one would lack its versions.
    let lost =
        if known.is_empty() { catalog::lost_plugins(group, &Metadata::default())? } else { Vec::new() };
    let known: HashSet<Plugin> = known.into_iter().chain(lost.iter().cloned()).collect();
    let new: Vec<&Plugin> = sent.iter().filter(|plugin| !known.contains(plugin)).collect();
    if new.len() > NEW_PLUGINS {
        let sentence =
            format!("the metadata adds {} plugins, and one upload may add {NEW_PLUGINS}", new.len());
        return Err(Error::because(error::BAD_METADATA, sentence));
    }
    let mut artifacts = Vec::new();
    let mut added = Vec::new();
    for plugin in new {
        let artifact = check_plugin(group, plugin)?;
        access::require(&artifact, "write")?;
        // As with versions: what does not exist is not listed.
        if catalog::exists(&artifact)? {
            artifacts.push(artifact);
            added.push(plugin.clone());
        }
    }
    if added.is_empty() {
        return Ok(());
    }
    let mut replaced: Vec<String> = Vec::new();
    catalog::edit_at(&place.path, |metadata, _| {
        if metadata.plugins.is_empty() {
            metadata.put_plugins(&lost);
        }
        let is_replaced = |other: &&Plugin| {
            added.iter().any(|plugin| plugin.prefix == other.prefix && plugin.artifact != other.artifact)
        };
        // Nobody takes the prefix of a plugin that is not theirs. The prefix of one that does not exist is
        // free.
        for other in metadata.plugins.iter().filter(is_replaced) {
            let other = Artifact::parse(group.clone(), &other.artifact)?;
            if !access::may(&other, "write") && catalog::exists(&other)? {
                access::require(&other, "write")?;
            }
        }
        let before: Vec<String> = metadata.plugins.iter().map(|plugin| plugin.artifact.clone()).collect();
        let is_changed = metadata.put_plugins(&added);
        let is_gone = |artifact: &String| metadata.plugins.iter().all(|plugin| plugin.artifact != *artifact);
        replaced = before.into_iter().filter(is_gone).collect();
        Ok::<_, Error>(is_changed)
    })?;
    for plugin in &added {
        prefixes::note(group, plugin);
    }
    for artifact in &replaced {
        prefixes::forget(group, artifact)?;
    }
    // A deletion at the same moment has not seen the plugin.
    for artifact in &artifacts {
        if !catalog::exists(artifact)? {
            catalog::remove_plugins(group, &[artifact.id().to_owned()].into())?;
        }
    }
    Ok(())
}

/// The artifact of a plugin that a client adds.
fn check_plugin(group: &GroupId, plugin: &Plugin) -> Result<Artifact, Error> {
    let artifact = Artifact::parse(group.clone(), &plugin.artifact)?;
    let fits = |text: &str, length: usize| text.len() <= length && !text.chars().any(char::is_control);
    let is_valid = !plugin.prefix.is_empty()
        && fits(&plugin.prefix, 100)
        && plugin.name.as_deref().is_none_or(|name| fits(name, 1000));
    if is_valid {
        return Ok(artifact);
    }
    let sentence = format!("the plugin {artifact} has a prefix or a name that is not valid");
    Err(Error::because(error::BAD_METADATA, sentence))
}

/// A client lists what it has deployed, also without a POM. What is not there is not listed.
fn add_versions(artifact: &Artifact, sent: Metadata) -> Result<(), Error> {
    let known = catalog::read(&artifact.path())?.map(|(_, metadata)| metadata.versions).unwrap_or_default();
    let mut versions = sent.versions;
    versions.extend(sent.latest);
    versions.extend(sent.release);
    versions.retain(|version| !known.contains(version));
    versions.sort_unstable();
    versions.dedup();
    let (mut found, mut noted) = (Vec::new(), Vec::new());
    for version in versions.into_iter().take(LOOKED_UP) {
        let Ok(coordinates) = Coordinates::parse(artifact.clone(), &version) else { continue };
        let Some(loaded) = stored::load(&coordinates)?.filter(|loaded| !loaded.release.files.is_empty())
        else {
            continue;
        };
        if loaded.before.is_some() && !loaded.release.listed {
            noted.push(changes::announce(&coordinates)?);
            stored::json(&coordinates).update(|release| {
                let Some(mut release) = release else { return Err(no_version(&coordinates)) };
                release.listed = true;
                Ok(Some(release))
            })?;
        }
        found.push(version);
    }
    catalog::follow(artifact, &found)?;
    noted.iter().for_each(changes::settle);
    Ok(())
}
