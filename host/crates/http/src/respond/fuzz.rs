//! Fuzz targets for headers that select a response. Each asserts a property. `CONTRIBUTING.md` says
//! how to run them longer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::time::{Duration, SystemTime};

use http::header::{ACCEPT_ENCODING, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE};
use http::{HeaderMap, HeaderValue};
use packhouse_fuzz::{hash, target};

use super::conditions::{self, Verdict};
use super::encoding::accepted;
use super::ranges::{self, Wanted};
use super::validators::Validators;

/// The bytes that one range requests, after RFC 9110 §14.1.2; none if it is malformed.
fn asked(spec: &str, size: usize) -> Option<Vec<usize>> {
    let number = |text: &str| -> Option<usize> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| {
            text.trim_start_matches('0').parse().unwrap_or(if text.bytes().all(|byte| byte == b'0') {
                0
            } else {
                usize::MAX
            })
        })
    };
    let (first, last) = spec.split_once('-')?;
    let all = 0..size;
    Some(match (first, last) {
        ("", suffix) => {
            let suffix = number(suffix)?;
            all.filter(|at| size - at <= suffix).collect()
        }
        (first, "") => {
            let first = number(first)?;
            all.filter(|at| *at >= first).collect()
        }
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            all.filter(|at| *at >= first && *at <= last).collect()
        }
    })
}

#[test]
fn fuzz_ranges_are_the_bytes_that_are_asked_for() {
    let seeds = ["bytes=0-0", "bytes=-5, 3-7,9-", "Bytes = 0-1,,2-3", "bytes=5-2", "bytes=99-"];
    let words = ["bytes=", "-", ",", "0-", "-1", "18446744073709551615", "99999999999999999999", "items="];
    target!("ranges").seeds(seeds).words(words).check(|input| {
        let Ok(header) = HeaderValue::from_bytes(input) else { return false };
        let size = usize::try_from(hash(input) % 40).unwrap();
        let specs = || {
            let (unit, set) = header.to_str().ok()?.split_once('=')?;
            let is_bytes = unit.trim().eq_ignore_ascii_case("bytes");
            let specs =
                set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty());
            is_bytes.then(|| specs.map(str::to_owned).collect::<Vec<_>>())
        };
        match ranges::parse(&header, size as u64) {
            Wanted::Whole => false,
            Wanted::Nothing => {
                let specs = specs().unwrap();
                assert!(specs.iter().all(|spec| asked(spec, size).is_some_and(|bytes| bytes.is_empty())));
                true
            }
            Wanted::Ranges(ranges) => {
                assert!(!ranges.is_empty() && ranges.len() <= 16);
                assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size as u64));
                let mut sorted = ranges.clone();
                sorted.sort_by_key(|range| range.start);
                assert!(sorted.windows(2).all(|pair| pair[0].end < pair[1].start), "{ranges:?} touch");
                let given: Vec<usize> =
                    sorted.into_iter().flatten().map(|at| usize::try_from(at).unwrap()).collect();
                let mut wanted: Vec<usize> =
                    specs().unwrap().iter().flat_map(|spec| asked(spec, size).unwrap()).collect();
                wanted.sort_unstable();
                wanted.dedup();
                assert_eq!(given, wanted);
                true
            }
        }
    });
}

#[test]
fn fuzz_accept_encoding_takes_a_coding_that_is_named_and_the_same_one_in_capitals() {
    let seeds = [
        "gzip, deflate, br, zstd",
        "gzip;q=1.0, br;q=0.8",
        "zstd;q=0, *;q=0.5",
        "x-gzip",
        "identity;q=1, gzip;q=0.5",
    ];
    let words = ["gzip", "br", "zstd", "identity", "*", ";q=", "0.5", "0.001", "x-gzip", ", "];
    target!("accept-encoding").seeds(seeds).words(words).check(|input| {
        let Ok(header) = HeaderValue::from_bytes(input) else { return false };
        let of = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_bytes(value).unwrap());
            }
            accepted(&headers)
        };
        let chosen = of(&[input]);
        assert_eq!(chosen, of(&[input.to_ascii_uppercase().as_slice()]));
        assert_eq!(chosen, of(&[input, b"deflate;q=0.3"]), "an unknown coding changes nothing");
        let Ok(text) = header.to_str() else {
            assert_eq!(chosen, None);
            return false;
        };
        let text = text.to_ascii_lowercase();
        assert!(chosen.is_none_or(|coding| text.contains(coding.name()) || text.contains('*')));
        chosen.is_some()
    });
}

#[test]
fn fuzz_conditions_hold_only_for_the_tag_that_is_there() {
    let seeds =
        ["\"abc\"", "W/\"abc\", \"x,y\"", "*", "\"x\", \"abc-gzip\"", "abc", "Sun, 06 Nov 1994 08:49:37 GMT"];
    let words = ["\"", "W/", ",", "abc", "-gzip", "-zstd", "*", "\"abc\"", "GMT"];
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let validators = Validators { etag: Some(HeaderValue::from_static("\"abc\"")), modified: Some(modified) };
    target!("conditions").seeds(seeds).words(words).check(|input| {
        let Ok(value) = HeaderValue::from_bytes(input) else { return false };
        let with = |name: http::HeaderName| HeaderMap::from_iter([(name, value.clone())]);
        let names_it =
            input.windows(3).any(|window| window == b"abc") || value.as_bytes().trim_ascii() == b"*";
        let not_modified = match conditions::check(&with(IF_NONE_MATCH), &validators, None) {
            Verdict::Proceed => false,
            Verdict::Failed => panic!("If-None-Match never fails a GET"),
            Verdict::NotModified(tag) => {
                assert!(names_it);
                let tag = tag.unwrap();
                let opaque = tag.as_bytes().strip_prefix(b"W/").unwrap_or(tag.as_bytes());
                assert!(opaque.starts_with(b"\"abc") && opaque.ends_with(b"\""), "{tag:?}");
                true
            }
        };
        let matched = conditions::check(&with(IF_MATCH), &validators, None) == Verdict::Proceed;
        assert!(!matched || not_modified, "what matches strongly matches weakly");
        // The same for the list in two lines.
        let mut lines = with(IF_NONE_MATCH);
        lines.append(IF_NONE_MATCH, HeaderValue::from_static("\"other\""));
        let in_two = conditions::check(&lines, &validators, None) != Verdict::Proceed;
        assert_eq!(in_two, not_modified);
        let since = conditions::check(&with(IF_MODIFIED_SINCE), &validators, None) != Verdict::Proceed;
        let range = conditions::range_applies(&with(IF_RANGE), &validators);
        assert!(!range || matched || since, "a range of another state");
        not_modified || matched || since || range
    });
}
