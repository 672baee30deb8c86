//! The limits of a request: what is just allowed, and what ends the request.

use packhouse_plugin::digests::Hasher;
use packhouse_plugin::storage::{self, Precondition, Reader, Writer};
use packhouse_plugin::uploads::Upload;
use packhouse_plugin::{Call, Error, Response, auth, digests};

use super::Probe;
use crate::Said;

pub const PROBES: [(&str, Probe); 22] = [
    ("open-64", |_, said| open(said, 64)),
    ("open-65", |_, said| open(said, 65)),
    ("staged-65", |_, said| hold_staged(said, 65)),
    ("parts-64", |_, _| parts(64)),
    ("parts-65", |_, _| parts(65)),
    ("reply", |_, _| reply(1 << 20)),
    ("reply-too-large", |_, _| reply((1 << 20) + 1)),
    ("calls", calls),
    ("resources", |_, said| hold(said, 4000)),
    ("too-many-resources", |_, said| hold(said, 4097)),
    ("turns", turns),
    ("uploads", |_, said| uploads(said, 8)),
    ("too-many-uploads", |_, said| uploads(said, 9)),
    ("opened-uploads", |_, said| opened_uploads(said, 64)),
    ("too-many-opened-uploads", |_, said| opened_uploads(said, 65)),
    ("headers", |_, _| headers(50)),
    ("too-many-headers", |_, _| headers(101)),
    ("a-long-header", |_, _| Ok(Some(Response::new(200).header("x-long", &"x".repeat((256 << 10) + 1))))),
    ("mixed", mixed),
    ("status", |_, _| Ok(Some(Response::new(99)))),
    ("header", |_, _| Ok(Some(Response::new(200).header("x-bad", "a\nb")))),
    ("pieces-too-large", pieces),
];

fn object() -> Result<(), Error> {
    storage::put("limits/a", b"x", Precondition::Any, None).map(drop)
}

fn open(said: &mut Said, count: usize) -> Result<Option<Response>, Error> {
    object()?;
    let readers = (0..count).map(|_| Reader::open("limits/a")).collect::<Result<Vec<_>, _>>()?;
    said.say(readers.len());
    Ok(None)
}

fn hold_staged(said: &mut Said, count: usize) -> Result<Option<Response>, Error> {
    let one = |_| {
        let mut writer = Writer::new(&[]);
        writer.add(b"x")?;
        writer.finish()
    };
    said.say((0..count).map(one).collect::<Result<Vec<_>, Error>>()?.len());
    Ok(None)
}

fn parts(count: usize) -> Result<Option<Response>, Error> {
    object()?;
    let mut response = Response::new(200);
    for _ in 0..count {
        response.write_object("limits/a")?;
    }
    Ok(Some(response))
}

fn reply(bytes: usize) -> Result<Option<Response>, Error> {
    Ok(Some(Response::new(200).bytes(vec![b'x'; bytes])))
}

fn calls(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    for _ in 0..=100_000 {
        auth::is_public("thing", "a", "read");
    }
    said.say("not ended");
    Ok(None)
}

fn hold(said: &mut Said, count: usize) -> Result<Option<Response>, Error> {
    said.say((0..count).map(|_| Hasher::new(&[])).collect::<Vec<_>>().len());
    Ok(None)
}

fn turns(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    for _ in 0..200 {
        storage::wait_turn("limits/a", 0)?;
    }
    said.told("one more", storage::wait_turn("limits/a", 0));
    Ok(None)
}

fn uploads(said: &mut Said, count: usize) -> Result<Option<Response>, Error> {
    for _ in 0..count {
        Upload::start("limits", &[])?.cancel()?;
    }
    said.say(count);
    Ok(None)
}

fn opened_uploads(said: &mut Said, count: usize) -> Result<Option<Response>, Error> {
    for _ in 0..count {
        drop(Upload::open("nonsense")?);
    }
    said.say(count);
    Ok(None)
}

fn headers(count: usize) -> Result<Option<Response>, Error> {
    let all = (0..count).fold(Response::new(200).bytes("done"), |response, number| {
        response.add_header("x-number", &number.to_string())
    });
    Ok(Some(all))
}

/// Text and objects, in the order in which they were written.
fn mixed(_: &Call, _: &mut Said) -> Result<Option<Response>, Error> {
    object()?;
    let mut response = Response::new(200).text("text ");
    response.write_object("limits/a")?;
    let absent = response.write_object("limits/nothing")?.is_none();
    response = response.bytes(format!(" {absent} "));
    response.write_object("limits/a")?;
    Ok(Some(response))
}

fn pieces(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let large = vec![0; (1 << 20) + 1];
    said.told("digests", digests::of(&large, &["md5"]).map(drop));
    said.told("an unknown digest", digests::of(b"x", &["crc7"]).map(drop));
    said.told("a long label", Upload::start(&"x".repeat(1025), &[]).map(drop));
    said.say(format!("{:?}", Upload::open("nonsense")?.is_some()));
    Ok(None)
}
