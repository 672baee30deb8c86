//! Fuzz targets for what clients send. Each asserts a property; how they are run longer is in
//! `CONTRIBUTING.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::collections::HashSet;
use std::io::BufReader;

use packhouse_fuzz::{InPieces, target};
use packhouse_plugin::digests;
use packhouse_plugin::testing::archive::fix_checksums;
use packhouse_plugin::testing::{FormField, Host, Reply};

use crate::archive::sdist::{find_metadata, read_metadata};
use crate::metadata::CoreMetadata;
use crate::name::{FileName, ProjectName, Version, is_sdist_folder, is_specifier};
use crate::samples::{gzip, metadata, sdist, tar, tar_entry, wheel, wheel_with};
use crate::{Pypi, attestation, layout};

fn project() -> ProjectName {
    ProjectName::parse("foo-bar").unwrap()
}

#[test]
fn fuzz_project_name_is_safe_and_normalised_once() {
    target!("project-name")
        .seeds(["Foo.Bar", "foo-bar", "a", "A__b.-C"])
        .words(["-", "_", ".", "/", "__"])
        .check_text(|text| {
            let Ok(name) = ProjectName::parse(text) else { return false };
            assert_eq!(ProjectName::parse_normalised(name.as_str()).as_ref(), Some(&name));
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            assert!(name.as_str().bytes().all(plain) && !name.as_str().contains("--"), "{name}");
            assert_eq!(layout::project_of_document(&layout::document(&name)), Some(name));
            true
        });
}

#[test]
fn fuzz_version_reads_back_as_an_equal_one() {
    let seeds = ["1.0", "2.0rc1", "1!2.3.post4.dev5+local.6", "v1.0-1", "1.0.0.0"];
    target!("version").seeds(seeds).words(["rc", "a", "post", ".dev", "!", "+", "-", ".", "0"]).check_text(
        |text| {
            let Ok(version) = Version::parse(text) else { return false };
            for written in [version.to_string(), version.canonical()] {
                // Normalising can write more than was there: `1a` is `1a0`.
                if written.len() <= 128 {
                    let again = Version::parse(&written).unwrap();
                    assert_eq!(again, version);
                    assert_eq!(again.canonical(), version.canonical());
                }
            }
            true
        },
    );
}

#[test]
fn fuzz_specifier_is_valid_alone_when_it_is_valid_in_a_list() {
    let seeds = [">=3.9, <4", "~=3.6", "==3.*", ">=3.6,"];
    target!("specifier").seeds(seeds).words([">=", "!=", "===", ",", ".*", " "]).check_text(|text| {
        let valid = is_specifier(text);
        assert_eq!(valid, text.split(',').all(is_specifier));
        assert_eq!(valid, is_specifier(&format!(" , {text},,")));
        valid
    });
}

#[test]
fn fuzz_file_name_is_safe_and_of_this_project() {
    let seeds = [
        "foo_bar-1.0-py3-none-any.whl",
        "Foo.Bar-1.0-2b-cp311.cp312-abi3-manylinux_2_17_x86_64.whl",
        "foo-bar-1.0.tar.gz",
        "foo_bar-1.0.zip",
        "foo_bar-1.0-py2.7.egg",
    ];
    let words = ["-", ".whl", ".tar.gz", "foo_bar", "1.0", "py3-none-any", "..", "/", "+", "!"];
    target!("file-name").seeds(seeds).words(words).check_text(|text| {
        let stored = FileName::parse_stored(&project(), text);
        let Ok(name) = FileName::parse(&project(), text) else { return stored.is_some() };
        assert_eq!(stored.as_ref(), Some(&name));
        assert_eq!(name.as_str(), text);
        assert!(!text.contains(['/', '\\', ' ', '%']) && !text.starts_with('.'));
        let key = layout::file(&project(), text);
        assert_eq!(layout::project_of_file(&key), Some((project(), text)));
        assert_eq!(name.is_wheel(), text.strip_suffix(".whl").is_some());
        assert!(!name.identity().is_empty());
        // A name of one project is no name of another.
        assert!(
            FileName::parse(&ProjectName::parse("foo-bar-x").unwrap(), text).is_err() || text.contains("-x")
        );
        let folder = text.strip_suffix(".tar.gz");
        assert!(folder.is_none_or(|folder| is_sdist_folder(&project(), &name.version, folder)));
        true
    });
}

#[test]
fn fuzz_metadata_is_the_same_with_every_line_end_and_holds_no_other_text() {
    let seeds = [
        metadata("foo-bar", "1.0"),
        "Metadata-Version: 2.1\r\nName: foo_bar\r\nVersion: 1.0\r\nLicense: one\r\n        two\r\n\r\n# Title\n".to_owned(),
        "Name: a\nDescription: one\n       |two\n        three\n".to_owned(),
    ];
    let words =
        ["Name: ", "Version: 1.0\n", "Requires-Python: >=3", "\r", "\n", "\n\n", "       |", ": ", "UNKNOWN"];
    target!("metadata").seeds(seeds).words(words).check_text(|text| {
        let metadata = CoreMetadata::parse(text.as_bytes());
        for field in ["Name", "Version", "Summary", "License"] {
            for value in metadata.all(field) {
                assert!(value.lines().all(|line| text.contains(line)), "{value:?}");
                assert!(!value.contains('\r'));
            }
        }
        if !text.contains('\r') {
            let other = CoreMetadata::parse(text.replace('\n', "\r\n").as_bytes());
            for field in ["Name", "Version", "Requires-Python", "License"] {
                assert!(metadata.all(field).eq(other.all(field)), "{field}");
            }
        }
        metadata.check(&project(), &Version::parse("1.0").unwrap()).is_ok()
    });
}

#[test]
fn fuzz_sdist_gives_a_pkg_info_that_is_in_it() {
    let folder = |rest: &str| format!("foo_bar-1.0/{rest}");
    let info = metadata("foo-bar", "1.0");
    let seeds = [
        tar(&[(&folder("demo.py"), b"1"), (&folder("PKG-INFO"), info.as_bytes())]),
        [tar_entry(b'g', "pax_global_header", b"11 mtime=1\n"), tar(&[(&folder("PKG-INFO"), b"x")])].concat(),
        [tar_entry(b'2', &folder("link"), b"demo.py"), tar(&[(&folder("PKG-INFO"), b"x")])].concat(),
    ];
    let version = Version::parse("1.0").unwrap();
    let words = ["foo_bar-1.0/", "PKG-INFO", "../", "./", "/", "path=", "linkpath=", "2", "1"];
    target!("sdist").seeds(seeds).words(words).check(|input| {
        let mut archive = input.to_vec();
        fix_checksums(&mut archive);
        let packed = gzip(&archive);
        let size = packed.len() as u64;
        let whole = read_metadata(packed.as_slice(), size, &project(), &version);
        let in_pieces =
            read_metadata(BufReader::with_capacity(7, InPieces::new(&packed)), size, &project(), &version);
        assert_eq!(whole.as_ref().ok(), in_pieces.as_ref().ok());
        let Ok(found) = whole else { return false };
        assert!(found.is_empty() || archive.windows(found.len()).any(|window| window == found));
        assert!(find_metadata(packed.as_slice()).is_ok());
        let mut rest = archive.as_slice();
        while let Some(entry) = packhouse_plugin::tar::Entry::read(&mut rest).unwrap() {
            packhouse_plugin::tar::skip(&mut rest, entry.padded_size()).unwrap();
            let path = String::from_utf8_lossy(&entry.path);
            assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."), "{path:?}");
        }
        true
    });
}

#[test]
fn fuzz_attestations_are_about_the_file() {
    let (file, sha256) = ("foo_bar-1.0.tar.gz", "ab01");
    let seeds = [attestation::tests::field(file, sha256)];
    let words = ["\"version\":1", "[", "]", "{", "}", "null", "AAAA", "\"subject\""];
    target!("attestations").seeds(seeds).words(words).check_text(|field| {
        let Ok(provenance) = attestation::provenance(field, file, sha256) else { return false };
        assert!(attestation::is_stored(&provenance));
        assert!(attestation::provenance(field, "other-1.0.tar.gz", sha256).is_err());
        assert!(attestation::provenance(field, file, "00").is_err());
        true
    });
}

fn upload(host: &Host, filename: &str, filetype: &str, content: &[u8]) -> Reply {
    let sha256 = digests::of(content, &[digests::SHA256]).unwrap();
    let text = |name, value: &'static str| FormField { name, filename: None, content: value.as_bytes() };
    let form = [
        text(":action", "file_upload"),
        text("protocol_version", "1"),
        text("name", "foo-bar"),
        text("version", "1.0"),
        FormField { name: "filetype", filename: None, content: filetype.as_bytes() },
        FormField { name: "sha256_digest", filename: None, content: sha256[0].hex.as_bytes() },
        FormField { name: "content", filename: Some(filename), content },
    ];
    host.as_user("ann").post("/legacy/").form(&form).send::<Pypi>()
}

fn host() -> Host {
    Host::new().user("ann", &["pypi:package:*:write"]).anonymous_grants(&["pypi:*:*:read"])
}

/// Whether it was accepted. Otherwise it is no error of the registry, and leaves nothing.
fn is_accepted(host: &Host, reply: &Reply) -> bool {
    assert!(reply.status() < 500, "{} {}", reply.status(), reply.text());
    if reply.status() != 200 {
        assert_eq!((host.objects(), host.staged()), (Vec::new(), 0), "{}", reply.text());
        return false;
    }
    assert_eq!(host.anonymous().get("/simple/foo-bar/").send::<Pypi>().status(), 200);
    true
}

/// Through the whole upload, since the host unpacks the files.
#[test]
fn fuzz_wheel_has_safe_paths_and_each_once() {
    let info = metadata("foo-bar", "1.0");
    let seeds = [
        wheel("foo-bar", "1.0"),
        wheel_with("foo_bar-1.0", &info, &[("foo/", b""), ("foo/a.py", b"1"), ("./foo/b.py", b"2")]),
    ];
    let words =
        [b"PK\x01\x02".as_slice(), b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"../", b"\\", &[0xff; 4]];
    target!("wheel").seeds(seeds).words(words).check(|input| {
        let host = host();
        let reply = upload(&host, "foo_bar-1.0-py3-none-any.whl", "bdist_wheel", input);
        if !is_accepted(&host, &reply) {
            return false;
        }
        let archive = rawzip::ZipArchive::from_slice(input).unwrap();
        let mut names = HashSet::new();
        for entry in archive.entries() {
            let entry = entry.unwrap();
            let path = entry.file_path();
            let name: &[u8] = path.as_ref();
            let name = std::str::from_utf8(name).unwrap().to_owned();
            assert!(!name.starts_with('/') && !name.contains('\\'), "{name:?}");
            assert!(!name.split('/').any(|part| part == ".."), "{name:?}");
            assert!(names.insert(name));
        }
        true
    });
}

#[test]
fn fuzz_upload_of_an_sdist_is_never_an_internal_error() {
    target!("gzipped-sdist").seeds([sdist("foo-bar", "1.0")]).check(|input| {
        let host = host();
        let reply = upload(&host, "foo_bar-1.0.tar.gz", "sdist", input);
        is_accepted(&host, &reply)
    });
}

/// The raw form, with its boundaries.
#[test]
fn fuzz_upload_form_is_never_an_internal_error() {
    let field = |name: &str, value: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = sdist("foo-bar", "1.0");
    let mut form = [
        field(":action", "file_upload"),
        field("name", "foo-bar"),
        field("version", "1.0"),
        field("filetype", "sdist"),
    ]
    .concat()
    .into_bytes();
    form.extend(
        b"--B\r\nContent-Disposition: form-data; name=\"content\"; filename=\"foo_bar-1.0.tar.gz\"\r\n\r\n",
    );
    form.extend(&file);
    form.extend(b"\r\n--B--\r\n");
    let words =
        ["\r\n--B", "--", "name=\"content\"", "name=\"name\"", "filename=\"", "\r\n\r\n", "foo-bar", "sdist"];
    target!("upload-form").seeds([form]).words(words).check(|body| {
        let host = host();
        let request = host.as_user("ann").post("/legacy/").body(body);
        let reply = request.header("content-type", "multipart/form-data; boundary=B").send::<Pypi>();
        is_accepted(&host, &reply)
    });
}
