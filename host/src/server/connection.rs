//! One connection: hyper in the middle, the limits of time around it.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::incoming::IncomingBody;
use super::io::Socket;
use super::outgoing::Outgoing;
use super::{Peer, ServerSettings};
use crate::respond::{Failure, RequestHead, ResponseBody};

/// What hyper may hold of one connection in either direction, bytes.
const BUFFER: usize = 256 << 10;
/// HTTP/2 windows: what may be on its way before it was read.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// How the server tells its connections to end.
pub(super) struct Ending {
    /// After the request in flight.
    pub graceful: CancellationToken,
    /// Now.
    pub cut: CancellationToken,
}

pub(super) struct Connection {
    pub stream: TcpStream,
    pub address: SocketAddr,
    pub place: OwnedSemaphorePermit,
    pub settings: Arc<ServerSettings>,
}

impl Connection {
    pub async fn serve<Service, Answer>(self, service: Service, ending: Ending)
    where
        Service: Fn(Request<IncomingBody>, Peer) -> Answer + Clone + Send + Sync + 'static,
        Answer: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        // Small answers leave at once; where that cannot be, they still leave.
        let _ = self.stream.set_nodelay(true);
        let settings = Arc::clone(&self.settings);
        let progress = Arc::new(Progress::new(self.place));
        let socket = Socket::new(self.stream, Arc::clone(&progress));
        let address = self.address;
        let handler = {
            let (settings, progress) = (Arc::clone(&settings), Arc::clone(&progress));
            service_fn(move |request| {
                answer(request, service.clone(), Arc::clone(&settings), Arc::clone(&progress), address)
            })
        };
        let builder = builder(&settings);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), handler));
        let watch = pin!(watch(&progress, &settings));
        let mut graceful = pin!(ending.graceful.cancelled());
        let mut watch = watch;
        let mut is_ending = false;
        let result = loop {
            tokio::select! {
                result = connection.as_mut() => break result,
                () = graceful.as_mut(), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
                reason = watch.as_mut() => {
                    tracing::debug!(client.address = %address, "cutting a connection: {reason}");
                    return;
                }
                () = ending.cut.cancelled() => return,
            }
        };
        if let Err(error) = result {
            // The client may still be sending what was refused.
            progress.linger();
            tracing::debug!(client.address = %address, error = %error, "a connection ended early");
        }
    }
}

fn builder(settings: &ServerSettings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(BUFFER.max(settings.max_head_size));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(settings.max_head_size).unwrap_or(u32::MAX))
        .max_concurrent_streams(settings.max_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// One request: the limits of its head, who sent it, and the service.
async fn answer<Service, Answer>(
    request: Request<Incoming>,
    service: Service,
    settings: Arc<ServerSettings>,
    progress: Arc<Progress>,
    address: SocketAddr,
) -> Result<Response<Outgoing>, std::convert::Infallible>
where
    Service: Fn(Request<IncomingBody>, Peer) -> Answer,
    Answer: Future<Output = Response<ResponseBody>>,
{
    let is_http2 = request.version() == Version::HTTP_2;
    let flight = InFlight::begin(&progress, is_http2);
    let (parts, incoming) = request.into_parts();
    let expects_continue = parts.headers.contains_key(http::header::EXPECT);
    let body = IncomingBody::new(incoming, Arc::clone(&progress), is_http2, expects_continue);
    let mut response = if head_size(&parts.headers) + parts.uri.path().len() > settings.max_head_size {
        drop(body);
        let head = RequestHead { method: &parts.method, headers: &parts.headers };
        Failure::HeadersTooLarge.respond(head, None).await
    } else {
        let peer = settings.trusted_proxies.peer(address.ip(), &parts);
        service(Request::from_parts(parts, body), peer).await
    };
    if !is_http2 && progress.closes() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Outgoing::new(body, flight)))
}

fn head_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// What a connection has been doing, noted by its socket and its requests.
/// Times are milliseconds since it was accepted; 0 stands for never.
pub(super) struct Progress {
    start: Instant,
    is_http2: AtomicBool,
    /// Requests whose answer is not sent completely.
    in_flight: AtomicUsize,
    /// Of those, the ones whose answer has begun.
    answering: AtomicUsize,
    requests: AtomicUsize,
    /// When the last request was done with.
    idle_since: AtomicU64,
    /// When the head that is being read began.
    head_since: AtomicU64,
    /// Since when the client takes nothing.
    blocked_since: AtomicU64,
    wrote: AtomicU64,
    /// The answer in flight is the last.
    closes: AtomicBool,
    /// There may be something unread when the socket closes.
    lingers: AtomicBool,
    /// Held until the socket is closed.
    _place: OwnedSemaphorePermit,
}

impl Progress {
    fn new(place: OwnedSemaphorePermit) -> Self {
        Self {
            start: Instant::now(),
            is_http2: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            answering: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            idle_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            blocked_since: AtomicU64::new(0),
            wrote: AtomicU64::new(0),
            closes: AtomicBool::new(false),
            lingers: AtomicBool::new(false),
            _place: place,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// Bytes came.
    pub fn note_read(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Bytes went.
    pub fn note_write(&self) {
        self.blocked_since.store(0, Ordering::Relaxed);
        self.wrote.store(self.now(), Ordering::Relaxed);
    }

    /// Bytes could not go.
    pub fn note_blocked(&self) {
        if self.blocked_since.load(Ordering::Relaxed) == 0 {
            self.blocked_since.store(self.now(), Ordering::Relaxed);
        }
    }

    pub fn note_answering(&self) {
        self.wrote.store(self.now(), Ordering::Relaxed);
        self.answering.fetch_add(1, Ordering::Relaxed);
    }

    /// Something is unread: if the connection ends now, the client gets time to
    /// read the answer before the socket is closed.
    pub fn linger(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    /// All was read after all.
    pub fn do_not_linger(&self) {
        self.lingers.store(false, Ordering::Relaxed);
    }

    pub fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }

    /// What is unread is too much to read it: the answer is the last one.
    pub fn close(&self) {
        self.linger();
        self.closes.store(true, Ordering::Relaxed);
    }

    fn closes(&self) -> bool {
        self.closes.load(Ordering::Relaxed)
    }

    /// Why the connection has to be cut, if it has.
    fn verdict(&self, settings: &ServerSettings) -> Option<&'static str> {
        let now = self.now();
        let lasted = |since: u64, limit: Duration| u128::from(now.saturating_sub(since)) >= limit.as_millis();
        let blocked = self.blocked_since.load(Ordering::Relaxed);
        if blocked != 0 && lasted(blocked, settings.write_timeout) {
            return Some("the client takes nothing of its answer");
        }
        let is_http2 = self.is_http2.load(Ordering::Relaxed);
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            let stalled = is_http2
                && self.answering.load(Ordering::Relaxed) > 0
                && lasted(self.wrote.load(Ordering::Relaxed), settings.write_timeout);
            return stalled.then_some("the client opens no window for its answer");
        }
        let head = self.head_since.load(Ordering::Relaxed);
        if head != 0 && !is_http2 && lasted(head, settings.head_timeout) {
            return Some("the head of a request took too long");
        }
        let is_new = self.requests.load(Ordering::Relaxed) == 0;
        let limit = if is_new { settings.head_timeout } else { settings.keep_alive };
        let idle = head == 0 || is_http2;
        (idle && lasted(self.idle_since.load(Ordering::Relaxed), limit)).then_some("nothing was asked for")
    }
}

/// Looks at a connection now and then; one timer for all of its limits, so that
/// no request pays for one.
async fn watch(progress: &Progress, settings: &ServerSettings) -> &'static str {
    let shortest = settings.head_timeout.min(settings.keep_alive).min(settings.write_timeout);
    let pause = (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(5));
    loop {
        tokio::time::sleep(pause).await;
        if let Some(reason) = progress.verdict(settings) {
            return reason;
        }
    }
}

/// A request from its head to the last byte of its answer.
pub(super) struct InFlight {
    progress: Arc<Progress>,
    answering: bool,
}

impl InFlight {
    fn begin(progress: &Arc<Progress>, is_http2: bool) -> Self {
        progress.is_http2.store(is_http2, Ordering::Relaxed);
        progress.requests.fetch_add(1, Ordering::Relaxed);
        progress.in_flight.fetch_add(1, Ordering::Relaxed);
        progress.head_since.store(0, Ordering::Relaxed);
        Self { progress: Arc::clone(progress), answering: false }
    }

    /// The service is done, its answer goes out.
    pub fn answering(&mut self) {
        if !self.answering {
            self.answering = true;
            self.progress.note_answering();
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.answering {
            self.progress.answering.fetch_sub(1, Ordering::Relaxed);
        }
        self.progress.idle_since.store(self.progress.now(), Ordering::Relaxed);
        self.progress.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
