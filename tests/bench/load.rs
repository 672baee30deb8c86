//! Asks for one address over many kept connections, as fast as the answers come. It
//! speaks just enough HTTP to find the end of an answer, so that it costs little of
//! the processor that it shares with what is measured.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::processor;

/// Connections at once.
const CONNECTIONS: usize = 64;

/// An address of a server.
pub struct Target {
    address: String,
    request: String,
    process: u32,
}

impl Target {
    pub fn new(address: String, path: &str, process: u32) -> Self {
        Self::accepting(address, path, "application/json", process)
    }

    /// Where a media type of its own is asked for.
    pub fn accepting(address: String, path: &str, accept: &str, process: u32) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n");
        Self { address, request, process }
    }
}

/// What one round showed.
#[derive(Clone, Copy)]
pub struct Round {
    /// Answers a second.
    pub rate: f64,
    /// Microseconds of the server's processor time an answer.
    pub processor: f64,
}

/// Asks for `time` and counts.
pub async fn run(target: &Target, time: Duration) -> Round {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(&target.address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        let length = first_answer(&mut stream, &target.request).await;
        connections.push((stream, length));
    }
    let (begun, spent) = (Instant::now(), processor::seconds(target.process));
    let until = begun + time;
    let asking =
        connections.into_iter().map(|(stream, length)| ask(stream, target.request.clone(), length, until));
    let answers: u64 = futures_util::future::join_all(asking).await.into_iter().sum();
    let elapsed = begun.elapsed().as_secs_f64();
    let spent = processor::seconds(target.process) - spent;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let answers = answers as f64;
    Round { rate: answers / elapsed, processor: spent * 1e6 / answers }
}

async fn ask(mut stream: TcpStream, request: String, length: usize, until: Instant) -> u64 {
    let mut buffer = vec![0; length];
    let mut answers = 0;
    while Instant::now() < until {
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        stream.read_exact(&mut buffer).await.expect("the server answers");
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "every answer is a good one");
        answers += 1;
    }
    answers
}

/// Reads one answer and tells its length: every later one is as long.
async fn first_answer(stream: &mut TcpStream, request: &str) -> usize {
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    loop {
        assert!(stream.read_buf(&mut answer).await.expect("the server answers") > 0, "the answer ends early");
        let text = String::from_utf8_lossy(&answer);
        let Some(head) = text.find("\r\n\r\n") else {
            continue;
        };
        let lower = text[..head].to_ascii_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length:")).expect("a length");
        let whole = head + 4 + length.trim().parse::<usize>().expect("a number");
        if answer.len() >= whole {
            return whole;
        }
    }
}
