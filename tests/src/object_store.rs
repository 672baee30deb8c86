//! An S3 server inside the test's process, on a folder, on a free port.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{RwLock, oneshot};

const BUCKET: &str = "packages";
const KEY: &str = "test-key";
const SECRET: &str = "test-secret";

/// What it was asked for, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// S3 looks at a condition and changes the object in one step, and its bytes and their ETag
/// are of one moment. s3s-fs takes two steps for either, so it is changed by one at a time, with
/// nobody reading.
type Turns = Arc<RwLock<()>>;

/// Stops when dropped, and its objects are gone then.
pub struct ObjectStore {
    folder: TempDir,
    address: SocketAddr,
    asked: Asked,
    _stop: oneshot::Sender<()>,
}

impl ObjectStore {
    /// Serves from a thread of its own, so that it outlives the runtime of any one test.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("a bucket");
        let files = s3s_fs::FileSystem::new(folder.path()).expect("a folder to serve");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();

        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let asked = Asked::default();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                ready.send(listener.local_addr().expect("an address")).expect("somebody waits");
                tokio::select! { () = serve(listener, service, log) => {}, _ = stopped => {} }
            });
        });
        let address = address.recv().expect("the server starts");
        Self { folder, address, asked, _stop: stop }
    }

    /// The bucket's objects as files.
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Methods and keys since this was asked last, and prefixes of listings; but for the host's
    /// own objects.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("nobody panics with it"))
    }

    /// What it was asked since that was asked last, to be compared with another time: in no
    /// order, with one name for all of these, and how many listings were among it (the host
    /// looks whether a new key is a folder).
    pub fn cost(&self, names: &[&str]) -> (Vec<String>, usize) {
        let (lists, others): (Vec<_>, Vec<_>) =
            self.asked().into_iter().partition(|line| line.starts_with("LIST"));
        let hidden = |line: String| names.iter().fold(line, |line, name| line.replace(name, "NAME"));
        // Marks of maintenance are named by digests of keys.
        let plain = |line: String| hidden(line).split("/reclaimed/").take(1).collect();
        let mut others: Vec<String> = others.into_iter().map(plain).collect();
        others.sort();
        (others, lists.len())
    }

    pub(crate) fn configuration(&self) -> String {
        self.configuration_with_secret(SECRET)
    }

    /// The `[storage]` table with a secret that may be the wrong one.
    pub fn configuration_with_secret(&self, secret: &str) -> String {
        format!(
            "[storage]\ntype = \"s3\"\nendpoint = \"127.0.0.1\"\nport = {}\nuse_ssl = false\nregion = \"eu-1\"\n\
             bucket_name = \"{BUCKET}\"\naccess_key = \"{KEY}\"\naccess_secret = \"{secret}\"\n",
            self.address.port()
        )
    }
}

async fn serve(listener: TcpListener, service: S3Service, asked: Asked) {
    let turns = Turns::default();
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let (service, turns, asked) = (service.clone(), Arc::clone(&turns), Arc::clone(&asked));
        let service = service_fn(move |request: Request<Incoming>| {
            let told = told(&request);
            if !told.contains(".packhouse") {
                asked.lock().expect("nobody panics with it").push(told);
            }
            in_turn(service.clone(), Arc::clone(&turns), request)
        });
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // A client that goes away is its own business.
            let _ = server.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// Its turn begins when all of the request is here: whoever sends slowly keeps nobody waiting.
async fn in_turn(
    service: S3Service,
    turns: Turns,
    request: Request<Incoming>,
) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let only_reads = [Method::GET, Method::HEAD].contains(&head.method);
    let _turn = if only_reads { (Some(turns.read().await), None) } else { (None, Some(turns.write().await)) };
    service
        .call(Request::from_parts(head, Body::from(body)))
        .await
        .map_err(|error| format!("{error:?}").into())
}

fn told(request: &Request<Incoming>) -> String {
    let (method, path) = (request.method(), request.uri().path());
    let key = path.trim_start_matches('/').trim_start_matches(BUCKET);
    let mut pairs = request.uri().query().unwrap_or_default().split('&');
    let prefix = pairs.find_map(|pair| pair.strip_prefix("prefix="));
    match prefix {
        Some(prefix) if method == Method::GET => format!("LIST {prefix}"),
        _ => format!("{method} {key}"),
    }
}
