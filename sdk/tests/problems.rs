//! What a protocol with an error format of its own answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use packhouse_plugin::problem::{ErrorFormat, Problem, Report};
use packhouse_plugin::testing::Host;
use packhouse_plugin::{
    Call, Description, Descriptor, Error, Protocol, Request, Response, Router, TextFailure, auth,
    descriptors, settings, storage,
};

descriptors! {
    MISSING 404 "missing" "this is not here"
    WRONG 400 "wrong" "this cannot be"
    REFUSED 403 "refused" "not allowed"
    BROKEN 500 "broken" "the registry met an internal error"
}

struct Notes;

impl ErrorFormat for Notes {
    type Detail = u32;

    fn descriptor(report: Report<'_>) -> Descriptor {
        match report.status() {
            404 => MISSING,
            401 | 403 => REFUSED,
            500.. => BROKEN,
            _ => WRONG,
        }
    }

    fn render(problem: &Problem<Notes>) -> Response {
        Response::new(problem.status())
            .header("x-detail", &problem.detail().to_string())
            .header("x-twice", "rendered")
            .text(format!("{}: {problem}", problem.code()))
    }
}

impl Protocol for Notes {
    fn describe() -> Description {
        Description::new("notes", "Notes", "0.1.0").scope("note", &["read"], "read").feature(
            "reading",
            true,
            "notes can be read",
        )
    }

    fn handle(request: Request) -> Response {
        Router::new().get("/{note}", read).put("/{note}", write).handle(request)
    }
}

fn read(call: &Call) -> Result<Response, Problem<Notes>> {
    settings::require_feature("reading")?;
    let name = call.decoded("note")?;
    auth::require("note", &name, "read")?;
    let note = storage::get(&name)?.ok_or_else(|| Problem::new(MISSING).with_detail(7).retry_after(9))?;
    Ok(Response::new(200).json(&note.json::<u32>()?))
}

fn write(call: &Call) -> Result<Response, Problem<Notes>> {
    let _: u32 = serde_json::from_slice(&call.body().read_all(10)?)?;
    Err(Problem::because(WRONG, "no more notes").header("x-twice", "added"))
}

fn host() -> Host {
    Host::new().describe::<Notes>().anonymous_grants(&["notes:note:*:read"])
}

#[test]
fn every_report_is_answered_by_a_line_of_the_table() {
    let host = host();
    host.insert("damaged", "{torn").unwrap();
    for (path, status, text) in [
        ("/none", 404, "missing: this is not here"),
        ("/a/b", 404, "missing: nothing is served at this path"),
        ("/a%00", 400, "wrong: the path's `note` has a control character"),
    ] {
        let reply = host.anonymous().get(path).send::<Notes>();
        assert_eq!((reply.status(), reply.text().as_str()), (status, text), "{path}");
    }
    let reply = host.anonymous().get("/damaged").send::<Notes>();
    assert_eq!(reply.status(), 500);
    assert!(reply.text().starts_with("broken: what the registry has stored"), "{}", reply.text());
    assert!(format!("{:?}", host.log()).contains("damaged"), "{:?}", host.log());
    assert_eq!(host.anonymous().put("/none").body("x").send::<Notes>().status(), 400, "no JSON");
    assert_eq!(host.anonymous().put("/none").body("12345678901").send::<Notes>().status(), 400, "too large");
}

#[test]
fn a_feature_that_is_off_and_a_permission_that_is_missing_are_told() {
    let off = host().feature("reading", false);
    let reply = off.anonymous().get("/none").send::<Notes>();
    assert_eq!(
        (reply.status(), reply.text().as_str()),
        (400, "wrong: reading is turned off on this registry")
    );
    let closed = Host::new().describe::<Notes>().user("ann", &[]);
    let reply = closed.anonymous().get("/none").send::<Notes>();
    assert_eq!(reply.text(), "refused: sign in first: this needs the permission notes:note:none:read");
    let reply = closed.as_user("ann").get("/none").send::<Notes>();
    assert_eq!(reply.text(), "refused: this account lacks the permission notes:note:none:read");
}

#[test]
fn a_host_that_says_more_than_500_is_answered_with_its_status() {
    let host = host();
    for (error, status) in [
        (Error::Unavailable("10.0.0.7: refused".to_owned()), 503),
        (Error::Other { code: "storage-full".to_owned(), message: "no room".to_owned() }, 507),
        (Error::Other { code: "new".to_owned(), message: "secret".to_owned() }, 500),
    ] {
        host.fail_next(error);
        let reply = host.anonymous().get("/none").send::<Notes>();
        assert_eq!(reply.status(), status);
        assert!(!reply.text().contains("10.0.0.7") && !reply.text().contains("secret"), "{}", reply.text());
    }
    assert_eq!(host.log().len(), 3);
}

#[test]
fn an_added_header_replaces_one_that_was_rendered() {
    let host = host();
    let reply = host.anonymous().get("/none").send::<Notes>();
    assert_eq!(reply.header("x-detail"), Some("7"));
    assert_eq!(reply.header("retry-after"), Some("9"));
    let reply = host.anonymous().put("/none").body("1").send::<Notes>();
    assert_eq!(reply.header("x-twice"), Some("added"));
}

#[test]
fn what_was_read_is_told_apart_from_a_host_that_fails() {
    let host = Host::new();
    host.insert("note", "{torn").unwrap();
    let failure = TextFailure::from(storage::get("note").unwrap().unwrap().json::<u32>().unwrap_err());
    assert_eq!(failure.status(), 500, "{failure}");
    let failure = TextFailure::from(serde_json::from_str::<u32>("{torn").unwrap_err());
    assert_eq!(failure.status(), 400, "{failure}");
}

/// A protocol that overrides nothing.
struct Plain;

impl ErrorFormat for Plain {
    type Detail = ();

    fn render(problem: &Problem<Plain>) -> Response {
        Response::new(problem.status()).text(problem.code())
    }
}

#[test]
fn a_protocol_without_lines_of_its_own_answers_with_the_defaults() {
    let answered = |problem: Problem<Plain>| (problem.status(), problem.code());
    for (error, expected) in [
        (Error::NotFound, (404, "not_found")),
        (Error::Conflict, (409, "conflict")),
        (Error::TooLarge(1), (413, "too_large")),
        (Error::TooMany("2 uploads are open".to_owned()), (429, "too_many")),
        (Error::Truncated, (400, "bad_body")),
        (Error::Invalid("why".to_owned()), (400, "bad_body")),
        (packhouse_plugin::json::parse::<u32>(b"[]").unwrap_err().into(), (400, "bad_body")),
        (Error::Denied("why".to_owned()), (403, "forbidden")),
        (Error::Unavailable("why".to_owned()), (503, "internal")),
        (Error::Misused("why".to_owned()), (500, "internal")),
        (Error::Other { code: "storage-full".to_owned(), message: String::new() }, (507, "internal")),
    ] {
        let _host = Host::new();
        assert_eq!(answered(error.clone().into()), expected, "{error:?}");
    }
    for (report, expected) in [
        (Report::NoRoute, (404, "no_route")),
        (Report::Method, (405, "method_not_allowed")),
        (Report::FeatureOff, (405, "feature_off")),
        (Report::BadPath { parameter: "note" }, (400, "bad_path")),
        (Report::SignIn, (401, "sign_in")),
        (Report::DigestMismatch, (400, "bad_body")),
    ] {
        assert_eq!(answered(Problem::new(Plain::descriptor(report))), expected, "{report:?}");
    }
}
