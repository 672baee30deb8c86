//! Decides which connections the server keeps when it cannot keep all of them.
//!
//! Connections have a total, and each client has a share of it. A trusted proxy has no share, but
//! the clients that it stands for have: each of their requests counts as a connection until it is
//! answered, and a request above the limit is answered 503 at once. If a new connection does not
//! fit, the server closes the connection that has been idle for the longest. If none is idle, the
//! server answers the new connection with 503 and closes it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::ServerSettings;
use super::progress::Progress;
use crate::respond::{Failure, Part};
use packhouse_common::shares::{Budget, Client, Exhausted, Held};

/// How long a new connection waits for another one to be closed. This is longer than a connection
/// counts as new, so that sockets without a request make room.
const PATIENCE: Duration = Duration::from_secs(3);
/// The time between two looks for an idle connection.
const TURN: Duration = Duration::from_millis(50);
/// The most connections that wait for room or are being rejected.
const WAITING: usize = 64;
/// How long a rejected connection may take to read the answer.
const FAREWELL: Duration = Duration::from_millis(500);
/// This open file is closed when a descriptor is needed.
const NOTHING: &str = "/dev/null";

pub(super) struct Admission {
    settings: Arc<ServerSettings>,
    budget: Budget,
    /// Requests of clients behind a trusted proxy, each counted as one connection.
    forwarded: Budget,
    waiting: Arc<Semaphore>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, (Client, Weak<Progress>)>,
}

/// The place of a connection that the server keeps.
pub(super) struct Place {
    admission: Arc<Admission>,
    number: u64,
    client: Client,
    _held: Held,
}

impl Admission {
    pub fn new(settings: &Arc<ServerSettings>) -> Arc<Self> {
        Arc::new(Self {
            settings: Arc::clone(settings),
            budget: Budget::new(settings.max_connections as u64, settings.client_share),
            forwarded: Budget::new(settings.max_connections as u64, settings.client_share),
            waiting: Arc::new(Semaphore::new(WAITING)),
            open: Mutex::default(),
        })
    }

    /// Takes a place for a connection from this address, if one is free.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, Exhausted> {
        let client = self.client(address);
        self.budget.take(client, 1).map(|held| self.place(client, held))
    }

    /// Takes a place for a request from `sender` on a connection from `remote`. If both are the
    /// same, the place of the connection suffices.
    pub fn admit_request(&self, remote: IpAddr, sender: IpAddr) -> Result<Option<Held>, Exhausted> {
        let trusts = |address: IpAddr| self.settings.trusted_proxies.trusts(address.to_canonical());
        if !trusts(remote) || trusts(sender) {
            return Ok(None);
        }
        let client = Client::of(sender);
        match self.forwarded.take(client, 1) {
            Ok(held) => Ok(Some(held)),
            // A proxy can send more requests than it has connections.
            Err(Exhausted::Total) => Ok(Some(self.forwarded.take_anyway(client, 1))),
            Err(Exhausted::Share) => Err(Exhausted::Share),
        }
    }

    /// Makes room for a connection that did not fit, or rejects it.
    pub async fn make_room(
        self: Arc<Self>,
        stream: TcpStream,
        address: IpAddr,
        why: Exhausted,
    ) -> Option<(TcpStream, Place)> {
        let Ok(_waits) = Arc::clone(&self.waiting).try_acquire_owned() else {
            turn_away_at_once(stream);
            return None;
        };
        let client = self.client(address);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            self.evict((why == Exhausted::Share).then_some(client));
            if let Ok(held) = self.budget.wait(client, 1, TURN).await {
                return Some((stream, self.place(client, held)));
            }
        }
        tracing::debug!(client.address = %address, "rejecting a connection: {client} has too many, or all clients together have");
        turn_away(stream).await;
        None
    }

    /// A proxy stands for many clients.
    fn client(&self, address: IpAddr) -> Client {
        if self.settings.trusted_proxies.trusts(address.to_canonical()) {
            Client::trusted()
        } else {
            Client::of(address)
        }
    }

    fn place(self: &Arc<Self>, client: Client, held: Held) -> Place {
        let mut open = self.lock();
        open.next += 1;
        Place { admission: Arc::clone(self), number: open.next, client, _held: held }
    }

    /// Closes the connection that has been idle for the longest: of this client, or of all clients.
    fn evict(&self, client: Option<Client>) {
        let all: Vec<_> = {
            let open = self.lock();
            let ours =
                open.connections.values().filter(|(whose, _)| client.is_none_or(|client| client == *whose));
            ours.filter_map(|(_, progress)| progress.upgrade()).collect()
        };
        let idle = all.iter().filter_map(|progress| Some((progress.idle_for()?, progress)));
        if let Some((_, progress)) = idle.max_by_key(|(time, _)| *time) {
            progress.cut().cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub fn admission(&self) -> Arc<Admission> {
        Arc::clone(&self.admission)
    }

    /// Records what the connection is doing, so that it can be closed when it is idle.
    pub fn occupy(&self, progress: &Arc<Progress>) {
        let entry = (self.client, Arc::downgrade(progress));
        self.admission.lock().connections.insert(self.number, entry);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.lock().connections.remove(&self.number);
    }
}

/// Answers before the request arrived, and leaves the client time to read the answer.
async fn turn_away(mut stream: TcpStream) {
    let farewell = async {
        stream.write_all(&busy()).await?;
        stream.shutdown().await?;
        let mut waste = [0; 4096];
        while stream.read(&mut waste).await? > 0 {}
        io::Result::Ok(())
    };
    // The client may be gone.
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}

/// The same without waiting for the client, which may then miss the answer.
fn turn_away_at_once(stream: TcpStream) {
    // A direct call: the runtime does not know the state of the socket yet.
    let Ok(mut stream) = stream.into_std() else { return };
    // Closing a socket with unread bytes resets the connection.
    let mut waste = [0; 4096];
    while io::Read::read(&mut stream, &mut waste).is_ok_and(|read| read > 0) {}
    // A new socket has room for the answer.
    let _ = io::Write::write_all(&mut stream, &busy());
}

/// The answer as bytes.
fn busy() -> BytesMut {
    let reply = Failure::Busy { retry_after: Duration::from_secs(1) }.reply(None);
    let length: u64 = reply.body.iter().map(Part::size).sum();
    let mut text = BytesMut::from(format!("HTTP/1.1 {}\r\nconnection: close\r\n", reply.status).as_bytes());
    text.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    for (name, value) in &reply.headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    for part in &reply.body {
        if let Part::Bytes(bytes) = part {
            text.extend_from_slice(bytes);
        }
    }
    text
}

/// A reserved descriptor. If the system has none left, the server uses it to answer one connection,
/// instead of leaving it in the queue without an answer.
pub(super) struct Reserve(Option<File>);

impl Reserve {
    pub fn new() -> Self {
        Self(File::open(NOTHING).ok())
    }

    /// Closes an idle connection, and rejects one for which the system has no descriptor.
    pub async fn turn_one_away(&mut self, admission: &Admission, listener: &TcpListener) {
        admission.evict(None);
        self.0 = None;
        if let Ok(Ok((stream, _))) = tokio::time::timeout(FAREWELL, listener.accept()).await {
            turn_away(stream).await;
        }
        self.0 = File::open(NOTHING).ok();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn a_connection_that_is_turned_away_is_told_when_to_come_back() {
        let text = String::from_utf8(busy().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
        assert!(head.contains("\r\nretry-after: 1"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    }
}
