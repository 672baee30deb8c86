#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use super::{Drained, Ending, IncomingBody, Peer, ServerSettings, TrustedProxies, listen, serve};
use crate::body::{BodyError, Limits, RequestBody};
use crate::respond::{Failure, ResponseBody, plain};
use packhouse_common::shares::Share;

/// A running server; the end of the test is its end too.
struct Running {
    address: SocketAddr,
    ending: Ending,
    ended: JoinHandle<Drained>,
}

async fn run<Service, Answer>(settings: ServerSettings, service: Service) -> Running
where
    Service: Fn(Request<IncomingBody>, Peer) -> Answer + Clone + Send + Sync + 'static,
    Answer: Future<Output = Response<ResponseBody>> + Send + 'static,
{
    let listener = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let ending = Ending::default();
    let ended = tokio::spawn(serve(listener, settings, service, ending.clone()));
    Running { address, ending, ended }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends this and reads until the server closes.
    async fn exchange(&self, text: &str) -> String {
        let mut client = self.connect().await;
        client.write_all(text.as_bytes()).await.unwrap();
        read_all(&mut client).await
    }
}

async fn read_all(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads one answer that ends with this.
async fn read_until(client: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let byte = client.read_u8().await;
        bytes
            .push(byte.unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&bytes))));
    }
    String::from_utf8(bytes).unwrap()
}

/// Answers with the length of the body, or why it cannot be read.
async fn count(request: Request<IncomingBody>, _peer: Peer) -> Response<ResponseBody> {
    let mut body = RequestBody::new(request.into_body(), Limits::default());
    let mut length = 0;
    loop {
        match body.chunk(RequestBody::root()).await {
            Ok(Some(bytes)) => length += bytes.len(),
            Ok(None) => return plain(StatusCode::OK, format!("{length} bytes.")),
            Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}.")),
        }
    }
}

/// Looks at no body.
async fn refuse(_request: Request<IncomingBody>, _peer: Peer) -> Response<ResponseBody> {
    plain(StatusCode::UNAUTHORIZED, "sign in.")
}

async fn hello(_request: Request<IncomingBody>, peer: Peer) -> Response<ResponseBody> {
    plain(StatusCode::OK, format!("hello {} of {}.", peer.ip, peer.host.unwrap_or_default()))
}

#[tokio::test]
async fn answers_several_requests_on_one_connection() {
    let server = run(ServerSettings::default(), hello).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.write_all(b"GET / HTTP/1.1\r\nHost: demo.example.com\r\n\r\n").await.unwrap();
        let answer = read_until(&mut client, "hello 127.0.0.1 of demo.example.com.").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(answer.contains("\r\ndate: "));
    }
    server.ending.graceful.cancel();
    assert_eq!(server.ended.await.unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn speaks_http2_with_prior_knowledge() {
    let server = run(ServerSettings::default(), count).await;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, http_body_util::Full<Bytes>>(
            TokioExecutor::new(),
            TokioIo::new(server.connect().await),
        )
        .await
        .unwrap();
    tokio::spawn(connection);
    let body = http_body_util::Full::new(Bytes::from(vec![b'x'; 3_000_000]));
    let request = Request::post("http://demo.example.com/x").body(body).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "3000000 bytes.");
}

#[tokio::test]
async fn takes_bodies_with_and_without_a_length_and_none_that_is_cut_off() {
    let server = run(ServerSettings::default(), count).await;
    let close = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    assert!(
        server
            .exchange(&format!("{close}Content-Length: 5\r\n\r\nabcde"))
            .await
            .ends_with("\r\n\r\n5 bytes.")
    );
    let chunked = format!("{close}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert!(server.exchange(&chunked).await.ends_with("\r\n\r\n5 bytes."));
    for cut in ["Content-Length: 9\r\n\r\nabcde", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n9\r\nde"] {
        let mut client = server.connect().await;
        client.write_all(format!("{close}{cut}").as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let answer = read_all(&mut client).await;
        assert!(answer.is_empty() || answer.contains(" 400 "), "{cut}: {answer}");
    }
    let broken = format!("{close}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n");
    assert!(server.exchange(&broken).await.ends_with("the body's framing is broken."));
}

#[tokio::test]
async fn a_body_that_was_cut_off_is_truncated_for_who_reads_it() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let server = run(ServerSettings::default(), move |request: Request<IncomingBody>, _| {
        let sender = sender.clone();
        async move {
            let mut body = RequestBody::new(request.into_body(), Limits::default());
            let read = body.read(RequestBody::root(), 100).await;
            let _ = sender.send((body.length(RequestBody::root()), read));
            plain(StatusCode::OK, "")
        }
    })
    .await;
    for (framing, length) in [
        ("Content-Length: 9\r\n\r\nabcde", Some(9)),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", None),
    ] {
        let mut client = server.connect().await;
        client.write_all(format!("POST / HTTP/1.1\r\nHost: x\r\n{framing}").as_bytes()).await.unwrap();
        drop(client);
        assert_eq!(receiver.recv().await.unwrap(), (length, Err(BodyError::Truncated)));
    }
}

#[tokio::test]
async fn an_early_answer_reaches_a_client_that_still_sends_a_large_body() {
    let server = run(ServerSettings::default(), refuse).await;
    for framing in ["Content-Length: 20000000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut client = server.connect().await;
        let head = format!("PUT /x HTTP/1.1\r\nHost: x\r\n{framing}\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        // The client looks at nothing before it has sent everything.
        let piece = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
        for _ in 0..300 {
            client.write_all(&piece).await.unwrap();
        }
        let answer = read_all(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{framing}: {answer}");
        assert!(answer.ends_with("sign in."));
        assert_eq!(answer.contains("connection: close"), framing.starts_with("Content"));
    }
}

#[tokio::test]
async fn a_small_body_that_nobody_read_does_not_cost_the_connection() {
    let server = run(ServerSettings::default(), refuse).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.write_all(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").await.unwrap();
        let answer = read_until(&mut client, "sign in.").await;
        assert!(!answer.contains("connection: close"));
        // Sent after the answer was read.
        client.write_all(&vec![b'x'; 100_000]).await.unwrap();
    }
}

#[tokio::test]
async fn asks_for_a_body_only_when_somebody_reads_it() {
    let expect = "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let server = run(ServerSettings::default(), refuse).await;
    let answer = server.exchange(expect).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("connection: close"));
    let server = run(ServerSettings::default(), count).await;
    let mut client = server.connect().await;
    client.write_all(expect.as_bytes()).await.unwrap();
    assert_eq!(read_until(&mut client, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"abcde").await.unwrap();
    assert!(read_until(&mut client, "5 bytes.").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn refuses_heads_that_are_too_large() {
    let settings = ServerSettings { max_head_size: 1000, ..ServerSettings::default() };
    let server = run(settings, hello).await;
    let get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    assert!(
        server.exchange(&format!("{get}X: {}\r\n\r\n", "x".repeat(900))).await.starts_with("HTTP/1.1 200 ")
    );
    let (large, long, bad) = (
        "are too large or too many: send fewer or shorter ones\n",
        "is too long: send a shorter one\n",
        "not a valid HTTP request: check the client, and the proxies in between\n",
    );
    let rest = "Host: x\r\nConnection: close\r\n\r\n";
    for (head, status, sentence) in [
        (format!("{get}X: {}\r\n\r\n", "x".repeat(1000)), 431, large),
        (format!("{get}X: {}\r\n\r\n", "x".repeat(1_000_000)), 431, large),
        (format!("{get}{}\r\n", "X: y\r\n".repeat(101)), 431, large),
        (format!("GET /{} HTTP/1.1\r\n{rest}", "x".repeat(1000)), 414, long),
        (format!("GET /?{} HTTP/1.1\r\n{rest}", "x".repeat(1000)), 414, long),
        (format!("GET /{} HTTP/1.1\r\n{rest}", "x".repeat(70_000)), 414, long),
        ("nonsense\r\n\r\n".to_owned(), 400, bad),
        (format!("GET / HTTP/1.1\r\nX y\r\n{rest}"), 400, bad),
        (format!("GET / HTTP/9.9\r\n{rest}"), 400, bad),
    ] {
        let answer = server.exchange(&head).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.ends_with(sentence), "{answer}");
        let length = format!("content-length: {}", body.len());
        assert!(head.to_ascii_lowercase().lines().any(|line| line == length), "{answer}");
        assert!(head.contains("text/plain"), "{answer}");
    }
}

#[tokio::test]
async fn a_bad_head_after_a_good_request_is_answered_with_a_sentence() {
    let server = run(ServerSettings::default(), hello).await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut client, "hello 127.0.0.1 of x.").await;
    client.write_all(b"nonsense\r\n\r\n").await.unwrap();
    let answer = read_all(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("not a valid HTTP request"), "{answer}");
}

/// Short limits; each test below ends when the server cuts the connection.
fn impatient() -> ServerSettings {
    ServerSettings {
        head_timeout: Duration::from_millis(80),
        keep_alive: Duration::from_millis(80),
        write_timeout: Duration::from_millis(80),
        ..ServerSettings::default()
    }
}

#[tokio::test]
async fn cuts_a_connection_on_which_nothing_is_asked_for() {
    let server = run(impatient(), hello).await;
    assert_eq!(server.exchange("").await, "");
    assert_eq!(server.exchange("GET / HTTP/1.1\r\nHost:").await, "");
    assert_eq!(server.exchange("PRI * HTTP/2.0\r\n").await, "");
    let answer = server.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.ends_with("hello 127.0.0.1 of x."), "the answer came, then the end: {answer}");
    let answer = server.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT").await;
    assert!(answer.ends_with("hello 127.0.0.1 of x."));
}

/// More than all buffers between here and there hold.
fn endless(told: Told) -> Response<ResponseBody> {
    let piece = Bytes::from(vec![b'x'; 65536]);
    let pieces = stream::repeat_with(move || {
        let _ = &told;
        Ok(piece.clone())
    });
    Response::new(ResponseBody::stream(pieces.boxed()))
}

/// Tells when it is dropped.
struct Told(Arc<Semaphore>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// Waits until so many have been dropped.
async fn are_dropped(told: &Semaphore, count: u32) {
    told.acquire_many(count).await.unwrap().forget();
}

#[tokio::test]
async fn cuts_a_client_that_takes_nothing_of_its_answer() {
    let dropped = Arc::new(Semaphore::new(0));
    let server = run(impatient(), {
        let dropped = Arc::clone(&dropped);
        move |_, _| {
            let told = Told(Arc::clone(&dropped));
            async move { endless(told) }
        }
    })
    .await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    are_dropped(&dropped, 1).await;
    // The same on HTTP/2, where the socket stays writable and the window is full.
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(server.connect().await),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://demo.example.com/").body(Empty::new()).unwrap();
    let _answer = sender.send_request(request).await.unwrap();
    are_dropped(&dropped, 1).await;
}

/// An HTTP/2 client whose streams have this window at first.
async fn http2_client(
    server: &Running,
    window: u32,
) -> hyper::client::conn::http2::SendRequest<Empty<Bytes>> {
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(window)
        .handshake(TokioIo::new(server.connect().await))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn a_stream_that_moves_keeps_no_other_alive() {
    let dropped = Arc::new(Semaphore::new(0));
    let settings = ServerSettings { write_timeout: Duration::from_secs(1), ..ServerSettings::default() };
    let server = run(settings, {
        let dropped = Arc::clone(&dropped);
        move |request: Request<IncomingBody>, _| {
            let told = (request.uri().path() == "/stalled").then(|| Told(Arc::clone(&dropped)));
            async move { told.map_or_else(|| endless(Told(Arc::new(Semaphore::new(0)))), endless) }
        }
    })
    .await;
    let mut sender = http2_client(&server, 100_000).await;
    let get = |path| Request::get(format!("http://demo.example.com{path}")).body(Empty::new()).unwrap();
    let mut live = sender.send_request(get("/live")).await.unwrap().into_body();
    let stalled: Vec<_> =
        futures_util::future::join_all((0..5).map(|_| sender.send_request(get("/stalled")))).await;
    let cut = are_dropped(&dropped, 5);
    let moved = async {
        loop {
            live.frame().await.expect("it has no end").expect("this stream is not cut");
        }
    };
    tokio::select! {
        () = cut => {}
        () = moved => {}
    }
    for answer in stalled {
        assert!(answer.unwrap().into_body().collect().await.is_err(), "the client is told");
    }
    live.frame().await.unwrap().expect("the connection is still there");
}

/// The memory of an answer.
struct Memory(Vec<u8>, #[expect(dead_code, reason = "it tells when it is dropped")] Told);

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[tokio::test]
async fn an_answer_is_not_kept_for_a_client_that_does_not_take_its_end() {
    for size in [100, 4_000, 100_000] {
        let dropped = Arc::new(Semaphore::new(0));
        let server = run(impatient(), {
            let dropped = Arc::clone(&dropped);
            move |_, _| {
                let memory = Memory(vec![b'x'; size], Told(Arc::clone(&dropped)));
                async move { plain(StatusCode::OK, Bytes::from_owner(memory)) }
            }
        })
        .await;
        let mut sender = http2_client(&server, 50).await;
        let request = Request::get("http://demo.example.com/").body(Empty::new()).unwrap();
        let _answer = sender.send_request(request).await.unwrap();
        are_dropped(&dropped, 1).await;
    }
}

#[tokio::test]
async fn a_client_as_slow_as_the_minimum_rate_gets_its_answer() {
    let settings = ServerSettings { min_rate: 20_000, ..impatient() };
    let server = run(settings, |_, _| async { plain(StatusCode::OK, vec![b'x'; 30_000]) }).await;
    let mut sender = http2_client(&server, 2_000).await;
    let request = Request::get("http://demo.example.com/").body(Empty::new()).unwrap();
    let mut answer = sender.send_request(request).await.unwrap().into_body();
    let mut pace = tokio::time::interval(Duration::from_millis(40));
    let mut got = 0;
    while let Some(frame) = answer.frame().await {
        pace.tick().await;
        got += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(got, 30_000);
}

#[tokio::test]
async fn a_slow_upload_outlives_every_limit_on_silence() {
    let server = run(impatient(), count).await;
    let mut client = server.connect().await;
    client.write_all(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n").await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..30 {
        pace.tick().await;
        client.write_all(b"x").await.unwrap();
    }
    assert!(read_until(&mut client, "30 bytes.").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_seen_to_be_incomplete() {
    let server = run(ServerSettings::default(), |_request, _peer| async {
        let pieces =
            [Ok(Bytes::from_static(b"abc")), Err(crate::respond::BodyStreamError::Short { missing: 3 })];
        Response::new(ResponseBody::stream(stream::iter(pieces).boxed()))
    })
    .await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).ends_with("0\r\n\r\n"), "no last chunk");
}

/// Says that it was reached, then waits to be released.
#[derive(Clone, Default)]
struct Held {
    reached: Arc<Notify>,
    release: Arc<Notify>,
}

impl Held {
    async fn service(self) -> Response<ResponseBody> {
        self.reached.notify_one();
        self.release.notified().await;
        plain(StatusCode::OK, "done.")
    }
}

#[tokio::test]
async fn the_end_waits_for_what_is_in_flight_and_for_nothing_else() {
    let held = Held::default();
    let server = run(ServerSettings::default(), {
        let held = held.clone();
        move |_, _| held.clone().service()
    })
    .await;
    let _idle = server.connect().await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    held.reached.notified().await;
    server.ending.graceful.cancel();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    held.release.notify_one();
    let answer = read_all(&mut client).await;
    assert!(answer.ends_with("done."), "{answer}");
    assert_eq!(server.ended.await.unwrap(), Drained { cut: 0 });
}

#[tokio::test]
async fn the_end_cuts_what_does_not_finish_in_time() {
    let held = Held::default();
    let settings = ServerSettings { drain: Duration::from_millis(20), ..ServerSettings::default() };
    let server = run(settings, {
        let held = held.clone();
        move |_, _| held.clone().service()
    })
    .await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    held.reached.notified().await;
    server.ending.graceful.cancel();
    assert_eq!(server.ended.await.unwrap(), Drained { cut: 1 });
    assert_eq!(read_all(&mut client).await, "");
}

#[tokio::test]
async fn a_second_signal_ends_the_draining_at_once() {
    let held = Held::default();
    let server = run(ServerSettings { drain: Duration::from_hours(1), ..ServerSettings::default() }, {
        let held = held.clone();
        move |_, _| held.clone().service()
    })
    .await;
    let mut client = server.connect().await;
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    held.reached.notified().await;
    server.ending.graceful.cancel();
    server.ending.now.cancel();
    assert_eq!(server.ended.await.unwrap(), Drained { cut: 1 });
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_new_connection_takes_the_place_of_the_one_that_is_idle_for_the_longest() {
    let settings = ServerSettings { max_connections: 2, ..ServerSettings::default() };
    let server = run(settings, hello).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = server.connect().await;
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello 127.0.0.1 of x.").await;
        clients.push(client);
    }
    let newest = clients.pop().unwrap();
    let oldest = clients.remove(0);
    let closed = |mut client: TcpStream| async move { read_all(&mut client).await };
    assert_eq!(closed(oldest).await, "");
    let mut newest = newest;
    newest.write_all(GET).await.unwrap();
    read_until(&mut newest, "hello 127.0.0.1 of x.").await;
}

#[tokio::test]
async fn a_connection_without_a_place_is_told_to_come_back() {
    let held = Held::default();
    let settings = ServerSettings { max_connections: 1, ..ServerSettings::default() };
    let server = run(settings, {
        let held = held.clone();
        move |_, _| held.clone().service()
    })
    .await;
    let mut busy = server.connect().await;
    busy.write_all(GET).await.unwrap();
    held.reached.notified().await;
    let answer = server.exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("retry-after: 1"), "{answer}");
    held.release.notify_one();
    assert!(read_until(&mut busy, "done.").await.starts_with("HTTP/1.1 200 "));
}

/// A connection from another address of this machine.
async fn connect_from(server: &Running, last: u8) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
    socket.connect(server.address).await.unwrap()
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let half = Share::new(0.5).unwrap();
    let held = Held::default();
    let settings = ServerSettings { max_connections: 4, client_share: half, ..ServerSettings::default() };
    let server = run(settings, {
        let held = held.clone();
        move |_, _| held.clone().service()
    })
    .await;
    let mut greedy = Vec::new();
    for _ in 0..2 {
        let mut client = connect_from(&server, 1).await;
        client.write_all(GET).await.unwrap();
        held.reached.notified().await;
        greedy.push(client);
    }
    let mut third = connect_from(&server, 1).await;
    assert!(read_all(&mut third).await.starts_with("HTTP/1.1 503 "), "its share is used up, at once");
    let mut other = connect_from(&server, 2).await;
    other.write_all(GET).await.unwrap();
    held.reached.notified().await;
    held.release.notify_waiters();
    read_until(&mut other, "done.").await;
}

#[tokio::test]
async fn a_proxy_has_no_share_of_connections() {
    let half = Share::new(0.5).unwrap();
    let trusted_proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()], Vec::new());
    let settings = ServerSettings {
        max_connections: 4,
        client_share: half,
        trusted_proxies,
        ..ServerSettings::default()
    };
    let server = run(settings, hello).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        let mut client = server.connect().await;
        client.write_all(GET).await.unwrap();
        read_until(&mut client, "hello 127.0.0.1 of x.").await;
        clients.push(client);
    }
    for client in &mut clients {
        client.write_all(GET).await.unwrap();
        read_until(client, "hello 127.0.0.1 of x.").await;
    }
}

#[tokio::test]
async fn says_why_it_cannot_listen() {
    let taken = listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = listen(taken.local_addr().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("another program listens there"), "{error}");
}

#[tokio::test]
async fn a_failure_of_the_host_goes_through_the_same_door() {
    let server = run(ServerSettings::default(), |request: Request<IncomingBody>, _| async move {
        let head = crate::respond::RequestHead { method: request.method(), headers: request.headers() };
        Failure::Busy { retry_after: Duration::from_secs(3) }.respond(head, None).await
    })
    .await;
    let answer = server.exchange("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 "));
    assert!(answer.contains("retry-after: 3\r\n") && answer.contains("content-length: 37\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"));
}

#[tokio::test]
async fn an_early_answer_on_http2_costs_one_stream_and_no_connection() {
    let server = run(ServerSettings::default(), refuse).await;
    let stream = TokioIo::new(server.connect().await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, http_body_util::Full<Bytes>>(
            TokioExecutor::new(),
            stream,
        )
        .await
        .unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let body = http_body_util::Full::new(Bytes::from(vec![b'x'; 9_000_000]));
        let request = Request::put("http://demo.example.com/x").body(body).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "sign in.");
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_on_http2_too() {
    let settings = ServerSettings { max_head_size: 1000, ..ServerSettings::default() };
    let server = run(settings, hello).await;
    let stream = TokioIo::new(server.connect().await);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), stream)
            .await
            .unwrap();
    tokio::spawn(connection);
    for (size, status) in [(100, 200), (1500, 431), (100, 200)] {
        let request = Request::get("http://demo.example.com/")
            .header("x", "x".repeat(size))
            .body(Empty::new())
            .unwrap();
        assert_eq!(sender.send_request(request).await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn two_hundred_connections_at_once_are_all_answered() {
    let server = Arc::new(run(ServerSettings::default(), count).await);
    let clients = (0..200).map(|number| {
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let mut client = server.connect().await;
            for _ in 0..5 {
                let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {number}\r\n\r\n");
                client.write_all(head.as_bytes()).await.unwrap();
                client.write_all(&vec![b'x'; number]).await.unwrap();
                let answer = read_until(&mut client, " bytes.").await;
                assert!(answer.ends_with(&format!("\r\n\r\n{number} bytes.")), "{answer}");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_client_behind_a_proxy_has_its_share_of_requests() {
    let half = Share::new(0.5).unwrap();
    let forwarded = vec![http::HeaderName::from_static("x-forwarded-for")];
    let trusted_proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()], forwarded);
    let settings = ServerSettings {
        max_connections: 4,
        client_share: half,
        trusted_proxies,
        ..ServerSettings::default()
    };
    let held = Held::default();
    let server = run(settings, {
        let held = held.clone();
        move |_, _| held.clone().service()
    })
    .await;
    let ask = async |sender: &str| {
        let mut client = server.connect().await;
        let sender = if sender.is_empty() { String::new() } else { format!("X-Forwarded-For: {sender}\r\n") };
        let text = format!("GET / HTTP/1.1\r\nHost: x\r\n{sender}Connection: close\r\n\r\n");
        client.write_all(text.as_bytes()).await.unwrap();
        client
    };
    let mut greedy = Vec::new();
    for _ in 0..2 {
        greedy.push(ask("192.0.2.1").await);
        held.reached.notified().await;
    }
    let refused = read_all(&mut ask("192.0.2.1").await).await;
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("retry-after: 1"), "{refused}");
    let mut others = Vec::new();
    for sender in ["192.0.2.2", ""] {
        others.push(ask(sender).await);
        held.reached.notified().await;
    }
    held.release.notify_waiters();
    for client in greedy.iter_mut().chain(&mut others) {
        assert!(read_all(client).await.ends_with("done."));
    }
    let mut again = ask("192.0.2.1").await;
    held.reached.notified().await;
    held.release.notify_waiters();
    assert!(read_all(&mut again).await.ends_with("done."), "what was answered is given back");
}

#[tokio::test]
async fn a_body_in_another_coding_is_refused_and_ends_the_connection() {
    let server = run(ServerSettings::default(), count).await;
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    for (codings, status) in [("gzip, chunked", 501), ("identity, chunked", 501), ("chunked, chunked", 400)] {
        let text = format!("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {codings}\r\n\r\n{chunks}");
        let answer = server.exchange(&text).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{codings}: {answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{codings}: {answer}");
    }
}
