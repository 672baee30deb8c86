//! Gems that are not what they should be: refused with a line of text, and nothing stored.

use super::*;
use crate::samples::{checksums, gem_of, gem_of_parts, gem_with_entries, gemspec, gzip};
use packhouse_plugin::testing::archive::{fix_checksums, tar, tar_entry, tar_of};

fn spec() -> String {
    gemspec("demo", "1.0", "ruby", "")
}

fn data() -> Vec<u8> {
    gzip(&tar(&[("lib/demo.rb", b"x")]))
}

#[track_caller]
fn refused(gem: &[u8], sentence: &str) {
    let host = host();
    assert_refused(&host, &push(&host.as_user("ann"), gem), 422, sentence);
}

#[test]
fn what_is_cut_or_damaged_is_refused() {
    let gem = samples::gem("demo", "1.0");
    for length in [0, 100, 511, 600, 1100, 1540] {
        let host = host();
        let reply = push(&host.as_user("ann"), &gem[..length]);
        assert_eq!(reply.status(), 422, "{length}: {}", reply.text());
        assert_eq!(host.objects(), Vec::<String>::new());
    }
    refused(b"plain text", "not a readable tar archive");
    refused(&gzip(&gem), "not a readable tar archive");
    let whole = data();
    refused(
        &gem_of_parts(&gzip(spec().as_bytes()), &whole[..whole.len() - 4]),
        "\"data.tar.gz\" in the gem cannot be read",
    );
    let mut flipped = whole.clone();
    let last = flipped.len() - 6;
    flipped[last] ^= 1;
    refused(&gem_of_parts(&gzip(spec().as_bytes()), &flipped), "\"data.tar.gz\" in the gem cannot be read");
    refused(&gem_of_parts(&gzip(spec().as_bytes()), &gzip(b"no tar at all")), "no readable tar archive");
    refused(
        &gem_of_parts(&gzip(spec().as_bytes())[..50], &whole),
        "\"metadata.gz\" in the gem cannot be read",
    );
}

/// Readers differ on whether they read on there.
#[test]
fn more_bytes_behind_the_end_of_an_archive_are_refused() {
    let gem = samples::gem("demo", "1.0");
    for rest in [b"junk".to_vec(), samples::gem("other", "1.0")] {
        refused(&[gem.clone(), rest.clone()].concat(), "more bytes follow the end of the gem's tar archive");
        let data = gzip(&[tar(&[("lib/demo.rb", b"x")]), rest].concat());
        refused(
            &gem_of_parts(&gzip(spec().as_bytes()), &data),
            "more bytes follow the end of the tar archive",
        );
    }
    pushed_gem(&host(), [gem, vec![0; 8192]].concat());
}

#[test]
fn parts_that_are_missing_or_there_twice_are_refused() {
    let metadata = gzip(spec().as_bytes());
    refused(&tar(&[("metadata.gz", &metadata)]), "the gem contains no data.tar.gz");
    refused(&tar(&[("data.tar.gz", &data())]), "the gem contains no metadata.gz");
    let twice = tar(&[("metadata.gz", &metadata), ("data.tar.gz", &data()), ("data.tar.gz", &data())]);
    refused(&twice, "the gem contains \"data.tar.gz\" twice");
    let many: Vec<(String, Vec<u8>)> = (0..200).map(|number| (format!("part{number}"), Vec::new())).collect();
    let many: Vec<(&str, &[u8])> =
        many.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    refused(&tar(&many), "more than 100 parts");
}

#[test]
fn checksums_that_lie_are_refused() {
    let (metadata, data) = (gzip(spec().as_bytes()), data());
    let with = |sums: &str| {
        tar(&[
            ("metadata.gz", &metadata),
            ("data.tar.gz", &data),
            ("checksums.yaml.gz", &gzip(sums.as_bytes())),
        ])
    };
    let sums = checksums(&[("metadata.gz", &metadata), ("data.tar.gz", b"other")]);
    refused(&with(&sums), "checksum of \"data.tar.gz\" in the gem is wrong");
    let sums = checksums(&[("missing", b"x")]);
    refused(&with(&sums), "checksum of \"missing\" in the gem is wrong");
    refused(&with("---\nSHA3:\n  metadata.gz: aa\n"), "the algorithm SHA3 is not known");
    refused(&with("---\n- a\n"), "they are not a map");
    refused(&with("--- !ruby/object:Kernel {}\n"), "which RubyGems does not load");
    let host = host();
    pushed_gem(&host, tar(&[("metadata.gz", &metadata), ("data.tar.gz", &data)]));
}

#[test]
fn a_gemspec_that_could_do_harm_is_refused() {
    let of = |text: &str| gem_of(text, &[("a", b"x")]);
    refused(&of(&(spec() + "evil: !ruby/object:OpenStruct {}\n")), "which RubyGems does not load");
    refused(&of(&(spec() + "evil: :system\n")), "the symbol \":system\"");
    let deep = format!("{}evil: {}{}\n", spec(), "[".repeat(200), "]".repeat(200));
    refused(&of(&deep), "nested more than 100 deep");
    refused(&of(&format!("{}evil: [{}]\n", spec(), "a,".repeat(600_000))), "more than 500000 values");
    let bomb = (1..60)
        .fold(spec() + "a0: &a0 [x,x]\n", |text, n| format!("{text}a{n}: &a{n} [*a{0},*a{0}]\n", n - 1));
    pushed_gem(&host(), of(&bomb));
    refused(&of("--- {}\n"), "not a Gem::Specification");
    refused(&of("--- \na: [\n"), "not valid YAML");
    refused(&of("a: [\n"), "not a Gem::Specification");
    refused(&of(&spec().replace("name: demo", "name: \"de\\r\\nmo\"")), "not a valid gem name");
    refused(&of(&spec().replace("version: '1.0'", "version: \"1.0\\nevil 9.9\"")), "not a valid version");
    refused(&of(&spec().replace("platform: ruby", "platform: \"a\\nb\"")), "not a valid platform");
    refused(&of(&spec().replace("name: demo", "name: ../demo")), "not a valid gem name");
    let needs = samples::dependencies(&[("evil\\n9.9 ", ">=", "0")]).replace("evil\\n9.9 ", "\"evil\\n9.9\"");
    refused(&of(&gemspec("demo", "1.0", "ruby", &needs)), "not a valid gem name");
}

#[test]
fn bombs_are_refused() {
    let zeros = vec![0; 9 << 20];
    refused(&gem_of_parts(&gzip(&zeros), &data()), "has more than 8 MiB");
}

#[test]
fn files_that_lead_out_of_the_gem_are_refused() {
    for path in ["../evil.rb", "/etc/passwd", "lib/../../evil.rb"] {
        refused(&gem_with_entries(&[(b'0', path, b"x")]), "leads out of the gem's folder");
    }
    refused(&gem_with_entries(&[(b'2', "lib/link", b"../../etc")]), "leads out of the gem's folder");
    refused(&gem_with_entries(&[(b'2', "link", b"/etc")]), "leads out of the gem's folder");
    let host = host();
    pushed_gem(&host, gem_with_entries(&[(b'2', "lib/link", b"../other"), (b'0', "other", b"x")]));
}

#[test]
fn files_that_rubygems_cannot_unpack_are_refused() {
    for path in [".", "", "a/.."] {
        refused(&gem_with_entries(&[(b'0', path, b"x")]), "the gem's folder itself");
    }
    refused(&gem_with_entries(&[(b'5', "./", b"")]), "the gem's folder itself");
    for (path, target) in [("lib/self", ".."), ("a", "."), ("a", "b/..")] {
        refused(&gem_with_entries(&[(b'2', path, target.as_bytes())]), "links to, the gem's folder itself");
    }
    refused(&gem_with_entries(&[(b'2', "lib/self", b"")]), "a link without a target");
    for below in ["a/b", "./a/b/c"] {
        refused(&gem_with_entries(&[(b'0', "a", b"x"), (b'0', below, b"x")]), "that is also a file");
    }
    for entries in [
        [(b'2', "a/b", b".".as_slice()), (b'0', "a/c", b"x")],
        [(b'0', "a", b"x".as_slice()), (b'0', "ab/c", b"x")],
        [(b'0', "a/b", b"x".as_slice()), (b'0', "a/c", b"x")],
    ] {
        pushed_gem(&host(), gem_with_entries(&entries));
    }
}

#[test]
fn a_gemspec_that_rubygems_does_not_install_is_refused() {
    let of = |text: &str| gem_of(text, &[("a", b"x")]);
    let with = |from: &str, to: &str| {
        let text = gemspec("demo", "1.0", "ruby", &samples::dependencies(&[("rack", ">=", "2.0")]));
        assert!(text.contains(from), "{from}");
        of(&text.replacen(from, to, 1))
    };
    for tag in ["!map:Foo {}", "!str:Foo bar", "!set {a: }"] {
        refused(&of(&format!("{}x: {tag}\n", spec())), "which RubyGems does not load");
    }
    for date in ["foo", "2026-99-99", "''"] {
        refused(&with("date: 2026-01-01 00:00:00.000000000 Z", &format!("date: {date}")), "not a date");
    }
    for text in ["x: a\u{1}b\n", "x: a\u{7f}b\n"] {
        refused(&of(&(spec() + text)), "control character");
    }
    refused(&of(&format!("\u{feff}{}", spec())), "byte order mark");
    refused(
        &with("version: '1.0'", "version: 1.10"),
        "the version 1.10 in the gemspec is not text in YAML: write it in quotes, '1.10'",
    );
    refused(&with("platform: ruby", "platform: 1"), "the platform 1 in the gemspec");
    refused(&with("type: :runtime", "type: runtime"), "the symbol :runtime or :development");
    refused(&with("type: :runtime", "type: ':runtime'"), "the symbol :runtime or :development");
    refused(&with("  requirement:", "  other:"), "not a Gem::Requirement");
    refused(&with("version: '2.0'", "version: 2.0"), "the requirement of a dependency 2.0");
    refused(&of(&gemspec("demo", "1.0", "ruby", "dependencies: foo\n")), "not a list");
    refused(
        &of(&gemspec("demo", "1.0", "ruby", "dependencies:\n- {name: rack}\n")),
        "not one of Gem::Dependency",
    );
}

/// RubyGems adds `--- ` to a text that does not begin with it.
#[test]
fn a_gemspec_that_begins_with_something_else_is_refused() {
    let of = |text: &str| gem_of(text, &[("a", b"x")]);
    for before in ["%YAML 1.1\n", "%TAG !r! tag:ruby.yaml.org,2002:\n", "# a comment\n", "\n"] {
        refused(
            &of(&(before.to_owned() + &spec())),
            "does not begin with `--- !ruby/object:Gem::Specification`",
        );
    }
    refused(&of(&spec().replacen("--- ", "---\n", 1)), "does not begin with");
    for text in
        [spec().replacen("--- ", "", 1), spec().replacen("--- ", "---  ", 1), spec() + "# a comment\n"]
    {
        pushed_gem(&host(), of(&text));
    }
}

#[test]
fn an_object_that_ruby_does_not_make_is_refused() {
    let text = gemspec("demo", "1.0", "ruby", &samples::dependencies(&[("rack", ">=", "2.0")]));
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        gem_of(&text.replacen(from, to, 1), &[("a", b"x")])
    };
    for class in ["Specification", "Version", "Dependency", "Requirement"] {
        let class = format!("!ruby/object:Gem::{class}");
        for tag in [format!("!{class}"), format!("!<tag:ruby.yaml.org,2002:{}>", &class[6..])] {
            refused(&with(&class, &tag), "which RubyGems does not load");
        }
    }
    refused(&with("version: !ruby/object:Gem::Version\n", "version:\n"), "the version in the gemspec is not");
    refused(
        &with("platform: ruby", "platform: {cpu: x86, os: linux}"),
        "the platform in the gemspec is not text",
    );
    let bounds = "requirements:\n    - - \">=\"\n      - !ruby/object:Gem::Version\n        version: '2.0'\n";
    for none in ["requirements:\n", "none: true\n", "requirements: '>= 2'\n"] {
        refused(&with(bounds, none), "not a Gem::Requirement with a list of bounds");
    }
    pushed_gem(&host(), with(bounds, "requirements: []\n"));
    let requires = |bounds: &str| {
        let field = format!("summary: x\nrequired_ruby_version: !ruby/object:Gem::Requirement\n  {bounds}");
        with("summary: A gem called demo\n", &field)
    };
    refused(&requires("requirements:\n"), "required_ruby_version in the gemspec is not a Gem::Requirement");
    refused(&requires("requirements:\n  - - '>='\n    - {version: '1'}\n"), "is not a Gem::Version");
    refused(&requires("requirements: []\n  a-b: c\n"), "the field \"a-b\" in an object");
    pushed_gem(&host(), requires("requirements: []\n"));
    for (field, sentence) in [
        ("foo-bar: 1", "the field \"foo-bar\" in an object"),
        ("<<: {name: other}", "the field \"<<\" in an object"),
        ("!binary bmFtZQ==: other", "in an object, which RubyGems does not load"),
        ("executables: foo", "the executables in the gemspec is not a list"),
        ("executables: [1]", "the executables in the gemspec is not a list of names"),
        ("extensions: [\"a\\nb\"]", "the extensions in the gemspec is not a list of paths"),
        ("x: !float abc", "\"!float\", which RubyGems does not load"),
        ("x: !omap {a: b}", "\"!omap\", which RubyGems does not load"),
    ] {
        refused(&with("summary: A gem called demo", &format!("summary: x\n{field}")), sentence);
    }
    refused(
        &with("require_paths:\n- lib", "require_paths: lib"),
        "the require_paths in the gemspec is not a list",
    );
    refused(&with("require_paths:\n- lib", "require_paths:\n- \"a\\Lb\""), "without line breaks");
    for number in ["", "x", "4.5", "[4]"] {
        let field = format!("specification_version: {number}");
        refused(&with("specification_version: 4", &field), "the specification_version in the gemspec");
    }
    pushed_gem(&host(), with("specification_version: 4", "specification_version: '4'"));
}

#[test]
fn a_tar_header_that_rubygems_does_not_read_is_refused() {
    const SENTENCE: &str = "with a tar header that RubyGems does not read";
    let header = |at: usize, bytes: &[u8]| {
        let mut entry = tar_entry(b'0', "lib/a.rb", b"x");
        entry[at..at + bytes.len()].copy_from_slice(bytes);
        // A size in binary keeps `fix_checksums` from the rest.
        let mut archive = tar_of([entry]);
        fix_checksums(&mut archive[..512]);
        archive
    };
    let (metadata, data) = (gzip(spec().as_bytes()), data());
    for (at, bytes) in [
        (0, b"a\0b".as_slice()),
        (100, b"zzzzzzz"),
        (100, b"644\0junk"),
        (124, b"\x80\0\0\0\0\0\0\0\0\0\0\x01"),
        (136, b"\x80\0\0\0\0\0\0\0\0\0\0\x01"),
        (329, b"x"),
    ] {
        refused(&gem_of_parts(&metadata, &gzip(&header(at, bytes))), SENTENCE);
    }
    for (at, bytes) in [
        (100, b"    644 ".as_slice()),
        (108, b"\x80\0\0\0\0\0\0\x01"),
        (124, b"00000000001 "),
        (136, b"\0\0"),
    ] {
        pushed_gem(&host(), gem_of_parts(&metadata, &gzip(&header(at, bytes))));
    }
    let mut gem = tar(&[("metadata.gz", &metadata), ("data.tar.gz", &data)]);
    gem[100..107].copy_from_slice(b"0000888");
    fix_checksums(&mut gem[..512]);
    refused(&gem, SENTENCE);
    let twice = tar(&[("metadata.gz", &metadata), ("metadata.gz ", &metadata), ("data.tar.gz", &data)]);
    refused(&twice, "the gem contains \"metadata.gz\" twice");
}

#[test]
fn what_rubygems_installs_is_accepted() {
    let needs = |name: &str, kind: &str| {
        let needs = samples::dependencies(&[(name, ">=", "0")]).replace("type: :runtime", kind);
        gem_of(&gemspec("demo", "1.0", "ruby", &needs), &[("a", b"x")])
    };
    for (gem, line) in [
        (needs("rack", "type: !ruby/sym runtime"), "1.0 rack:>= 0|"),
        (needs("rack", "type: !ruby/sym development"), "1.0 |"),
        (needs("rack", "type:"), "1.0 rack:>= 0|"),
        (needs("_rake", "type: :runtime"), "1.0 _rake:>= 0|"),
        (needs("'123'", "type: :runtime"), "1.0 123:>= 0|"),
        (gem_of(&(spec() + "x: !ruby/hash {}\n"), &[("a", b"x")]), "1.0 |"),
        (
            gem_of(&spec().replace("date: 2026-01-01 00:00:00.000000000 Z", "date: 5"), &[("a", b"x")]),
            "1.0 |",
        ),
        (gem_of(&spec().replace("version: '1.0'", "version: 1.0.0"), &[("a", b"x")]), "1.0.0 |"),
    ] {
        let host = host();
        pushed_gem(&host, gem);
        let page = text(&host, "/info/demo");
        assert!(page.lines().nth(1).unwrap().starts_with(line), "{page}");
    }
}

#[test]
fn what_stands_in_a_form_or_a_path_does_no_harm() {
    let host = host();
    let ann = host.as_user("ann");
    for body in
        ["gem_name=..%2Fdemo&version=1.0", "gem_name=de%0Amo&version=1", "gem_name=demo&version=1%0A2"]
    {
        let reply = ann.delete("/api/v1/gems/yank").body(body).send::<RubyGems>();
        assert!(matches!(reply.status(), 400 | 404), "{body}: {}", reply.text());
    }
    for path in [
        "/info/..",
        "/info/%2e%2e",
        "/info/a%2fb",
        "/gems/..%2fa-1.gem",
        "/quick/Marshal.4.8/%2e%2e.gemspec.rz",
    ] {
        let status = get(&host, path).status();
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
    assert_eq!(host.objects(), Vec::<String>::new());
}

#[test]
fn an_old_gem_and_one_with_an_odd_part_are_told_apart() {
    let old = [b"MD5SUM = \"x\"".as_slice(), &[b' '; 600]].concat();
    refused(&old, "not a readable tar archive");
    let (metadata, data) = (gzip(spec().as_bytes()), data());
    let signed = tar_of([
        tar_entry(b'0', "metadata.gz", &metadata),
        tar_entry(b'0', "metadata.gz.sig", b"signature"),
        tar_entry(b'0', "data.tar.gz", &data),
    ]);
    pushed_gem(&host(), signed);
}
