//! A Go module proxy (<https://go.dev/ref/mod#goproxy-protocol>) that takes modules with `PUT`.

use std::collections::BTreeMap;

use packhouse_plugin::storage::{Document, Entry, Json, Publish, Refused, now, to_json};
use packhouse_plugin::{Call, Description, Error, Protocol, Request, Response, Router, TextFailure, auth};
use semver::Version;
use serde::{Deserialize, Serialize};

use name::Module;

mod archive;
mod maintenance;
mod name;

pub struct Go;

impl Protocol for Go {
    fn describe() -> Description {
        Description::new("go", "Go modules", env!("CARGO_PKG_VERSION"))
            .scope("module", &["read", "write"], "read")
            .failure_shape("text/plain; charset=utf-8", "{message}\n")
    }

    fn handle(request: Request) -> Response {
        Router::new()
            .get("/{module...}/@latest", latest)
            .get("/{module...}/@v/list", list)
            .get("/{module...}/@v/{version}.info", read)
            .get("/{module...}/@v/{version}.mod", read)
            .get("/{module...}/@v/{version}.zip", read)
            .put("/{module...}/@v/{version}.zip", publish)
            .handle(request)
    }
}

packhouse_plugin::export!(Go, maintenance);

/// The index of a module. It alone decides which versions exist. No version is ever removed from it.
type Index = BTreeMap<Version, Release>;

#[derive(Serialize, Deserialize)]
struct Release {
    /// The SHA-256 of the zip.
    sha256: String,
    /// When it was published, in milliseconds since the Unix epoch.
    time: u64,
    go_mod: String,
}

/// The Go tool asks for each part of an import path. After a 404 it goes on with the next one.
fn module_of(call: &Call, action: &str) -> Result<Module, TextFailure> {
    let text = call.decoded("module")?;
    let sentence = || format!("{text} is not a module path; in a request, `B` is written as `!b`");
    let module = Module::parse(&text).ok_or_else(|| TextFailure::with_status(404, sentence()))?;
    auth::require("module", &module.0, action)?;
    Ok(module)
}

/// The Go tool asks for branches and commits, too: 410, there will never be any.
fn version_of(call: &Call, action: &str) -> Result<(Module, Version), TextFailure> {
    let (module, text) = (module_of(call, action)?, call.decoded("version")?);
    let sentence = || format!("{} has no version {text}; from v2 on, its path ends with /v2", module.0);
    let version = module.version(&text).ok_or_else(|| TextFailure::with_status(410, sentence()))?;
    Ok((module, version))
}

fn index_of(module: &Module) -> Result<Index, TextFailure> {
    let index = Json::at(module.file("index.json")).read()?;
    index.ok_or_else(|| TextFailure::not_found(format!("module {}", module.0)))
}

fn list(call: &Call) -> Result<Response, TextFailure> {
    let index = index_of(&module_of(call, "read")?)?;
    let versions = index.keys().filter(|version| !name::is_pseudo(version));
    Ok(Response::new(200).text(versions.map(|version| format!("v{version}\n")).collect::<String>()))
}

/// The highest release, else the highest pre-release, else the highest commit.
fn latest(call: &Call) -> Result<Response, TextFailure> {
    let index = index_of(&module_of(call, "read")?)?;
    let latest = index.iter().max_by_key(|(version, _)| (version.pre.is_empty(), !name::is_pseudo(version)));
    latest.map(info).ok_or_else(|| TextFailure::not_found("a version"))
}

fn info((version, release): (&Version, &Release)) -> Response {
    let time = packhouse_plugin::time::rfc3339_seconds(release.time);
    Response::new(200).json(&serde_json::json!({ "Version": format!("v{version}"), "Time": time }))
}

fn read(call: &Call) -> Result<Response, TextFailure> {
    let (module, version) = version_of(call, "read")?;
    let index = index_of(&module)?;
    let unknown = || TextFailure::not_found(format!("{}@v{version}", module.0));
    let release = index.get_key_value(&version).ok_or_else(unknown)?;
    let key = module.file(&format!("v{version}.zip"));
    let response = match call.path().rsplit('.').next() {
        Some("info") => info(release),
        Some("mod") => Response::new(200).text(&release.1.go_mod),
        _ => Response::new(200).object(&key)?.ok_or_else(|| Error::damaged(&key, "it is missing"))?,
    };
    Ok(response.immutable())
}

fn publish(call: &Call) -> Result<Response, TextFailure> {
    let (module, version) = version_of(call, "write")?;
    // The most that the Go tool takes.
    let mut staged = call.body().stage(Some(500 << 20), &["sha256"])?;
    let go_mod = archive::go_mod(&staged, &module, &version).map_err(|error| match error {
        packhouse_plugin::zip::Error::Host(error) => error.into(),
        error => TextFailure::bad_request(format!("the zip is refused: {error}")),
    })?;
    let (sha256, time) = (staged.digest("sha256")?.hex, now()?);
    let mut look = |document: Option<&Document>| {
        let mut index = document.map_or(Ok(Index::new()), Document::json)?;
        let release = Release { sha256: sha256.clone(), time, go_mod: go_mod.clone() };
        Ok::<_, TextFailure>(match index.insert(version.clone(), release) {
            None => Entry::New(to_json(&index)?),
            Some(there) if there.sha256 == sha256 => Entry::Same,
            Some(_) => Entry::Other,
        })
    };
    let (index, zip) = (module.file("index.json"), module.file(&format!("v{version}.zip")));
    let done = Publish::new(&index).run(&mut staged, &zip, Some("application/zip"), &mut look)?;
    let (status, what) = match done {
        Ok(_) => return Ok(Response::new(201)),
        Err(Refused::Same) => return Ok(Response::new(200)),
        Err(Refused::Exists) => (409, "exists with other content; raise the version"),
        Err(Refused::Busy) => (503, "is being published by somebody else; try again in a few minutes"),
        Err(Refused::TooLarge) => (413, "is one version too many for its module"),
    };
    Err(TextFailure::with_status(status, format!("{}@v{version} {what}", module.0)))
}
