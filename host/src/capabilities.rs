//! What a plugin can reach: one WIT interface a file, each thin.
//!
//! A capability translates between the contract's types and a room of the host
//! (storage, auth, the request's body) and holds no logic of its own. It knows
//! nothing of how plugins are loaded, and nothing of any protocol.
//!
//! # Invariants
//! - **No credential is in here**: `RequestContext` holds headers from which every
//!   credential has been taken, and who is calling is asked of `auth`.
//! - **Every call that may wait goes through [`State::wait`]**, which stops the
//!   guest's clock and counts the call.

pub mod about;
pub mod auth;
pub mod body;
mod clock;
pub mod digests;
mod error;
pub mod ground;
mod log;
mod random;
pub mod request;
pub mod response;
mod settings;
pub mod staged;
pub mod storage;
pub mod upkeep;
pub mod uploads;
mod wasi;

use std::sync::Arc;

use secrecy::SecretString;
use wasmtime::component::{HasData, Resource, ResourceTable};

pub use error::{HostError, sentence};
pub use ground::Ground;
pub use request::RequestContext;
pub use upkeep::StepContext;

use crate::plugins::clock::{GuestClock, Outside};
use crate::plugins::memory::MemoryLimit;

/// Resources that one request may hold at a time.
const MOST_RESOURCES: usize = 4096;
/// Calls that may wait which one request may make.
const MOST_WAITING_CALLS: u32 = 100_000;
/// The most bytes that pass between plugin and host in one call.
pub const PIECE: usize = 1 << 20;

/// Bytes that the host may hold for a guest beside the reply.
const MOST_HELD_BESIDE_REPLY: u64 = 16 << 20;
/// Objects that one request may have open at a time.
const MOST_OPEN_OBJECTS: usize = 64;

const ONLY_ABOUT: &str = "`describe` may use nothing but `about`";

/// Counts as one open object until it is dropped.
pub struct OpenObject(#[expect(dead_code, reason = "it is counted")] Arc<()>);

/// What an instance of a plugin is made for.
pub enum Work {
    /// Saying what it is.
    Description,
    Request(Box<RequestContext>),
    /// One step of maintenance.
    Step(Box<StepContext>),
    /// Looking at owner lists, or changing one, for an administrator.
    Ownership(Box<Ground>),
}

/// All that one guest instance can reach; made for one call and dropped after it.
pub struct State {
    pub table: ResourceTable,
    pub memory: MemoryLimit,
    pub clock: Arc<GuestClock>,
    work: Work,
    wasi: Option<Box<wasi::Wasi>>,
    log: log::Budget,
    /// What the plugin was told in confidence.
    secrets: Vec<SecretString>,
    waiting_calls: u32,
    /// Lost races that were waited for.
    turns: u32,
    /// Bytes of replies, headers and names that the host holds for the guest.
    held_bytes: u64,
    open_objects: Arc<()>,
}

impl State {
    pub fn new(memory: MemoryLimit, clock: Arc<GuestClock>, work: Work) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MOST_RESOURCES);
        Self {
            table,
            memory,
            clock,
            work,
            wasi: None,
            log: log::Budget::default(),
            secrets: Vec::new(),
            waiting_calls: 0,
            turns: 0,
            held_bytes: 0,
            open_objects: Arc::default(),
        }
    }

    /// The request being answered; a trap in anything else.
    fn request(&mut self) -> wasmtime::Result<&mut RequestContext> {
        match &mut self.work {
            Work::Request(request) => Ok(request),
            Work::Description => Err(wasmtime::Error::msg(ONLY_ABOUT)),
            Work::Step(_) => Err(wasmtime::Error::msg(
                "a step of maintenance has no request: nobody is asking, and nothing can be answered",
            )),
            Work::Ownership(_) => Err(wasmtime::Error::msg(
                "`ownership` is called without a request: nobody is asking, and nothing can be answered",
            )),
        }
    }

    /// What a request and a step of maintenance both stand on; a trap while the plugin
    /// describes itself.
    fn ground(&self) -> wasmtime::Result<&Ground> {
        match &self.work {
            Work::Request(request) => Ok(&request.ground),
            Work::Step(step) => Ok(&step.ground),
            Work::Ownership(ground) => Ok(ground),
            Work::Description => Err(wasmtime::Error::msg(ONLY_ABOUT)),
        }
    }

    /// To be held during a call that may wait: the time until it is dropped is not
    /// the guest's.
    fn wait(&mut self) -> wasmtime::Result<Outside> {
        self.waiting_calls += 1;
        if self.waiting_calls > MOST_WAITING_CALLS {
            return Err(wasmtime::Error::msg(format!(
                "more than {MOST_WAITING_CALLS} calls of the host in one request"
            )));
        }
        Ok(GuestClock::outside(&self.clock))
    }

    /// Counts bytes that the host holds for the guest; a trap when they are too many.
    fn hold(&mut self, bytes: usize) -> wasmtime::Result<()> {
        let most = self.ground()?.limits.reply.saturating_add(MOST_HELD_BESIDE_REPLY);
        self.held_bytes = self.held_bytes.saturating_add(bytes as u64);
        if self.held_bytes > most {
            return Err(wasmtime::Error::msg(format!(
                "more than {most} bytes held by the host in one request"
            )));
        }
        Ok(())
    }

    /// A token for one open object (a file, on a file system), to be kept with it.
    fn open_one(&self) -> Result<OpenObject, HostError> {
        let token = OpenObject(Arc::clone(&self.open_objects));
        if Arc::strong_count(&self.open_objects) > MOST_OPEN_OBJECTS {
            let message = format!("more than {MOST_OPEN_OBJECTS} objects open in one request");
            return Err(wasmtime::Error::msg(message).into());
        }
        Ok(token)
    }

    fn push<T: Send + 'static>(&mut self, value: T) -> wasmtime::Result<Resource<T>> {
        Ok(self.table.push(value)?)
    }

    /// What the instance was made for, with what came of it.
    pub fn into_work(self) -> Work {
        self.work
    }
}

/// How generated code reaches [`State`]: as it is.
pub struct Shared;
impl HasData for Shared {
    type Data<'a> = &'a mut State;
}
