//! A fixture: a plugin that does, one path each, what a bad plugin could do to its
//! host. None of it may harm another request.
#![allow(clippy::unnecessary_wraps, reason = "endpoints have one shape")]
#![allow(clippy::disallowed_methods, reason = "a fixture that sleeps must sleep")]

use std::hint::black_box;

use packhouse_plugin::digests::{BLAKE2B256, SHA256};
use packhouse_plugin::storage::{self, Packed, Packing, Precondition, Reader, Staged, Writer};
use packhouse_plugin::uploads::Upload;
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
            .get("/hold-memory", hold_memory_for_a_while)
            .get("/algorithms", name_700_large_algorithms)
            .get("/writers", open_100_writers)
            .get("/digests", digest_for_ever)
            .get("/digest-ranges", digest_ranges_for_ever)
            .get("/writing", write_for_ever)
            .get("/reading", read_for_ever)
            .get("/commits", commit_for_ever)
            .get("/unpacking", unpack_for_ever)
            .get("/unpacking-without-limit", unpack_without_limit)
            .get("/uploads", start_2000_uploads)
            .get("/same-upload", open_an_upload_for_ever)
            .put("/finishes", finish_an_upload_for_ever)
            .get("/one-upload", start_one_upload)
            .get("/dawdling", wait_for_ever)
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

/// 50 MiB, for a second or so.
fn hold_memory_for_a_while(_: &Call) -> Result<Response, Failure> {
    let held: Vec<Vec<u8>> = (0..50).map(|_| black_box(vec![1; 1 << 20])).collect();
    for _ in 0..10 {
        storage::wait_turn("nothing", 6)?;
    }
    Ok(Response::new(200).text(format!("{}", black_box(held).len())))
}

fn name_700_large_algorithms(_: &Call) -> Result<Response, Failure> {
    let name = "x".repeat(3_900_000);
    let hashers: Vec<_> = (0..700).map(|_| digests::Hasher::new(&[&name])).collect();
    let writers: Vec<_> = (0..700).map(|_| Writer::new(&[&name])).collect();
    let refused =
        hashers.into_iter().all(|mut hasher| hasher.update(b"x").is_err() && hasher.digests().is_err());
    let refused = refused
        && writers.into_iter().all(|mut writer| writer.add(b"x").is_err() || writer.finish().is_err());
    Ok(Response::new(200).text(format!("{refused}")))
}

fn open_100_writers(_: &Call) -> Result<Response, Failure> {
    let piece = vec![1; 1 << 20];
    let mut writers = Vec::new();
    for _ in 0..100 {
        let mut writer = Writer::new(&[]);
        writer.add(&piece)?;
        writers.push(writer);
    }
    Ok(Response::new(200).text(format!("{}", writers.len())))
}

/// Writes an object of 8 MiB.
fn write_large() -> Result<(), Failure> {
    let mut writer = Writer::new(&[]);
    for _ in 0..8 {
        writer.add(&vec![1; 1 << 20])?;
    }
    writer.finish()?.commit("large", &[], Precondition::Any, None)?;
    Ok(())
}

fn digest_for_ever(_: &Call) -> Result<Response, Failure> {
    write_large()?;
    loop {
        storage::digests("large", &[SHA256, BLAKE2B256])?;
    }
}

fn digest_ranges_for_ever(_: &Call) -> Result<Response, Failure> {
    write_large()?;
    let Some(reader) = Reader::open("large")? else { return Ok(Response::new(404)) };
    loop {
        reader.digest_range(0, reader.size(), &[SHA256])?;
    }
}

fn write_for_ever(_: &Call) -> Result<Response, Failure> {
    let piece = vec![1; 1 << 20];
    let mut writer = Writer::new(&[SHA256]);
    loop {
        writer.add(&piece)?;
    }
}

fn read_for_ever(_: &Call) -> Result<Response, Failure> {
    write_large()?;
    let Some(reader) = Reader::open("large")? else { return Ok(Response::new(404)) };
    loop {
        black_box(reader.read_at(0, 1 << 20)?);
    }
}

/// Each fails, since something is there.
fn commit_for_ever(_: &Call) -> Result<Response, Failure> {
    write_large()?;
    let mut writer = Writer::new(&[]);
    for _ in 0..8 {
        writer.add(&vec![1; 1 << 20])?;
    }
    let mut staged = writer.finish()?;
    loop {
        let _ = staged.commit("large", &[], Precondition::Absent, None);
    }
}

/// One part of a mebibyte.
fn staged_part(limit: u64) -> Result<(Staged, Packed), Failure> {
    let mut writer = Writer::new(&[]);
    writer.add(&vec![1; 1 << 20])?;
    Ok((writer.finish()?, Packed { offset: 0, length: 1 << 20, packing: Packing::Store, limit }))
}

fn unpack_for_ever(_: &Call) -> Result<Response, Failure> {
    let (staged, part) = staged_part(1 << 20)?;
    loop {
        staged.unpack(&[part])?;
    }
}

fn unpack_without_limit(_: &Call) -> Result<Response, Failure> {
    let (staged, part) = staged_part(u64::MAX)?;
    staged.unpack(&[part])?;
    Ok(Response::new(200))
}

fn start_2000_uploads(_: &Call) -> Result<Response, Failure> {
    for _ in 0..2000 {
        Upload::start("many", &[])?;
    }
    Ok(Response::new(200).text("2000"))
}

fn open_an_upload_for_ever(_: &Call) -> Result<Response, Failure> {
    let upload = Upload::start("one", &[])?;
    loop {
        Upload::open(&upload.id())?;
    }
}

/// Each fails, since something is there, and reads the upload through for a digest that was
/// not named at its start.
fn finish_an_upload_for_ever(call: &Call) -> Result<Response, Failure> {
    write_large()?;
    let mut upload = Upload::start("one", &[])?;
    upload.append(None, None, &mut call.body())?;
    let expect = digests::of(b"", &[SHA256])?;
    loop {
        let _ = upload.finish("large", &expect, Precondition::Absent, None);
    }
}

fn start_one_upload(_: &Call) -> Result<Response, Failure> {
    Upload::start("one", &[])?;
    Ok(Response::new(201))
}

fn wait_for_ever(_: &Call) -> Result<Response, Failure> {
    loop {
        let _ = storage::wait_turn("nothing", 6);
    }
}
