//! A proxy before an S3 server that ends one connection in the middle of a write: the server
//! sees the beginning of the body and then an orderly end (FIN), which some take for the end
//! of a shorter body.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// The fault of the next write whose path contains these words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// The server's side of the connection ends, then the client's.
    Cut,
    /// Nothing moves any more, until one side goes away.
    Hold,
}

struct Order {
    path: String,
    bytes: usize,
    deed: Deed,
}

#[derive(Default)]
struct Orders {
    next: Mutex<Option<Order>>,
    done: Notify,
    upstream: Mutex<Option<SocketAddr>>,
}

/// Stops when dropped.
pub struct Cutter {
    address: SocketAddr,
    orders: Arc<Orders>,
    _task: AbortOnDropHandle<()>,
}

impl Cutter {
    /// Before this port of 127.0.0.1.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let orders = Arc::new(Orders::default());
        let accepting = Arc::clone(&orders);
        let task = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                tokio::spawn(pass(client, Arc::clone(&accepting)));
            }
        });
        let cutter = Self { address, orders, _task: AbortOnDropHandle::new(task) };
        cutter.lead_to(port);
        cutter
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// New connections go to this port from now on.
    pub fn lead_to(&self, port: u16) {
        *self.orders.upstream.lock().expect("nobody panics here") = Some(([127, 0, 0, 1], port).into());
    }

    /// Cuts the next write to a path that holds `path` after so many bytes of its body.
    pub fn cut(&self, path: &str, bytes: usize) {
        self.order(path, bytes, Deed::Cut);
    }

    /// Lets only so many bytes of the body of the next such write through, and holds it then.
    pub fn hold(&self, path: &str, bytes: usize) {
        self.order(path, bytes, Deed::Hold);
    }

    /// Returns when the order is carried out.
    pub async fn done(&self) {
        self.orders.done.notified().await;
    }

    /// Is there nothing left to do?
    pub fn is_done(&self) -> bool {
        self.orders.next.lock().expect("nobody panics here").is_none()
    }

    fn order(&self, path: &str, bytes: usize, deed: Deed) {
        let order = Order { path: path.to_owned(), bytes, deed };
        *self.orders.next.lock().expect("nobody panics here") = Some(order);
    }
}

/// One connection.
async fn pass(client: TcpStream, orders: Arc<Orders>) -> Option<()> {
    let upstream = orders.upstream.lock().expect("nobody panics here").expect("it leads somewhere");
    let upstream = TcpStream::connect(upstream).await.ok()?;
    client.set_nodelay(true).ok()?;
    upstream.set_nodelay(true).ok()?;
    let (from_client, to_client) = client.into_split();
    let (from_upstream, to_upstream) = upstream.into_split();
    let is_cut = Arc::new(AtomicBool::new(false));
    let answers = tokio::spawn(answers(from_upstream, to_client, Arc::clone(&is_cut)));
    requests(from_client, to_upstream, &orders, &is_cut).await;
    answers.await.ok()
}

/// An answer to a write that was cut is lost; the client hears of nothing before the server has
/// done with it.
async fn answers(mut upstream: OwnedReadHalf, mut client: OwnedWriteHalf, is_cut: Arc<AtomicBool>) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = upstream.read(&mut piece).await {
        if !is_cut.load(Ordering::SeqCst) && client.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}

/// Requests, until the client ends or one is cut. Dropping the server's side sends it the FIN.
async fn requests(
    mut client: OwnedReadHalf,
    mut upstream: OwnedWriteHalf,
    orders: &Orders,
    is_cut: &AtomicBool,
) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            match buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None if client.read_buf(&mut buffer).await.ok()? == 0 => return None,
                None => {}
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let mut left = length_of(&head);
        let order = take(orders, &head, left);
        upstream.write_all(&buffer[..end]).await.ok()?;
        buffer.drain(..end);
        let mut budget = order.as_ref().map_or(left, |order| order.bytes);
        while left > 0 {
            if budget == 0 {
                let deed = order.as_ref().map(|order| order.deed);
                upstream.flush().await.ok()?;
                is_cut.store(true, Ordering::SeqCst);
                orders.done.notify_one();
                if deed == Some(Deed::Hold) {
                    wait_for_end(&mut client, buffer.len() + left).await;
                }
                return None;
            }
            if buffer.is_empty() && client.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
            let size = buffer.len().min(left).min(budget);
            upstream.write_all(&buffer[..size]).await.ok()?;
            buffer.drain(..size);
            left -= size;
            budget -= size;
        }
    }
}

/// Reads the rest of the request until the client closes the connection.
async fn wait_for_end(client: &mut OwnedReadHalf, most: usize) {
    let mut rest = Vec::with_capacity(most);
    while client.read_buf(&mut rest).await.is_ok_and(|read| read > 0) {
        rest.clear();
    }
}

fn take(orders: &Orders, head: &str, length: usize) -> Option<Order> {
    let mut words = head.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let mut next = orders.next.lock().expect("nobody panics here");
    next.take_if(|order| method == "PUT" && order.bytes < length && path.contains(&order.path))
}

fn length_of(head: &str) -> usize {
    let line = head.lines().filter_map(|line| line.split_once(':'));
    line.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}
