//! Sockets: accepting connections, HTTP/1.1 and HTTP/2 (with prior knowledge) on one port, the
//! limits of a connection, and a graceful end.
//!
//! It does not know mounts, plugins or users: it passes each request to one function.
//!
//! # Layout
//! - `admission`: which connections the server keeps
//! - `coding`: the supported transfer codings
//! - `connection`: one connection: hyper, with the limits around it
//! - `streams`: the tasks of the streams of HTTP/2, each of which can be ended alone
//! - `progress`: the progress of a connection, and when it is closed because of it
//! - `io`: the socket as hyper sees it; it records progress and lingers at the end
//! - `incoming`: the request body as it arrives, and what happens to an unread one
//! - `outgoing`: the response body as hyper takes it
//! - `transfer`: one response: what hyper holds of it, and how fast the client receives it
//! - `gate`: how many requests the host works on at a time
//! - `peer`: the client's address, scheme and host, through trusted proxies
//!
//! # Invariants
//! - No client holds a connection without progress: neither while it sends a head, nor between two
//!   requests, nor while it should receive a response.
//! - Each stream has a minimum rate of its own. On HTTP/2, a stream that is too slow is reset
//!   alone, and a stream that moves keeps no other stream alive.
//! - A response that is given before the whole request has arrived reaches the client.
//! - If accepting fails, the server waits before it tries again.
//! - No connection waits for ever: it is served, or answered 503, or closed.

mod admission;
mod coding;
mod connection;
mod gate;
mod incoming;
mod io;
mod outgoing;
mod peer;
mod progress;
mod streams;
#[cfg(test)]
mod tests;
mod transfer;
mod unreadable;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::pace::PaceSettings;
use crate::respond::ResponseBody;
use admission::{Admission, Reserve};
use connection::Connection;
use packhouse_common::descriptors::is_out_of_descriptors;
use packhouse_common::shares::Share;

pub use gate::{Busy, Gate, GateSettings, Load, Pass, Sending};
pub use incoming::IncomingBody;
pub use peer::{Peer, TrustedProxies};

/// The limits of the sockets.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Connections at once. For a new one the longest idle one is closed; if none is
    /// idle, the new one is answered 503.
    pub max_connections: usize,
    /// How many of them one client may have.
    pub client_share: Share,
    /// Bytes of a request's head: names, values and the address. Above it 431.
    pub max_head_size: usize,
    /// From the first byte of a request's head to its last.
    pub head_timeout: Duration,
    /// How long a connection may stay without a request.
    pub keep_alive: Duration,
    /// How long a client may take nothing of its answer; the grace period of `min_rate`.
    pub write_timeout: Duration,
    /// The slowest that a client may take an answer, bytes a second.
    pub min_rate: u64,
    /// How long requests in flight may take to finish once the end has begun.
    pub drain: Duration,
    /// HTTP/2 streams at once on one connection.
    pub max_streams: u32,
    pub trusted_proxies: TrustedProxies,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            client_share: Share::whole(),
            max_head_size: 64 << 10,
            head_timeout: Duration::from_secs(20),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_mins(1),
            min_rate: 128,
            drain: Duration::from_secs(30),
            max_streams: 200,
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

impl ServerSettings {
    fn pace(&self) -> PaceSettings {
        PaceSettings { grace: self.write_timeout, rate: self.min_rate }
    }
}

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        address: SocketAddr,
        /// What it means and what to do.
        reason: &'static str,
        #[source]
        source: std::io::Error,
    },
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they were not done in time.
    pub cut: usize,
}

/// A listening socket; port 0 for any that is free.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| {
        let reason = match source.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there; stop it or choose another port",
            std::io::ErrorKind::AddrNotAvailable => "this machine does not have that address",
            std::io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need a privilege",
            _ => "the system refuses",
        };
        ServerError::Listen { address, reason, source }
    })
}

/// How serving is told to end. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// Accept nothing more and finish what is in flight.
    pub graceful: CancellationToken,
    /// End what is in flight too.
    pub now: CancellationToken,
}

/// Serves until `ending` says so, then lets what is in flight finish.
///
/// `service` is called once for each request and holds nothing back: how many
/// are worked on at once is for it to say (see [`Gate`]).
pub async fn serve<Service, Answer>(
    listener: TcpListener,
    settings: ServerSettings,
    service: Service,
    ending: Ending,
) -> Drained
where
    Service: Fn(Request<IncomingBody>, Peer) -> Answer + Clone + Send + Sync + 'static,
    Answer: Future<Output = Response<ResponseBody>> + Send + 'static,
{
    let settings = Arc::new(settings);
    let admission = Admission::new(&settings);
    let mut reserve = Reserve::new();
    let connections = TaskTracker::new();
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = ending.graceful.cancelled() => break,
            () = ending.now.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                pause = Pause::default();
                let (settings, service, ending) = (Arc::clone(&settings), service.clone(), ending.clone());
                match admission.admit(address.ip()) {
                    Ok(place) => {
                        let connection = Connection { stream, address, place, settings };
                        connections.spawn(connection.serve(service, ending));
                    }
                    Err(why) => {
                        let admission = Arc::clone(&admission);
                        connections.spawn(async move {
                            if let Some((stream, place)) =
                                admission.make_room(stream, address.ip(), why).await
                            {
                                Connection { stream, address, place, settings }.serve(service, ending).await;
                            }
                        });
                    }
                }
            }
            Err(error) if is_out_of_descriptors(&error) => {
                pause.tell(&error);
                reserve.turn_one_away(&admission, &listener).await;
            }
            Err(error) => pause.after(&error, &ending.graceful).await,
        }
    }
    drop(listener);
    drain(&connections, &ending.now, settings.drain).await
}

async fn drain(connections: &TaskTracker, cut: &CancellationToken, time: Duration) -> Drained {
    connections.close();
    let reason = tokio::select! {
        () = connections.wait() => return Drained { cut: 0 },
        () = tokio::time::sleep(time) => format!("they did not finish within {time:?}"),
        () = cut.cancelled() => "the host has to stop now".into(),
    };
    let left = connections.len();
    tracing::warn!(server.connections = left, "cutting {left} connections: {reason}");
    cut.cancel();
    connections.wait().await;
    Drained { cut: left }
}

/// The pause after a failure to accept. One connection that failed needs none;
/// a system without descriptors or memory needs time, longer each time.
struct Pause {
    length: Duration,
    is_told: bool,
}

impl Default for Pause {
    fn default() -> Self {
        Self { length: Duration::from_millis(5), is_told: false }
    }
}

impl Pause {
    async fn after(&mut self, error: &std::io::Error, shutdown: &CancellationToken) {
        use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
            tokio::task::yield_now().await;
            return;
        }
        self.tell(error);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(self.length) => {}
        }
        self.length = (self.length * 2).min(Duration::from_secs(1));
    }

    /// Logs the first failure of a series.
    fn tell(&mut self, error: &std::io::Error) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(error = %error, "cannot accept connections: {error}; trying again");
        }
    }
}
