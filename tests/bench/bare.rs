//! Bare hyper that answers every request with the same bytes: the best that our own
//! HTTP library can do on this machine.

use std::convert::Infallible;
use std::process::Stdio;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::load::Target;

/// A running server, ended when it is dropped.
pub struct Bare {
    child: Child,
    address: String,
    _body: tempfile::NamedTempFile,
}

impl Bare {
    pub async fn start(body: &[u8]) -> Self {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), body).expect("it can be written");
        let mut child = Command::new(std::env::current_exe().expect("a path of our own"))
            .arg("--serve-bare")
            .arg(file.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let mut address = String::new();
        let output = child.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut address).await.expect("it tells its address");
        Self { child, address: address.trim().to_owned(), _body: file }
    }

    pub fn target(&self) -> Target {
        Target::new(self.address.clone(), "/", self.child.id().expect("it runs"))
    }
}

/// The server itself: on a free port, whose address it prints.
pub async fn serve(file: &str) {
    let body = Bytes::from(std::fs::read(file).expect("the body"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        let body = body.clone();
        tokio::spawn(async move {
            let answer = service_fn(move |_| {
                let body = body.clone();
                async move {
                    let response = hyper::Response::builder().header("content-type", "application/json");
                    Ok::<_, Infallible>(response.body(Full::new(body)).expect("a response"))
                }
            });
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            // A connection that the load drops at its end is no failure.
            let _ = served.await;
        });
    }
}
