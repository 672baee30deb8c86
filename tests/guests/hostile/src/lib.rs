//! A fixture: a plugin that does, one path each, what a bad plugin could do to its
//! host. None of it may harm another request.
#![allow(clippy::unnecessary_wraps, reason = "endpoints have one shape")]
#![allow(clippy::disallowed_methods, reason = "a fixture that sleeps must sleep")]

use std::hint::black_box;

use packhouse_plugin::storage::{self, Precondition};
use packhouse_plugin::{Call, Description, Failure, Protocol, Request, Response, Router, digests, log};

pub struct Hostile;

packhouse_plugin::export!(Hostile);

impl Protocol for Hostile {
    fn describe() -> Description {
        Description::new("hostile", "Hostile", env!("CARGO_PKG_VERSION"))
            .failure_shape("application/json", r#"{"failed":{status},"why":"{message}"}"#)
    }

    fn handle(request: Request) -> Response {
        Router::new()
            .get("/well", |_| Ok(Response::new(200).text("well")))
            .get("/loop", loop_for_ever)
            .get("/memory", take_all_memory)
            .get("/panic", panic_at_once)
            .get("/recursion", recurse_without_end)
            .get("/sleep", sleep_for_an_hour)
            .get("/resources", open_100_000_resources)
            .put("/largest-read", read_with_the_largest_max)
            .get("/reply-of-1-gib", reply_with_1_gib)
            .get("/status-99", |_| Ok(Response::new(99)))
            .get("/status-101", |_| Ok(Response::new(101)))
            .get("/bad-header", |_| Ok(Response::new(200).header("X-Split", "a\r\nX-Injected: yes")))
            .get("/bad-header-name", |_| Ok(Response::new(200).header("X Split", "a")))
            .get("/foreign-keys", name_foreign_keys)
            .get("/log", flood_the_log)
            .get("/calls", call_for_ever)
            .handle(request)
    }
}

fn loop_for_ever(_: &Call) -> Result<Response, Failure> {
    let mut number = 1_u64;
    while black_box(number) != 0 {
        number = number.wrapping_mul(6_364_136_223_846_793_005) | 1;
    }
    Ok(Response::new(200))
}

fn take_all_memory(_: &Call) -> Result<Response, Failure> {
    let mut taken = Vec::new();
    for _ in 0..10_000 {
        taken.push(black_box(vec![1_u8; 1 << 20]));
    }
    Ok(Response::new(200).text(format!("{}", taken.len())))
}

#[expect(clippy::panic, reason = "that is what this fixture is for")]
fn panic_at_once(_: &Call) -> Result<Response, Failure> {
    panic!("as asked");
}

fn recurse_without_end(_: &Call) -> Result<Response, Failure> {
    #[expect(unconditional_recursion, reason = "that is what this fixture is for")]
    fn deeper(depth: u64) -> u64 {
        let kept = black_box([depth; 64]);
        deeper(depth + 1).wrapping_add(black_box(kept)[0])
    }
    Ok(Response::new(200).text(format!("{}", deeper(black_box(1)))))
}

fn sleep_for_an_hour(_: &Call) -> Result<Response, Failure> {
    std::thread::sleep(std::time::Duration::from_hours(1));
    Ok(Response::new(200))
}

fn open_100_000_resources(_: &Call) -> Result<Response, Failure> {
    let hashers: Vec<_> = (0..100_000).map(|_| digests::Hasher::new(&["sha256"])).collect();
    Ok(Response::new(200).text(format!("{}", hashers.len())))
}

fn read_with_the_largest_max(call: &Call) -> Result<Response, Failure> {
    let read = call.body().read(u32::MAX)?;
    Ok(Response::new(200).text(format!("{}", read.len())))
}

fn reply_with_1_gib(_: &Call) -> Result<Response, Failure> {
    let piece = vec![b'x'; 1 << 20];
    let mut response = Response::new(200);
    for _ in 0..1024 {
        response = response.bytes(&piece);
    }
    Ok(response)
}

/// Answers with the keys that could be read or written although they are not its own.
fn name_foreign_keys(_: &Call) -> Result<Response, Failure> {
    let keys = [
        "../npm/packages/x/index.json",
        "/etc/passwd",
        "..",
        ".",
        "",
        "a//b",
        "a/../../b",
        "a/./b",
        "a/",
        "a\0b",
        "a\nb",
        ".packhouse/locks/0",
        "../.packhouse/staging/x",
        "a\\..\\..\\b/../..",
    ];
    let reached: Vec<_> = keys
        .into_iter()
        .filter(|key| {
            matches!(storage::get(key), Ok(Some(_)))
                || storage::put(key, b"x", Precondition::Any, None).is_ok()
        })
        .collect();
    Ok(Response::new(200).json(&reached))
}

fn flood_the_log(_: &Call) -> Result<Response, Failure> {
    for number in 0..100_000 {
        log::error(&format!("flood {number} {}", "x".repeat(1000)), &[]);
    }
    Ok(Response::new(200).text("logged"))
}

fn call_for_ever(_: &Call) -> Result<Response, Failure> {
    loop {
        storage::stat("nothing")?;
    }
}
