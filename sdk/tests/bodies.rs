//! What comes in is read once and in order, or left to the host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::cell::RefCell;
use std::io::Read;

use packhouse_plugin::storage::Precondition;
use packhouse_plugin::testing::{FormField, Host, Reply, TestRequest};
use packhouse_plugin::uploads::Upload;
use packhouse_plugin::{
    Call, Description, Digest, Error, Failure, PIECE, Protocol, Request, Response, Router, SaveOptions,
    digests,
};

type Work = Box<dyn Fn(&Call) -> Result<(), Error>>;

thread_local! {
    static WORK: RefCell<Option<Work>> = const { RefCell::new(None) };
}

/// A protocol that does with a body what the test says.
struct Demo;

impl Protocol for Demo {
    fn describe() -> Description {
        Description::new("demo", "Demo", "0.1.0")
    }

    fn handle(request: Request) -> Response {
        Router::new().put("/", run).handle(request)
    }
}

fn run(call: &Call) -> Result<Response, Failure> {
    WORK.with_borrow(|work| work.as_ref().unwrap()(call))?;
    Ok(Response::new(204))
}

fn send(request: TestRequest, work: impl Fn(&Call) -> Result<(), Error> + 'static) -> Reply {
    WORK.with_borrow_mut(|slot| *slot = Some(Box::new(work)));
    request.send::<Demo>()
}

/// Sends a body and expects the work to succeed.
fn with_body(body: &str, work: impl Fn(&Call) -> Result<(), Error> + 'static) {
    let host = Host::new();
    let reply = send(host.anonymous().put("/").body(body), work);
    assert_eq!(reply.status(), 204, "{}", reply.text());
}

#[test]
fn reads_pieces_and_gives_some_back() {
    with_body("hello world", |call| {
        let mut body = call.body();
        assert_eq!(body.length(), Some(11));
        assert_eq!(body.read(5)?, b"hello");
        body.unread(2)?;
        assert!(matches!(body.unread(4), Err(Error::Invalid(_))));
        assert_eq!(body.read(100)?, b"lo world");
        assert_eq!(body.read(100)?, b"");
        assert!(matches!(body.read(2 << 20), Err(Error::Invalid(_))));
        Ok(())
    });
}

#[test]
fn finds_an_attachment_inside_json() {
    with_body(r#"{"data":"aGVs\nbG8=","after":1}"#.replace("\\n", "").as_str(), |call| {
        let mut body = call.body();
        assert_eq!(body.read(9)?, br#"{"data":""#);
        let mut staged = body.json_string()?.base64()?.stage(None, &[digests::SHA256])?;
        assert_eq!(staged.read_all(10)?, b"hello");
        staged.commit("data", &staged.digests(), Precondition::Absent, None)?;
        assert_eq!(body.read_all(100)?, br#","after":1}"#);
        Ok(())
    });
}

#[test]
fn skips_what_was_not_read_of_a_part() {
    with_body(r#"0123456789"a\u00e9b" tail"#, |call| {
        let mut body = call.body();
        {
            let mut part = body.slice(10)?;
            assert_eq!(part.read(3)?, b"012");
        }
        assert_eq!(body.read(1)?, b"\"");
        let mut text = String::new();
        body.json_string()?.read_to_string(&mut text)?;
        assert_eq!(text, "a\u{e9}b");
        assert_eq!(body.read_all(100)?, b" tail");
        Ok(())
    });
}

#[test]
fn meets_what_is_broken_where_it_stands() {
    with_body("aGVsbG8!", |call| {
        let mut body = call.body();
        let mut decoded = body.base64()?;
        assert_eq!(decoded.read(3)?, b"hel");
        assert!(matches!(decoded.read(100), Err(Error::Invalid(_))));
        Ok(())
    });
    with_body("short", |call| {
        let mut body = call.body();
        assert_eq!(body.slice(9)?.read_all(9), Err(Error::Truncated));
        Ok(())
    });
    with_body("\"no end", |call| {
        let mut body = call.body();
        body.read(1)?;
        assert_eq!(body.json_string()?.read_all(99), Err(Error::Truncated));
        assert_eq!(body.read(1), Err(Error::Truncated), "its end is not found");
        Ok(())
    });
}

#[test]
fn a_client_that_stops_sending_stores_nothing() {
    let host = Host::new();
    let request = host.anonymous().put("/").body("half of it").broken_after(4);
    let reply = send(request, |call| {
        let mut body = call.body();
        let saved = body.save("blob", &SaveOptions::default());
        assert!(matches!(saved, Err(Error::Truncated)));
        saved.map(|_| ())
    });
    assert_eq!(reply.status(), 400);
    assert!(host.objects().is_empty());
}

#[test]
fn refuses_more_than_the_limit() {
    let host = Host::new();
    for request in
        [host.anonymous().put("/").body("12345"), host.anonymous().put("/").body("12345").chunked()]
    {
        let reply = send(request, |call| {
            assert_eq!(call.body().read_all(4), Err(Error::TooLarge(4)));
            Ok(())
        });
        assert_eq!(reply.status(), 204);
    }
    let request = host.anonymous().put("/").body("12345").chunked();
    let reply = send(request, |call| {
        assert_eq!(call.body().read_all(5)?, b"12345");
        Ok(())
    });
    assert_eq!(reply.status(), 204);
}

#[test]
fn saves_only_what_was_expected() {
    let host = Host::new();
    let save = |expect: Digest, precondition: Precondition<'static>| {
        send(host.anonymous().put("/").body("blob"), move |call| {
            let options = SaveOptions {
                expect: std::slice::from_ref(&expect),
                compute: &[digests::MD5],
                precondition,
                ..SaveOptions::default()
            };
            let saved = call.body().save("blobs/one", &options)?;
            assert_eq!(saved.digests[0], expect);
            assert_eq!(saved.digests[1].algorithm, "md5");
            Ok(())
        })
        .status()
    };
    let right = "fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8";
    assert_eq!(save(Digest::sha256("00"), Precondition::Any), 400);
    assert!(host.objects().is_empty());
    assert_eq!(save(Digest::sha256(right), Precondition::Absent), 204);
    assert_eq!(save(Digest::sha256(right), Precondition::Absent), 409);
    assert_eq!(host.object("blobs/one").unwrap(), b"blob");
}

#[test]
fn forgets_what_was_staged_and_not_committed() {
    let host = Host::new();
    let reply = send(host.anonymous().put("/").body("blob"), |call| {
        std::mem::forget(call.body().stage(None, &[])?);
        Ok(())
    });
    assert_eq!((reply.status(), host.staged()), (204, 0));
    assert!(host.objects().is_empty());
}

#[test]
fn an_upload_lasts_over_several_requests() {
    let host = Host::new();
    let id = Upload::start("repository", &[digests::SHA256]).unwrap().id();
    for (at, part) in [(0, "hello "), (6, "world")] {
        let id = id.clone();
        let reply = send(host.anonymous().put("/").body(part), move |call| {
            let mut upload = Upload::open(&id)?.ok_or(Error::NotFound)?;
            let mut body = call.body();
            assert_eq!(upload.append(Some(99), None, &mut body), Err(Error::Conflict));
            upload.append(Some(at), None, &mut body)?;
            Ok(())
        });
        assert_eq!(reply.status(), 204, "{}", reply.text());
    }
    let mut upload = Upload::open(&id).unwrap().unwrap();
    assert_eq!((upload.offset(), upload.label().as_str()), (11, "repository"));
    let wrong = [Digest::sha256("00")];
    let refused = upload.finish("blob", &wrong, Precondition::Any, None);
    assert!(matches!(refused, Err(Error::DigestMismatch { .. })));
    upload.finish("blob", &[], Precondition::Absent, None).unwrap();
    assert_eq!(host.object("blob").unwrap(), b"hello world");
    assert!(Upload::open(&id).unwrap().is_none());
}

#[test]
fn a_large_response_is_written_in_pieces() {
    struct Large;
    impl Protocol for Large {
        fn describe() -> Description {
            Description::new("demo", "Demo", "0.1.0")
        }
        fn handle(_: Request) -> Response {
            Response::new(200).json(&vec!["x".repeat(1000); 3000]).bytes(vec![b' '; 3 * PIECE])
        }
    }
    let reply = Host::new().anonymous().get("/").send::<Large>();
    assert_eq!((reply.status(), reply.fault()), (200, None));
    assert_eq!(reply.json().as_array().unwrap().len(), 3000);
    assert_eq!(reply.header("content-type"), Some("application/json"));
}

#[test]
fn a_form_comes_part_by_part() {
    let field = |name, filename, content| FormField { name, filename, content };
    let fields = [
        field("name", None, b"demo".as_slice()),
        field("content", Some("demo.whl"), b"0123\r\n--456"),
        field("empty", None, b""),
    ];
    let host = Host::new();
    let reply = send(host.anonymous().put("/").form(&fields), |call| {
        let mut form = call.body();
        let mut first = form.next_part()?.unwrap();
        assert_eq!((first.name().as_str(), first.filename()), ("name", None));
        assert!(first.header("Content-Disposition").unwrap().contains("form-data"));
        assert_eq!(first.text(4)?, "demo");
        let mut second = form.next_part()?.unwrap();
        assert_eq!(second.filename().as_deref(), Some("demo.whl"));
        assert_eq!(second.body().read(3)?, b"012");
        assert_eq!(second.body().stage(None, &[])?.read_all(20)?, b"3\r\n--456");
        let mut third = form.next_part()?.unwrap();
        assert_eq!((third.name().as_str(), third.text(10)?.as_str()), ("empty", ""));
        assert!(form.next_part()?.is_none());
        assert!(form.next_part()?.is_none());
        Ok(())
    });
    assert_eq!(reply.status(), 204, "{}", reply.text());
}

#[test]
fn what_is_no_whole_form_is_told() {
    with_body("--x--", |call| {
        assert!(matches!(call.body().next_part().map(|_| ()), Err(Error::Invalid(_))));
        Ok(())
    });
    let host = Host::new();
    let whole = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nabc\r\n--x--";
    for length in 0..whole.len() - 1 {
        let request = host.anonymous().put("/").header("content-type", "multipart/form-data; boundary=x");
        let reply = send(request.body(&whole[..length]), |call| {
            let mut form = call.body();
            while let Some(mut part) = form.next_part()? {
                part.text(10)?;
            }
            Ok(())
        });
        assert_eq!(reply.status(), 400, "after {length} bytes");
    }
}
