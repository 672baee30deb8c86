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
//! - **A capability reaches the request, its caller, the store and the clock only through
//!   `access`**, which records what the plugin learns. `random`, `log`, `wasi` and `error` record
//!   there too.
//! - **Whatever changes the store goes through `Access::may_change`** just before, also at the end of
//!   a body that came slowly.
//! - **Whatever the host keeps, reads, hashes, unpacks, copies or writes for a guest is counted** in
//!   [`usage::Usage`], and arguments are parsed before anything is kept.

pub mod about;
mod access;
pub mod auth;
pub mod body;
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
pub mod wasi;

use std::sync::Arc;

use secrecy::SecretString;
use wasmtime::component::{HasData, Resource, ResourceTable};

pub use access::{NotMet, Work};
pub use error::{HostError, sentence};
pub use ground::Ground;
pub use request::RequestContext;
pub use upkeep::StepContext;
pub use usage::LimitReached;
use usage::Usage;

use crate::capabilities::access::Access;
use crate::capabilities::usage::OpenObject;
use crate::inputs::{Inputs, Reason};
use crate::memory::MemoryLimit;
use crate::time::{GuestClock, Outside};

/// Resources that one request may hold at a time.
const MOST_RESOURCES: usize = 4096;
/// The most bytes that pass between plugin and host in one call.
pub const PIECE: usize = 1 << 20;

/// All that one guest instance can reach; made for one call and dropped after it.
pub struct State {
    pub table: ResourceTable,
    pub memory: MemoryLimit,
    pub clock: Arc<GuestClock>,
    access: Access,
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
            Work::Description | Work::Settings(..) => None,
        });
        Self {
            table,
            memory,
            clock,
            access: Access::new(work),
            wasi: None,
            log: log::Budget::default(),
            secrets: Vec::new(),
            usage,
            turns: 0,
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
        let resources = self.access.resources()?.clone();
        let of_host = resources.open_file().await.map_err(|_| HostError::no_files())?;
        Ok(of_request.with(of_host))
    }

    fn push<T: Send + 'static>(&mut self, value: T) -> wasmtime::Result<Resource<T>> {
        // A table fails only when it is full.
        self.table.push(value).map_err(|_| usage::too_many_resources(MOST_RESOURCES))
    }

    /// What the instance was made for, with what came of it.
    pub fn into_work(self) -> Work {
        self.access.into_work()
    }

    /// What the reply of the instance depends on.
    pub fn into_inputs(self) -> Inputs {
        self.access.into_inputs()
    }

    /// The reply cannot be remembered. A function that an embedding program offers beside the contract
    /// calls this with [`Reason::Offered`] if plugins can learn anything from it.
    pub fn forget(&mut self, reason: Reason) {
        self.access.forget(reason);
    }
}

/// How generated code reaches [`State`]: as it is.
pub struct Shared;
impl HasData for Shared {
    type Data<'a> = &'a mut State;
}
