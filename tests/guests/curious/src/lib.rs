//! A fixture: a plugin that calls one function of the contract, which the path names as
//! `/{interface}.{resource}.{function}`. Tests compare what the host records as the inputs of the
//! reply. A function that needs a resource also makes it.
#![allow(clippy::disallowed_methods, reason = "one path asks for the time of WASI")]
#![allow(clippy::unnecessary_wraps, reason = "the functions have one shape")]

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use packhouse_plugin::digests::SHA256;
use packhouse_plugin::storage::{
    self, ListingOptions, Packed, Packing, Precondition, Reader, Staged, Writer,
};
use packhouse_plugin::uploads::{self, Upload};
use packhouse_plugin::{
    Body, Description, Error, Part, Protocol, Request, Response, SaveOptions, auth, clock, digests, log,
    random, settings,
};

/// An object that a test writes first, and one that does not exist.
const PRESENT: &str = "present";
const ABSENT: &str = "absent";
/// An object that is too large for one call.
const LARGE: &str = "large";
const TEXT: &[u8] = b"text";

pub struct Curious;

packhouse_plugin::export!(Curious);

impl Protocol for Curious {
    fn describe() -> Description {
        Description::new("curious", "Curious", env!("CARGO_PKG_VERSION"))
            .scope("thing", &["read", "write"], "read")
            .feature("on", true, "is asked about")
            .wish("login", "to sign in")
            .root_alias("/curious-alias")
    }

    fn handle(request: Request) -> Response {
        let path = request.path();
        let function = path.trim_start_matches('/');
        let called = match function.split_once('.') {
            Some(("auth", rest)) => of_auth(rest),
            Some(("http", rest)) => of_http(rest, &request),
            Some(("storage", rest)) => of_storage(rest),
            Some(("uploads", rest)) => of_uploads(rest, &request),
            Some(("wasi", rest)) => of_wasi(rest),
            Some(("many", rest)) => many(rest, &request),
            Some(("large", rest)) => large(rest),
            _ => of_others(function),
        };
        match called {
            Ok(true) => Response::new(200).text("called"),
            Ok(false) => Response::new(404).text("no such function"),
            Err(error) => Response::new(200).text(format!("called, and told: {error}")),
        }
    }
}

/// False if there is no such function.
type Called = Result<bool, Error>;

fn of_auth(function: &str) -> Called {
    let listed = ["bob".to_owned()];
    match function {
        "check" => _ = auth::check("thing", "a", "read"),
        "check-listed" => _ = auth::check_listed("thing", "a", "write", &listed),
        "check-owned" => _ = auth::check_owned("thing", "a", "write", &[]),
        "grant" => _ = auth::grant("thing", "a", "read"),
        "filter-allowed" => _ = auth::filter_allowed("thing", &["a", "b"], "read"),
        "is-public" => _ = auth::is_public("thing", "a", "read"),
        "rejection" => _ = auth::rejection(),
        "has-credentials" => _ = auth::has_credentials(),
        "caller" => _ = auth::caller(),
        "authenticate" => _ = auth::authenticate_password("ann", "wrong")?,
        "retry-after" => _ = auth::retry_after(),
        "user-exists" => _ = auth::user_exists("ann")?,
        "account-id" => _ = auth::account_id("ann")?,
        "bearer-challenge" => _ = auth::bearer_challenge("/token", &[]),
        "sign-access" => _ = auth::sign_access(None, "", &[])?,
        _ => return of_account(function),
    }
    Ok(true)
}

fn of_account(function: &str) -> Called {
    let Some(account) = auth::caller() else { return Ok(false) };
    match function {
        "account.name" => _ = account.name(),
        "account.id" => _ = account.id(),
        "account.email" => _ = account.email(),
        "account.is-read-only" => _ = account.is_read_only(),
        "account.issue-token" => _ = account.issue_token(&auth::TokenRequest::default())?,
        "account.list-tokens" => _ = account.list_tokens()?,
        "account.revoke-token" => _ = account.revoke_token("unknown")?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn of_http(function: &str, request: &Request) -> Called {
    match function {
        "request.method" => _ = request.method(),
        "request.is-head" => _ = request.is_head(),
        "request.path" => _ = request.path(),
        "request.query" => _ = request.query(),
        "request.base-url" => _ = request.base_url(),
        "request.base-path" => _ = request.base_path(),
        "request.alias" => _ = request.alias(),
        "request.header" => _ = (request.header("accept"), request.header("ACCEPT"), request.header("x-b")),
        "request.body" => _ = request.body(),
        "response.write-object" => {
            let mut response = Response::new(200);
            response.write_object(PRESENT)?;
            response.write_object(ABSENT)?;
        }
        _ => {
            return match function.split_once('.') {
                Some(("body", rest)) => of_body(rest, request.body()),
                Some(("part", rest)) => {
                    let mut body = request.body();
                    body.next_part()?.map_or(Ok(false), |part| of_part(rest, part))
                }
                Some(("response", rest)) => Ok(of_response(rest)),
                _ => Ok(false),
            };
        }
    }
    Ok(true)
}

fn of_body(function: &str, mut body: Body<'_>) -> Called {
    match function {
        "length" => _ = body.length(),
        "read" => _ = body.read(1)?,
        "unread" => body.unread(0)?,
        "slice" => _ = body.slice(1)?,
        "json-string" => _ = body.json_string()?,
        "base64" => _ = body.base64()?,
        "next-part" => _ = body.next_part()?,
        "stage" => _ = body.stage(None, &[])?,
        "save" => _ = body.save("saved", &SaveOptions::default())?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn of_part(function: &str, mut part: Part<'_>) -> Called {
    match function {
        "name" => _ = part.name(),
        "filename" => _ = part.filename(),
        "header" => _ = part.header("content-type"),
        "body" => _ = part.body(),
        _ => return Ok(false),
    }
    Ok(true)
}

fn of_response(function: &str) -> bool {
    let response = Response::new(200);
    match function {
        "new" => _ = response,
        "set-status" => _ = response.with_status(201),
        "set-reason" => _ = response.reason("Fine"),
        "set-header" => _ = response.header("x-a", "a"),
        "add-header" => _ = response.add_header("x-a", "b"),
        "write" => _ = response.bytes(TEXT),
        "set-immutable" => _ = response.immutable(),
        "set-filename" => _ = response.filename("a.txt"),
        "set-ranges" => _ = response.no_ranges(),
        "set-compression" => _ = response.no_compression(),
        _ => return false,
    }
    true
}

fn of_storage(function: &str) -> Called {
    let both = [PRESENT, ABSENT];
    match function {
        "stat" => _ = (storage::stat(PRESENT)?, storage::stat(ABSENT)?),
        "stat-many" => _ = storage::stat_many(&both)?,
        "get" => _ = (storage::get(PRESENT)?, storage::get(ABSENT)?),
        "get-many" => _ = storage::get_many(&both)?,
        "put" => _ = storage::put("put", TEXT, Precondition::Any, None)?,
        "copy" => {
            let source = storage::stat(PRESENT)?.ok_or(Error::NotFound)?;
            storage::copy(PRESENT, &source.version, "copy", Precondition::Any, None)?;
        }
        "remove" => _ = storage::remove("removed", Precondition::Any)?,
        "list-objects" => _ = storage::list_page(&ListingOptions::new("pre"))?,
        "wait-turn" => storage::wait_turn(PRESENT, 1)?,
        "now" => _ = storage::now()?,
        "digests" => _ = (storage::digests(PRESENT, &[SHA256])?, storage::digests(ABSENT, &[SHA256])?),
        _ => {
            return match function.split_once('.') {
                Some(("reader", rest)) => of_reader(rest),
                Some(("staged", rest)) => of_staged(rest),
                Some(("writer", rest)) => of_writer(rest),
                _ => Ok(false),
            };
        }
    }
    Ok(true)
}

fn of_reader(function: &str) -> Called {
    let reader = Reader::open(PRESENT)?.ok_or(Error::NotFound)?;
    match function {
        "open" => _ = Reader::open(ABSENT)?,
        "info" => _ = reader.info(),
        "read-at" => _ = reader.read_at(0, 1)?,
        "digest-range" => _ = reader.digest_range(0, 1, &[SHA256])?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn staged() -> Result<Staged, Error> {
    let mut writer = Writer::new(&[SHA256]);
    writer.add(TEXT)?;
    writer.finish()
}

fn of_staged(function: &str) -> Called {
    let mut staged = staged()?;
    match function {
        "size" => _ = staged.size(),
        "digests" => _ = staged.digests(),
        "read-at" => _ = staged.read_at(0, 1)?,
        "digest-range" => _ = staged.digest_range(0, 1, &[SHA256])?,
        "unpack" => {
            staged.unpack(&[Packed { offset: 0, length: 1, packing: Packing::Store, limit: 1 }])?;
        }
        "commit" => _ = staged.commit("committed", &[], Precondition::Any, None)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn of_writer(function: &str) -> Called {
    let mut writer = Writer::new(&[]);
    match function {
        "new" => {}
        "write" => {
            // The SDK joins small pieces and passes them on at the end.
            writer.add(TEXT)?;
            writer.finish()?;
        }
        "append-object" => {
            let source = storage::stat(PRESENT)?.ok_or(Error::NotFound)?;
            writer.append_object(PRESENT, &source.version)?;
        }
        "finish" => _ = writer.finish()?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn of_uploads(function: &str, request: &Request) -> Called {
    if function == "reached-limit" {
        _ = uploads::reached_limit();
        return Ok(true);
    }
    if function == "upload.open" {
        return Upload::open("unknown").map(|_| true);
    }
    let mut upload = Upload::start("label", &[])?;
    match function {
        "upload.start" => {}
        "upload.id" => _ = upload.id(),
        "upload.label" => _ = upload.label(),
        "upload.offset" => _ = upload.offset(),
        "upload.append" => _ = upload.append(None, None, &mut request.body())?,
        "upload.finish" => _ = upload.finish("finished", &[], Precondition::Any, None)?,
        "upload.cancel" => upload.cancel()?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn of_others(function: &str) -> Called {
    let mut hasher = digests::Hasher::new(&[SHA256]);
    match function {
        "clock.now" => _ = clock::now(),
        "clock.passed" => {
            // Year 1970, and moments around year 2200.
            for moment in [1, 7_258_118_400_001, 7_258_118_400_000, 7_258_118_400_002] {
                clock::passed(moment);
            }
        }
        "random.bytes" => _ = random::bytes(1),
        "digests.of-bytes" => _ = digests::of(TEXT, &[SHA256])?,
        "digests.hasher.update" => hasher.update(TEXT)?,
        "digests.hasher.digests" => _ = hasher.digests()?,
        "settings.get" => _ = settings::get::<HashMap<String, bool>>()?,
        "settings.feature" => _ = settings::feature("on"),
        "log.write" => log::info("an event", &[]),
        "log.write-warning" => log::warn("a problem", &[]),
        "log.write-error" => log::error("a problem", &[]),
        // The hasher is made for every function of it.
        "digests.hasher.new" | "nothing" => {}
        "invalid-key" => _ = storage::get("..")?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Not of the contract, but every component can import it.
fn of_wasi(function: &str) -> Called {
    match function {
        "wall-clock" => _ = SystemTime::now(),
        "monotonic-clock" => _ = Instant::now(),
        "timer" => std::thread::sleep(Duration::from_millis(1)),
        "seed" => _ = HashMap::from([(1, 2)]),
        _ => return Ok(false),
    }
    Ok(true)
}

fn large(what: &str) -> Called {
    match what {
        "refused" => _ = storage::get_up_to(LARGE, 1),
        "read" => _ = storage::get(LARGE)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// More inputs than the host records.
fn many(what: &str, request: &Request) -> Called {
    let names: Vec<String> = (0..5000).map(|number| format!("n{number}")).collect();
    match what {
        "objects" => {
            for some in names.chunks(1000) {
                storage::stat_many(some)?;
            }
        }
        "names" => _ = auth::filter_allowed("thing", &names, "read"),
        "headers" => names.iter().take(33).for_each(|name| drop(request.header(name))),
        _ => return Ok(false),
    }
    Ok(true)
}
