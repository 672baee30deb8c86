//! The indexes in Ruby's Marshal format, for RubyGems before the compact index, and for programs
//! that list gems: `gem search`, `gem list --remote`, `gem specification`.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use packhouse_plugin::{Call, Response};

use super::{failed, find_release, index};
use crate::archive;
use crate::catalog::rendered::Kind;
use crate::error::{self, Error};
use crate::{marshal, stored};

/// `GET /specs.4.8.gz`.
pub fn read_specs(call: &Call) -> Result<Response, Error> {
    index::read_rendered(call, Kind::Specs)
}

/// `GET /latest_specs.4.8.gz`.
pub fn read_latest_specs(call: &Call) -> Result<Response, Error> {
    index::read_rendered(call, Kind::Latest)
}

/// `GET /prerelease_specs.4.8.gz`.
pub fn read_prerelease_specs(call: &Call) -> Result<Response, Error> {
    index::read_rendered(call, Kind::Prereleases)
}

/// `GET /quick/Marshal.4.8/{full name}.gemspec.rz`: the specification in the gem itself.
pub fn read_quick(call: &Call) -> Result<Response, Error> {
    let file = call.decoded("file")?;
    let (name, slot, release) = find_release(&file)?;
    if release.yanked.is_some() {
        return Err(Error::because(error::NOT_FOUND, format!("{file} was yanked")));
    }
    let mut gem = stored::open(&name, &slot)?;
    let spec = archive::read_gemspec_alone(&mut gem).map_err(|error| damaged(&file, error))?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    let mut specification = Vec::new();
    marshal::write_specification(&mut specification, &spec).map_err(failed)?;
    packed.write_all(&specification).map_err(failed)?;
    let packed = packed.finish().map_err(failed)?;
    Ok(Response::new(200).content_type("application/octet-stream").no_compression().bytes(packed))
}

/// A gem of an earlier system may be one that would not be taken today.
fn damaged(file: &str, error: archive::ArchiveError) -> Error {
    match error {
        archive::ArchiveError::Host(error) => error.into(),
        other => packhouse_plugin::Error::damaged(format!("gems/{file}.gem"), other.to_string()).into(),
    }
}
