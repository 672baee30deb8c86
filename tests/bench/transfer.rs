//! One large transfer at a time over a socket of its own, with as little work on this side
//! as there can be: both sides share one processor.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where it listens, as host and port.
pub struct Server {
    pub address: String,
}

/// The time from the request to the last byte of the answer's body, which is thrown away.
pub async fn get(server: &Server, path: &str, size: usize) -> Duration {
    let mut stream = connect(server).await;
    let mut buffer = vec![0; 1 << 20];
    let begun = Instant::now();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let (head, mut left) = head(&mut stream, size).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    while left > 0 {
        let read = stream.read(&mut buffer).await.expect("the server answers");
        assert!(read > 0, "the answer ends early");
        left -= read;
    }
    begun.elapsed()
}

/// The time of a monolithic upload: a session is opened, and closed with all the bytes.
pub async fn push_blob(server: &Server, repository: &str, bytes: &[u8], digest: &str) -> Duration {
    let mut stream = connect(server).await;
    let begun = Instant::now();
    let opened =
        exchange(&mut stream, server, "POST", &format!("/v2/{repository}/blobs/uploads/"), "", &[]).await;
    assert!(opened.starts_with("HTTP/1.1 202"), "{opened}");
    let location = header(&opened, "location").expect("where the upload goes on");
    let place = location.strip_prefix(&format!("http://{}", server.address)).unwrap_or(&location);
    let separator = if place.contains('?') { '&' } else { '?' };
    let place = format!("{place}{separator}digest={digest}");
    let kind = "Content-Type: application/octet-stream\r\n";
    let done = exchange(&mut stream, server, "PUT", &place, kind, bytes).await;
    assert!(done.starts_with("HTTP/1.1 201"), "{done}");
    begun.elapsed()
}

/// Pushes a manifest under a tag.
pub async fn put_manifest(server: &Server, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) {
    let mut stream = connect(server).await;
    let kind = format!("Content-Type: {media_type}\r\n");
    let path = format!("/v2/{repository}/manifests/{tag}");
    let done = exchange(&mut stream, server, "PUT", &path, &kind, bytes).await;
    assert!(done.starts_with("HTTP/1.1 201"), "{done}");
}

async fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(&server.address).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    stream
}

/// Sends a request and reads the answer's head; a body that came with it is read, too.
async fn exchange(
    stream: &mut TcpStream,
    server: &Server,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> String {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {length}\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    stream.write_all(body).await.expect("the server reads");
    let (head, left) = head(stream, 0).await;
    let mut rest = vec![0; left];
    stream.read_exact(&mut rest).await.expect("the server answers");
    head
}

/// Reads a head and says how much of the body is still to come; of `size` bytes, unless the
/// head says otherwise.
async fn head(stream: &mut TcpStream, size: usize) -> (String, usize) {
    let mut answer = Vec::new();
    loop {
        assert!(stream.read_buf(&mut answer).await.expect("the server answers") > 0, "the answer ends early");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let Some(end) = end else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(size);
        return (head, length - (answer.len() - end - 4));
    }
}

fn header(head: &str, wanted: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned())
}
