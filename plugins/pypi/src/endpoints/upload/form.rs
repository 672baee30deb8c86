//! Receives the form of an upload: small fields in memory, the file staged in the host.
//!
//! # Invariants
//! - The file is read only if the caller may upload to its project: `name` comes before `content`, as
//!   every client sends it.
//! - Little is read before `name`, so also from a client that is not signed in.

use packhouse_plugin::digests::{BLAKE2B256, MD5, SHA256};
use packhouse_plugin::storage::Staged;
use packhouse_plugin::{Call, Part, SMALL_BODY, auth};

use super::super::{PACKAGE, require};
use crate::attestation;
use crate::error::{self, Error};
use crate::name::ProjectName;

/// Bytes of all fields before `name`. Clients send a few short ones.
const BEFORE_NAME: u64 = 64 * 1024;
/// Bytes of all fields but the file. The longest one repeats the readme.
const ALL_FIELDS: u64 = 16 << 20;

/// What came in.
pub struct Form {
    fields: Vec<(String, String)>,
    /// The project, once the caller was found to be allowed to upload to it.
    project: Option<ProjectName>,
    /// Bytes of fields so far.
    read: u64,
    /// The upload's `attestations`, as JSON.
    pub attestations: Option<String>,
    pub content: Option<Content>,
}

/// The file.
pub struct Content {
    /// As the client called it.
    pub filename: String,
    /// With SHA-256, MD5 and BLAKE2b-256.
    pub staged: Staged,
}

/// The fields that are looked at; all others repeat what is in the file.
const WANTED: [&str; 8] = [
    ":action",
    "protocol_version",
    "name",
    "version",
    "filetype",
    "sha256_digest",
    "md5_digest",
    "blake2_256_digest",
];

impl Form {
    /// Reads all of it. A caller who may not upload to the project is rejected before the file is
    /// taken.
    pub fn receive(call: &Call) -> Result<Self, Error> {
        let mut form = Self { fields: Vec::new(), project: None, read: 0, attestations: None, content: None };
        let mut body = call.body();
        while let Some(part) = body.next_part()? {
            form.take(part)?;
        }
        Ok(form)
    }

    fn take(&mut self, mut part: Part<'_>) -> Result<(), Error> {
        let name = part.name();
        match name.as_str() {
            "content" => self.take_content(part),
            "attestations" => {
                let attestations = part.text(self.room()?.min(attestation::LIMIT))?;
                self.count(attestations.len() as u64)?;
                self.attestations = Some(attestations);
                Ok(())
            }
            wanted if WANTED.contains(&wanted) => {
                let value = part.text(self.room()?.min(SMALL_BODY))?;
                self.count(value.len() as u64)?;
                let value = value.trim();
                // The first one counts, so that there are never more than there are names.
                if !value.is_empty() && self.field(wanted).is_none() {
                    self.fields.push((wanted.to_owned(), value.to_owned()));
                    if wanted == "name" {
                        return self.allow(value);
                    }
                }
                Ok(())
            }
            _ => {
                let skipped = part.skip(self.room()?)?;
                self.count(skipped)
            }
        }
    }

    /// The caller may upload to this project, or 401 or 403.
    fn allow(&mut self, name: &str) -> Result<(), Error> {
        let name = ProjectName::parse(name)?;
        require(&name, "write")?;
        self.project = Some(name);
        Ok(())
    }

    fn count(&mut self, bytes: u64) -> Result<(), Error> {
        self.read += bytes;
        self.room().map(|_| ())
    }

    /// Bytes that the fields may still have.
    fn room(&self) -> Result<u64, Error> {
        let most = if self.project.is_some() { ALL_FIELDS } else { BEFORE_NAME };
        most.checked_sub(self.read).ok_or_else(|| Error::new(error::TOO_LARGE))
    }

    fn take_content(&mut self, mut part: Part<'_>) -> Result<(), Error> {
        if self.content.is_some() {
            return Err(Error::because(error::BAD_FORM, "an upload has one file, and this has several"));
        }
        if self.project.is_none() {
            if !auth::has_credentials() {
                auth::require(PACKAGE, "*", "write")?;
            }
            let sentence = "the form's field `content` comes before `name`; send `name` first";
            return Err(Error::because(error::BAD_FORM, sentence));
        }
        let filename = part.filename().unwrap_or_default();
        let staged = part.body().stage(None, &[SHA256, MD5, BLAKE2B256])?;
        self.content = Some(Content { filename, staged });
        Ok(())
    }

    /// The first of this name that is not empty.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The same, or 400.
    pub fn require(&self, name: &str) -> Result<&str, Error> {
        self.field(name).ok_or_else(|| {
            Error::because(error::BAD_FORM, format!("the upload's form lacks the field `{name}`"))
        })
    }
}
