//! Uploads that last over several requests.

use packhouse_plugin::storage::{self, Precondition};
use packhouse_plugin::uploads::Upload;
use packhouse_plugin::{Call, Digest, Error, Response};

use super::Probe;
use crate::Said;

pub const PROBES: [(&str, Probe); 2] = [("session", session), ("session-too-large", too_large)];

fn session(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut body = call.body();
    let mut upload = Upload::start("of a", &["sha256"])?;
    said.say(format!("{:?} {}", upload.label(), upload.offset()));
    said.say(format!("{:?}", upload.append(Some(0), Some(4), &mut body.slice(4)?)));
    said.told("at another offset", upload.append(Some(9), None, &mut body.slice(0)?));
    said.told("shorter than it says", upload.append(Some(4), Some(5), &mut body.slice(2)?));
    said.say(upload.offset());
    let mut again = Upload::open(&upload.id())?.ok_or(Error::NotFound)?;
    said.say(format!("{:?} {}", again.label(), again.offset()));
    said.say(format!("{:?}", again.append(None, None, &mut body.slice(4)?)));
    let wrong = [Digest { algorithm: "sha256".to_owned(), hex: "00".repeat(32) }];
    let mut finish = |key: &str, expect: &[Digest], precondition| {
        said.told(key, again.finish(key, expect, precondition, None));
    };
    storage::put("session/there", b"x", Precondition::Any, None)?;
    finish("session/wrong", &wrong, Precondition::Any);
    finish("../session", &[], Precondition::Any);
    finish("session/there", &[], Precondition::Absent);
    finish("session/a", &[], Precondition::Absent);
    finish("session/again", &[], Precondition::Absent);
    said.say(format!("{:?}", storage::get("session/a")?.map(|document| document.bytes)));
    said.say(format!("still open: {}", Upload::open(&again.id())?.is_some()));
    said.told("append to what has ended", again.append(None, None, &mut body));
    let cancelled = Upload::start("cancelled", &[])?;
    let id = cancelled.id();
    cancelled.cancel()?;
    said.say(format!("still open: {}", Upload::open(&id)?.is_some()));
    said.told("an unknown digest", Upload::start("x", &["crc7"]).map(drop));
    Ok(None)
}

/// The limit of an upload is one for all its pieces.
fn too_large(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut body = call.body();
    let half = body.length().unwrap_or_default() / 2;
    let mut upload = Upload::start("", &[])?;
    said.told("a first half", upload.append(None, None, &mut body.slice(half)?));
    said.told("a second half", upload.append(None, None, &mut body.slice(half)?));
    said.say(upload.offset() == half);
    Ok(None)
}
