//! Storage: versions and preconditions, keys, lists, staged bytes, copies.

use packhouse_plugin::storage::{
    self, ListingOptions, Packed, Packing, Precondition, Reader, Staged, Writer,
};
use packhouse_plugin::{Call, Digest, Error, Response};

use super::Probe;
use crate::Said;

pub const PROBES: [(&str, Probe); 9] = [
    ("versions", versions),
    ("keys", keys),
    ("clashes", clashes),
    ("lists", lists),
    ("readers", readers),
    ("staged", staged),
    ("expected", expected),
    ("copies", copies),
    ("appends", appends),
];

fn versions(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let put = |text: &str, precondition| storage::put("versions/a", text.as_bytes(), precondition, None);
    said.told("replace nothing", put("x", Precondition::Version("1")));
    let first = put("first", Precondition::Absent)?;
    said.told("create again", put("again", Precondition::Absent));
    let second = put("second", Precondition::Version(&first.version))?;
    said.told("replace an old version", put("third", Precondition::Version(&first.version)));
    said.say(format!("versions differ: {}", first.version != second.version));
    let read = storage::get("versions/a")?;
    let read = read.map(|read| (read.bytes, read.info.version == second.version, read.info.size));
    said.say(format!("read: {read:?}"));
    said.say(format!("nothing: {:?} {:?}", storage::get("versions/b")?, storage::stat("versions/b")?));
    let many = storage::stat_many(&["versions/a", "versions/b"])?;
    said.say(format!("many: {:?}", many.iter().map(Option::is_some).collect::<Vec<_>>()));
    said.told("remove an old version", storage::remove("versions/a", Precondition::Version(&first.version)));
    said.say(storage::remove("versions/a", Precondition::Version(&second.version))?);
    said.say(storage::remove("versions/a", Precondition::Any)?);
    said.told("remove a version of nothing", storage::remove("versions/a", Precondition::Version("1")));
    said.say(format!("digests of nothing: {:?}", storage::digests("versions/a", &["sha256"])?));
    said.told("an unknown digest", storage::digests("versions/a", &["crc7"]));
    Ok(None)
}

fn keys(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let (long, segments) = ("k".repeat(256), ["keys"; 210].join("/"));
    for key in [
        "",
        "/keys",
        "keys/",
        "keys//a",
        "keys/./a",
        "../keys",
        "keys/a\nb",
        ".packhouse/a",
        &long,
        &segments,
    ] {
        let shown: String = key.escape_debug().take(20).collect();
        said.told(&format!("write {shown}"), storage::put(key, b"x", Precondition::Any, None));
        said.told(&format!("read {shown}"), storage::get(key));
    }
    for key in ["keys/.packhouse/a", "keys/@a:b c", "keys/…"] {
        said.told(&format!("write {key}"), storage::put(key, b"x", Precondition::Any, None));
    }
    Ok(None)
}

fn clashes(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    storage::put("clashes/a/b", b"x", Precondition::Any, None)?;
    let put = |key: &str| storage::put(key, b"x", Precondition::Any, None);
    said.told("an object for a folder", put("clashes/a"));
    said.told("a folder for an object", put("clashes/a/b/c"));
    let mut writer = Writer::new(&[]);
    writer.add(b"x")?;
    let mut staged = writer.finish()?;
    said.told("commit", staged.commit("clashes/a/b/c", &[], Precondition::Absent, None));
    said.told("commit elsewhere", staged.commit("clashes/b", &[], Precondition::Absent, None));
    said.say(format!("a folder is nothing: {:?}", storage::stat("clashes/a")?.is_some()));
    said.say(format!("below an object is nothing: {:?}", storage::stat("clashes/b/c")?.is_some()));
    Ok(None)
}

fn lists(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    for key in ["a-b", "a/b", "a/c", "ab", "b"] {
        storage::put(&format!("lists/{key}"), b"x", Precondition::Any, None)?;
    }
    let mut show = |name: &str, options: ListingOptions<'_>| match storage::list_page(&options) {
        Ok(page) => {
            let keys: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
            said.say(format!("{name}: {keys:?} {:?} {:?}", page.folders, page.next));
        }
        Err(error) => drop(said.told::<()>(name, Err(error))),
    };
    let all = || ListingOptions::new("lists/");
    show("all", all());
    show("a prefix", ListingOptions::new("lists/a"));
    show("folders", ListingOptions { folders: true, ..all() });
    show("after", ListingOptions { after: Some("lists/a-b"), ..all() });
    show("after a folder", ListingOptions { folders: true, after: Some("lists/a/"), ..all() });
    show("limit 0", ListingOptions { limit: 0, ..all() });
    show("limit 1001", ListingOptions { limit: 1001, ..all() });
    show("a bad prefix", ListingOptions::new("lists/../a"));
    let two = storage::list_page(&ListingOptions { limit: 2, ..all() })?;
    let rest = storage::list_page(&ListingOptions { after: two.next.as_deref(), ..all() })?;
    said.say(format!("pages: {} {}", two.objects.len(), rest.objects.len()));
    Ok(None)
}

fn readers(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.say(Reader::open("readers/a")?.is_none());
    storage::put("readers/a", b"0123456789", Precondition::Any, None)?;
    let Some(reader) = Reader::open("readers/a")? else { return Err(Error::NotFound) };
    said.say(format!("{:?} {:?}", reader.read_at(3, 4)?, reader.read_at(8, 4)?));
    said.say(format!("behind the end: {:?}", reader.read_at(20, 4)?));
    said.told("a piece too large", reader.read_at(0, (1 << 20) + 1));
    said.told("digests outside", reader.digest_range(5, 6, &["md5"]));
    said.say(format!("{:?}", reader.digest_range(0, 10, &["md5"])?));
    Ok(None)
}

fn written(bytes: &[u8]) -> Result<Staged, Error> {
    let mut writer = Writer::new(&["sha256"]);
    writer.add(bytes)?;
    writer.finish()
}

fn staged(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut staged = written(b"0123456789")?;
    said.say(format!("{} {:?}", staged.size(), staged.read_at(8, 4)?));
    let wrong = Digest { algorithm: "sha1".to_owned(), hex: "00".repeat(20) };
    said.told("a wrong digest", staged.commit("staged/a", &[wrong], Precondition::Any, None));
    let right = staged.digests();
    let upper = right.iter().map(|digest| Digest { hex: digest.hex.to_uppercase(), ..digest.clone() });
    let upper: Vec<_> = upper.collect();
    said.told("the right one", staged.commit("staged/a", &upper, Precondition::Absent, None));
    said.told("read it afterwards", staged.read_at(0, 1));
    said.told("commit it again", staged.commit("staged/b", &[], Precondition::Any, None));
    said.say(format!("still known: {} {}", staged.size(), staged.digests() == right));
    let other = written(b"stored bytes")?;
    let part = |offset, length, limit| Packed { offset, length, packing: Packing::Store, limit };
    let unpacked = other.unpack(&[part(0, 6, 6), part(7, 5, 4)])?;
    said.say(format!(
        "{:?}",
        unpacked.iter().map(|part| part.as_ref().map(|part| part.size)).collect::<Vec<_>>()
    ));
    said.told("parts out of order", other.unpack(&[part(7, 5, 5), part(0, 6, 6)]));
    said.told("a part outside", other.unpack(&[part(7, 50, 50)]));
    let mut unknown = Writer::new(&["crc7"]);
    let added = unknown.add(&vec![0; 300_000]);
    said.told("an unknown digest", added);
    Ok(None)
}

fn expected(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let mut staged = written(b"0123456789")?;
    let digest = |algorithm: &str, hex: &str| Digest { algorithm: algorithm.to_owned(), hex: hex.to_owned() };
    let mut told = |what: &str, expect: &[Digest]| {
        said.told(what, staged.commit("expected/a", expect, Precondition::Any, None));
    };
    told("an unknown digest", &[digest("crc7", "00")]);
    told("a long digest", &[digest("md5", &"0".repeat(257))]);
    let md5 = digest("md5", "781e5e245d69b566979b86e28d23f2c7");
    told("65 digests", &vec![md5.clone(); 65]);
    told("64 digests", &vec![md5; 64]);
    Ok(None)
}

fn copies(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let first = storage::put("copies/a", b"first", Precondition::Any, None)?;
    let copy =
        |version: &str, key: &str, precondition| storage::copy("copies/a", version, key, precondition, None);
    said.told("copy", copy(&first.version, "copies/b", Precondition::Absent));
    said.told("copy again", copy(&first.version, "copies/b", Precondition::Absent));
    said.told("an unknown version", copy("0", "copies/c", Precondition::Any));
    said.told("to a bad key", copy(&first.version, "../c", Precondition::Any));
    said.told("nothing", storage::copy("copies/d", "0", "copies/c", Precondition::Any, None));
    storage::put("copies/a", b"second", Precondition::Any, None)?;
    said.told("an old version", copy(&first.version, "copies/c", Precondition::Any));
    let copied = storage::get("copies/b")?.map(|copied| copied.bytes);
    said.say(format!("{copied:?} {:?}", storage::get("copies/c")?));
    Ok(None)
}

fn appends(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let source = storage::put("appends/a", b"first ", Precondition::Any, None)?;
    let mut writer = Writer::new(&["sha256"]);
    writer.add(b"begin ")?;
    writer.append_object("appends/a", &source.version)?;
    writer.append_object("appends/a", &source.version)?;
    writer.add(b"end")?;
    said.say(writer.written());
    let mut staged = writer.finish()?;
    let whole = b"begin first first end";
    said.say(staged.read_all(100)? == whole);
    said.say(packhouse_plugin::digests::of(whole, &["sha256"])? == staged.digests());
    said.told("commit", staged.commit("appends/b", &[], Precondition::Absent, None));
    let mut writer = Writer::new(&[]);
    said.told("an unknown version", writer.append_object("appends/a", "0"));
    said.told("nothing", writer.append_object("appends/c", "0"));
    said.told("above the limit", {
        let large = storage::put("appends/d", &vec![7; 600_000], Precondition::Any, None)?;
        writer.append_object("appends/d", &large.version)?;
        writer.append_object("appends/d", &large.version)
    });
    Ok(None)
}
