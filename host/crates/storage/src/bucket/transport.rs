//! HTTP below the object stores. A request is abandoned when no byte moves, but never while bytes
//! move, however long it takes. It does not know the meaning of a request.
//!
//! It also records the service's time from the `Date` header of each response, and calls the
//! service's `seal` for each request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, DATE, HOST};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use opendal::{Buffer, Error, ErrorKind, HttpBody, HttpTransport};
use tokio::time::{Instant, Sleep};

use super::service::{Service, Work};
use crate::store_clock::StoreClock;

const CONNECT: Duration = Duration::from_secs(5);
/// The longest time without a byte.
const SILENCE: Duration = Duration::from_secs(15);
/// The same while a service copies, because it answers only afterwards.
const COPYING: Duration = Duration::from_mins(2);
/// The same while a service joins up to thousands of parts.
const JOINING: Duration = Duration::from_mins(5);
/// A body is sent in pieces of this size, so that its progress is visible.
const PIECE: usize = 64 * 1024;
/// `Date` has whole seconds.
const DATE_STEP: Duration = Duration::from_secs(1);

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Transport {
    client: reqwest::Client,
    service: Arc<dyn Service>,
    clock: Arc<StoreClock>,
}

impl Transport {
    pub fn new(service: Arc<dyn Service>) -> opendal::Result<Self> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| Error::new(ErrorKind::Unexpected, "no HTTP client").set_source(error))?;
        Ok(Self { client, service, clock: Arc::default() })
    }

    /// The service's time, as of its responses.
    pub fn clock(&self) -> Arc<StoreClock> {
        Arc::clone(&self.clock)
    }

    /// How many seconds the service's clock is ahead of this machine's; none if unknown.
    pub fn seconds_ahead(&self) -> Option<i64> {
        Some(seconds(self.clock.now(Duration::MAX)?) - seconds(SystemTime::now()))
    }

    fn note_clock(&self, asked: std::time::Instant, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        if let Some(date) = date {
            self.clock.note(asked, date, DATE_STEP);
        }
    }

    /// With its checksum and signature.
    async fn seal(&self, request: Request<Buffer>) -> opendal::Result<Request<Buffer>> {
        let (mut parts, body) = request.into_parts();
        self.service.seal(&mut parts, &body).await?;
        // The client adds this header itself.
        parts.headers.remove(HOST);
        Ok(Request::from_parts(parts, body))
    }

    /// The response of the service, unchanged.
    pub async fn ask(&self, request: Request<Buffer>) -> opendal::Result<(StatusCode, Buffer)> {
        let (parts, mut body) = self.exchange(request).await?.into_parts();
        Ok((parts.status, body.to_buffer().await?))
    }

    async fn send(&self, request: Request<Buffer>, sent: &Sent) -> opendal::Result<reqwest::Response> {
        let url = reqwest::Url::parse(&request.uri().to_string())
            .map_err(|error| Error::new(ErrorKind::Unexpected, "no URL").set_source(error))?;
        let (parts, body) = request.into_parts();
        let patience = patience(self.service.work(&parts));
        let mut sending = self.client.request(parts.method, url).headers(parts.headers);
        if !body.is_empty() {
            sending = sending.body(reqwest::Body::wrap(WatchedBody::new(body, sent.clone())));
        }
        let mut answer = std::pin::pin!(sending.send());
        loop {
            let give_up = sent.last() + patience;
            match tokio::time::timeout_at(give_up, &mut answer).await {
                Ok(answer) => return answer.map_err(|error| broken("no answer came", error)),
                Err(_) if sent.last() + patience > Instant::now() => {}
                Err(_) => return Err(silent()),
            }
        }
    }
}

impl Transport {
    async fn exchange(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let is_head = request.method() == Method::HEAD;
        let uri = request.uri().clone();
        let request = self.seal(request).await?;
        let (asked, sent) = (std::time::Instant::now(), Sent::now());
        let mut answer = self.send(request, &sent).await?;
        self.note_clock(asked, answer.headers());
        let length = answer.headers().get(CONTENT_LENGTH).filter(|_| !is_head);
        let length = length
            .filter(|_| !answer.headers().contains_key(CONTENT_ENCODING))
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let mut response =
            Response::builder().status(answer.status()).version(answer.version()).extension(uri);
        if let Some(headers) = response.headers_mut() {
            std::mem::swap(headers, answer.headers_mut());
        }
        let pieces = answer.bytes_stream().map_err(|error| broken("an answer broke off", error));
        let pieces = PatientStream { pieces: Box::pin(pieces.map_ok(Buffer::from)), silence: None };
        response
            .body(HttpBody::new(pieces, length))
            .map_err(|error| Error::new(ErrorKind::Unexpected, "no response").set_source(error))
    }
}

impl Transport {
    /// A temporary error if the same request may succeed later, otherwise the unchanged body.
    async fn lasting(&self, status: StatusCode, mut body: HttpBody) -> opendal::Result<HttpBody> {
        let told = body.to_buffer().await?;
        let text = String::from_utf8_lossy(&told.to_bytes()).into_owned();
        if let Some(sentence) = self.service.passes(status, &text) {
            return Err(Error::new(ErrorKind::Unexpected, sentence).set_temporary());
        }
        let length = told.len() as u64;
        Ok(HttpBody::new(stream::iter([Ok(told)]), Some(length)))
    }
}

impl HttpTransport for Transport {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let (parts, body) = self.exchange(request).await?.into_parts();
        let body = match parts.status {
            StatusCode::CONFLICT | StatusCode::BAD_REQUEST => self.lasting(parts.status, body).await?,
            _ => body,
        };
        Ok(Response::from_parts(parts, body))
    }
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// How long the service may be silent during this work.
fn patience(work: Work) -> Duration {
    match work {
        Work::None => SILENCE,
        Work::Copying => COPYING,
        Work::Joining => JOINING,
    }
}

/// Whatever it was, trying again may help: a request of ours is never wrong by itself.
fn broken(what: &'static str, error: reqwest::Error) -> Error {
    Error::new(ErrorKind::Unexpected, what).set_temporary().set_source(error.without_url())
}

fn silent() -> Error {
    Error::new(ErrorKind::Unexpected, "the storage service fell silent").set_temporary()
}

/// When the last byte went out.
#[derive(Clone)]
struct Sent(Arc<Mutex<Instant>>);

impl Sent {
    fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn again(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

struct WatchedBody {
    left: Buffer,
    piece: Bytes,
    length: u64,
    sent: Sent,
}

impl WatchedBody {
    fn new(body: Buffer, sent: Sent) -> Self {
        let length = body.len() as u64;
        Self { left: body, piece: Bytes::new(), length, sent }
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.sent.again();
        while self.piece.is_empty() {
            match self.left.next() {
                Some(piece) => self.piece = piece,
                None => return Poll::Ready(None),
            }
        }
        let size = self.piece.len().min(PIECE);
        let piece = self.piece.split_to(size);
        self.length -= size as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.length == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

type Pieces = Pin<Box<dyn Stream<Item = opendal::Result<Buffer>> + Send + Sync>>;

/// The time runs only while somebody waits for the next piece: a slow reader of ours
/// is not the service's fault.
struct PatientStream {
    pieces: Pieces,
    silence: Option<Pin<Box<Sleep>>>,
}

impl Stream for PatientStream {
    type Item = opendal::Result<Buffer>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(next) = self.pieces.as_mut().poll_next(context) {
            self.silence = None;
            return Poll::Ready(next);
        }
        let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(SILENCE)));
        silence.as_mut().poll(context).map(|()| Some(Err(silent())))
    }
}
