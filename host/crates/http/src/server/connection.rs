//! One connection: hyper in the middle, the limits around it.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use socket2::SockRef;
use tokio::net::TcpStream;

use super::admission::{Admission, Place};
use super::coding;
use super::incoming::IncomingBody;
use super::io::Socket;
use super::outgoing::Outgoing;
use super::progress::{InFlight, Progress, watch};
use super::streams::{self, Streams};
use super::transfer::Transfer;
use super::{Ending, Peer, ServerSettings};
use crate::respond::{Failure, Keep, RequestHead, ResponseBody};

/// What hyper may hold of one connection in either direction, bytes.
const BUFFER: usize = 256 << 10;
/// What the kernel may hold that it has not sent, bytes.
const UNSENT: u32 = 128 << 10;
/// HTTP/2 windows: what may be on its way before it was read.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

pub(super) struct Connection {
    pub stream: TcpStream,
    pub address: SocketAddr,
    pub place: Place,
    pub settings: Arc<ServerSettings>,
}

impl Connection {
    pub async fn serve<Service, Answer>(self, service: Service, ending: Ending)
    where
        Service: Fn(Request<IncomingBody>, Peer) -> Answer + Clone + Send + Sync + 'static,
        Answer: Future<Output = Response<ResponseBody>> + Send + 'static,
    {
        // Small answers leave at once. The kernel holds little that was not sent yet, so
        // that what it takes tells how fast the client is. Without either, all still works.
        let _ = self.stream.set_nodelay(true);
        let _ = SockRef::from(&self.stream).set_tcp_notsent_lowat(UNSENT);
        let address = self.address;
        // One that is gone already has no address.
        let local = self.stream.local_addr().unwrap_or(address);
        let settings = Arc::clone(&self.settings);
        let admission = self.place.admission();
        let progress = Progress::new(self.place);
        let socket = Socket::new(self.stream, Arc::clone(&progress));
        let handler = {
            let (settings, progress) = (Arc::clone(&settings), Arc::clone(&progress));
            service_fn(move |request| {
                let ends = Ends { remote: address, local, admission: Arc::clone(&admission) };
                answer(request, service.clone(), Arc::clone(&settings), Arc::clone(&progress), ends)
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
                () = progress.cut().cancelled() => {
                    tracing::debug!(client.address = %address, "cutting a connection: it is too slow, or idle");
                    return;
                }
                () = ending.now.cancelled() => return,
            }
        };
        if let Err(error) = result {
            // The client may still be sending what was refused.
            progress.linger();
            tracing::debug!(client.address = %address, error = %error, "a connection ended early");
        }
    }
}

fn builder(settings: &ServerSettings) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(Streams);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(BUFFER.max(settings.max_head_size));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(settings.max_head_size).unwrap_or(u32::MAX))
        .max_concurrent_streams(settings.max_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// The addresses of a connection, and what counts who speaks through it.
struct Ends {
    remote: SocketAddr,
    local: SocketAddr,
    admission: Arc<Admission>,
}

/// One request: the limits of its head, who sent it, and the service.
async fn answer<Service, Answer>(
    request: Request<Incoming>,
    service: Service,
    settings: Arc<ServerSettings>,
    progress: Arc<Progress>,
    ends: Ends,
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
    let peer = settings.trusted_proxies.peer(ends.remote.ip(), Some(ends.local), &parts);
    let place = ends.admission.admit_request(ends.remote.ip(), peer.ip);
    let refusal = refusal(&parts, &settings, is_http2)
        .or_else(|| place.is_err().then_some(Failure::Busy { retry_after: Duration::from_secs(1) }));
    let mut response = match refusal {
        Some(failure) => {
            if !is_http2 && parts.headers.contains_key(TRANSFER_ENCODING) {
                // Where the body ends may be understood in another way elsewhere.
                progress.close();
            }
            drop(body);
            let head = RequestHead { method: &parts.method, headers: &parts.headers };
            failure.respond(head, None).await
        }
        None => service(Request::from_parts(parts, body), peer).await,
    };
    if !is_http2 && progress.closes() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let cut = streams::current().unwrap_or_else(|| progress.cut().clone());
    let keep: Option<Keep> = match (response.body_mut().take_keep(), place.ok().flatten()) {
        (keep, None) => keep,
        (keep, Some(place)) => Some(Box::new((keep, place))),
    };
    let transfer = Arc::new(Transfer::new(settings.pace(), cut, flight, keep));
    progress.watch_transfer(&transfer);
    Ok(response.map(|body| Outgoing::new(body, transfer, is_http2)))
}

/// What is wrong with the head of a request, whatever it asks for.
fn refusal(parts: &Parts, settings: &ServerSettings, is_http2: bool) -> Option<Failure> {
    let address = parts.uri.path_and_query().map_or(0, |address| address.as_str().len());
    if address > settings.max_head_size {
        return Some(Failure::AddressTooLong);
    }
    if head_size(&parts.headers) + address > settings.max_head_size {
        return Some(Failure::HeadersTooLarge);
    }
    if is_http2 { None } else { coding::refusal(&parts.headers) }
}

fn head_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
