//! What a plugin can reach: one WIT interface a file, each thin.
//!
//! A capability translates between the contract's types and a room of the host
//! (storage, auth, the request's body) and holds no logic of its own. It knows
//! nothing of how plugins are loaded, and nothing of any protocol.
//!
//! # Invariants
//! - **No credential is in here**: `RequestContext` holds headers from which every
//!   credential has been taken, and who is calling is asked of `auth`.
//! - **Every call that may wait goes through [`State::wait`] or [`State::transfer`]**, which
//!   stop the guest's clock and count the call.
//! - **Whatever changes the store goes through [`State::may_change`]** just before, also at the end of
//!   a body that came slowly.
//! - **Whatever the host keeps, reads, hashes, unpacks, copies or writes for a guest is counted** in
//!   [`usage::Usage`], and arguments are parsed before anything is kept.

pub mod about;
pub mod auth;
pub mod body;
mod changes;
mod clock;
pub mod digests;
mod error;
pub mod ground;
mod log;
mod random;
pub mod request;
pub mod resources;
pub mod response;
mod settings;
pub mod staged;
pub mod storage;
pub mod upkeep;
pub mod uploads;
pub mod usage;
mod wasi;

use std::sync::Arc;

use secrecy::SecretString;
use wasmtime::component::{HasData, Resource, ResourceTable};

pub use changes::NotMet;
pub use error::{HostError, sentence};
pub use ground::Ground;
pub use request::RequestContext;
pub use upkeep::StepContext;
pub use usage::LimitReached;
use usage::Usage;

use crate::capabilities::usage::OpenObject;
use crate::memory::MemoryLimit;
use crate::time::{GuestClock, Outside};

/// Resources that one request may hold at a time.
const MOST_RESOURCES: usize = 4096;
/// The most bytes that pass between plugin and host in one call.
pub const PIECE: usize = 1 << 20;

const ONLY_ABOUT: &str = "`describe` may use nothing but `about`";

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
    usage: Usage,
    /// Lost races that were waited for.
    turns: u32,
}

impl State {
    pub fn new(memory: MemoryLimit, clock: Arc<GuestClock>, work: Work) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MOST_RESOURCES);
        let usage = Usage::new(match &work {
            Work::Request(request) => Some(request.ground.limits),
            Work::Step(step) => Some(step.ground.limits),
            Work::Ownership(ground) => Some(ground.limits),
            Work::Description => None,
        });
        Self {
            table,
            memory,
            clock,
            work,
            wasi: None,
            log: log::Budget::default(),
            secrets: Vec::new(),
            usage,
            turns: 0,
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

    /// To be held during a call that may wait. Waiting is not the guest's time; what the
    /// call computes is, and so is the request's time.
    fn wait(&mut self) -> wasmtime::Result<Outside> {
        self.usage.call()?;
        Ok(GuestClock::outside(&self.clock))
    }

    /// To be held during a call that moves bytes, of the client or the store. It has limits
    /// of its own: bytes, and silence.
    fn transfer(&mut self) -> wasmtime::Result<Outside> {
        self.usage.call()?;
        Ok(GuestClock::transfer(&self.clock))
    }

    /// A token for one open object (a file, on a file system), to be kept with it.
    async fn open_one(&mut self) -> Result<OpenObject, HostError> {
        let of_request = self.usage.open_object()?;
        let resources = self.ground()?.resources.clone();
        let of_host = resources.open_file().await.map_err(|_| HostError::no_files())?;
        Ok(of_request.with(of_host))
    }

    fn push<T: Send + 'static>(&mut self, value: T) -> wasmtime::Result<Resource<T>> {
        // A table fails only when it is full.
        self.table.push(value).map_err(|_| usage::too_many_resources(MOST_RESOURCES))
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
