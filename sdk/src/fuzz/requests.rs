//! Heads of requests: paths, queries, `Accept`, digests.

use packhouse_fuzz::target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::testing::Host;
use crate::{Call, Description, Digest, Failure, Protocol, Request, Response, Router, accept, segment};

const OFFERS: [&str; 4] =
    ["application/json", "text/html", "application/vnd.npm.install-v1+json", "application/json; v=2"];

#[test]
fn fuzz_accept_prefers_one_of_the_offers_and_the_same_one_in_capitals() {
    let seeds = [
        "*/*",
        "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*",
        "text/*;q=0.3, application/json;v=\"2\";q=0.7",
        "text/html;q=0, *",
    ];
    let words = ["q=", "0.5", "0.001", "*/*", "text/*", "text/html", "application/json", ";v=2", ", "];
    target!("accept").seeds(seeds).words(words).check_text(|text| {
        let best = accept::best_offer(Some(text), &OFFERS);
        for (index, offer) in OFFERS.iter().enumerate() {
            let alone = accept::best_offer(Some(text), &[offer]);
            assert!(best.is_some() || alone.is_none(), "{offer} is accepted alone only");
            assert!(best != Some(index) || alone == Some(0), "{offer} is accepted among others only");
        }
        assert_eq!(best, accept::best_offer(Some(&text.to_ascii_uppercase()), &OFFERS));
        if !text.trim().is_empty() {
            let more = format!("{text}, image/png");
            assert_eq!(best, accept::best_offer(Some(&more), &OFFERS), "another type changes nothing");
        }
        best.is_some()
    });
}

#[test]
fn fuzz_path_segment_is_a_name_and_reads_back() {
    let seeds = ["left-pad", "%40scope%2fname", "a/b%20c", "caf%C3%A9"];
    target!("path-segment").seeds(seeds).words(["%2e", "%2E%2e", "%2f", "%00", "%25"]).check_text(|raw| {
        let with_slashes = segment::decode(raw, true);
        if let Ok(without) = segment::decode(raw, false) {
            assert_eq!(with_slashes.as_deref(), Ok(without.as_str()));
            assert_eq!(without.matches('/').count(), raw.matches('/').count(), "a `/` was decoded");
        }
        let Ok(name) = with_slashes else { return false };
        assert!(!name.contains(char::is_control));
        assert!(name.split('/').all(|part| !matches!(part, "" | "." | "..")), "{name}");
        let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC).to_string();
        assert_eq!(segment::decode(&encoded, true), Ok(name));
        true
    });
}

#[test]
fn fuzz_query_reads_back_what_was_written() {
    let seeds = ["text=a+b%20c&&flag&x=1=2&bad=%zz", "q=%F0%9F%98%80"];
    target!("query").seeds(seeds).words(["&", "=", "+", "%26", "%3d", "%2b"]).check_text(|query| {
        let pairs = segment::query_pairs(query);
        assert!(pairs.len() <= query.split('&').count());
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let written: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        assert_eq!(segment::query_pairs(&written.join("&")), pairs);
        true
    });
}

#[test]
fn fuzz_digest_reads_back_as_bytes() {
    target!("digest").seeds(["00ff", "ABCDEF", ""]).words(["+f", "g"]).check_text(|hex| {
        let Ok(bytes) = Digest::sha256(hex).bytes() else {
            assert!(hex.len() % 2 == 1 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
            return false;
        };
        assert_eq!(bytes.len() * 2, hex.len());
        assert_eq!(Digest::from_bytes("sha256", &bytes), Digest::sha256(hex));
        true
    });
}

struct Routed;

const PATTERNS: [&str; 6] = [
    "/",
    "/{name}",
    "/{name}/-/{file}",
    "/api/v{version}/{rest...}",
    "/{name...}/tags/{tag}.json",
    "/-/ping",
];

impl Protocol for Routed {
    fn describe() -> Description {
        Description::new("routed", "Routed", "0.1.0")
    }

    fn handle(request: Request) -> Response {
        let routes = Router::<Failure>::new()
            .get(PATTERNS[0], |call| Ok(rebuilt(call, PATTERNS[0])))
            .get(PATTERNS[1], |call| Ok(rebuilt(call, PATTERNS[1])))
            .get(PATTERNS[2], |call| Ok(rebuilt(call, PATTERNS[2])))
            .get(PATTERNS[3], |call| Ok(rebuilt(call, PATTERNS[3])))
            .get(PATTERNS[4], |call| Ok(rebuilt(call, PATTERNS[4])))
            .get(PATTERNS[5], |call| Ok(rebuilt(call, PATTERNS[5])));
        routes.handle(request)
    }
}

/// The path, made of the pattern and the parameters again.
fn rebuilt(call: &Call, pattern: &str) -> Response {
    let mut path = pattern.to_owned();
    for name in ["name", "file", "version", "rest", "tag"] {
        let value = call.param(name);
        assert_eq!(value.is_empty(), !pattern.contains(&format!("{{{name}")), "{name} in {pattern}");
        // Not a pattern itself.
        let value = value.replace('{', "\u{1}").replace('}', "\u{2}");
        path = path.replace(&format!("{{{name}}}"), &value).replace(&format!("{{{name}...}}"), &value);
    }
    let path = path.replace('\u{1}', "{").replace('\u{2}', "}");
    assert_eq!(path, call.path(), "{pattern}");
    Response::new(200).text(&path)
}

#[test]
fn fuzz_router_gives_parameters_of_which_the_path_is_made() {
    let seeds =
        ["/", "/left-pad", "//a/", "/a/-/b.tgz", "/api/v1/a/b", "/a/b/tags/1.json", "/-/ping", "/a//b"];
    let host = Host::new();
    target!("router").seeds(seeds).words(["/", "//", "/-/", "/tags/", ".json", "/api/v"]).check_text(
        |path| {
            if path.contains(['?', '\u{1}', '\u{2}']) {
                return false;
            }
            let path = format!("/{}", path.strip_prefix('/').unwrap_or(path));
            let reply = host.anonymous().get(&path).send::<Routed>();
            let trim = |path: &str| path.trim_matches('/').to_owned();
            match reply.status() {
                200 => assert_eq!(trim(&reply.text()), trim(&path), "another path was answered"),
                status => assert_eq!(status, 404),
            }
            reply.status() == 200
        },
    );
}
