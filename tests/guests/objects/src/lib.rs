//! A fixture: plain objects by name, so that tests reach every capability of the host
//! without a real protocol in between. Also what the benchmark reads.
#![allow(clippy::unnecessary_wraps, reason = "endpoints have one shape")]

use packhouse_plugin::storage::{self, Change, Precondition};
use packhouse_plugin::uploads::Upload;
use packhouse_plugin::{
    Call, Description, Error, Failure, Protocol, Request, Response, Router, auth, log, settings,
};

pub struct Objects;

packhouse_plugin::export!(Objects);

impl Protocol for Objects {
    fn describe() -> Description {
        Description::new("objects", "Objects", env!("CARGO_PKG_VERSION"))
            .scope("object", &["read", "write"], "read")
            .implies("object", "write", &["read"])
            .feature("greeting", true, "says hello")
            .wish("login", "to try out signing in")
            .root_alias("/greetings")
            .failure_shape("application/json", r#"{"failed":{status},"why":"{message}"}"#)
            .setup("curl {base_url}/hello")
    }

    fn check_settings() -> Result<(), Error> {
        settings::check::<Settings>()?;
        if settings::get::<Settings>()?.reads_storage {
            storage::get("settings")?;
        }
        Ok(())
    }

    fn handle(request: Request) -> Response {
        Router::new()
            .get("/hello", hello)
            .get("/settings", show_settings)
            .get("/whoami", whoami)
            .get("/headers", headers)
            .get("/document/{key...}", read_document)
            .put("/document/{key...}", append_line)
            .get("/object/{key...}", read_object)
            .put("/object/{key...}", save_object)
            .delete("/object/{key...}", remove_object)
            .post("/uploads", start_upload)
            .patch("/uploads/{id}", append_to_upload)
            .put("/uploads/{id}/{key...}", finish_upload)
            .handle(request)
    }
}

/// Any settings, and two that have a form.
#[derive(serde::Deserialize)]
#[allow(dead_code, reason = "some are only checked")]
struct Settings {
    #[serde(default)]
    lines: u32,
    /// Whether the check does what it may not.
    #[serde(default)]
    reads_storage: bool,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

fn hello(_: &Call) -> Result<Response, Failure> {
    Ok(Response::new(200).content_type("application/json").bytes(r#"{"hello":"world"}"#))
}

/// What the plugin was configured with, which it also tells the log, as plugins should not.
fn show_settings(_: &Call) -> Result<Response, Failure> {
    let settings: serde_json::Value = settings::get()?;
    log::warn(&format!("configured with {settings}"), &[]);
    Ok(Response::new(200).json(&settings))
}

fn whoami(_: &Call) -> Result<Response, Failure> {
    let caller = auth::caller().map(|account| account.name());
    Ok(Response::new(200).json(&serde_json::json!({ "caller": caller, "rejection": auth::rejection() })))
}

/// Every header that a credential could hide in, as it is seen from here.
fn headers(call: &Call) -> Result<Response, Failure> {
    const ASKED: [&str; 16] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "cookie2",
        "x-api-key",
        "x-auth-token",
        "x-access-token",
        "x-nuget-apikey",
        "x-jfrog-art-api",
        "x-gitlab-token",
        "private-token",
        "npm-otp",
        "x-otp",
        "x-amz-security-token",
        "user-agent",
        "accept",
    ];
    let seen: serde_json::Map<_, _> =
        ASKED.iter().filter_map(|name| Some(((*name).to_owned(), call.header(name)?.into()))).collect();
    Ok(Response::new(200).json(&seen))
}

fn read_document(call: &Call) -> Result<Response, Failure> {
    let key = allowed(call, "read")?;
    let document = storage::get(&key)?.ok_or_else(|| Failure::not_found(&key))?;
    Ok(Response::new(200).content_type("application/json").bytes(&document.bytes))
}

/// Adds the body as a line, by compare-and-swap.
fn append_line(call: &Call) -> Result<Response, Failure> {
    let key = allowed(call, "write")?;
    let line = call.body().read_all(64 << 10)?;
    storage::update(&key, |document| {
        let mut bytes = document.map(|document| document.bytes.clone()).unwrap_or_default();
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
        Ok::<_, Failure>(Change::Write(bytes))
    })?;
    Ok(Response::new(204))
}

fn read_object(call: &Call) -> Result<Response, Failure> {
    let key = allowed(call, "read")?;
    Response::new(200).object(&key)?.ok_or_else(|| Failure::not_found(&key))
}

fn save_object(call: &Call) -> Result<Response, Failure> {
    let key = allowed(call, "write")?;
    let mut staged = call.body().stage(None, &["sha256"])?;
    let digest = staged.digest("sha256")?;
    staged.commit(&key, &[], Precondition::Any, call.header("content-type").as_deref())?;
    Ok(Response::new(201).header("X-Sha256", &digest.hex))
}

fn remove_object(call: &Call) -> Result<Response, Failure> {
    let key = allowed(call, "write")?;
    let removed = storage::remove(&key, Precondition::Any)?;
    Ok(Response::new(if removed { 204 } else { 404 }))
}

fn start_upload(call: &Call) -> Result<Response, Failure> {
    auth::require("object", "upload", "write")?;
    let upload = Upload::start("fixture", &["sha256"])?;
    Ok(Response::new(202).header("Location", &format!("{}/uploads/{}", call.base_url(), upload.id())))
}

fn append_to_upload(call: &Call) -> Result<Response, Failure> {
    let mut upload = open_upload(call)?;
    let at = call.header("x-offset").and_then(|offset| offset.parse().ok());
    let offset = upload.append(at, None, &mut call.body())?;
    Ok(Response::new(204).header("X-Offset", &offset.to_string()))
}

fn finish_upload(call: &Call) -> Result<Response, Failure> {
    let key = allowed(call, "write")?;
    let mut upload = open_upload(call)?;
    let info = upload.finish(&key, &[], Precondition::Any, None)?;
    Ok(Response::new(201).json(&serde_json::json!({ "size": info.size })))
}

fn open_upload(call: &Call) -> Result<Upload, Failure> {
    auth::require("object", "upload", "write")?;
    let id = call.decoded("id")?;
    Upload::open(&id)?.ok_or_else(|| Failure::not_found(&id))
}

fn allowed(call: &Call, action: &str) -> Result<String, Failure> {
    let key = call.decoded_with_slashes("key")?;
    auth::require("object", &key, action)?;
    Ok(key)
}
