//! S3 services for the suite: a small one inside the test, on a port of its own, which
//! can also lose answers and break them off; or another engine, when the environment names one.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Barrier, RwLock};
use tokio_util::task::AbortOnDropHandle;

use crate::{Addressing, S3Settings, Settings};

/// `host:port`, then the key and its secret, with `/` between.
const ENGINE: &str = "PACKHOUSE_STORAGE_SUITE_S3";

/// A bucket of its own on an engine that was started for the suite, when there is one.
pub async fn engine() -> Option<Settings> {
    let told = std::env::var(ENGINE).ok()?;
    let mut words = told.split(['/', ':']);
    let mut next = || words.next().unwrap().to_owned();
    let settings = S3Settings {
        endpoint: next(),
        port: next().parse().unwrap(),
        use_ssl: false,
        region: "us-east-1".into(),
        bucket_name: format!("suite-{}", uuid::Uuid::new_v4().simple()),
        access_key: next().into(),
        access_secret: next().into(),
        addressing: Addressing::Path,
        part_buffers: 64 << 20,
    };
    crate::bucket::s3::make_bucket(&settings).await.unwrap();
    Some(Settings::S3(settings))
}

/// The object, and what its answer waits for.
type Cut = (String, Arc<Barrier>);

/// Which answers to writes are lost: the first one of each request that is made again, unless
/// a test says that all arrive. And the next answer to a read that breaks off, or the next write
/// that stumbles or is kept in part, when a test says so.
#[derive(Clone, Default)]
pub struct Losses {
    seen: Arc<Mutex<HashSet<String>>>,
    lost: Arc<AtomicUsize>,
    cut: Arc<Mutex<Option<Cut>>>,
    stumble: Arc<Mutex<Option<String>>>,
    part: Arc<Mutex<Option<(String, usize)>>>,
}

/// As versitygw 1.8 has it when the folder of the key is removed while it writes.
const STUMBLED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>ExistingObjectIsDirectory</Code>\
    <Message>Existing Object is a directory.</Message></Error>";

impl Losses {
    pub fn count(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }

    /// A request without anything that tells it from its repetition.
    fn takes<B>(&self, request: &Request<B>) -> bool {
        let writes = [Method::PUT, Method::POST].contains(request.method());
        let mark = request.headers().get("x-amz-meta-packhouse-write");
        let query = request.uri().query().unwrap_or_default();
        let is_about_parts = query.contains("uploadId");
        let name = format!("{} {} {mark:?}", request.method(), request.uri());
        let is_taken = writes
            && (mark.is_some() || is_about_parts)
            && !query.contains("uploads")
            && self.seen.lock().unwrap().insert(name);
        self.lost.fetch_add(usize::from(is_taken), Ordering::Relaxed);
        is_taken
    }

    /// The next write of the object is refused, which says nothing about the one after it.
    pub fn stumble(&self, path: &str) {
        *self.stumble.lock().unwrap() = Some(path.to_owned());
    }

    pub fn has_stumbled(&self) -> bool {
        self.stumble.lock().unwrap().is_none()
    }

    fn stumbles<B>(&self, request: &Request<B>) -> bool {
        let is_named = |path: &mut String| {
            request.method() == Method::PUT && request.uri().path() == format!("/bucket/{path}")
        };
        self.stumble.lock().unwrap().take_if(is_named).is_some()
    }

    /// Of the next write whose path holds this, the service receives only so many bytes, keeps
    /// them as the object, and its answer is lost.
    pub fn keep_part(&self, path: &str, bytes: usize) {
        *self.part.lock().unwrap() = Some((path.to_owned(), bytes));
    }

    pub fn has_kept_part(&self) -> bool {
        self.part.lock().unwrap().is_none()
    }

    fn keeps_part<B>(&self, request: &Request<B>) -> Option<usize> {
        let is_named = |(path, _): &mut (String, usize)| {
            request.method() == Method::PUT
                && !request.headers().contains_key("x-amz-copy-source")
                && request.uri().path().contains(path.as_str())
        };
        self.part.lock().unwrap().take_if(is_named).map(|(_, bytes)| bytes)
    }

    /// The next answer with the object breaks off in its middle. It is waited for twice:
    /// when half of it is out, and before the other half is lost.
    pub fn cut(&self, path: &str) -> Arc<Barrier> {
        let barrier = Arc::new(Barrier::new(2));
        *self.cut.lock().unwrap() = Some((path.to_owned(), Arc::clone(&barrier)));
        barrier
    }

    fn cuts<B>(&self, request: &Request<B>) -> Option<Arc<Barrier>> {
        let is_named = |(path, _): &mut Cut| {
            request.method() == Method::GET && request.uri().path() == format!("/bucket/{path}")
        };
        self.cut.lock().unwrap().take_if(is_named).map(|(_, barrier)| barrier)
    }
}

/// All of the old bytes are here before anybody replaces them.
async fn cut_off(answer: Response<Body>, barrier: Arc<Barrier>) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    let mut bytes = BodyExt::collect(body).await.unwrap().to_bytes();
    bytes.truncate(bytes.len() / 2);
    let half = stream::once(async move { Ok(Frame::data(bytes)) });
    let end = stream::once(async move {
        barrier.wait().await;
        barrier.wait().await;
        Err(std::io::Error::other("the answer breaks off"))
    });
    Response::from_parts(parts, Body::http_body_unsync(StreamBody::new(half.chain(end))))
}

/// S3 looks at a condition and changes the object in one step, and its bytes and their ETag
/// are of one moment. s3s-fs takes two steps for either, so it is changed by one at a time, with
/// nobody reading.
type Turns = Arc<RwLock<()>>;

async fn in_turn(
    service: S3Service,
    turns: Turns,
    request: Request<Incoming>,
    part: Option<usize>,
) -> Result<Response<Body>, String> {
    let (mut head, body) = request.into_parts();
    let mut body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
    if let Some(bytes) = part {
        assert!(bytes < body.len(), "{} has {} bytes", head.uri, body.len());
        body.truncate(bytes);
        for name in ["authorization", "content-length", "x-amz-checksum-crc32c", "content-md5"] {
            head.headers.remove(name);
        }
    }
    let only_reads = [Method::GET, Method::HEAD].contains(&head.method);
    let _turn = if only_reads { (Some(turns.read().await), None) } else { (None, Some(turns.write().await)) };
    service.call(Request::from_parts(head, Body::from(body))).await.map_err(|error| format!("{error:?}"))
}

/// Takes the conditions away from a request, and with them its signature.
fn forget_conditions<B>(request: &mut Request<B>) -> bool {
    // The owner of an upload in parts is the one who signed.
    if request.method() != Method::PUT {
        return false;
    }
    let headers = request.headers_mut();
    let conditions = ["if-match", "if-none-match"].map(|name| headers.remove(name).is_some());
    let is_changed = conditions.contains(&true);
    if is_changed {
        headers.remove("authorization");
    }
    is_changed
}

/// A write that carries bytes and no checksum of them.
fn is_unchecked<B>(request: &Request<B>) -> bool {
    let has = |name| request.headers().contains_key(name);
    request.method() == Method::PUT
        && has("content-length")
        && !["x-amz-copy-source", "x-amz-checksum-crc32c", "content-md5"].into_iter().any(has)
}

pub struct Server {
    address: SocketAddr,
    unchecked: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        Self::losing(None).await
    }

    /// Conditional writes succeed whatever is there.
    pub async fn that_ignores_conditions() -> Self {
        Self::with(None, true).await
    }

    pub async fn losing(losses: Option<Losses>) -> Self {
        Self::with(losses, false).await
    }

    async fn with(losses: Option<Losses>, ignores_conditions: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let engine = || S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        let careless = engine().build();
        let mut builder = engine();
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = builder.build();
        let unchecked = Arc::new(Mutex::new(Vec::new()));
        let found = Arc::clone(&unchecked);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let turns = Turns::default();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, careless) = (service.clone(), careless.clone());
                let (turns, losses, found) = (Arc::clone(&turns), losses.clone(), Arc::clone(&found));
                let service = hyper::service::service_fn(move |mut request| {
                    let stumbles = losses.as_ref().is_some_and(|losses| losses.stumbles(&request));
                    let is_lost = losses.as_ref().is_some_and(|losses| losses.takes(&request));
                    let cut = losses.as_ref().and_then(|losses| losses.cuts(&request));
                    let part = losses.as_ref().and_then(|losses| losses.keeps_part(&request));
                    let is_lost = is_lost || part.is_some();
                    if is_unchecked(&request) {
                        found.lock().unwrap().push(request.uri().to_string());
                    }
                    let is_changed = ignores_conditions && forget_conditions(&mut request);
                    let service =
                        if part.is_some() || is_changed { careless.clone() } else { service.clone() };
                    let answer = in_turn(service, Arc::clone(&turns), request, part);
                    async move {
                        if stumbles {
                            let told = Response::builder().status(StatusCode::CONFLICT);
                            return Ok(told.body(Body::from(STUMBLED.to_owned())).unwrap());
                        }
                        match answer.await {
                            Ok(_) if is_lost => Err("the answer is lost".to_owned()),
                            Ok(answer) => Ok(match cut {
                                Some(barrier) => cut_off(answer, barrier).await,
                                None => answer,
                            }),
                            Err(error) => Err(error),
                        }
                    }
                });
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(TokioIo::new(socket), service).await);
                });
            }
        });
        Self { address, unchecked, folder, _task: AbortOnDropHandle::new(task) }
    }

    /// Its objects as files, beside what the server notes of them.
    pub fn bucket(&self) -> std::path::PathBuf {
        self.folder.path().join("bucket")
    }

    /// Writes that carried bytes and no checksum of them.
    pub fn unchecked(&self) -> Vec<String> {
        self.unchecked.lock().unwrap().clone()
    }

    pub fn settings(&self) -> Settings {
        Settings::S3(self.s3_settings())
    }

    pub fn s3_settings(&self) -> S3Settings {
        S3Settings {
            endpoint: self.address.ip().to_string(),
            port: self.address.port(),
            use_ssl: false,
            region: "eu-1".into(),
            bucket_name: "bucket".into(),
            access_key: "key".into(),
            access_secret: "secret".into(),
            addressing: Addressing::Path,
            part_buffers: 64 << 20,
        }
    }
}
