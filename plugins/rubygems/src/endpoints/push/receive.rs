//! Receives the body of a push: the gem, or a form with the gem in the part `gem`, or else in its first
//! file that is a gem.
//!
//! Neither the path nor a field names the gem. `gem build` writes the gemspec at the start of the file, so
//! the name is known from the first bytes.
//!
//! # Invariants
//! - Nothing is staged unless the caller may push every gem, or the gem that the first bytes name. What the
//!   whole gem says is checked again.
//! - What comes beside the gem in a form is skipped, up to a limit.

use packhouse_plugin::auth::{self, Decision};
use packhouse_plugin::digests::SHA256;
use packhouse_plugin::storage::Staged;
use packhouse_plugin::{Body, Call, settings};

use super::require_push;
use crate::archive::{self, HEAD};
use crate::endpoints::{EVERY_GEM, GEM};
use crate::error::{self, Error};
use crate::stored;

/// Bytes of all parts of a form but the gem. Clients send attestations there.
const BESIDE: u64 = 16 << 20;

/// See the module.
pub fn receive(call: &Call) -> Result<Staged, Error> {
    let may_push_all = auth::check(GEM, EVERY_GEM, "write") == Decision::Granted;
    if !may_push_all && auth::caller().is_none() {
        auth::require(GEM, EVERY_GEM, "write")?;
    }
    settings::require_feature("push")?;
    let mut body = call.body();
    let content_type = call.header("content-type").unwrap_or_default();
    if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        return stage(&mut body, may_push_all)?.ok_or_else(nameless);
    }
    let (mut gem, mut is_named, mut room) = (None, false, BESIDE);
    while let Some(mut part) = body.next_part()? {
        let has_name = part.name() == "gem";
        if !is_named && has_name || gem.is_none() && part.filename().is_some() {
            match stage(&mut part.body(), may_push_all)? {
                Some(staged) => (gem, is_named) = (Some(staged), has_name),
                None if has_name => return Err(nameless()),
                None => {}
            }
        }
        room = room.saturating_sub(part.skip(room)?);
    }
    gem.ok_or_else(|| Error::because(error::BAD_BODY, "the form contains no gem; send it as the file `gem`"))
}

/// None if the first bytes name no gem, and the caller may not push every gem. 403 if the caller may not
/// push the gem that they name.
fn stage(body: &mut Body<'_>, may_push_all: bool) -> Result<Option<Staged>, Error> {
    if !may_push_all {
        let head = body.read(HEAD)?;
        let Some(spec) = archive::read_head(&head)? else { return Ok(None) };
        require_push(&spec.name, stored::load_any(&spec.name)?.as_ref())?;
        body.unread(u32::try_from(head.len()).unwrap_or(HEAD))?;
    }
    Ok(Some(body.stage(None, &[SHA256])?))
}

fn nameless() -> Error {
    let sentence = "the file does not begin with the metadata.gz of a gem (at most 1 MiB), so it is not known whether \
                    you may push it; build it again with `gem build`";
    Error::because(error::BAD_GEM, sentence)
}
