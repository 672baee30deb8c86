//! A registry under test: the built program, on a free port, in a folder of its own.

mod home;
mod options;
mod process;

pub(crate) use home::guests;
pub use home::{Home, as_delivered, built, copy_below, example, files_below, program, shared_code_cache};
pub use options::{CARGO, COMPOSER, MAVEN, NPM, OCI, OCI_SPARSE, Options, PYPI, RUBYGEMS};
pub use process::Ended;
pub(crate) use process::command;

use crate::accounts::{self, User};
use crate::actor::{Actor, Answer};
use crate::backend::Backend;
use crate::wait;
use process::Process;
use std::sync::Arc;

/// The password of the user `admin`.
pub const ADMIN_PASSWORD: &str = "correct horse battery staple";

/// One running process. Killed when dropped; its folder goes with the last process on it.
pub struct Registry {
    home: Arc<Home>,
    process: Process,
}

impl Registry {
    /// The npm plugin at `/npm`, on the file system.
    pub async fn npm() -> Self {
        Self::start(Options::npm()).await
    }

    /// Returns when it says that it listens.
    pub async fn start(options: Options) -> Self {
        let home = Arc::new(Home::lay_out(options));
        let process = Process::start(&home).await;
        Self { home, process }
    }

    /// What a start that should fail ends with.
    pub async fn refuse(options: Options) -> Ended {
        Self::refuse_at(options, "registry.toml").await
    }

    /// As [`Registry::refuse`], told to read another file of its folder.
    pub async fn refuse_at(options: Options, file: &str) -> Ended {
        process::run_to_the_end(&Home::lay_out(options), file).await
    }

    /// One more process on the same storage and the same users.
    pub async fn second_process(&self) -> Self {
        Self { home: Arc::clone(&self.home), process: Process::start(&self.home).await }
    }

    /// SIGTERM, and the same again on another port. Panics unless it ended with exit code 0.
    pub async fn restart(&mut self) {
        let status = self.terminate().await;
        assert!(status.success(), "SIGTERM ended with {status}\n{}", self.logs());
        self.start_again().await;
    }

    /// Sends a signal, e.g. `HUP`, and waits for nothing.
    pub async fn signal(&self, name: &str) {
        self.process.signal(name).await;
    }

    /// SIGTERM; returns when the process has ended.
    pub async fn terminate(&mut self) -> std::process::ExitStatus {
        self.process.terminate().await
    }

    /// SIGKILL; returns when the process has ended.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// After [`Registry::kill`] or [`Registry::terminate`].
    pub async fn start_again(&mut self) {
        self.process = Process::start(&self.home).await;
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.process.address())
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.process.address().to_string()
    }

    /// The operating system's number of the process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// All that the process has written, for messages of failed assertions.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// As [`Registry::logs`], once they contain this: a line may be written after its answer.
    pub async fn logs_with(&self, text: &str) -> String {
        crate::wait::until(&format!("{text:?} in the log"), || {
            let logs = self.logs();
            std::future::ready(logs.contains(text).then_some(logs))
        })
        .await
    }

    /// The most memory that the process has had in RAM, in bytes (proc(5): `VmHWM`, in kB).
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process_id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("such a line");
        let kilobytes = line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
        kilobytes.expect("a number") * 1024
    }

    /// The folder that it runs in.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Which store it is on.
    pub fn backend(&self) -> &Backend {
        &self.home.options.backend
    }

    /// All keys of the bucket but the host's own, sorted. Panics where they are no files.
    pub fn keys(&self) -> Vec<String> {
        self.home.keys()
    }

    /// Checks that the bucket has exactly these keys, and that no upload has left anything. The panic shows
    /// the answer.
    #[track_caller]
    pub fn expect_only(&self, keys: &[String], answer: &Answer) {
        assert_eq!(self.keys(), keys, "after {answer:?}");
        assert_eq!(self.staged(), Vec::<String>::new(), "after {answer:?}");
    }

    /// Waits until no upload is under way.
    pub async fn until_nothing_is_staged(&self) {
        wait::until("the connections to be given up", || {
            std::future::ready(self.staged().is_empty().then_some(()))
        })
        .await;
    }

    fn staged(&self) -> Vec<String> {
        files_below(&self.home().objects().join(".packhouse/staging"))
    }

    /// Adds a user with these grants and a token.
    pub async fn user(&self, name: &str, scopes: &[&str]) -> User {
        accounts::add(&self.home, name, scopes).await
    }

    /// A user who may publish and unpublish everything on `npm`.
    pub async fn publisher(&self) -> Actor {
        let user = self.user("publisher", &["npm:package:*:write", "npm:package:*:delete"]).await;
        self.actor("/npm").with_token(&user.token)
    }

    /// A user who may do everything with all crates, below `/cargo`.
    pub async fn crate_publisher(&self) -> Actor {
        let user = self.user("publisher", &["cargo:crate:*:write"]).await;
        self.actor("/cargo").with_token(&user.token)
    }

    /// A user with a password who may pull, push and delete in every repository, below `/v2`.
    pub async fn pusher(&self) -> Actor {
        let user = self.user("pusher", &["oci:repository:*:*"]).await;
        self.actor("/v2").with_password(&user.name, &user.password)
    }

    /// The one of [`Registry::pusher`], after a restart.
    pub fn pusher_again(&self) -> Actor {
        self.actor("/v2").with_password("pusher", &accounts::password("pusher"))
    }

    /// A user who may upload and delete everything on `pypi`, with a password as twine sends it.
    pub async fn uploader(&self) -> Actor {
        let user = self.user("uploader", &["pypi:package:*:write"]).await;
        self.actor("/pypi").with_password(&user.name, &user.password)
    }

    /// A user who may deploy and delete everything on `maven`, with a password as Maven sends it.
    pub async fn deployer(&self) -> Actor {
        let user = self.user("deployer", &["maven:artifact:*:write"]).await;
        self.actor("/maven").with_password(&user.name, &user.password)
    }

    /// A user who may do everything with all packages on `composer`.
    pub async fn php_publisher(&self) -> Actor {
        let user = self.user("publisher", &["composer:package:*:write"]).await;
        self.actor("/composer").with_password(&user.name, &user.password)
    }

    /// A user who may do everything with all gems, below `/rubygems`.
    pub async fn gem_publisher(&self) -> Actor {
        let user = self.user("publisher", &["rubygems:gem:*:write"]).await;
        self.actor("/rubygems").with_token(&user.token)
    }

    /// Nobody, below this base path.
    pub fn actor(&self, base: &str) -> Actor {
        Actor::anonymous(self.url(base))
    }
}
