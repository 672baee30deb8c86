//! Uploads that are not what they say. Each is refused with a sentence, and nothing is stored.

use super::*;

/// A wheel of `demo` 1.0 with this content is refused.
#[track_caller]
fn refuse_wheel(content: Vec<u8>, sentence: &str) {
    let host = host();
    let upload = Upload::of("demo", "1.0", "bdist_wheel", "demo-1.0-py3-none-any.whl", content);
    assert_refused(&host, &upload.send(&host.as_user("ann")), 400, sentence);
}

/// A source distribution of `demo` 1.0 with this content is refused.
#[track_caller]
fn refuse_sdist(content: Vec<u8>, sentence: &str) {
    let host = host();
    let upload = Upload::of("demo", "1.0", "sdist", "demo-1.0.tar.gz", content);
    assert_refused(&host, &upload.send(&host.as_user("ann")), 400, sentence);
}

#[test]
fn forms_that_are_none() {
    let host = host();
    let ann = host.as_user("ann");
    let upload = Upload::wheel("demo", "1.0");
    for (upload, sentence) in [
        (upload.clone().without(":action"), ":action"),
        (upload.clone().field(":action", "submit"), "submit"),
        (upload.clone().field("protocol_version", "2"), "protocol_version"),
        (upload.clone().without("name"), "`name`"),
        (upload.clone().without("version"), "`version`"),
        (upload.clone().without("filetype"), "`filetype`"),
        (upload.clone().field("name", "../evil"), "not a valid project name"),
        (upload.clone().field("version", "latest"), "not a valid version"),
    ] {
        assert_refused(&host, &upload.send(&ann), 400, sentence);
    }
    let reply = ann.post("/legacy/").json(&json!({})).send::<Pypi>();
    assert_refused(&host, &reply, 400, "form");
    let field = |name, content| FormField { name, filename: None, content };
    let fields = [
        field(":action", b"file_upload".as_slice()),
        field("name", b"demo"),
        field("version", b"1.0"),
        field("filetype", b"sdist"),
    ];
    let reply = ann.post("/legacy/").form(&fields).send::<Pypi>();
    assert_refused(&host, &reply, 400, "`content`");
}

#[test]
fn a_form_without_its_end() {
    let host = host();
    let body = "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\ndemo\r\n--x\r\n\
                Content-Disposition: form-data; name=\"content\"; filename=\"a.whl\"\r\n\r\nhalf of it";
    let request = host.as_user("ann").post("/legacy/");
    let request = request.header("content-type", "multipart/form-data; boundary=x").body(body);
    assert_refused(&host, &request.send::<Pypi>(), 400, "ended too early");
}

#[test]
fn two_files_in_one_form() {
    let host = host();
    let file = FormField { name: "content", filename: Some("a.whl"), content: b"1" };
    let name = FormField { name: "name", filename: None, content: b"demo" };
    let reply = host.as_user("ann").post("/legacy/").form(&[name, file, file]).send::<Pypi>();
    assert_refused(&host, &reply, 400, "several");
}

#[test]
fn a_file_before_the_name_of_its_project() {
    let host = host();
    let upload = Upload::wheel("demo", "1.0");
    let file = FormField { name: "content", filename: Some(&upload.filename), content: &upload.content };
    let rest = upload.fields.iter().map(|(name, value)| FormField {
        name,
        filename: None,
        content: value.as_bytes(),
    });
    let form: Vec<FormField<'_>> = [file].into_iter().chain(rest).collect();
    for (actor, status, sentence) in [
        (host.as_user("ann"), 400, "send `name` first"),
        (host.as_user("bob"), 400, "send `name` first"),
        (host.anonymous(), 401, "sign in first"),
    ] {
        let reply = actor.post("/legacy/").form(&form).send::<Pypi>();
        assert_refused(&host, &reply, status, sentence);
    }
}

#[test]
fn fields_that_are_too_large() {
    let host = host();
    let text = |size: usize| "x".repeat(size);
    let of = |fields: &[(&str, &str)]| {
        let fields: Vec<FormField<'_>> = fields
            .iter()
            .map(|(name, value)| FormField { name, filename: None, content: value.as_bytes() })
            .collect();
        host.as_user("ann").post("/legacy/").form(&fields).send::<Pypi>()
    };
    let (small, large) = (text(40 << 10), text(9 << 20));
    // Before the project is known, little is read.
    assert_refused(&host, &of(&[("description", &text(65 << 10)), ("name", "demo")]), 413, "");
    assert_refused(&host, &of(&[("a", &small), ("b", &small), ("name", "demo")]), 413, "");
    assert_refused(
        &host,
        &of(&[("version", &small), ("protocol_version", &small), ("name", "demo")]),
        413,
        "",
    );
    // Then the readme has room, and not without end.
    assert_refused(&host, &of(&[("name", "demo"), ("description", &large)]), 400, ":action");
    assert_refused(&host, &of(&[("name", "demo"), ("a", &large), ("b", &large)]), 413, "");
}

#[test]
fn digests_that_differ() {
    for (field, right) in [("sha256_digest", 64), ("md5_digest", 32), ("blake2_256_digest", 64)] {
        let host = host();
        let upload = Upload::wheel("demo", "1.0").field(field, &"0".repeat(right));
        assert_refused(&host, &upload.send(&host.as_user("ann")), 400, "upload it again");
    }
}

#[test]
fn names_that_do_not_agree() {
    let host = host();
    let ann = host.as_user("ann");
    for (filename, sentence) in [
        ("other-1.0-py3-none-any.whl", "of the project other"),
        ("demo-1.1-py3-none-any.whl", "of the version 1.1"),
        ("demo-1.0.whl", "a wheel is called"),
        ("demo-1.0.exe", "only wheels"),
        ("demo-1.0.tar.gz", "is a sdist"),
        ("../demo-1.0-py3-none-any.whl", "begins with a letter"),
        ("demo/../demo-1.0-py3-none-any.whl", "letters, digits"),
        ("", "begins with a letter"),
    ] {
        let upload = Upload { filename: filename.to_owned(), ..Upload::wheel("demo", "1.0") };
        assert_refused(&host, &upload.send(&ann), 400, sentence);
    }
}

#[test]
fn metadata_that_does_not_agree() {
    let metadata = |name: &str, version: &str| samples::metadata(name, version);
    refuse_wheel(samples::wheel_with("demo-1.0", &metadata("other", "1.0"), &[]), "the name \"other\"");
    refuse_wheel(samples::wheel_with("demo-1.0", &metadata("demo", "2.0"), &[]), "the version \"2.0\"");
    refuse_wheel(samples::wheel_with("demo-2.0", &metadata("demo", "1.0"), &[]), "is not that of demo 1.0");
    refuse_wheel(samples::wheel_with("other-1.0", &metadata("demo", "1.0"), &[]), "is not that of demo 1.0");
    refuse_wheel(samples::wheel_with("demo-1.0", "Name: demo\n", &[]), "Version");
    let sdist = |folder: &str, name: &str, version: &str| {
        let path = format!("{folder}/PKG-INFO");
        samples::gzip(&samples::tar(&[(&path, metadata(name, version).as_bytes())]))
    };
    refuse_sdist(sdist("demo-1.0", "other", "1.0"), "the name \"other\"");
    refuse_sdist(sdist("demo-1.0", "demo", "2.0"), "the version \"2.0\"");
    refuse_sdist(sdist("demo-2.0", "demo", "1.0"), "is not called");
}

#[test]
fn wheels_that_are_none() {
    let whole = samples::wheel("demo", "1.0");
    refuse_wheel(b"this is no archive".to_vec(), "not a readable zip archive");
    refuse_wheel(Vec::new(), "not a readable zip archive");
    refuse_wheel(whole[..whole.len() - 30].to_vec(), "not a readable zip archive");
    refuse_wheel(samples::sdist("demo", "1.0"), "not a readable zip archive");
    refuse_wheel([b"junk", whole.as_slice()].concat(), "before the archive");
    refuse_wheel([whole.as_slice(), b"junk"].concat(), "after the end");
    let mut cut = whole.clone();
    // The beginning of the first file's data is gone.
    cut.drain(60..70);
    refuse_wheel(cut, "");
}

#[test]
fn wheels_that_lack_something() {
    let metadata = samples::metadata("demo", "1.0");
    let info = ("demo-1.0.dist-info/METADATA", metadata.as_bytes());
    refuse_wheel(samples::zip(&[("demo.py", b"1")]), "0 .dist-info folders");
    refuse_wheel(samples::zip(&[info]), "has no demo-1.0.dist-info/WHEEL");
    let wheel = ("demo-1.0.dist-info/WHEEL", b"Wheel-Version: 1.0\n".as_slice());
    let record = ("demo-1.0.dist-info/RECORD", b"".as_slice());
    refuse_wheel(samples::zip(&[info, wheel]), "has no demo-1.0.dist-info/RECORD");
    refuse_wheel(samples::zip(&[wheel, record]), "has no demo-1.0.dist-info/METADATA");
    let second = [("other-1.0.dist-info/METADATA", b"x".as_slice())];
    refuse_wheel(samples::wheel_with("demo-1.0", &metadata, &second), "2 .dist-info folders");
}

#[test]
fn wheels_with_path_tricks() {
    let metadata = samples::metadata("demo", "1.0");
    for path in
        ["../evil.py", "/etc/evil", "a/../../evil", "./../evil", "a/..", "C:/evil", "a\\..\\b", "a\0b"]
    {
        refuse_wheel(wheel_of(&[path]), "may lead out of the archive");
    }
    // On Windows, uv begins anew at the drive letter.
    for path in ["./C:evil", "a//C:evil", "/", "//server/share"] {
        refuse_wheel(wheel_of(&[path]), "may lead out of the archive");
    }
    for path in [".", "./.", "a/."] {
        refuse_wheel(wheel_of(&[path]), "has the name of a folder");
    }
    for path in
        ["./demo-1.0.data/scripts/x", "demo-1.0.data//scripts/x", "demo-1.0.dist-info/./entry_points.txt"]
    {
        refuse_wheel(wheel_of(&[path]), "pip finds what is in this folder");
    }
    for (one, other) in [("a/b.py", "./a/b.py"), ("a//b.py", "a/./b.py"), ("a/", "./a"), ("a", "a/")] {
        refuse_wheel(wheel_of(&[one, other]), "twice");
    }
    let twice = [("a.py", b"1".as_slice()), ("b.py", b"2")];
    let twice = samples::wheel_with("demo-1.0", &metadata, &twice);
    refuse_wheel(replace_all(&twice, b"b.py", b"a.py"), "twice");
    let wheel = samples::wheel_with("demo-1.0", &metadata, &[("front.py", b"1")]);
    // Only at its front, which comes first.
    let at = wheel.windows(8).position(|window| window == b"front.py").unwrap();
    let mut other_front = wheel.clone();
    other_front[at..at + 8].copy_from_slice(b"other.py");
    refuse_wheel(other_front, "in its local header");
}

/// A wheel with entries of these paths. The program that writes it would mend some of them: each
/// is put where a harmless one of its length was.
fn wheel_of(paths: &[&str]) -> Vec<u8> {
    let metadata = samples::metadata("demo", "1.0");
    let harmless: Vec<String> =
        paths.iter().zip('p'..).map(|(path, letter)| letter.to_string().repeat(path.len())).collect();
    let content = |path: &str| if path.ends_with('/') { b"".as_slice() } else { b"1" };
    let entries: Vec<_> =
        harmless.iter().zip(paths).map(|(harmless, path)| (harmless.as_str(), content(path))).collect();
    let wheel = samples::wheel_with("demo-1.0", &metadata, &entries);
    let replace = |wheel: Vec<u8>, (harmless, path): (&String, &&str)| {
        replace_all(&wheel, harmless.as_bytes(), path.as_bytes())
    };
    harmless.iter().zip(paths).fold(wheel, replace)
}

/// pip and uv both install such wheels, and clean the paths.
#[test]
fn unusual_paths_in_a_wheel_are_fine() {
    let paths = [
        "./",
        "./demo/",
        "demo/",
        "demo//",
        "./demo/__init__.py",
        "demo//x.py",
        "demo/./y.py",
        ".//demo/z.py",
        "demo/./",
        "demo/a:b.txt",
        "demo/C:x",
    ];
    Upload::wheel("demo", "1.0").content(wheel_of(&paths)).done(&host());
}

fn replace_all(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = replaced[at..].windows(from.len()).position(|window| window == from) {
        at += found;
        replaced[at..at + from.len()].copy_from_slice(to);
        at += from.len();
    }
    replaced
}

#[test]
fn wheels_that_are_bombs() {
    let metadata = samples::metadata("demo", "1.0");
    let zeros = vec![0; 70 << 20];
    let wheel = samples::wheel_with("demo-1.0", &metadata, &[("zeros", &zeros)]);
    refuse_wheel(wheel, "times its size");
    let large = format!("{metadata}{}", "x".repeat(5 << 20));
    refuse_wheel(samples::wheel_with("demo-1.0", &large, &[]), "METADATA is larger");
}

#[test]
fn wheels_whose_files_overlap() {
    let metadata = samples::metadata("demo", "1.0");
    let wheel = samples::wheel_with("demo-1.0", &metadata, &[("a.py", b"1"), ("b.py", b"2")]);
    // In the directory, the second file is where the first one is.
    let at = wheel.windows(4).rposition(|window| window == b"b.py").unwrap();
    let mut overlapping = wheel.clone();
    overlapping[at - 4..at].copy_from_slice(&[0, 0, 0, 0]);
    refuse_wheel(overlapping, "overlap");
}

/// The places of the directory and of its end.
fn parts(wheel: &[u8]) -> (usize, usize) {
    let directory = wheel.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    (directory, wheel.len() - 22)
}

/// Bytes put in at a place before the directory, of which its end knows.
fn with_hidden(wheel: &[u8], at: usize, hidden: &[u8]) -> Vec<u8> {
    let (directory, _) = parts(wheel);
    let mut changed = [&wheel[..at], hidden, &wheel[at..]].concat();
    let place = changed.len() - 6;
    let moved = u32::try_from(directory + hidden.len()).unwrap();
    changed[place..place + 4].copy_from_slice(&moved.to_le_bytes());
    changed
}

#[test]
fn wheels_in_which_something_hides() {
    let wheel = samples::wheel("demo", "1.0");
    let (directory, end) = parts(&wheel);
    // A whole file that only those see who unpack while they download.
    let evil = samples::zip(&[("evil.py", b"evil")]);
    let hidden = &evil[..parts(&evil).0];
    refuse_wheel(with_hidden(&wheel, directory, hidden), "between its files");
    refuse_wheel(with_hidden(&wheel, directory, b"x"), "between its files");
    // A signature may stand behind a directory: nothing has one, and anything fits into it.
    let signed = [&wheel[..end], b"PK\x05\x05\x04\x00evil", &wheel[end..]].concat();
    refuse_wheel(signed, "");
    let mut commented = [wheel.as_slice(), b"comment"].concat();
    commented[end + 20] = 7;
    refuse_wheel(commented, "after its directory");
}

#[test]
fn wheels_that_say_two_things() {
    let wheel = samples::wheel("demo", "1.0");
    let (directory, end) = parts(&wheel);
    let patched = |place: usize, byte: u8| {
        let mut changed = wheel.clone();
        changed[place] = byte;
        changed
    };
    let of_the_front = "differs from the directory";
    // The first file's method, size and flags at its front; then what stands behind its data.
    for (place, byte) in [(8, 0), (18, 1), (22, 1), (14, 1), (6, 0)] {
        refuse_wheel(patched(place, byte), of_the_front);
    }
    let second = wheel[4..].windows(4).position(|window| window == b"PK\x03\x04").unwrap() + 4;
    refuse_wheel(patched(second - 1, 1), "between its files");
    // How many there are, where and how large.
    for place in [end + 4, end + 8, end + 14] {
        refuse_wheel(patched(place, 9), "");
    }
    // Another name in an extra field of the first file.
    let name_length = usize::from(wheel[directory + 28]);
    let field = b"\x75\x70\x05\x00\x01evil";
    let at = directory + 46 + name_length;
    let mut named = [&wheel[..at], field.as_slice(), &wheel[at..]].concat();
    named[directory + 30] = u8::try_from(field.len()).unwrap();
    let size = u32::try_from(end - directory + field.len()).unwrap();
    let place = named.len() - 10;
    named[place..place + 4].copy_from_slice(&size.to_le_bytes());
    refuse_wheel(named, "second name");
}

#[test]
fn wheels_whose_data_ends_early() {
    // What is deflated ends before its place does: behind it, other clients look for a file.
    let metadata = samples::metadata("demo", "1.0");
    let wheel = samples::wheel_with("demo-1.0", &metadata, &[("a.py", b"1")]);
    let name = wheel.windows(4).position(|window| window == b"a.py").unwrap();
    let (directory, _) = parts(&wheel);
    let size = directory + 20;
    let packed = wheel[size];
    let mut early = with_hidden(&wheel, name + 4 + usize::from(packed), b"evil");
    let descriptor = name + 4 + usize::from(packed) + 4 + 8;
    assert_eq!(early[descriptor], packed);
    for place in [descriptor, size + 4] {
        early[place] += 4;
    }
    // The files behind it have moved.
    let mut at = parts(&early).0;
    while early[at..].starts_with(b"PK\x01\x02") {
        if early[at + 42] != 0 {
            early[at + 42] += 4;
        }
        at += 46 + usize::from(early[at + 28]) + usize::from(early[at + 30]);
    }
    refuse_wheel(early, "do not end where");
}

#[test]
fn sdists_that_are_none() {
    let whole = samples::sdist("demo", "1.0");
    refuse_sdist(b"this is no archive".to_vec(), "not a readable .tar.gz");
    refuse_sdist(whole[..whole.len() - 20].to_vec(), "not a readable .tar.gz");
    refuse_sdist(whole[..whole.len() - 4].to_vec(), "not a readable .tar.gz");
    refuse_sdist(samples::wheel("demo", "1.0"), "not a readable .tar.gz");
    refuse_sdist(samples::gzip(&[b'x'; 2000]), "not a readable .tar.gz");
    refuse_sdist(samples::gzip(&samples::tar(&[("demo-1.0/demo.py", b"1")])), "no PKG-INFO");
    let mut broken = whole.clone();
    let middle = broken.len() - 6;
    broken[middle] ^= 0xff;
    refuse_sdist(broken, "not a readable .tar.gz");
    refuse_sdist([whole, b"junk".to_vec()].concat(), "more bytes follow the end");
}

#[test]
fn an_sdist_may_be_padded_with_zeros() {
    let padded = [samples::sdist("demo", "1.0"), vec![0; 512]].concat();
    let host = host();
    Upload::sdist("demo", "1.0").content(padded).done(&host);
}

/// Old tools and `tar` by hand write such archives, and pip unpacks them.
#[test]
fn unusual_paths_in_an_sdist_are_fine() {
    let info = samples::tar_entry(b'0', "demo-1.0/PKG-INFO", samples::metadata("demo", "1.0").as_bytes());
    let mut latin = samples::tar_entry(b'0', "demo-1.0/caf_.txt", b"x");
    latin[12] = 0xe9;
    samples::fix_checksum(&mut latin);
    let entries = [
        samples::tar_entry(b'5', "demo-1.0/", b""),
        info,
        samples::tar_entry(b'0', "demo-1.0//x", b"x"),
        samples::tar_entry(b'0', "demo-1.0/./y", b"x"),
        latin,
    ];
    let host = host();
    Upload::sdist("demo", "1.0").content(samples::gzip(&samples::tar_of(entries))).done(&host);
}

/// pip reads the metadata of a wheel strictly, and that of a source distribution not at all.
#[test]
fn metadata_that_is_not_utf_8_is_refused_in_a_wheel_only() {
    let mut metadata = samples::metadata("demo", "1.0").into_bytes();
    let at = metadata.windows(3).position(|window| window == b"Ann").unwrap();
    metadata[at] = 0xe9;
    let info = |file: &str| format!("demo-1.0.dist-info/{file}");
    let wheel = samples::zip(&[
        (&info("METADATA"), &metadata),
        (&info("WHEEL"), b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        (&info("RECORD"), b""),
    ]);
    refuse_wheel(wheel, "METADATA is not UTF-8");
    let sdist = samples::gzip(&samples::tar(&[("demo-1.0/PKG-INFO", &metadata)]));
    Upload::of("demo", "1.0", "sdist", "demo-1.0.tar.gz", sdist).done(&host());
}

/// pip strips the first folder if all paths have the same one, and `.` is a folder to it. Then it finds
/// no `setup.py` and no `pyproject.toml`.
#[test]
fn an_sdist_whose_paths_begin_with_a_dot_is_refused() {
    let metadata = samples::metadata("demo", "1.0");
    let info = |path: &str| samples::tar_entry(b'0', path, metadata.as_bytes());
    let why = "pip takes `.` for the folder";
    refuse_sdist(samples::gzip(&samples::tar_of([info("./demo-1.0/PKG-INFO")])), why);
    for folder in ["./", "./demo-1.0/"] {
        let folder = samples::tar_entry(b'5', folder, b"");
        refuse_sdist(samples::gzip(&samples::tar_of([folder, info("demo-1.0/PKG-INFO")])), why);
    }
}

/// `git archive`, Python and GNU tar write different paths into the header.
#[test]
fn a_global_header_of_an_sdist_is_known_by_its_type() {
    let info = samples::tar_entry(b'0', "demo-1.0/PKG-INFO", samples::metadata("demo", "1.0").as_bytes());
    let global = |path: &str, record: &[u8]| {
        let header = samples::tar_entry(b'g', path, record);
        samples::gzip(&samples::tar_of([header, info.clone()]))
    };
    for path in ["pax_global_header", "././@PaxHeader", "/tmp/GlobalHead.123.1"] {
        for record in [b"19 path=other/file\n".as_slice(), b"30 GNU.sparse.name=other/file\n", b"10 size=1\n"]
        {
            refuse_sdist(global(path, record), "global header");
        }
        let upload =
            Upload::of("demo", "1.0", "sdist", "demo-1.0.tar.gz", global(path, b"19 comment=0123456\n"));
        upload.done(&host());
    }
}

/// pip and uv read different files from these, or one of them fails.
#[test]
fn sdists_that_do_not_end_where_they_should() {
    let info = samples::tar_entry(b'0', "demo-1.0/PKG-INFO", samples::metadata("demo", "1.0").as_bytes());
    let archive = samples::tar_of([info.clone()]);
    let second = samples::tar(&[("demo-1.0/PKG-INFO", b"another")]);
    for rest in [second, b"junk".to_vec()] {
        let content = samples::gzip(&[archive.clone(), rest].concat());
        refuse_sdist(content, "more bytes follow the end of the tar archive");
    }
    let (first, rest) = archive.split_at(600);
    let members = [samples::gzip(first), samples::gzip(rest)].concat();
    refuse_sdist(members, "more bytes follow the end of the gzip data");
    for zeros in [0, 512] {
        let content = samples::gzip(&[info.clone(), vec![0; zeros]].concat());
        refuse_sdist(content, "two blocks of zeros");
    }
    for zeros in [1024, 10_240] {
        let content = samples::gzip(&[info.clone(), vec![0; zeros]].concat());
        Upload::of("demo", "1.0", "sdist", "demo-1.0.tar.gz", content).done(&host());
    }
}

#[test]
fn sdists_with_path_tricks() {
    let info = samples::tar_entry(b'0', "demo-1.0/PKG-INFO", samples::metadata("demo", "1.0").as_bytes());
    let with = |entry: Vec<u8>| samples::gzip(&samples::tar_of([info.clone(), entry]));
    for path in ["demo-1.0/../../evil", "/etc/evil", "../evil", "./../evil", "demo-1.0\\..\\x"] {
        refuse_sdist(with(samples::tar_entry(b'0', path, b"x")), "may lead out of the archive");
    }
    refuse_sdist(with(samples::tar_entry(b'0', "other/evil", b"x")), "folders");
    for link in ["/etc/passwd", "../../evil", "../x", "a/../../../x", ""] {
        refuse_sdist(with(samples::tar_entry(b'2', "demo-1.0/link", link.as_bytes())), "leads out");
    }
    for link in ["/etc/passwd", "../demo-1.0/x", "other/x", "demo-1.0/../x"] {
        refuse_sdist(with(samples::tar_entry(b'1', "demo-1.0/link", link.as_bytes())), "leads out");
    }
    refuse_sdist(with(samples::tar_entry(b'3', "demo-1.0/device", b"")), "not a file, folder or link");
    refuse_sdist(with(filled(b'5', "demo-1.0/folder/")), "not a file, but has content");
    refuse_sdist(with(filled(b'2', "demo-1.0/link")), "not a file, but has content");
    refuse_sdist(with(info.clone()), "one PKG-INFO");
    let host = host();
    let fine = with(samples::tar_entry(b'2', "demo-1.0/docs/readme", b"../README"));
    Upload::of("demo", "1.0", "sdist", "demo-1.0.tar.gz", fine).done(&host);
}

/// An entry that says that 512 bytes follow, with its checksum mended.
fn filled(kind: u8, path: &str) -> Vec<u8> {
    let mut entry = samples::tar_entry(kind, path, b"x");
    entry.truncate(512);
    entry[124..136].copy_from_slice(b"00000001000\0");
    entry[148..156].copy_from_slice(b"        ");
    let sum: u32 = entry.iter().map(|byte| u32::from(*byte)).sum();
    entry[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    entry.extend([0; 512]);
    entry
}

#[test]
fn sdists_whose_links_lead_out_one_through_another() {
    let info = samples::tar_entry(b'0', "demo-1.0/PKG-INFO", samples::metadata("demo", "1.0").as_bytes());
    let link =
        |path: &str, target: &str| samples::tar_entry(b'2', &format!("demo-1.0/{path}"), target.as_bytes());
    let archive =
        |entries: Vec<Vec<u8>>| samples::gzip(&samples::tar_of([vec![info.clone()], entries].concat()));
    // Deeper by its name than by where it is.
    refuse_sdist(archive(vec![link("a", "."), link("a/b", "..")]), "below a symbolic link");
    let evil = samples::tar_entry(b'0', "demo-1.0/a/evil", b"x");
    refuse_sdist(archive(vec![link("a", "p/q"), evil]), "below a symbolic link");
    // Through one that is further up than it seems.
    refuse_sdist(archive(vec![link("p/q/s", "../.."), link("t", "p/q/s/../..")]), "leads out");
    // The same link, standing elsewhere.
    let hard = samples::tar_entry(b'1', "demo-1.0/h", b"demo-1.0/p/q/s");
    refuse_sdist(archive(vec![link("p/q/s", "../.."), hard]), "leads out");
    // Written through by the next of its name.
    let same = samples::tar_entry(b'0', "demo-1.0/a", b"x");
    refuse_sdist(archive(vec![link("a", "b"), same]), "below a symbolic link");
    let many = (0..10_001).map(|number| link(&format!("l{number}"), "x")).collect();
    refuse_sdist(archive(many), "more than 10000 symbolic links");
    let host = host();
    let fine = archive(vec![link("docs/a", "../src/./a"), link("b", "docs/a")]);
    Upload::of("demo", "1.0", "sdist", "demo-1.0.tar.gz", fine).done(&host);
}

#[test]
fn sdists_that_are_bombs() {
    let zeros = vec![0; 70 << 20];
    let info = samples::metadata("demo", "1.0");
    let files = [("demo-1.0/PKG-INFO", info.as_bytes()), ("demo-1.0/zeros", zeros.as_slice())];
    refuse_sdist(samples::gzip(&samples::tar(&files)), "unpacks to more than");
}

#[test]
fn paths_that_lead_elsewhere() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    let before = host.objects();
    for path in [
        "/simple/%2e%2e/",
        "/simple/demo%2f..%2fdemo/",
        "/packages/demo/..%2f..%2fmetadata%2fdemo%2fmetadata.json",
        "/packages/demo/%2e%2e",
        "/packages/%2e%2e/metadata",
        "/packages/demo/demo-1.0-py3-none-any.whl%00",
        "/packages/demo/index.html",
        "/pypi/%2e%2e/json",
        "/simple/a%20b/",
    ] {
        let reply = get(&host, path);
        assert!(matches!(reply.status(), 400 | 404), "{path}: {}", reply.status());
        let reply = host.as_user("ann").delete(path).send::<Pypi>();
        assert!(matches!(reply.status(), 400 | 404 | 405), "{path}: {}", reply.status());
    }
    assert_eq!(host.objects(), before);
}
