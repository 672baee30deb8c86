//! Dist-tags: `GET, PUT, DELETE /-/package/{package}/dist-tags[/{tag}]`. `latest` is the version that a
//! client has set, not the newest one.

use packhouse_plugin::maintenance::void_removal;
use packhouse_plugin::storage::{Change, Update};
use packhouse_plugin::{Call, Response, SMALL_BODY, json};
use serde_json::json;

use super::{JSON, load, no_package, no_version, now, package, parse, parse_whole};
use crate::access::{require, require_in, require_listed};
use crate::document::{Packument, said};
use crate::error::{self, Error};
use crate::layout;
use crate::name::{PackageName, Tag};

pub fn list_tags(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require(&name, "read")?;
    let document = load(&name)?;
    let tags = parse(&name, &document)?.tags();
    Ok(Response::new(200).content_type(JSON).bytes(tags))
}

/// The body is the version, as a string of JSON.
pub fn set_tag(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_listed(&name, "write")?;
    let tag = Tag::parse(&call.decoded("tag")?)?;
    let version: String = json::parse(&call.body().read_all(SMALL_BODY)?)?;
    change(&name, |packument, _| {
        if packument.version(&version).is_none() {
            return Err(no_version(&name, &version));
        }
        packument.set_tag(tag.as_str(), &version);
        Ok(())
    })
}

/// A tag that an earlier system took can be removed, whatever it is called.
pub fn delete_tag(call: &Call) -> Result<Response, Error> {
    let name = package(call)?;
    require_listed(&name, "write")?;
    let tag = call.decoded("tag")?;
    if tag == "latest" {
        let sentence = "the tag latest cannot be removed; set it to another version instead";
        return Err(Error::because(error::BAD_TAG, sentence));
    }
    change(&name, |packument, has_tried| {
        if packument.remove_tag(&tag) || has_tried {
            Ok(())
        } else {
            let sentence = format!("{name} has no tag {tag}");
            Err(Error::because(error::NOT_FOUND, sentence))
        }
    })
}

fn change(
    name: &PackageName,
    change: impl Fn(&mut Packument<'_>, bool) -> Result<(), Error>,
) -> Result<Response, Error> {
    Update::new(&layout::index(name)).proven().saying(said).run_telling(|document, has_tried| {
        let document = document.ok_or_else(|| no_package(name))?;
        let mut packument = parse_whole(name, document)?;
        require_in(name, &packument, "write")?;
        let before = packument.tags();
        change(&mut packument, has_tried)?;
        if packument.tags() == before {
            return Ok(Change::Keep);
        }
        packument.touch(&now());
        void_removal(&document.info.key)?;
        Ok::<_, Error>(Change::Write(packument.to_bytes()))
    })?;
    Ok(Response::new(201).json(&json!({ "ok": true })))
}
