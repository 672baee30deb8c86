//! The body of a publish, received: its JSON in memory, its tarball staged with the host.

use packhouse_plugin::digests::{SHA1, SHA512};
use packhouse_plugin::storage::Staged;
use packhouse_plugin::{Body, Call};

use super::super::provenance::check_bundle;
use crate::error::{self, Error};
use crate::walker::{Step, Walker};

/// How much of the body is read at once, in bytes.
const PIECE: u32 = 64 * 1024;
/// The largest provenance bundle; real ones have 10 to 20 KB.
const BUNDLE_LIMIT: u64 = 1 << 20;

/// An attachment that the host has staged.
pub struct Tarball {
    /// As the client called it: `name-1.0.0.tgz`, `@scope/name-1.0.0.tgz`.
    pub name: String,
    /// With SHA-1 and SHA-512.
    pub staged: Staged,
}

/// The whole body.
pub struct Received {
    /// The JSON without the data of the attachments.
    pub json: Vec<u8>,
    pub tarball: Option<Tarball>,
    /// A Sigstore bundle.
    pub bundle: Option<Vec<u8>>,
}

/// Reads the whole body. `allow` is asked before an attachment is taken.
pub fn receive(
    call: &Call,
    mut walker: Walker,
    allow: impl Fn(&str) -> Result<(), Error>,
) -> Result<Received, Error> {
    let mut received = Received { json: Vec::new(), tarball: None, bundle: None };
    let mut body = call.body();
    loop {
        let piece = body.read(PIECE)?;
        if piece.is_empty() {
            break;
        }
        if let Step::Attachment { name, taken } = walker.feed(&piece)? {
            allow(&name)?;
            let rest = piece.len().saturating_sub(taken);
            body.unread(u32::try_from(rest).unwrap_or_default())?;
            received.take(&mut body, name)?;
        }
    }
    received.json = walker.finish()?;
    Ok(received)
}

/// Reads a body that says how all versions of a package are to be; it has no attachments.
pub fn receive_outline(call: &Call) -> Result<Vec<u8>, Error> {
    let received = receive(call, Walker::outline(), |name| {
        let sentence = format!("the attachment {name} cannot be sent here; publish it");
        Err(Error::because(error::BAD_BODY, sentence))
    })?;
    Ok(received.json)
}

impl Received {
    /// Takes the data whose opening quote was the last byte read.
    fn take(&mut self, body: &mut Body<'_>, name: String) -> Result<(), Error> {
        let mut data = body.json_string()?;
        if name.strip_suffix(".sigstore").is_some() && self.bundle.is_none() {
            let bundle = data.read_all(BUNDLE_LIMIT)?;
            check_bundle(&bundle)?;
            self.bundle = Some(bundle);
        } else if name.strip_suffix(".tgz").is_some() && self.tarball.is_none() {
            let staged = data.base64()?.stage(None, &[SHA1, SHA512])?;
            self.tarball = Some(Tarball { name, staged });
        } else {
            return Err(Error::because(
                error::BAD_BODY,
                format!(
                    "the attachment {name} is one too many: \
                     a publish has one .tgz, and at most one .sigstore"
                ),
            ));
        }
        Ok(())
    }
}
