//! Sockets by hand: from a chosen address of this machine, at a chosen pace, HTTP/1.1 as
//! text and HTTP/2 with a chosen window.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::Empty;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// A connection to a registry from 127.0.0.`last`.
pub async fn connect_from(address: &str, last: u8) -> TcpStream {
    connect(address, last, None).await
}

/// The same with a small receive buffer, like a slow connection.
pub async fn connect_slowly(address: &str, last: u8) -> TcpStream {
    connect(address, last, Some(8 << 10)).await
}

async fn connect(address: &str, last: u8, buffer: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    if let Some(size) = buffer {
        socket.set_recv_buffer_size(size).expect("a buffer");
    }
    socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).expect("an address of this machine");
    socket.connect(address.parse().expect("an address")).await.expect("the registry accepts")
}

/// Sends a text, and reads until the other side closes the connection.
pub async fn exchange(socket: &mut TcpStream, text: &str) -> String {
    let mut answer = Vec::new();
    // The other side may have answered and closed before it had everything.
    let _ = socket.write_all(text.as_bytes()).await;
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same for a request without a body.
pub async fn get(socket: &mut TcpStream, path: &str) -> String {
    exchange(socket, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
}

/// The status of an answer; 0 if it has none.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// The value of an answer's header.
pub fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// Reads at such a pace until the other side closes; how many bytes came.
pub async fn read_slowly(socket: &mut TcpStream, piece: usize, every: Duration) -> usize {
    let mut clock = tokio::time::interval(every);
    let mut buffer = vec![0; piece];
    let mut read = 0;
    loop {
        clock.tick().await;
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return read,
            Ok(more) => read += more,
        }
    }
}

/// An HTTP/2 client whose streams start with this window.
pub async fn http2(socket: TcpStream, window: u32) -> SendRequest<Empty<Bytes>> {
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(window)
        .handshake(TokioIo::new(socket))
        .await
        .expect("HTTP/2 with prior knowledge");
    tokio::spawn(connection);
    sender
}

/// A GET over HTTP/2. The caller reads the body.
pub async fn get_http2(
    sender: &mut SendRequest<Empty<Bytes>>,
    path: &str,
) -> Result<(StatusCode, hyper::body::Incoming), hyper::Error> {
    let request = http::Request::get(format!("http://registry.example.com{path}"));
    let request = request.body(Empty::new()).expect("a request");
    let answer = sender.send_request(request).await?;
    Ok((answer.status(), answer.into_body()))
}
