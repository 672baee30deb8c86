//! Uploads that are broken, lie, or are cut off: each has a sentence, and nothing is stored.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[allow(unused_imports, reason = "the tier of clients runs these stories on other stores")]
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::pypi::{Distribution, send_form};
use packhouse_tests::{Actor, Options, Registry};

crate::on_every! { Options::pypi() =>
    forms_that_are_broken
    files_that_are_not_what_they_say
    a_client_that_hangs_up_leaves_nothing
}

/// It is refused with this, and the project is not there.
async fn refuse(by: &Actor, distribution: &Distribution, sentence: &str) {
    let answer = distribution.upload(by).await.expect(400);
    assert!(answer.text().contains(sentence), "{:?} should say {sentence:?}", answer.text());
    assert!(answer.header("content-type").starts_with("text/plain"), "{answer:?}");
    by.get("/simple/demo/").await.expect(404);
    by.get(&distribution.path()).await.expect(404);
}

async fn forms_that_are_broken(registry: Registry) {
    let uploader = registry.uploader().await;
    let whole = Distribution::wheel("demo", "1.0").form();
    for length in [0, 10, 200, whole.len() / 2, whole.len() - 4] {
        let answer = send_form(&uploader, "/legacy/", whole[..length].to_vec()).await.expect(400);
        assert!(!answer.text().is_empty());
    }
    uploader.clone().post("/legacy/", &serde_json::json!({})).await.expect(400);
    send_form(&uploader, "/legacy/", "no form at all").await.expect(400);
    uploader.get("/simple/demo/").await.expect(404);
    assert!(uploader.get("/simple/").await.expect(200).text().contains("Simple index"));
    send_form(&uploader, "/legacy/", whole).await.expect(200);
}

async fn files_that_are_not_what_they_say(registry: Registry) {
    let uploader = registry.uploader().await;
    let wheel = || Distribution::wheel("demo", "1.0");
    let as_wheel = |content: &[u8]| {
        let name = "demo-1.0-py3-none-any.whl";
        Distribution::of("demo", "1.0", "bdist_wheel", name, content.to_vec())
    };
    for (distribution, sentence) in [
        (wheel().field("sha256_digest", &"0".repeat(64)), "sha256"),
        (wheel().field("md5_digest", &"0".repeat(32)), "md5"),
        (wheel().field("blake2_256_digest", &"0".repeat(64)), "blake2b256"),
        (wheel().field("version", "1.1"), "of the version 1.0"),
        (wheel().field("filetype", "sdist"), "bdist_wheel"),
        (wheel().field(":action", "verify"), "file_upload"),
        (wheel().field("name", "../../demo"), "not a valid project name"),
        (as_wheel(b"no archive"), "not a readable zip archive"),
        (as_wheel(&Distribution::sdist("demo", "1.0").content), "not a readable zip archive"),
        (as_wheel(&Distribution::wheel("demo", "1.1").content), "demo-1.1.dist-info"),
        (as_wheel(&Distribution::wheel("other", "1.0").content), "other-1.0.dist-info"),
        (Distribution::wheel_with("demo", "1.0", "", &[("../../evil.py", b"1")]), "lead elsewhere"),
        (Distribution::wheel_with("demo", "1.0", "", &[("a.py", b"1"), ("a.py", b"2")]), "twice"),
        (wheel().called("../demo-1.0-py3-none-any.whl"), "the file name"),
        (wheel().called("demo-1.0-py3-none-any.exe"), "only wheels"),
        (
            Distribution::of("demo", "1.0", "sdist", "demo-1.0.tar.gz", wheel().content),
            "not a readable .tar.gz",
        ),
    ] {
        refuse(&uploader, &distribution, sentence).await;
    }
    let large = format!("X-Filler: {}\n", "x".repeat(5 << 20));
    refuse(&uploader, &Distribution::wheel_with("demo", "1.0", &large, &[]), "METADATA is larger").await;
    let sdist = Distribution::sdist("demo", "1.0").content;
    let cut = sdist.slice(..sdist.len() - 9);
    refuse(
        &uploader,
        &Distribution::of("demo", "1.0", "sdist", "demo-1.0.tar.gz", cut),
        "not a readable .tar.gz",
    )
    .await;
}

async fn a_client_that_hangs_up_leaves_nothing(registry: Registry) {
    let uploader = registry.uploader().await;
    let form = Distribution::wheel_with("demo", "1.0", "", &[("large", &vec![b'x'; 1 << 20])]).form();
    let half = form.len() / 2;
    // The body breaks off in the middle of the file, after its length was declared as more.
    let pieces = futures_util::stream::iter([
        Ok(form[..half].to_vec()),
        Err(std::io::Error::other("the cable was pulled")),
    ]);
    let body = reqwest::Body::wrap_stream(pieces);
    let content_type = "multipart/form-data; boundary=----------------packhouse-test";
    let sender = uploader.clone().with_header("content-type", content_type);
    let uploading = sender.try_send(http::Method::POST, "/legacy/", body).await;
    assert!(uploading.is_err(), "the client gave up: {uploading:?}");
    uploader.get("/simple/demo/").await.expect(404);
    send_form(&uploader, "/legacy/", form).await.expect(200);
}
