//! Documents: stamps and proofs, many at once, the store's clock, packed parts.

use packhouse_plugin::storage::{
    self, Before, Change, Json, Name, Packed, Packing, Precondition, Proof, Update, Writer, put_proven,
    put_rebuilt,
};
use packhouse_plugin::{Call, Error, Response};

use super::Probe;
use crate::Said;

pub const PROBES: [(&str, Probe); 6] = [
    ("stamps", stamps),
    ("proofs", proofs),
    ("lost", lost),
    ("many", many),
    ("now", now),
    ("unpacked", unpacked),
];

fn read(key: &str) -> Result<storage::Document, Error> {
    storage::get(key)?.ok_or(Error::NotFound)
}

/// A stamp is of blanks: the document is shown without them.
fn shown(document: &storage::Document) -> String {
    format!("{:?} {}", String::from_utf8_lossy(&document.bytes).trim_end(), document.bytes.len())
}

fn stamps(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let key = "stamps/a";
    said.told("create", put_proven(key, None, b"{\"a\":1}".to_vec(), None));
    let first = read(key)?;
    said.say(shown(&first));
    said.told("create again", put_proven(key, None, b"{}".to_vec(), None));
    let before = Before::from(&first);
    said.told("change", put_proven(key, Some(&before), b"{\"a\":2}".to_vec(), None));
    said.told("change what was read before", put_proven(key, Some(&before), b"{}".to_vec(), None));
    said.say(shown(&read(key)?));
    // Somebody restores an older copy.
    storage::put(key, &first.bytes, Precondition::Any, None)?;
    let older = Before::from(&read(key)?);
    said.say(format!("an older copy: {}", Proof::of(key)?.is_ahead_of(&read(key)?)?));
    said.told("change an older copy", put_proven(key, Some(&older), b"{}".to_vec(), None));
    said.told("make it anew", put_rebuilt(key, Some(&older), b"{\"a\":3}".to_vec(), None));
    said.say(shown(&read(key)?));
    Ok(None)
}

fn proofs(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let (key, file) = ("proofs-of/a", "proofs-of/file");
    let names = [Name { note: Some("noted".to_owned()), ..Name::from(file.to_owned()) }];
    let naming = Update::new(key).proven().naming(&names);
    let changed = naming.run(|there| match there {
        None => Change::json(&["x"]),
        Some(_) => Ok::<_, Error>(Change::Keep),
    });
    said.told("update", changed);
    let proof = Proof::of(key)?;
    said.say(format!("{} {} {:?}", proof.is_there(), proof.names(file), proof.note(file)));
    said.told("unnamed", proof.check_unnamed(file));
    said.told("another unnamed", proof.check_unnamed("proofs-of/other"));
    storage::release(key, &Before::from(&read(key)?), &[file.to_owned()])?;
    said.told("unnamed after its release", Proof::of(key)?.check_unnamed(file));
    let list = Json::<Vec<u64>>::at("proofs-of/b").proven();
    said.told("create", list.update(|_| Ok::<_, Error>(Some(vec![1]))));
    said.told("change", list.update(|there| Ok::<_, Error>(there.map(|list| [list, vec![2]].concat()))));
    said.say(format!("{:?}", list.read()?));
    storage::put("proofs-of/b", b"[1, \"x\"]", Precondition::Any, None)?;
    said.told("damaged", list.read());
    said.told("change it", list.update(|_| Ok::<_, Error>(Some(vec![]))));
    Ok(None)
}

fn lost(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.told("never there", storage::check_absent("lost/a"));
    said.told("create", put_proven("lost/a", None, b"{}".to_vec(), None));
    storage::remove("lost/a", Precondition::Any)?;
    said.told("lost", storage::check_absent("lost/a"));
    said.told("begin anew", put_proven("lost/a", None, b"{}".to_vec(), None));
    let update = Update::new("lost/a").proven();
    said.told("update", update.run(|_| Ok::<_, Error>(Change::Write(b"{}".to_vec()))));
    said.told("make it anew", put_rebuilt("lost/a", None, b"{}".to_vec(), None));
    storage::put("lost/b", b"by hand", Precondition::Any, None)?;
    storage::leave_proof("lost/b");
    said.say(Proof::of("lost/b")?.is_there());
    Ok(None)
}

fn many(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let large = vec![b'x'; 700_000];
    for (key, bytes) in [("many/3", &large[..]), ("many/4", &large[..]), ("many/150", &b"small"[..])] {
        storage::put(key, bytes, Precondition::Any, None)?;
    }
    let keys: Vec<_> = (0..200).map(|number| format!("many/{number}")).collect();
    let sizes = storage::get_each(&keys).map(|read| Ok(read?.map_or(0, |document| document.bytes.len())));
    let sizes = sizes.collect::<Result<Vec<_>, Error>>()?;
    said.say(format!("{} {:?}", sizes.len(), sizes.iter().filter(|size| **size > 0).collect::<Vec<_>>()));
    let found = storage::stat_many(&keys)?;
    said.say(format!("{} {}", found.len(), found.iter().flatten().count()));
    said.told("a bad key among them", storage::stat_many(&["many/3", "../a"]));
    Ok(None)
}

fn now(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let written = storage::put("now/a", b"x", Precondition::Any, None)?;
    let age = storage::age(&written)?;
    said.say(format!("just written: {:?}", age.map(|age| age < 60_000)));
    // It may be behind by two seconds and the time of an answer.
    let behind = storage::now()?.abs_diff(written.modified.unwrap_or_default());
    said.say(format!("close to its time: {}", behind < 60_000));
    Ok(None)
}

fn unpacked(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    // `hello hello hello` by RFC 1951, and the same cut.
    let deflated = [0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x90, 0x00];
    let mut writer = Writer::new(&[]);
    writer.add(&deflated)?;
    writer.add(&[0xff; 20])?;
    let staged = writer.finish()?;
    let length = deflated.len() as u64;
    for (name, offset, length, limit) in [
        ("whole", 0, length, 17),
        ("above its limit", 0, length, 16),
        ("cut", 0, length - 3, 17),
        ("with more behind", 0, length + 1, 17),
        ("damaged", length, 20, 17),
    ] {
        let part = Packed { offset, length, packing: Packing::Deflate, limit };
        let parts = staged.unpack(&[part]);
        let parts = said.told(name, parts).unwrap_or_default();
        said.say(format!("{:?}", parts.iter().flatten().map(|part| (part.size, part.crc32)).next()));
    }
    Ok(None)
}
