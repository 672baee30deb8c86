//! Request bodies: pieces, JSON strings, base64, forms, limits.

use packhouse_plugin::storage::{self, Precondition};
use packhouse_plugin::{Body, Call, Digest, Error, Response, SaveOptions};

use super::Probe;
use crate::Said;

pub const PROBES: [(&str, Probe); 9] = [
    ("pieces", pieces),
    ("json-string", json_string),
    ("base64", base64),
    ("nested", nested),
    ("json", json),
    ("json-up-to-a-limit", json_up_to_a_limit),
    ("form", form),
    ("stage", stage),
    ("save", save),
];

fn all(body: &mut Body<'_>) -> Result<String, Error> {
    Ok(String::from_utf8_lossy(&body.read_all(1 << 20)?).into_owned())
}

fn pieces(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut body = call.body();
    said.say(format!("{:?}", body.length()));
    said.say(format!("{:?}", body.read(4)?));
    said.told("give back too much", body.unread(5));
    body.unread(2)?;
    said.say(format!("{:?}", body.read(4)?));
    said.told("a piece too large", body.read((1 << 20) + 1));
    {
        let mut slice = body.slice(4)?;
        said.say(format!("{:?} {:?}", slice.length(), slice.read(2)?));
    }
    said.told("give back behind a slice", body.unread(1));
    said.say(format!("{:?}", body.read(100)?));
    said.say(format!("{:?}", body.read(100)?));
    let mut beyond = body.slice(5)?;
    said.told("a slice behind the end", beyond.read(5));
    Ok(None)
}

fn json_string(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut body = call.body();
    said.told("without its quote", body.json_string().map(drop));
    while body.read(1)? != b"\"" {}
    let read = body.json_string().and_then(|mut string| all(&mut string));
    if let Some(text) = said.told("string", read) {
        said.say(text);
    }
    said.told("rest", all(&mut body)).into_iter().for_each(|rest| said.say(rest));
    Ok(None)
}

fn base64(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut body = call.body();
    let read = body.base64().and_then(|mut decoded| decoded.read_all(1 << 20));
    if let Some(bytes) = said.told("decoded", read) {
        said.say(format!("{bytes:?}"));
    }
    said.told("rest", all(&mut body));
    Ok(None)
}

/// Base64 in a JSON string, as npm sends attachments.
fn nested(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut body = call.body();
    while body.read(1)? != b"\"" {}
    let stored = {
        let mut string = body.json_string()?;
        let mut decoded = string.base64()?;
        decoded.stage(None, &["sha256"]).map(|staged| (staged.size(), staged.read_all(100)))
    };
    if let Some((size, bytes)) = said.told("staged", stored) {
        said.say(format!("{size} {bytes:?}"));
    }
    said.told("rest", all(&mut body)).into_iter().for_each(|rest| said.say(rest));
    Ok(None)
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only shown")]
struct Recipe {
    name: String,
    dishes: Vec<Dish>,
}

#[derive(Debug, serde::Deserialize)]
#[expect(dead_code, reason = "only shown")]
struct Dish {
    grams: u32,
    kind: Kind,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Soup,
}

/// What is wrong is said in the same sentence.
fn json(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    match call.body().json::<Recipe>(1000) {
        Ok(recipe) => said.say(format!("{recipe:?}")),
        Err(error) => said.say(format!("{}: {error}", crate::word(&error))),
    }
    Ok(None)
}

fn json_up_to_a_limit(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.told("above its limit", call.body().json::<Vec<u64>>(4));
    Ok(None)
}

fn form(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut body = call.body();
    loop {
        let part = match body.next_part() {
            Ok(Some(part)) => Ok(part),
            Ok(None) => break,
            Err(error) => Err(error),
        };
        let Some(mut part) = said.told("part", part) else { break };
        let (name, filename, header) = (part.name(), part.filename(), part.header("content-type"));
        said.say(format!("{name} {filename:?} {header:?}"));
        // Of some only the beginning is read.
        let read = if name == "skipped" { part.body().read(1) } else { part.body().read_all(1000) };
        if let Some(bytes) = said.told("body", read) {
            said.say(format!("{:?}", String::from_utf8_lossy(&bytes)));
        }
    }
    said.told("once more", body.next_part().map(|part| part.is_some()));
    Ok(None)
}

fn stage(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut body = call.body();
    said.told("above its limit", body.stage(Some(4), &[]).map(drop));
    let staged = body.stage(None, &["sha1", "sha1"]);
    if let Some(staged) = said.told("stage", staged) {
        said.say(format!("{} {:?}", staged.size(), staged.digests()));
    }
    Ok(None)
}

fn save(call: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    storage::put("save/there", b"there", Precondition::Any, None)?;
    let mut body = call.body();
    let absent = SaveOptions { precondition: Precondition::Absent, ..SaveOptions::default() };
    said.told("over another", body.save("save/there", &absent).map(drop));
    let first = body.slice(4)?.save("save/first", &absent);
    said.told("first", first.map(drop));
    let wrong = [Digest { algorithm: "sha256".to_owned(), hex: "00".repeat(32) }];
    let expecting = SaveOptions { expect: &wrong, ..SaveOptions::default() };
    said.told("another digest", body.slice(4)?.save("save/second", &expecting).map(drop));
    let saved = body.save("save/rest", &SaveOptions { compute: &["md5"], ..SaveOptions::default() });
    if let Some(saved) = said.told("rest", saved) {
        said.say(format!("{} {:?}", saved.info.size, saved.digests));
    }
    let kept = |key: &str| storage::get(key).map(|object| object.map(|object| object.bytes));
    said.say(format!("{:?} {:?} {:?}", kept("save/there")?, kept("save/first")?, kept("save/second")?));
    Ok(None)
}
