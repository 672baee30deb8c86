//! What the host records as the inputs of a reply: each function of the contract that teaches a plugin
//! something, as a debug line shows it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::collections::BTreeSet;
use std::path::Path;

use http::Method;
use packhouse_tests::npm::Package;
use packhouse_tests::{Actor, Options, Registry, wait};
use serde_json::Value;

/// How a call of a function is recorded.
enum Recorded {
    /// As this line. An empty one means that the plugin learns nothing, or only what the key of the
    /// reply determines.
    As(&'static str),
    /// It cannot be called in a request.
    NotInARequest,
}
use Recorded::{As, NotInARequest};

const NOTHING: Recorded = As("");
const BODY: Recorded = As("not_remembered: body");
const CHANGE: Recorded = As("not_remembered: change");
const CALLER: Recorded = As("not_remembered: caller");
const TOKENS: Recorded = As("not_remembered: caller, tokens");
const PRESENT: Recorded = As("objects: present (version)");
const BOTH: Recorded = As("objects: absent (absent), present (version)");

/// Every function of the contract.
const FUNCTIONS: &[(&str, Recorded)] = &[
    ("about.description.new", NotInARequest),
    ("about.description.add-root-alias", NotInARequest),
    ("about.description.add-scope", NotInARequest),
    ("about.description.add-implied", NotInARequest),
    ("about.description.add-feature", NotInARequest),
    ("about.description.set-failure-shape", NotInARequest),
    ("about.description.set-setup", NotInARequest),
    ("about.description.add-wish", NotInARequest),
    ("auth.check", As("questions: check thing:a:read granted")),
    ("auth.check-listed", As("questions: check thing:a:write of 1 owners sign-in")),
    ("auth.check-owned", As("questions: check thing:a:write sign-in")),
    ("auth.grant", NOTHING),
    ("auth.filter-allowed", As("questions: filter thing:read 2 of 2")),
    ("auth.is-public", As("questions: public thing:a:read true")),
    ("auth.rejection", As("questions: rejection false")),
    ("auth.has-credentials", As("not_remembered: credentials")),
    ("auth.caller", CALLER),
    ("auth.authenticate", As("not_remembered: sign-in, failed")),
    ("auth.retry-after", NOTHING),
    ("auth.user-exists", As("not_remembered: users")),
    ("auth.account-id", As("not_remembered: users")),
    ("auth.account.name", CALLER),
    ("auth.account.id", CALLER),
    ("auth.account.email", CALLER),
    ("auth.account.is-read-only", CALLER),
    ("auth.account.issue-token", TOKENS),
    ("auth.account.list-tokens", TOKENS),
    ("auth.account.revoke-token", TOKENS),
    ("auth.bearer-challenge", As("request: base-url; questions: rejection false")),
    ("auth.sign-access", As("not_remembered: tokens")),
    ("clock.now", As("not_remembered: clock")),
    ("clock.passed", As("expires: 7258118400000")),
    ("digests.of-bytes", NOTHING),
    ("digests.hasher.new", NOTHING),
    ("digests.hasher.update", NOTHING),
    ("digests.hasher.digests", NOTHING),
    ("handler.describe", NotInARequest),
    ("handler.handle", NotInARequest),
    ("http.request.method", NOTHING),
    ("http.request.is-head", As("request: is-head")),
    ("http.request.path", NOTHING),
    ("http.request.query", NOTHING),
    ("http.request.base-url", As("request: base-url")),
    ("http.request.base-path", NOTHING),
    ("http.request.alias", As("request: alias")),
    ("http.request.header", As("headers: accept, x-b")),
    ("http.request.body", NOTHING),
    ("http.body.length", BODY),
    ("http.body.read", BODY),
    ("http.body.unread", BODY),
    ("http.body.slice", BODY),
    ("http.body.json-string", As("not_remembered: body, failed")),
    ("http.body.base64", BODY),
    ("http.body.next-part", BODY),
    ("http.body.stage", As("not_remembered: body, change")),
    ("http.body.save", As("not_remembered: body, change")),
    ("http.part.name", BODY),
    ("http.part.filename", BODY),
    ("http.part.header", BODY),
    ("http.part.body", BODY),
    ("http.response.new", NOTHING),
    ("http.response.set-status", NOTHING),
    ("http.response.set-reason", NOTHING),
    ("http.response.set-header", NOTHING),
    ("http.response.add-header", NOTHING),
    ("http.response.write", NOTHING),
    ("http.response.write-object", BOTH),
    ("http.response.set-immutable", NOTHING),
    ("http.response.set-filename", NOTHING),
    ("http.response.set-ranges", NOTHING),
    ("http.response.set-compression", NOTHING),
    ("log.write", NOTHING),
    ("maintenance.collect", NotInARequest),
    ("maintenance.reindex", NotInARequest),
    ("maintenance.verify", NotInARequest),
    ("ownership.owned-by", NotInARequest),
    ("ownership.disown", NotInARequest),
    ("settings-check.check", NotInARequest),
    ("random.bytes", As("not_remembered: random")),
    ("settings.get", NOTHING),
    ("settings.feature", NOTHING),
    ("storage.stat", BOTH),
    ("storage.stat-many", BOTH),
    ("storage.get", BOTH),
    ("storage.get-many", BOTH),
    ("storage.put", CHANGE),
    ("storage.copy", As("objects: present (version); not_remembered: change")),
    ("storage.remove", CHANGE),
    ("storage.list-objects", As("prefixes: pre")),
    ("storage.wait-turn", NOTHING),
    ("storage.now", As("not_remembered: store-clock")),
    ("storage.digests", BOTH),
    ("storage.reader.open", BOTH),
    ("storage.reader.info", PRESENT),
    ("storage.reader.read-at", PRESENT),
    ("storage.reader.digest-range", PRESENT),
    ("storage.staged.size", CHANGE),
    ("storage.staged.digests", CHANGE),
    ("storage.staged.read-at", CHANGE),
    ("storage.staged.digest-range", CHANGE),
    ("storage.staged.unpack", CHANGE),
    ("storage.staged.commit", CHANGE),
    ("storage.writer.new", NOTHING),
    ("storage.writer.write", CHANGE),
    ("storage.writer.append-object", As("objects: present (version); not_remembered: change")),
    ("storage.writer.finish", CHANGE),
    ("upkeep.step.cursor", NotInARequest),
    ("upkeep.step.set-cursor", NotInARequest),
    ("upkeep.step.is-dry-run", NotInARequest),
    ("upkeep.step.removes-orphans", NotInARequest),
    ("upkeep.step.run", NotInARequest),
    ("upkeep.step.started", NotInARequest),
    ("upkeep.step.keep-since", NotInARequest),
    ("upkeep.step.remember", NotInARequest),
    ("upkeep.step.remembered", NotInARequest),
    ("upkeep.step.left-over", NotInARequest),
    ("upkeep.step.ordered", NotInARequest),
    ("upkeep.step.orphan", NotInARequest),
    ("upkeep.step.kept", NotInARequest),
    ("upkeep.step.damaged", NotInARequest),
    ("upkeep.step.rebuilt", NotInARequest),
    ("upkeep.step.checked", NotInARequest),
    ("uploads.reached-limit", NOTHING),
    ("uploads.upload.start", CHANGE),
    ("uploads.upload.open", CHANGE),
    ("uploads.upload.id", CHANGE),
    ("uploads.upload.label", CHANGE),
    ("uploads.upload.offset", CHANGE),
    ("uploads.upload.append", As("not_remembered: body, change")),
    ("uploads.upload.finish", CHANGE),
    ("uploads.upload.cancel", CHANGE),
];

/// What is not a function of the contract.
const OTHERS: &[(&str, &str)] = &[
    ("nothing", ""),
    ("invalid-key", "not_remembered: failed"),
    ("large.refused", "objects: large (unread); not_remembered: failed"),
    ("large.read", "objects: large (version)"),
    ("log.write-warning", "not_remembered: warning"),
    ("log.write-error", "not_remembered: warning"),
    ("wasi.wall-clock", "not_remembered: wasi-clock"),
    ("wasi.monotonic-clock", "not_remembered: wasi-clock"),
    ("wasi.timer", "not_remembered: wasi-clock"),
    ("wasi.seed", ""),
];

/// All functions of `wit/`, as `{interface}.{resource}.{function}`.
fn contract() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let mut functions = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "wit") {
            continue;
        }
        let (mut interface, mut resource) = (String::new(), None);
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let name = |after: &str| line.trim().strip_prefix(after).map(|rest| rest.trim_end_matches(" {"));
            if let Some(name) = name("interface ") {
                name.clone_into(&mut interface);
            } else if let Some(name) = name("resource ") {
                resource = Some(name.to_owned());
            } else if line == "  }" {
                resource = None;
            }
            let function = match line.trim().split_once(": ") {
                _ if line.trim().starts_with("//") => None,
                Some((name, kind)) if kind.starts_with("func(") || kind.starts_with("static func(") => {
                    Some(name)
                }
                _ => line.trim().starts_with("constructor(").then_some("new"),
            };
            if let Some(function) = function {
                let parts = [Some(interface.as_str()), resource.as_deref(), Some(function)];
                functions.insert(parts.into_iter().flatten().collect::<Vec<_>>().join("."));
            }
        }
    }
    functions
}

fn options(options: Options) -> Options {
    options
        .environment("PACKHOUSE_LOG", "info,packhouse::inputs=debug")
        .environment("PACKHOUSE_LOG_FORMAT", "json")
}

/// The registry with the guest, and an object in its storage.
async fn curious() -> Registry {
    let mount = "[mount.curious]\ngrants = [\"login\"]\n";
    let registry = Registry::start(options(Options::mounts(mount).plugin("curious"))).await;
    let folder = registry.home().objects().join("curious");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("present"), b"text").unwrap();
    std::fs::write(folder.join("large"), vec![b'x'; 3 << 19]).unwrap();
    registry
}

/// The debug line of the request that is sent now.
async fn line(registry: &Registry, send: impl Future<Output = ()>) -> Value {
    let before = registry.logs().len();
    send.await;
    wait::until("the line with the inputs", || {
        let logs = registry.logs();
        let new = logs.get(before..).unwrap_or_default();
        let mut lines = new.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        std::future::ready(lines.find(|line| line["target"] == "packhouse::inputs"))
    })
    .await
}

/// The parts of a line that are not empty, with `version` in place of the versions of objects.
fn shown(line: &Value) -> String {
    let names = ["request", "headers", "questions", "objects", "prefixes", "expires", "not_remembered"];
    let mut parts = Vec::new();
    for name in names {
        let text = match &line[name] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        if !text.is_empty() {
            parts.push(format!("{name}: {text}"));
        }
    }
    let mut shown = String::new();
    for part in parts.join("; ").split_inclusive(')') {
        match part.split_once('(') {
            Some((_, "absent)" | "unread)")) | None => shown.push_str(part),
            Some((key, _)) => shown.extend([key, "(version)"]),
        }
    }
    shown
}

async fn called(registry: &Registry, actor: &Actor, function: &str) -> String {
    let line = line(registry, async {
        let has_body =
            ["http.body.", "http.part.", "uploads."].iter().any(|prefix| function.starts_with(prefix));
        let path = format!("/{function}");
        if !has_body {
            actor.get(&path).await.expect(200);
            return;
        }
        let form = "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\nc\r\n--x--\r\n";
        let actor = actor.clone().with_header("content-type", "multipart/form-data; boundary=x");
        actor.send(Method::POST, &path, form).await.expect(200);
    });
    shown(&line.await)
}

#[test]
fn each_function_of_the_contract_states_how_it_is_recorded() {
    let stated: BTreeSet<String> = FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let contract = contract();
    assert!(contract.len() > 100, "the contract is read: {contract:?}");
    assert_eq!(stated.len(), FUNCTIONS.len(), "each once");
    let missing: Vec<_> = contract.difference(&stated).collect();
    assert!(
        missing.is_empty(),
        "say how these are recorded, and let the guest `curious` call them: {missing:?}"
    );
    let unknown: Vec<_> = stated.difference(&contract).collect();
    assert!(unknown.is_empty(), "the contract has no such functions: {unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_is_recorded_as_it_states() {
    let registry = curious().await;
    let user = registry.user("ann", &["curious:thing:*:write"]).await;
    let (nobody, ann) = (registry.actor("/curious"), registry.actor("/curious"));
    let ann = ann.with_password(&user.name, &user.password);
    let mut differences = Vec::new();
    let functions = FUNCTIONS.iter().filter_map(|(function, recorded)| match recorded {
        As(line) => Some((*function, *line)),
        NotInARequest => None,
    });
    for (function, expected) in functions.chain(OTHERS.iter().copied()) {
        let actor = if function.starts_with("auth.account.") { &ann } else { &nobody };
        let found = called(&registry, actor, function).await;
        if found != expected {
            differences.push(format!("{function} is recorded as {found:?}, not as {expected:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_credentials_make_the_reply_one_for_this_caller() {
    let registry = curious().await;
    let stranger = registry.actor("/curious").with_token("00000000-0000-4000-8000-000000000000");
    assert_eq!(called(&registry, &stranger, "auth.rejection").await, "not_remembered: rejection");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_inputs_than_the_bound_are_not_recorded() {
    let registry = curious().await;
    let nobody = registry.actor("/curious");
    for what in ["objects", "names", "headers"] {
        let found = called(&registry, &nobody, &format!("many.{what}")).await;
        assert!(found.ends_with("not_remembered: too-many"), "{what}: {found}");
        assert!(found.len() < 5000, "{what}: the line has {} bytes", found.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_shows_no_value_of_a_header() {
    let registry = curious().await;
    let actor = registry.actor("/curious").with_header("x-b", "not-for-the-log");
    assert_eq!(called(&registry, &actor, "http.request.header").await, "headers: accept, x-b");
    assert!(!registry.logs().contains("not-for-the-log"), "{}", registry.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packument_depends_on_its_document_the_permission_and_the_headers_asked_for() {
    let registry = Registry::start(options(Options::npm())).await;
    let publisher = registry.publisher().await;
    let publish = async |version: &str| {
        let package = Package::new("left-pad", version);
        publisher.put(&package.path(), &package.publish()).await.expect(201);
    };
    let read = async || {
        let line = line(&registry, async {
            registry.actor("/npm").get("/left-pad").await.expect(200);
        });
        line.await
    };
    publish("1.0.0").await;
    let (first, again) = (read().await, read().await);
    publish("1.1.0").await;
    let later = read().await;
    let expected = "request: base-url; headers: accept; questions: check package:left-pad:read granted; \
        objects: packages/left-pad/index.json (version)";
    assert_eq!(shown(&first), expected);
    assert_eq!(first["objects"], again["objects"], "the same version of the document");
    assert_ne!(first["objects"], later["objects"], "another version of the document");
    let absent = line(&registry, async {
        registry.actor("/npm").get("/right-pad").await.expect(404);
    });
    let expected = "questions: check package:right-pad:read granted; objects: \
        packages/right-pad/index.json (absent), proofs/packages/right-pad/index.json (absent)";
    assert_eq!(shown(&absent.await), expected);
}
