//! Names, in all their spellings.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;

fn project(name: &str) -> ProjectName {
    ProjectName::parse(name).unwrap()
}

#[test]
fn spellings_of_a_name_are_one() {
    for name in ["Foo.Bar", "foo-bar", "FOO_BAR", "foo__bar", "foo-_.bar"] {
        assert_eq!(project(name).as_str(), "foo-bar");
    }
    assert_eq!(ProjectName::parse_normalised("foo_bar"), None);
    assert_eq!(ProjectName::parse_normalised("foo-bar"), Some(project("foo-bar")));
}

#[test]
fn what_is_no_name_is_refused() {
    let long = "a".repeat(129);
    for name in ["", "-", "a-", "_a", ".", "..", "a/b", "a b", "a\0", "\u{e4}", "a%2fb", &long] {
        assert!(ProjectName::parse(name).is_err(), "{name:?}");
    }
}

#[test]
fn versions_are_shown_normalised_and_compared_as_versions() {
    for (written, shown) in [("1.0.0-RC.1", "1.0.0rc1"), ("v1.0", "1.0"), ("1!2.0+Local_1", "1!2.0+local.1")]
    {
        assert_eq!(Version::parse(written).unwrap().to_string(), shown);
    }
    assert_eq!(Version::parse("1.0").unwrap(), Version::parse("1.0.0").unwrap());
    assert!(Version::parse("1.10").unwrap() > Version::parse("1.9").unwrap());
    assert!(Version::parse("1.0.dev1").unwrap().is_pre());
    for version in ["", "latest", "1.0-x-y", "1..0", "../1"] {
        assert!(Version::parse(version).is_err(), "{version}");
    }
}

#[test]
fn wheels_and_sdists_are_told_by_their_names() {
    let name = project("foo-bar");
    for (text, version, kind) in [
        ("foo_bar-1.0-py3-none-any.whl", "1.0", "bdist_wheel"),
        (
            "Foo.Bar-1.0.post1-7local-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "1.0.post1",
            "bdist_wheel",
        ),
        ("foo_bar-1.0+cpu.1-py2.py3-none-any.whl", "1.0+cpu.1", "bdist_wheel"),
        ("foo_bar-1!1.0-py3-none-any.whl", "1!1.0", "bdist_wheel"),
        ("foo_bar-1.0.tar.gz", "1.0", "sdist"),
        ("foo-bar-1.0rc1.tar.gz", "1.0rc1", "sdist"),
        ("Foo.Bar-1.0-1.tar.gz", "1.0.post1", "sdist"),
    ] {
        let parsed = FileName::parse(&name, text).unwrap();
        assert_eq!((parsed.version.to_string().as_str(), parsed.package_type()), (version, kind), "{text}");
    }
    assert_eq!(FileName::parse(&name, "foo_bar-1.0-cp39-none-any.whl").unwrap().python_version(), "cp39");
}

#[test]
fn what_is_no_file_of_the_project_is_refused() {
    let name = project("foo-bar");
    for text in [
        "",
        ".whl",
        "foo_bar.whl",
        "foo-bar-1.0-py3-none-any.whl",
        "foo_bar-1.0-py3-none.whl",
        "foo_bar-1.0-build-py3-none-any.whl",
        "foo_bar-1.0-py3-none-.whl",
        "foo_bar-1.0-1-2-py3-none-any.whl",
        "other-1.0-py3-none-any.whl",
        "foo_bar-latest-py3-none-any.whl",
        "foo_bar-1.0-py3-none-any.whl.metadata",
        "../foo_bar-1.0-py3-none-any.whl",
        "a/foo_bar-1.0.tar.gz",
        "foo_bar-1.0 .tar.gz",
        "foo_bar-1.0\0.tar.gz",
        "foo_bar-1.0.zip",
        "foo_bar-1.0.egg",
        "foo_bar.tar.gz",
        "foo_barx-1.0.tar.gz",
        "foo_bar-x.tar.gz",
    ] {
        assert!(FileName::parse(&name, text).is_err(), "{text}");
    }
    let long = format!("foo_bar-1.0-{}-none-any.whl", "a".repeat(240));
    assert!(FileName::parse(&name, &long).is_err());
}

#[test]
fn files_of_old_are_still_known() {
    let name = project("foo-bar");
    for (text, kind) in [
        ("foo-bar-1.0.zip", "sdist"),
        ("foo_bar-1.0.tar.bz2", "sdist"),
        ("foo_bar-1.0-py2.7.egg", "bdist_egg"),
        ("foo-bar-1.0.win32-py2.7.exe", "bdist_wininst"),
        ("foo_bar-1.0-py3-none-any.whl", "bdist_wheel"),
    ] {
        let parsed = FileName::parse_stored(&name, text);
        if text.strip_suffix(".exe").is_some() {
            // Its version does not end at a dash.
            assert_eq!(parsed, None);
            continue;
        }
        let parsed = parsed.unwrap();
        assert_eq!((parsed.version.to_string().as_str(), parsed.package_type()), ("1.0", kind), "{text}");
    }
    for text in ["index.html", "foo_bar-1.0-py3-none-any.whl.metadata", "other-1.0.zip", "foo-bar-x.zip"] {
        assert_eq!(FileName::parse_stored(&name, text), None, "{text}");
    }
}

#[test]
fn specifiers_are_read_as_the_reference_implementation_reads_them() {
    for text in [">=3.6,", ",>=3.6", ">=3.6,,<4", ">=3.9", ">= 3.9 , < 4", "==3.*", "~=3.8", "!=3.0.*", ""] {
        assert!(is_specifier(text), "{text:?}");
    }
    for text in ["3 or so", ">=3.6;", ">=3.6 <4", ">=", "=3", ">=3.6.*"] {
        assert!(!is_specifier(text), "{text:?}");
    }
}

#[test]
fn a_folder_may_be_called_by_any_spelling_of_the_version() {
    let project = ProjectName::parse("leo").unwrap();
    let version = Version::parse("6.7.8.post9").unwrap();
    for folder in ["leo-6.7.8-9", "leo-6.7.8.post9", "Leo-6.7.8-post9"] {
        assert!(is_sdist_folder(&project, &version, folder), "{folder}");
    }
    for folder in ["leo-6.7.8", "leo-6.7.8-10", "other-6.7.8-9", "leo", "6.7.8-9"] {
        assert!(!is_sdist_folder(&project, &version, folder), "{folder}");
    }
}

#[test]
fn one_distribution_has_one_identity_however_its_file_is_called() {
    let project = ProjectName::parse("same").unwrap();
    let identity = |name: &str| FileName::parse(&project, name).unwrap().identity();
    let wheel = identity("same-1.0-py3-none-any.whl");
    for name in ["Same-1.0-py3-none-any.whl", "same-1.0.0-py3-none-any.whl", "same-1-PY3-none-any.whl"] {
        assert_eq!(identity(name), wheel, "{name}");
    }
    assert_eq!(
        identity("same-1.0-py2.py3-none-any.whl"),
        identity("same-1.0-py3.py2-none-any.whl"),
        "tags are a set"
    );
    assert_eq!(identity("same-1.0-01-py3-none-any.whl"), identity("same-1.0-1-py3-none-any.whl"));
    for name in [
        "same-1.0-1-py3-none-any.whl",
        "same-1.0-1a-py3-none-any.whl",
        "same-1.1-py3-none-any.whl",
        "same-1.0-py3-none-win32.whl",
        "same-1.0+local-py3-none-any.whl",
        "same-1.0.tar.gz",
    ] {
        assert_ne!(identity(name), wheel, "{name}");
    }
    assert_eq!(identity("same-1.0.tar.gz"), identity("Same-1.0.0.tar.gz"));
}
