//! An upload that trickles, written to the socket by hand.

use http::StatusCode;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};

/// How an upload trickles.
#[derive(Clone, Copy)]
pub struct Pace {
    /// Bytes of one piece.
    pub piece: usize,
    /// Time between two pieces.
    pub every: Duration,
}

impl Pace {
    /// So many bytes in a second, in ten pieces.
    pub fn per_second(bytes: usize) -> Self {
        Self { piece: bytes.div_ceil(10), every: Duration::from_millis(100) }
    }
}

/// `PUT path` with a bearer token; the status when the last piece has gone out.
pub async fn put(
    address: &str,
    path: &str,
    token: &str,
    body: &[u8],
    pace: Pace,
) -> std::io::Result<StatusCode> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(head(address, path, token, body.len()).as_bytes()).await?;
    trickle(&mut socket, body, pace).await?;
    read_status(&mut socket).await
}

/// As [`put`], but the other side may answer or close before the last piece has gone out.
pub async fn put_until_closed(
    address: &str,
    path: &str,
    token: &str,
    body: &[u8],
    pace: Pace,
) -> std::io::Result<StatusCode> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(head(address, path, token, body.len()).as_bytes()).await?;
    let (mut answers, mut pieces) = socket.split();
    tokio::select! {
        status = read_status(&mut answers) => status,
        Err(error) = trickle(&mut pieces, body, pace) => Err(error),
    }
}

fn head(address: &str, path: &str, token: &str, length: usize) -> String {
    format!(
        "PUT {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
}

async fn trickle(socket: &mut (impl AsyncWriteExt + Unpin), body: &[u8], pace: Pace) -> std::io::Result<()> {
    let mut clock = interval(pace.every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for piece in body.chunks(pace.piece) {
        clock.tick().await;
        socket.write_all(piece).await?;
    }
    Ok(())
}

async fn read_status(socket: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<StatusCode> {
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    status(&answer).ok_or_else(|| std::io::Error::other("no status line"))
}

/// `PUT path`, of which only so many bytes of the body are sent.
pub async fn put_and_break_off(
    address: &str,
    path: &str,
    token: &str,
    body: &[u8],
    sent: usize,
) -> std::io::Result<()> {
    break_off(address, &head(address, path, token, body.len()), body, sent).await
}

/// `POST path`, of which only so many bytes of the body are sent.
pub async fn post_and_break_off(
    address: &str,
    path: &str,
    token: &str,
    body: &[u8],
    sent: usize,
) -> std::io::Result<()> {
    let head = head(address, path, token, body.len()).replacen("PUT", "POST", 1);
    break_off(address, &head, body, sent).await
}

async fn break_off(address: &str, head: &str, body: &[u8], sent: usize) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(&body[..sent]).await?;
    socket.flush().await
}

fn status(answer: &[u8]) -> Option<StatusCode> {
    let line = answer.split(|&byte| byte == b'\r').next()?;
    StatusCode::from_bytes(line.split(|&byte| byte == b' ').nth(1)?).ok()
}
