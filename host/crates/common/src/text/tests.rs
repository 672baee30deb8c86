#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::fmt::Write as _;

use super::*;

const TOKEN: &str = "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0";

#[test]
fn what_is_counted_is_one_or_several() {
    assert_eq!([0, 1, 2].map(|count| counted(count, "second")), ["0 seconds", "1 second", "2 seconds"]);
}

#[test]
fn what_a_terminal_obeys_or_does_not_show_is_escaped() {
    let shown = |text: &str| printable(text).to_string();
    assert_eq!(shown("left-pad 1.0 \u{e4}\u{65e5}\u{1f980}"), "left-pad 1.0 \u{e4}\u{65e5}\u{1f980}");
    assert_eq!(shown("a\u{202e}gpj.exe"), "a\\u{202e}gpj.exe");
    assert_eq!(shown("one\ntwo\r\tthree"), "one\\ntwo\\r\\tthree");
    assert_eq!(shown("\u{1b}[2J\u{7f}\u{9b}31m"), "\\u{1b}[2J\\u{7f}\\u{9b}31m");
    for hidden in [
        '\u{0}',
        '\u{61c}',
        '\u{ad}',
        '\u{200b}',
        '\u{200e}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202d}',
        '\u{2066}',
        '\u{2069}',
        '\u{feff}',
        '\u{e0041}',
    ] {
        assert_eq!(shown(&hidden.to_string()), format!("\\u{{{:x}}}", u32::from(hidden)));
    }
    assert_eq!(
        shown("\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}"),
        "\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}"
    );
}

#[test]
fn a_long_text_is_cut_and_says_by_how_much() {
    let text = "x".repeat(60_000);
    assert_eq!(printable(&text).to_string(), format!("{}… (59744 bytes more)", "x".repeat(256)));
    let hostile = "\u{202e}".repeat(60_000);
    let shown = printable(&hostile).to_string();
    assert!(shown.len() < 300 && shown.ends_with(" bytes more)"), "{shown}");
}

#[test]
fn a_value_of_any_size_is_bounded_while_it_is_formatted() {
    let mut line = String::new();
    let mut bounded = Bounded::new(&mut line, 10);
    for _ in 0..1000 {
        write!(bounded, "{}", "y".repeat(1000)).unwrap();
    }
    bounded.finish().unwrap();
    assert_eq!(line, "yyyyyyyyyy… (999990 bytes more)");
}

#[test]
fn a_token_in_a_path_is_left_out_however_it_is_encoded() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl";
    let encoded_once = TOKEN.replacen('-', "%2d", 1);
    let encoded_twice = TOKEN.replacen('4', "%2534", 1);
    let all = TOKEN.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
    let secrets = [
        TOKEN.to_owned(),
        TOKEN.to_uppercase(),
        TOKEN.replace('-', ""),
        format!("urn:uuid:{TOKEN}"),
        format!("{{{TOKEN}}}"),
        format!("npm_{TOKEN}"),
        format!("{TOKEN};x=1"),
        format!("ann:{TOKEN}@"),
        format!("a%2F{TOKEN}"),
        encoded_once,
        encoded_twice,
        all,
        jwt.to_owned(),
        jwt.replace('.', "%2E"),
    ];
    for secret in &secrets {
        assert_eq!(printable_path(&format!("/npm/-/user/token/{secret}")), "/npm/-/user/token/…", "{secret}");
        assert_eq!(printable_path(&format!("/{secret}/x")), "/…/x", "{secret}");
    }
    let endless = (0..20).fold(TOKEN.replace('-', "%2d"), |text, _| text.replace('%', "%25"));
    assert_eq!(printable_path(&format!("/{endless}")), "/…");
}

#[test]
fn other_paths_are_logged_as_they_were_sent() {
    for path in [
        "/",
        "",
        "/npm/@scope%2fname",
        "/oci/v2/a/blobs/sha256:0123",
        "/a//b/",
        "/v2/a-b-c-d-e-f/%zz",
        "/%E2%80%AE",
    ] {
        assert_eq!(printable_path(path), path);
    }
    assert_eq!(printable_path("/\u{202e}a"), "/\\u{202e}a");
    let long = format!("/{}/{TOKEN}", "a/".repeat(30_000));
    let shown = printable_path(&long);
    assert!(shown.len() < 300 && shown.starts_with("/a/a/") && !shown.contains(TOKEN), "{shown}");
}

#[test]
fn the_secrets_of_a_request_are_found_raw_and_decoded() {
    let encoded = TOKEN.replacen('-', "%2d", 1);
    let found = secrets_of(&format!("/-/user/token/x{encoded}?key={TOKEN}"));
    for secret in [format!("x{encoded}"), format!("x{TOKEN}"), TOKEN.to_owned()] {
        assert!(found.contains(&secret), "{secret} in {found:?}");
    }
    assert_eq!(secrets_of("/left-pad/-/left-pad-1.0.0.tgz"), Vec::<String>::new());
}
