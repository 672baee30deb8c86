//! Sockets: accepting connections, HTTP/1.1 and HTTP/2 with prior knowledge on
//! one port, the limits of a connection, and a graceful end.
//!
//! It knows no mount, no plugin and no user: each request goes to one function.
//!
//! # Layout
//! - `connection`: one connection: hyper in the middle, the limits around it
//! - `progress`: what it has been doing, and when it is cut for that
//! - `io`: the socket as hyper sees it; it records progress and lingers at the end
//! - `incoming`: the request body as it comes, and what becomes of an unread one
//! - `outgoing`: the response body, counted as a request in flight
//! - `gate`: how many requests are worked on at once
//! - `peer`: who is at the other end, through trusted proxies
//!
//! # Invariants
//! - No client holds a connection without making progress: not while it sends a
//!   head, not between two requests, not while it should take an answer.
//! - An answer given before the whole request came reaches the client.
//! - Failing to accept is waited out, never retried in a hot loop.

mod connection;
mod gate;
mod incoming;
mod io;
mod outgoing;
mod peer;
mod progress;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::respond::ResponseBody;

pub use gate::{Busy, Gate, GateSettings, Pass};
pub use incoming::IncomingBody;
pub use peer::{Peer, TrustedProxies};

/// The limits of the sockets.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Connections at once; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Bytes of a request's head: names, values and the address. Above it 431.
    pub max_head_size: usize,
    /// From the first byte of a request's head to its last.
    pub head_timeout: Duration,
    /// How long a connection may stay without a request.
    pub keep_alive: Duration,
    /// How long a client may take nothing of its answer.
    pub write_timeout: Duration,
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
            max_head_size: 64 << 10,
            head_timeout: Duration::from_secs(20),
            keep_alive: Duration::from_secs(75),
            write_timeout: Duration::from_mins(1),
            drain: Duration::from_secs(30),
            max_streams: 200,
            trusted_proxies: TrustedProxies::default(),
        }
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
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            std::io::ErrorKind::PermissionDenied => "not permitted; ports below 1024 need a privilege",
            _ => "the system refuses",
        };
        ServerError::Listen { address, reason, source }
    })
}

/// Serves until `shutdown` is cancelled, then lets what is in flight finish.
///
/// `service` is called once for each request and holds nothing back: how many
/// are worked on at once is for it to say (see [`Gate`]).
pub async fn serve<Service, Answer>(
    listener: TcpListener,
    settings: ServerSettings,
    service: Service,
    shutdown: CancellationToken,
) -> Drained
where
    Service: Fn(Request<IncomingBody>, Peer) -> Answer + Clone + Send + Sync + 'static,
    Answer: Future<Output = Response<ResponseBody>> + Send + 'static,
{
    let settings = Arc::new(settings);
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, address, place)) => {
                pause = Pause::default();
                let connection =
                    connection::Connection { stream, address, place, settings: Arc::clone(&settings) };
                let ending = connection::Ending { graceful: shutdown.clone(), cut: cut.clone() };
                connections.spawn(connection.serve(service.clone(), ending));
            }
            Err(error) => pause.after(&error, &shutdown).await,
        }
    }
    drop(listener);
    drain(&connections, &cut, settings.drain).await
}

/// A connection and its place among those that are allowed.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

async fn drain(connections: &TaskTracker, cut: &CancellationToken, time: Duration) -> Drained {
    connections.close();
    if tokio::time::timeout(time, connections.wait()).await.is_ok() {
        return Drained { cut: 0 };
    }
    let left = connections.len();
    tracing::warn!(
        server.connections = left,
        "cutting {left} connections that did not finish within {time:?}"
    );
    cut.cancel();
    connections.wait().await;
    Drained { cut: left }
}

/// The pause after a failure to accept. One connection that failed needs none;
/// a system without descriptors or memory needs time, longer each time.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(Duration::from_millis(5))
    }
}

impl Pause {
    async fn after(&mut self, error: &std::io::Error, shutdown: &CancellationToken) {
        use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
            tokio::task::yield_now().await;
            return;
        }
        tracing::warn!(error = %error, "cannot accept connections, trying again in {:?}", self.0);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(self.0) => {}
        }
        self.0 = (self.0 * 2).min(Duration::from_secs(1));
    }
}
