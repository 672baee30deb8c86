//! An S3 server inside the test's process, on a folder, on a free port. Its clock may be away
//! from this machine's, and it may lose answers.

use http::HeaderMap;
use http::header::{DATE, LAST_MODIFIED};
use http_body_util::BodyExt;
use httpdate::{fmt_http_date, parse_http_date};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
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

/// What is wrong with a server.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    /// Its clock is so many seconds ahead of this machine's: `Date` and `Last-Modified` are.
    pub clock_ahead: i64,
    /// Of so many writes of objects one is made and not answered; none when zero. The
    /// connection ends when somebody else has written the object, or after a second.
    pub loses_one_in: usize,
}

/// Which answers are lost.
#[derive(Default)]
struct Losses {
    /// The number of writes, and of writes whose answer was lost.
    writes: AtomicUsize,
    lost: AtomicUsize,
    /// How often each object was written.
    written: Mutex<HashMap<String, usize>>,
    /// Writes that are made again have the same mark.
    marks: Mutex<HashSet<String>>,
}

/// Stops when dropped, and its objects are gone then.
pub struct ObjectStore {
    folder: TempDir,
    address: SocketAddr,
    asked: Asked,
    losses: Arc<Losses>,
    _stop: oneshot::Sender<()>,
}

impl ObjectStore {
    /// Serves from a thread of its own, so that it outlives the runtime of any one test.
    pub fn start() -> Self {
        Self::with(Faults::default())
    }

    /// The same with something wrong.
    pub fn with(faults: Faults) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("a bucket");
        let files = s3s_fs::FileSystem::new(folder.path()).expect("a folder to serve");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();

        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let (asked, losses) = (Asked::default(), Arc::new(Losses::default()));
        let (log, lost) = (Arc::clone(&asked), Arc::clone(&losses));
        let root = folder.path().to_owned();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                ready.send(listener.local_addr().expect("an address")).expect("somebody waits");
                let serving = Serving { service, faults, turns: Turns::default(), losses: lost, root };
                tokio::select! { () = serve(listener, serving, log) => {}, _ = stopped => {} }
            });
        });
        let address = address.recv().expect("the server starts");
        Self { folder, address, asked, losses, _stop: stop }
    }

    /// The bucket's objects as files.
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// How many answers to writes were lost so far.
    pub fn lost(&self) -> usize {
        self.losses.lost.load(Ordering::Relaxed)
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
        // Marks of maintenance and of removals are named by digests of keys.
        let plain = |line: String| {
            let line = hidden(line);
            let end = ["/reclaimed/", "/removals/"].iter().filter_map(|folder| line.find(folder)).min();
            line.chars().take(end.unwrap_or(usize::MAX)).collect()
        };
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

/// What every connection shares.
#[derive(Clone)]
struct Serving {
    service: S3Service,
    faults: Faults,
    turns: Turns,
    losses: Arc<Losses>,
    root: PathBuf,
}

async fn serve(listener: TcpListener, serving: Serving, asked: Asked) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let (serving, asked) = (serving.clone(), Arc::clone(&asked));
        let service = service_fn(move |request: Request<Incoming>| {
            let told = told(&request);
            if !told.contains(".packhouse") {
                asked.lock().expect("nobody panics with it").push(told);
            }
            serving.clone().answer(request)
        });
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // A client that goes away is its own business.
            let _ = server.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

type Failure = Box<dyn Error + Send + Sync>;

impl Serving {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let written = (request.method() == Method::PUT && request.uri().query().is_none())
            .then(|| request.uri().path().to_owned());
        let is_lost = written.as_ref().is_some_and(|path| self.losses.takes(&request, path, self.faults));
        // The file system behind it has folders, and its server answers 500 for one. A bucket has none.
        let key = request.uri().path().trim_start_matches('/');
        if request.method() == Method::HEAD && key.contains('/') && self.root.join(key).is_dir() {
            return Ok(Response::builder().status(404).body(Body::empty())?);
        }
        let mut answer = in_turn(self.service, self.turns, request).await?;
        if let Some(path) = written.filter(|_| answer.status().is_success()) {
            let count = self.losses.note(&path);
            if is_lost {
                self.losses.lost.fetch_add(1, Ordering::Relaxed);
                self.losses.wait_for_another(&path, count).await;
                return Err("this answer is lost".into());
            }
        }
        if self.faults.clock_ahead != 0 {
            set_clock(answer.headers_mut(), self.faults.clock_ahead);
        }
        Ok(answer)
    }
}

impl Losses {
    fn takes(&self, request: &Request<Incoming>, path: &str, faults: Faults) -> bool {
        let Some(mark) = request.headers().get("x-amz-meta-packhouse-write") else { return false };
        let mark = String::from_utf8_lossy(mark.as_bytes()).into_owned();
        if faults.loses_one_in == 0 || path.contains(".packhouse") {
            return false;
        }
        let is_new = self.marks.lock().expect("nobody panics with it").insert(mark);
        is_new && self.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(faults.loses_one_in)
    }

    /// How often the object was written by now.
    fn note(&self, path: &str) -> usize {
        let mut written = self.written.lock().expect("nobody panics with it");
        let count = written.entry(path.to_owned()).or_default();
        *count += 1;
        *count
    }

    async fn wait_for_another(&self, path: &str, count: usize) {
        let another = async {
            let is_same = || {
                self.written.lock().expect("nobody panics with it").get(path).is_none_or(|now| *now == count)
            };
            while is_same() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Nobody else writes it: then it is lost all the same.
        let _ = tokio::time::timeout(Duration::from_secs(1), another).await;
    }
}

/// Moves the times in these headers.
fn set_clock(headers: &mut HeaderMap, ahead: i64) {
    let shift = Duration::from_secs(ahead.unsigned_abs());
    let shifted = |time: SystemTime| if ahead > 0 { time + shift } else { time - shift };
    let modified = headers.get(LAST_MODIFIED).and_then(|date| parse_http_date(date.to_str().ok()?).ok());
    for (name, time) in [(DATE, Some(SystemTime::now())), (LAST_MODIFIED, modified)] {
        if let Some(time) = time {
            let date = fmt_http_date(shifted(time));
            headers.insert(name, date.parse().expect("a date"));
        }
    }
}

/// Its turn begins when the whole request has arrived, so a slow client does not delay others.
async fn in_turn(
    service: S3Service,
    turns: Turns,
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
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
