#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
use super::*;
use std::cmp::Ordering;

#[test]
fn names_are_those_that_rubygems_takes() {
    for name in ["rack", "Rack", "rack-test", "a.b_c", "3scale", "x", "net-http-persistent"] {
        assert_eq!(GemName::parse(name).unwrap().as_str(), name);
    }
    for name in ["", "1", "-a", ".a", "_a", "a b", "a/b", "..", "a\r\nb", "a\0", "é", "a:b", &"a".repeat(121)]
    {
        assert!(GemName::parse(name).is_err(), "{name:?}");
    }
}

#[test]
fn versions_stay_as_they_are_written() {
    for version in ["1", "1.10", "1.100", "0.0.0", "1.0.pre", "1.0.rc1", "2025.01.01"] {
        assert_eq!(Number::parse(version).unwrap().as_str(), version);
    }
    assert_eq!(Number::parse("1.0-rc1").unwrap().as_str(), "1.0.pre.rc1");
    for version in ["", "a", "1.", ".1", "1..2", "1.0\n", "1.0/2", "v1", "1 0", "1.0+a", &"1".repeat(61)] {
        assert!(Number::parse(version).is_err(), "{version:?}");
    }
}

#[test]
fn versions_are_ordered_as_rubygems_orders_them() {
    let ascending = [
        "0.1", "0.9", "0.10", "1.0.a", "1.0.b1", "1.0.b2", "1.0.rc1", "1.0", "1.0.1", "1.9", "1.10",
        "1.010.1", "11",
    ];
    for (index, lower) in ascending.iter().enumerate() {
        for higher in ascending.iter().skip(index + 1) {
            assert_eq!(compare(lower, higher), Ordering::Less, "{lower} {higher}");
            assert_eq!(compare(higher, lower), Ordering::Greater, "{lower} {higher}");
        }
    }
    for (one, other) in [("1", "1.0"), ("1.0", "1.0.0"), ("1.0.a", "1.a"), ("1.00", "1")] {
        assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
    }
    assert!(Number::parse("1.0.a").unwrap().is_prerelease());
    assert!(!Number::parse("1.0").unwrap().is_prerelease());
}

#[test]
fn a_dash_behind_the_version_begins_the_platform() {
    let slot = Slot::parse("1.0-x86_64-linux").unwrap();
    assert_eq!((slot.number.as_str(), slot.platform.as_str()), ("1.0", "x86_64-linux"));
    assert_eq!(slot.to_string(), "1.0-x86_64-linux");
    assert_eq!(Slot::parse("1.0").unwrap().platform, RUBY);
    assert_eq!(Slot::new("1.0", Some("ruby")).unwrap().to_string(), "1.0");
    for text in ["1.0-", "1.0-ruby", "-java"] {
        assert!(Slot::parse(text).is_err(), "{text}");
    }
    for platform in ["a b", "a/b", "..", "x\n", &"x".repeat(61)] {
        assert!(Slot::new("1.0", Some(platform)).is_err(), "{platform:?}");
    }
}

#[test]
fn a_file_name_may_have_two_readings() {
    let told = |full: &str| -> Vec<String> {
        readings(full)
            .iter()
            .map(|(name, slot)| format!("{name} {} {}", slot.number, slot.platform))
            .collect()
    };
    assert_eq!(told("a-1-2"), ["a-1 2 ruby", "a 1 2"]);
    assert_eq!(told("net-http-persistent-4.0.1"), ["net-http-persistent 4.0.1 ruby"]);
    assert_eq!(told("nokogiri-1.15.0-x86_64-linux"), ["nokogiri 1.15.0 x86_64-linux"]);
    assert_eq!(told("nothing"), Vec::<String>::new());
}
