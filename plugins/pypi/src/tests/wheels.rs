//! Wheels that clients disagree about, made byte by byte. A wheel is accepted only if pip and uv
//! both install it: what each of them does with these archives was tried.

use super::*;

/// The first file of a wheel, with everything that is said of it in two places.
struct Member {
    /// The compression method.
    method: u16,
    packed: Vec<u8>,
    /// Bit 3 of the flags, and what stands behind the data then.
    descriptor: Option<Vec<u8>>,
    /// Checksum, packed size, size and extra fields.
    front: Said,
    directory: Said,
}

#[derive(Clone)]
struct Said {
    crc: u32,
    packed: u32,
    size: u32,
    extra: Vec<u8>,
}

const PATH: &str = "demo.py";
const DEFLATE: u16 = 8;
/// Says that a size is in the extra field.
const ELSEWHERE: u32 = u32::MAX;

fn content() -> Vec<u8> {
    b"print(1)\n".repeat(30)
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap()
}

impl Member {
    fn of(content: &[u8], method: u16) -> Self {
        let packed = if method == DEFLATE { deflated(content) } else { content.to_vec() };
        let said = Said {
            crc: crc(content),
            packed: number(packed.len()),
            size: number(content.len()),
            extra: Vec::new(),
        };
        Self { method, packed, descriptor: None, front: said.clone(), directory: said }
    }

    fn plain() -> Self {
        Self::of(&content(), DEFLATE)
    }

    fn front(mut self, change: impl Fn(&mut Said)) -> Self {
        change(&mut self.front);
        self
    }

    fn directory(mut self, change: impl Fn(&mut Said)) -> Self {
        change(&mut self.directory);
        self
    }

    fn both(self, change: impl Fn(&mut Said)) -> Self {
        self.front(&change).directory(&change)
    }

    /// Sizes and checksum are not known at the front and stand behind the data.
    fn streamed(self, descriptor: &[u8]) -> Self {
        let descriptor = Some(descriptor.to_vec());
        Self { descriptor, ..self }.front(|front| (front.crc, front.packed, front.size) = (0, 0, 0))
    }

    fn bytes(&self, path: &str, offset: u32) -> (Vec<u8>, Vec<u8>) {
        let flags = u16::from(self.descriptor.is_some()) << 3;
        let common = |said: &Said| {
            let mut bytes = Vec::new();
            for short in [20, flags, self.method, 0, 33] {
                bytes.extend(short.to_le_bytes());
            }
            for long in [said.crc, said.packed, said.size] {
                bytes.extend(long.to_le_bytes());
            }
            for short in [path.len(), said.extra.len()] {
                bytes.extend(u16::try_from(short).unwrap().to_le_bytes());
            }
            bytes
        };
        let behind = self.descriptor.as_deref().unwrap_or_default();
        let front =
            [b"PK\x03\x04", &*common(&self.front), path.as_bytes(), &self.front.extra, &self.packed, behind];
        let mut entry = [b"PK\x01\x02\x14\x03", &*common(&self.directory), &[0; 6]].concat();
        entry.extend((0o100_644_u32 << 16).to_le_bytes());
        entry.extend(offset.to_le_bytes());
        entry.extend(path.as_bytes());
        entry.extend(&self.directory.extra);
        (front.concat(), entry)
    }
}

/// A wheel of `demo` 1.0 that begins with this file.
fn wheel(member: Member) -> Vec<u8> {
    let metadata = samples::metadata("demo", "1.0");
    let info = |file: &str| format!("demo-1.0.dist-info/{file}");
    let members = [
        (PATH.to_owned(), member),
        (info("METADATA"), Member::of(metadata.as_bytes(), DEFLATE)),
        (info("WHEEL"), Member::of(b"Wheel-Version: 1.0\n", DEFLATE)),
        (info("RECORD"), Member::of(b"", 0)),
    ];
    let (mut files, mut directory) = (Vec::new(), Vec::new());
    for (path, member) in &members {
        let (front, entry) = member.bytes(path, number(files.len()));
        files.extend(front);
        directory.extend(entry);
    }
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let (size, start) = (number(directory.len()).to_le_bytes(), number(files.len()).to_le_bytes());
    let end = [b"PK\x05\x06\0\0\0\0".as_slice(), &count, &count, &size, &start, &[0, 0]].concat();
    [files, directory, end].concat()
}

/// An extra field.
fn field(id: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&id.to_le_bytes(), &length.to_le_bytes(), data].concat()
}

/// The extra field for 8-byte numbers.
fn large(numbers: &[u32]) -> Vec<u8> {
    field(1, &eight_bytes(numbers))
}

fn eight_bytes(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| u64::from(*number).to_le_bytes()).collect()
}

fn descriptor(member: &Member, eight: bool, signed: bool) -> Vec<u8> {
    let said = &member.directory;
    let sizes = [said.packed, said.size];
    let sizes =
        if eight { eight_bytes(&sizes) } else { sizes.iter().flat_map(|size| size.to_le_bytes()).collect() };
    let signature: &[u8] = if signed { b"PK\x07\x08" } else { b"" };
    [signature, &said.crc.to_le_bytes(), &sizes].concat()
}

fn upload(member: Member) -> Reply {
    let content = wheel(member);
    let upload = Upload::of("demo", "1.0", "bdist_wheel", "demo-1.0-py3-none-any.whl", content);
    upload.send(&host().as_user("ann"))
}

fn accept(what: &str, member: Member) {
    let reply = upload(member);
    assert_eq!(reply.status(), 200, "{what}: {}", reply.text());
}

fn refuse(what: &str, member: Member, sentence: &str) {
    let reply = upload(member);
    assert_eq!(reply.status(), 400, "{what}: {}", reply.text());
    assert!(reply.text().contains(sentence), "{what}: {:?} should say {sentence:?}", reply.text());
}

#[test]
fn every_file_is_what_the_directory_says() {
    accept("deflated", Member::plain());
    accept("stored", Member::of(&content(), 0));
    accept("empty", Member::of(b"", 0));
    accept("empty, deflated", Member::of(b"", DEFLATE));
    for method in [0, DEFLATE] {
        let member = Member::of(&content(), method).both(|said| said.crc ^= 1);
        refuse("another checksum", member, "checksum (CRC-32)");
    }
    refuse("fewer bytes", Member::plain().both(|said| said.size += 1), "another size");
    refuse("more bytes", Member::plain().both(|said| said.size -= 1), "is damaged");
    refuse("stored, of two sizes", Member::of(&content(), 0).both(|said| said.size += 1), "another size");
    let mut junk = Member::plain().both(|said| said.packed += 4);
    junk.packed.extend(b"evil");
    refuse("more behind its data", junk, "do not end where");
    let mut cut = Member::plain().both(|said| said.packed -= 1);
    cut.packed.pop();
    refuse("cut", cut, "is damaged");
    let mut flipped = Member::plain();
    flipped.packed[8] ^= 0xff;
    refuse("flipped", flipped, "demo.py");
    let bzip2 = Member { method: 12, ..Member::plain() };
    refuse("another compression", bzip2, "only deflate and store");
}

#[test]
fn large_sizes_stand_only_where_the_header_asks_for_them() {
    let (size, packed) = (number(content().len()), Member::plain().front.packed);
    let front = |numbers: &[u32]| Member::plain().front(|front| front.extra = large(numbers));
    accept("both, repeated", front(&[size, packed]));
    accept("none", front(&[]));
    refuse("both, differing", front(&[size + 1, packed]), "8-byte sizes");
    refuse("one", front(&[size]), "8-byte sizes");
    refuse("three", front(&[size, packed, 0]), "8-byte sizes");
    let asked = |numbers: &[u32]| front(numbers).front(|front| front.size = ELSEWHERE);
    accept("one that is asked for", asked(&[size]));
    refuse("one that is not", asked(&[size, packed]), "8-byte sizes");
    accept("two that are", asked(&[size, packed]).front(|front| front.packed = ELSEWHERE));
    let directory = |numbers: &[u32]| Member::plain().directory(|said| said.extra = large(numbers));
    accept("none in the directory", directory(&[]));
    refuse("repeated in the directory", directory(&[size, packed]), "8-byte sizes");
    refuse("one in the directory", directory(&[size]), "8-byte sizes");
    let asked = |numbers: &[u32]| {
        directory(numbers).directory(|said| (said.size, said.packed) = (ELSEWHERE, ELSEWHERE))
    };
    accept("asked for in the directory", asked(&[size, packed]));
    refuse("three in the directory", asked(&[size, packed, 0]), "8-byte sizes");
}

#[test]
fn extra_fields_are_whole_and_there_is_one_of_each() {
    let (twice, cut) = ([field(0xcafe, b""), field(0xcafe, b"")].concat(), b"\xfe\xca\x09\0".to_vec());
    for (extra, sentence) in [(twice, "second name or size"), (cut, "cut off")] {
        refuse("at the front", Member::plain().front(|said| said.extra.clone_from(&extra)), sentence);
        refuse("in the directory", Member::plain().directory(|said| said.extra.clone_from(&extra)), sentence);
    }
    accept("padding", Member::plain().front(|said| said.extra = vec![0; 3]));
    accept("an unknown field", Member::plain().both(|said| said.extra = field(0xcafe, b"x")));
}

#[test]
fn what_stands_behind_a_file_has_the_width_that_its_front_announces() {
    let behind = |eight: bool, signed: bool| descriptor(&Member::plain(), eight, signed);
    accept("four bytes", Member::plain().streamed(&behind(false, true)));
    accept("four bytes, not signed", Member::plain().streamed(&behind(false, false)));
    refuse("eight bytes", Member::plain().streamed(&behind(true, true)), "between its files");
    let announced =
        |eight| Member::plain().streamed(&behind(eight, true)).front(|front| front.extra = large(&[0, 0]));
    accept("eight bytes that are announced", announced(true));
    refuse("four bytes instead", announced(false), "between its files");
    let asked = announced(true).front(|front| (front.size, front.packed) = (ELSEWHERE, ELSEWHERE));
    accept("eight bytes that are asked for", asked);
    let known = Member { descriptor: Some(behind(false, true)), ..Member::plain() };
    accept("sizes in both places", known);
    let stored = Member::of(&content(), 0);
    let behind = descriptor(&stored, false, true);
    refuse("stored", stored.streamed(&behind), "no size in its local header");
}
