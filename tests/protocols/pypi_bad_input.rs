//! Uploads that are broken, lie, or are cut off: each has a sentence, and nothing is stored.
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::npm::archive_below;
#[allow(unused_imports, reason = "the tier of clients runs these stories on other stores")]
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::pypi::{self, Distribution, send_form};
use packhouse_tests::{Actor, Backend, Options, Registry, User};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

crate::on_every! { Options::pypi() =>
    forms_that_are_broken
    files_that_are_not_what_they_say
    bombs
    forms_of_many_fields
    a_client_that_hangs_up_leaves_nothing
    who_may_not_upload_is_answered_before_the_file_is_sent
}

/// No object is left in the bucket, where there is one to be looked into.
fn assert_nothing_stored(registry: &Registry) {
    if !matches!(registry.backend(), Backend::Memory) {
        assert_eq!(registry.keys(), Vec::<String>::new());
    }
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
    assert_nothing_stored(&registry);
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
        (Distribution::wheel_with("demo", "1.0", "", &[("../../evil.py", b"1")]), "lead out of the archive"),
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
    assert_nothing_stored(&registry);
}

/// Small to send, and large once it is unpacked.
async fn bombs(registry: Registry) {
    let uploader = registry.uploader().await;
    let zeros = vec![0; 70 << 20];
    let info = pypi::metadata("demo", "1.0", "");
    let files: [(&str, &[u8]); 2] = [("PKG-INFO", info.as_bytes()), ("zeros", &zeros)];
    let sdist = archive_below("demo-1.0", &files);
    assert!(sdist.len() < 1 << 20);
    let sdist = Distribution::of("demo", "1.0", "sdist", "demo-1.0.tar.gz", sdist);
    refuse(&uploader, &sdist, "unpacks to more than").await;
    // The directory says that there is more than could be packed into it.
    let mut wheel = Distribution::wheel("demo", "1.0").content.to_vec();
    let directory = wheel.windows(4).position(|window| window == b"PK\x01\x02").unwrap_or_default();
    wheel[directory + 24..directory + 28].copy_from_slice(&u32::MAX.wrapping_sub(1).to_le_bytes());
    let wheel = Distribution::of("demo", "1.0", "bdist_wheel", "demo-1.0-py3-none-any.whl", wheel);
    refuse(&uploader, &wheel, "times its size").await;
    assert_nothing_stored(&registry);
}

/// Twelve megabytes in front of the file, each field as large as it may be.
async fn forms_of_many_fields(registry: Registry) {
    let uploader = registry.uploader().await;
    let filler = "x".repeat(60_000);
    let mut wheel = Distribution::wheel("demo", "1.0");
    for number in 0..200 {
        wheel = wheel.field(&format!("filler_{number}"), &filler);
    }
    wheel.upload(&uploader).await.expect(200);
    let long = Distribution::wheel("demo", "1.1").field("sha256_digest", &filler);
    let answer = long.upload(&uploader).await.expect(400);
    assert!(answer.text().len() < 1000, "what is odd is not said again at length");
    let larger = Distribution::wheel("demo", "1.1").field("name", &"x".repeat(70_000));
    larger.upload(&uploader).await.expect(413);
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
    assert_nothing_stored(&registry);
    send_form(&uploader, "/legacy/", form).await.expect(200);
}

/// The client declares 300 MiB and sends a little of it: the answer does not wait for more.
async fn who_may_not_upload_is_answered_before_the_file_is_sent(registry: Registry) {
    let (ann, bob) =
        (registry.user("ann", &["pypi:package:demo:write"]).await, registry.user("bob", &[]).await);
    let field = |name: &str, content: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    };
    let file =
        "--x\r\nContent-Disposition: form-data; name=\"content\"; filename=\"demo-1.0.tar.gz\"\r\n\r\n";
    let (action, name) = (field(":action", "file_upload"), field("name", "demo"));
    let junk =
        format!("{}{}", "--x\r\nContent-Disposition: form-data; name=\"junk\"\r\n\r\n", "x".repeat(200_000));
    let preamble = "x".repeat(200_000);
    let basic = |user: &User| format!("authorization: Bearer {}\r\n", user.token);
    for (who, credentials, body, statuses) in [
        ("nobody, and a field before the name", String::new(), format!("{action}{junk}"), [401, 413]),
        ("nobody, and what is no form yet", String::new(), preamble.clone(), [400, 401]),
        ("nobody, and the name", String::new(), format!("{action}{name}{file}"), [401, 401]),
        ("nobody, and the file first", String::new(), format!("{file}{preamble}"), [401, 401]),
        ("a user without a grant, and the file first", basic(&bob), format!("{file}{preamble}"), [400, 403]),
        ("a user without a grant, and the name", basic(&bob), format!("{action}{name}{file}"), [403, 403]),
        ("an uploader, and the file first", basic(&ann), format!("{file}{preamble}"), [400, 400]),
    ] {
        let status = answer_to_the_beginning(&registry, &credentials, &body).await;
        assert!(statuses.contains(&status), "{who}: {status}");
    }
    assert_nothing_stored(&registry);
}

/// The status of the answer to an upload of which only so much is sent.
async fn answer_to_the_beginning(registry: &Registry, credentials: &str, body: &str) -> u16 {
    let mut socket = TcpStream::connect(registry.address()).await.expect("a connection");
    let head = format!(
        "POST /legacy/ HTTP/1.1\r\nhost: {}\r\n{credentials}content-length: {}\r\n\
         content-type: multipart/form-data; boundary=x\r\n\r\n",
        registry.address(),
        300 << 20
    );
    socket.write_all(head.as_bytes()).await.expect("it is sent");
    let (mut answers, mut pieces) = socket.split();
    let mut start = [0; 12];
    let sent = async {
        // The other side may stop to listen.
        let _ = pieces.write_all(body.as_bytes()).await;
    };
    let read = async { answers.read_exact(&mut start).await.expect("an answer") };
    tokio::join!(sent, read);
    let status = std::str::from_utf8(&start[9..]).ok().and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status: {}", String::from_utf8_lossy(&start)))
}
