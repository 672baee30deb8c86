//! Names and versions.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;

fn name(text: &str) -> CrateName {
    CrateName::parse(text).unwrap()
}

#[test]
fn names_that_could_be_another_key_are_none() {
    for text in ["", "..", ".", "a/b", "a\\b", "a.b", "a b", "a\0", "é", "a%2fb", "a+b"] {
        assert!(CrateName::parse(text).is_err(), "{text:?}");
    }
    assert!(CrateName::parse(&"a".repeat(101)).is_err());
}

#[test]
fn a_new_name_follows_the_rules_of_crates_io() {
    for text in ["serde", "A", "my_Crate-2"] {
        assert_eq!(name(text).check_new(), Ok(()), "{text}");
    }
    for text in ["2fast", "-a", "_a", "NUL", "com1", &"a".repeat(65)] {
        assert!(name(text).check_new().is_err(), "{text}");
    }
}

#[test]
fn index_folders_are_those_of_the_reference() {
    for (text, folder) in [("a", "1"), ("ab", "2"), ("Abc", "3/a"), ("cargo", "ca/rg"), ("MyCrate", "my/cr")]
    {
        assert_eq!(name(text).index_folder(), folder);
    }
}

#[test]
fn variants_are_the_other_names_of_the_same_canonical_form() {
    let names = |text| name(text).variants().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names("plain"), Vec::<String>::new());
    assert_eq!(names("My-crate"), ["my_crate"]);
    assert_eq!(names("a-b_c"), ["a-b-c", "a_b-c", "a_b_c"]);
    let many = "a-b_c-d-e-f-g-h-i-j-k";
    assert!(names(many).contains(&many.replace('-', "_")));
    assert!(names(many).contains(&many.replace('_', "-")));
    for variant in name("a-b_c").variants() {
        assert_eq!(variant.canonical(), "a-b-c");
    }
}

#[test]
fn build_metadata_makes_no_other_release() {
    let version = |text| Version::parse(text).unwrap();
    assert!(version("1.0.0+a").is_same_release(&version("1.0.0+b")));
    assert!(!version("1.0.0-a").is_same_release(&version("1.0.0")));
    assert_ne!(version("1.0.0+a"), version("1.0.0+b"));
    for text in ["", "1", "1.0", "01.0.0", "1.0.0-", "v1.0.0", "1.0.0/..", " 1.0.0"] {
        assert!(Version::parse(text).is_err(), "{text:?}");
    }
    assert!(Version::parse(&format!("1.0.0-{}", "a".repeat(200))).is_err());
}
