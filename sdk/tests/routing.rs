//! Which endpoint answers a request, and what it gets to see of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unnecessary_wraps,
    reason = "a test may fail loudly, and endpoints give a Result"
)]

use packhouse_plugin::testing::Host;
use packhouse_plugin::{Call, Description, Failure, Protocol, Request, Response, Router};

struct Demo;

impl Protocol for Demo {
    fn describe() -> Description {
        Description::new("demo", "Demo", "0.1.0")
    }

    fn handle(request: Request) -> Response {
        Router::new()
            .get("/{path...}", rest)
            .get("/", |_| Ok(Response::new(200).text("root")))
            .put("/{package}", package)
            .get("/{package}", package)
            .get("/{package}.json", document)
            .get("/-/ping", |_| Ok(Response::new(200).text("pong")))
            .get("/-/{command}", |call| {
                Ok(Response::new(200).text(format!("command {}", call.param("command"))))
            })
            .delete("/-/ping/{id}", |_| Ok(Response::new(204)))
            .get("/simple/{project}/", package_page)
            .get("/accept/type", negotiate)
            .get("/query/all", query)
            .post("/form/all", |call| Ok(Response::new(200).json(&call.form(100)?)))
            .get("/deep/{name...}/files/{file}", |call| {
                Ok(Response::new(200).text(format!("{} of {}", call.decoded("file")?, call.decoded("name")?)))
            })
            .post("/deep/{name...}/files/", |call| {
                Ok(Response::new(201).text(format!("new in {}", call.param("name"))))
            })
            .get("/index/", |_| Ok(Response::new(200)))
            .refuse("POST", "/index/", |_| Err(Failure::with_status(405, "upload to /upload/")))
            .refuse("POST", "/gone/now/", |_| Err(Failure::with_status(404, "this has moved")))
            .handle(request)
    }
}

fn rest(call: &Call) -> Result<Response, Failure> {
    let path = call.decoded("path")?;
    Ok(Response::new(200).text(format!("rest {path}")))
}

fn package(call: &Call) -> Result<Response, Failure> {
    let name = call.decoded_with_slashes("package")?;
    Ok(Response::new(200).text(format!("package {name}, sent as {}", call.param("package"))))
}

fn document(call: &Call) -> Result<Response, Failure> {
    Ok(Response::new(200).text(format!("document {}", call.decoded("package")?)))
}

fn package_page(call: &Call) -> Result<Response, Failure> {
    Ok(Response::new(200).html(format!("page {}", call.decoded("project")?)))
}

fn negotiate(call: &Call) -> Result<Response, Failure> {
    match call.accepts(&["application/json", "application/vnd.demo+json"]) {
        Some(index) => Ok(Response::new(200).text(index.to_string())),
        None => Err(Failure::with_status(406, "neither is wanted")),
    }
}

fn query(call: &Call) -> Result<Response, Failure> {
    let text = call.query("text").unwrap_or_default();
    Ok(Response::new(200).json(&(text, call.query_pairs().len())))
}

fn get(path: &str) -> (u16, String) {
    let reply = Host::new().anonymous().get(path).send::<Demo>();
    (reply.status(), reply.text())
}

#[test]
fn prefers_the_more_exact_pattern_however_they_are_ordered() {
    assert_eq!(get("/").1, "root");
    assert_eq!(get("/-/ping").1, "pong");
    assert_eq!(get("/-/other").1, "command other");
    assert_eq!(get("/left-pad").1, "package left-pad, sent as left-pad");
    assert_eq!(get("/left-pad.json").1, "document left-pad");
    assert_eq!(get("/a/b%20c/d").1, "rest a/b c/d");
    assert_eq!(get("/simple/demo/").1, "page demo");
    assert_eq!(get("/simple/demo").1, "rest simple/demo");
}

#[test]
fn gives_parameters_as_sent_and_decoded() {
    assert_eq!(get("/@scope%2fname").1, "package @scope/name, sent as @scope%2fname");
}

#[test]
fn a_name_of_many_segments_may_stand_before_what_follows_it() {
    assert_eq!(get("/deep/a/files/x").1, "x of a");
    assert_eq!(get("/deep/a/b%20c/d/files/x").1, "x of a/b c/d");
    assert_eq!(get("/deep/files/files/files/files").1, "files of files/files");
    assert_eq!(get("/deep/files/x").1, "rest deep/files/x", "no segment is left for the name");
    assert_eq!(get("/deep/a/files/x/y").1, "rest deep/a/files/x/y");
    assert_eq!(get("/deep/a//b/files/x").0, 400);
    assert_eq!(get("/deep/a/%2e%2e/files/x").0, 400);
    let host = Host::new();
    assert_eq!(host.anonymous().post("/deep/a/b/files/").send::<Demo>().text(), "new in a/b");
    assert_eq!(host.anonymous().post("/deep/a/b/files/x").send::<Demo>().status(), 405);
}

#[test]
fn refuses_paths_that_could_mean_something_else() {
    for path in ["/a/..%2f/b", "/a/%2e%2e/b", "/a/b%00", "/a/b%2fc", "/a//b", "/%zz"] {
        assert_eq!(get(path).0, 400, "{path}");
    }
}

#[test]
fn says_which_methods_a_path_has() {
    let host = Host::new();
    let reply = host.anonymous().post("/-/ping").send::<Demo>();
    assert_eq!((reply.status(), reply.header("allow")), (405, Some("GET, HEAD")));
    let reply = host.anonymous().delete("/left-pad").send::<Demo>();
    assert_eq!((reply.status(), reply.header("Allow")), (405, Some("GET, HEAD, PUT")));
    let reply = host.anonymous().post("/-/ping/3").send::<Demo>();
    assert_eq!(reply.header("allow"), Some("DELETE, GET, HEAD"));
    let reply = host.anonymous().put("/simple/demo/").send::<Demo>();
    assert!(reply.json()["error"].as_str().unwrap().contains("GET"));
}

#[test]
fn a_method_that_is_only_refused_is_not_allowed() {
    let host = Host::new();
    let reply = host.anonymous().put("/index/").send::<Demo>();
    assert_eq!((reply.status(), reply.header("allow")), (405, Some("GET, HEAD")));
    let reply = host.anonymous().post("/index/").send::<Demo>();
    assert_eq!((reply.status(), reply.json()["error"].as_str()), (405, Some("upload to /upload/")));
    assert_eq!(host.anonymous().post("/gone/now/").send::<Demo>().json()["error"], "this has moved");
    assert_eq!(host.anonymous().put("/gone/now/").send::<Demo>().header("allow"), Some("GET, HEAD"));
}

#[test]
fn head_arrives_as_get() {
    let host = Host::new();
    let reply = host.anonymous().request("HEAD", "/-/ping").send::<Demo>();
    assert_eq!((reply.status(), reply.text().as_str()), (200, ""));
}

#[test]
fn negotiates_and_asks_only_for_the_headers_it_needs() {
    let host = Host::new();
    let request = host.anonymous().get("/accept/type");
    let reply = request
        .header("Accept", "application/vnd.demo+json; q=1.0, application/json; q=0.8, */*")
        .send::<Demo>();
    assert_eq!(reply.text(), "1");
    assert_eq!(reply.asked_headers(), ["accept"]);
    let reply = host.anonymous().get("/accept/type").header("accept", "text/html").send::<Demo>();
    assert_eq!(reply.status(), 406);
    assert!(host.anonymous().get("/-/ping").send::<Demo>().asked_headers().is_empty());
}

#[test]
fn reads_a_form() {
    let host = Host::new();
    let post = |body: &[u8]| host.anonymous().post("/form/all").body(body).send::<Demo>();
    let pairs = post(b"scope=a%3Ab+c&scope=d&x").json();
    assert_eq!(pairs, serde_json::json!([["scope", "a:b c"], ["scope", "d"], ["x", ""]]));
    assert_eq!(post(b"").json(), serde_json::json!([]));
    assert_eq!(post(b"a=\xff").status(), 400);
    assert_eq!(post(&[b'a'; 101]).status(), 413);
}

#[test]
fn reads_the_query() {
    assert_eq!(get("/query/all?text=a+b&size=20").1, r#"["a b",2]"#);
    assert_eq!(get("/query/all").1, r#"["",0]"#);
}

/// The address of a registry may end with a `/`, and so may what clients put behind it.
#[test]
fn slashes_too_many_around_a_path_are_passed_over() {
    struct Names;
    impl Protocol for Names {
        fn describe() -> Description {
            Description::new("demo", "Demo", "0.1.0")
        }
        fn handle(request: Request) -> Response {
            Router::new()
                .get("/{package}", package)
                .get("/simple/{project}/", package_page)
                .put("/deep/{name...}/files/", |_| Ok(Response::new(201)))
                .handle(request)
        }
    }
    let host = Host::new();
    let get = |path: &str| host.anonymous().get(path).send::<Names>();
    for path in ["/left-pad", "//left-pad", "/left-pad/", "///left-pad//"] {
        assert_eq!(get(path).text(), "package left-pad, sent as left-pad", "{path}");
    }
    for path in ["/simple/demo/", "//simple/demo/"] {
        assert_eq!(get(path).text(), "page demo", "{path}");
    }
    for path in ["/simple//demo/", "/a//b", "//", "/simple/demo"] {
        assert_eq!(get(path).status(), 404, "{path}: what is inside counts");
    }
    let refused = host.anonymous().delete("//left-pad/").send::<Names>();
    assert_eq!((refused.status(), refused.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(host.anonymous().put("//deep/a/b/files/").send::<Names>().status(), 201);
}
