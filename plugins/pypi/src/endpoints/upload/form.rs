//! The form of an upload, received: its small fields in memory, its file staged with the host.

use packhouse_plugin::digests::{BLAKE2B256, MD5, SHA256};
use packhouse_plugin::storage::Staged;
use packhouse_plugin::{Call, Part, auth};

use super::super::{PACKAGE, SMALL_BODY, require};
use crate::attestation;
use crate::error::{self, Error};
use crate::name::ProjectName;

/// What came in.
pub struct Form {
    fields: Vec<(String, String)>,
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
    /// Reads all of it. Whoever may not upload to the project is refused before the file is
    /// taken.
    pub fn receive(call: &Call) -> Result<Self, Error> {
        let mut form = Self { fields: Vec::new(), attestations: None, content: None };
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
                self.attestations = Some(part.text(attestation::LIMIT)?);
                Ok(())
            }
            wanted if WANTED.contains(&wanted) => {
                let value = part.text(SMALL_BODY)?;
                let value = value.trim();
                // The first one counts, so that there are never more than there are names.
                if !value.is_empty() && self.field(wanted).is_none() {
                    self.fields.push((wanted.to_owned(), value.to_owned()));
                }
                Ok(())
            }
            // The host goes over it.
            _ => Ok(()),
        }
    }

    fn take_content(&mut self, mut part: Part<'_>) -> Result<(), Error> {
        if self.content.is_some() {
            return Err(Error::because(error::BAD_FORM, "an upload has one file, and this has several"));
        }
        match self.field("name") {
            Some(name) => require(&ProjectName::parse(name)?, "write")?,
            // Clients send it before; whoever does not must be somebody.
            None if auth::caller().is_none() => auth::require(PACKAGE, "*", "write")?,
            None => {}
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
