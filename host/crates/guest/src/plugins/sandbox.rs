//! Runs plugins: one fresh instance for every call, with limits on time, memory and
//! everything else that it could take.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, Instance, Linker, Resource};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolConcurrencyLimitError, PoolingAllocationConfig,
    Store, Trap, WasmBacktrace,
};

use crate::bindings::Complete;
use crate::bindings::exports::packhouse::plugin::ownership;
use crate::capabilities::request::RequestHandle;
use crate::capabilities::resources::NoMemory;
use crate::capabilities::upkeep::StepHandle;
use crate::capabilities::{
    Ground, LimitReached, NotMet, RequestContext, Shared, State, StepContext, Work, sentence, wasi,
};
use crate::description::Description;
use crate::inputs::Inputs;
use crate::memory::{BudgetSettings, MemoryBudget, MemoryLimit, NoMemoryLeft, OutOfMemory};
use crate::mount::Mount;
use crate::ownership::Page;
use crate::plugins::fitness::{self, Misfit};
use crate::plugins::generations::PluginsError;
use crate::plugins::linked::Linked;
use crate::plugins::loader::first_line;
use crate::time::{DeadlineMissed, GuestClock, TimeLimits, WithDeadline};
use crate::upkeep::Task;
use packhouse_auth::{AuthError, Holder};
use packhouse_http::respond::Reply;

/// Everything that plugins can import.
pub type Imports = Linker<State>;

/// How often a running guest gives way to others.
const TICK: Duration = Duration::from_millis(10);

/// Bytes that one call of the host may carry: a piece, with room for names beside it.
const MOST_BYTES_PER_CALL: usize = 4 << 20;
/// Core instances of one component: an interpreter comes as a dozen modules that are linked
/// inside of it. Nothing is set aside for them.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
/// Tables of one component: address space is set aside for each.
const TABLES_PER_COMPONENT: u32 = 8;
/// Instances beyond those of requests, for plugins that are being loaded and for steps of
/// maintenance.
const BESIDE_REQUESTS: u32 = 8;

/// Versions of one line of an interface that are looked for.
const MOST_PATCHES: u32 = 32;

/// A step of maintenance may take this many times as long as a request.
const STEP_FACTOR: u32 = 12;

/// What one call may take.
#[derive(Debug, Clone, Copy)]
pub struct GuestLimits {
    /// Bytes of memory of one instance.
    pub memory: usize,
    /// Bytes of memory of all instances together.
    pub all_memory: usize,
    /// Bytes of memory of all instances of one client.
    pub client_memory: usize,
    /// Instances that may wait for memory to begin.
    pub queue: usize,
    /// How long an instance waits for memory.
    pub patience: Duration,
    /// Time in the guest.
    pub deadline: Duration,
    /// Time of a request without that in which bytes move.
    pub total: Duration,
    /// Instances at one time.
    pub instances: u32,
}

impl GuestLimits {
    fn times(&self, factor: u32) -> TimeLimits {
        TimeLimits { work: self.deadline, total: self.total.saturating_mul(factor) }
    }
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the plugin failed: {0}")]
    Trapped(String),
    #[error("{0}")]
    Answer(String),
    #[error(transparent)]
    Deadline(#[from] DeadlineMissed),
    /// Of memory, or of what the host does for it.
    #[error("{0}")]
    LimitReached(String),
    #[error("{0}")]
    Busy(String),
    #[error("the caller cannot be identified: {0}")]
    Auth(#[source] AuthError),
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// It was stopped before it changed anything.
    #[error(transparent)]
    NotMet(#[from] NotMet),
}

/// The engine with everything that plugins import.
pub struct Sandbox {
    engine: Engine,
    linker: Imports,
    limits: GuestLimits,
    memory: MemoryBudget,
}

impl Sandbox {
    /// Offers plugins the contract, and what `more` adds to it.
    pub fn new(
        limits: GuestLimits,
        more: impl FnOnce(&mut Imports) -> wasmtime::Result<()>,
    ) -> Result<Self, PluginsError> {
        let sandbox = Self::offering(limits, more);
        sandbox.map_err(|error| PluginsError::Engine(first_line(&format!("{error:#}"))))
    }

    fn offering(
        limits: GuestLimits,
        more: impl FnOnce(&mut Imports) -> wasmtime::Result<()>,
    ) -> wasmtime::Result<Self> {
        let engine = Engine::new(&engine_config(limits))?;
        let mut linker = Imports::new(&engine);
        wasi::add_to_linker(&mut linker)?;
        Complete::add_to_linker::<State, Shared>(&mut linker, |state| state)?;
        more(&mut linker)?;
        start_ticking(&engine)?;
        let memory = MemoryBudget::new(BudgetSettings {
            bytes: limits.all_memory,
            growth: limits.memory.min(limits.all_memory / 2),
            own: limits.client_memory,
            queue: limits.queue,
            patience: limits.patience,
        });
        Ok(Self { engine, linker, limits, memory })
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Binds a component to what the host offers, or says what it needs beyond that.
    pub fn link(&self, component: &Component) -> Result<Linked, Misfit> {
        let bound = self.linker.instantiate_pre(component);
        let bound = bound.map_err(|error| fitness::unmet(&error, |name| self.has_interface(name)))?;
        fitness::check_exports(component, &self.engine)?;
        Linked::new(bound).map_err(|error| Misfit::Other(first_line(&format!("{error:#}"))))
    }

    /// Whether plugins can import anything of an interface, in any version of its line.
    fn has_interface(&self, name: &str) -> bool {
        let (interface, version) = name.rsplit_once('@').unwrap_or((name, ""));
        let line = version.rsplit_once('.').map_or(version, |(line, _)| line);
        // A name can be defined once: what stands for an interface here fails where there is one.
        let is_taken = |name: &str| self.linker.clone().root().func_new(name, |_, _, _, _| Ok(())).is_err();
        is_taken(name) || (0..MOST_PATCHES).any(|patch| is_taken(&format!("{interface}@{line}.{patch}")))
    }

    /// Asks a plugin what it is.
    pub async fn describe(&self, plugin: &Linked) -> Result<Description, CallError> {
        let clock = GuestClock::start();
        let call = async {
            let (mut store, instance) = self.instantiate(plugin, Work::Description, &clock).await?;
            // Not called, but its functions must have the types of the contract.
            plugin.maintenance(&mut store, &instance)?;
            plugin.ownership(&mut store, &instance)?;
            plugin.settings_check(&mut store, &instance)?;
            let handler = plugin.handler(&mut store, &instance)?;
            let described = handler.call_describe(&mut store).await;
            let described = described.map_err(|error| with_last_words(error, store.data()))?;
            let builder = store.data_mut().table.delete(described)?;
            builder.finish().checked().map_err(wasmtime::Error::msg)
        };
        WithDeadline::new(call, Arc::clone(&clock), self.limits.times(1)).await?.map_err(call_error)
    }

    /// Lets a plugin answer one request. Also returns what the reply depends on. The instance is gone
    /// when this returns.
    pub async fn handle(
        &self,
        plugin: &Linked,
        request: Box<RequestContext>,
    ) -> Result<(Reply, Inputs), CallError> {
        let clock = GuestClock::start();
        let call = async {
            let (mut store, instance) = self.instantiate(plugin, Work::Request(request), &clock).await?;
            let handle = store.data_mut().table.push(RequestHandle)?;
            let handler = plugin.handler(&mut store, &instance)?;
            let called = handler.call_handle(&mut store, handle).await;
            let response = called.map_err(|error| with_last_words(error, store.data()))?;
            let mut state = store.into_data();
            let response = state.table.delete(response)?;
            let inputs = state.into_inputs();
            Ok(response.finish(inputs.vary().to_vec()).map(|reply| (reply, inputs)))
        };
        let answer = WithDeadline::new(call, Arc::clone(&clock), self.limits.times(1)).await?;
        answer.map_err(call_error)?.map_err(CallError::Answer)
    }

    /// Lets a plugin do one step of maintenance, and gives where the next one goes on. An
    /// error of the plugin is an `Answer`.
    pub async fn step(&self, plugin: &Linked, step: Box<StepContext>) -> Result<Option<String>, CallError> {
        let (clock, task) = (GuestClock::start(), step.task);
        let call = async {
            let (mut store, instance) = self.instantiate(plugin, Work::Step(step), &clock).await?;
            let Some(guest) = plugin.maintenance(&mut store, &instance)? else {
                return Err(wasmtime::Error::msg("it does not export maintenance"));
            };
            let handle = store.data_mut().table.push(StepHandle)?;
            let lent = Resource::new_borrow(handle.rep());
            let called = match task {
                Task::Collect => guest.call_collect(&mut store, lent).await,
                Task::Reindex => guest.call_reindex(&mut store, lent).await,
                Task::Verify => guest.call_verify(&mut store, lent).await,
            };
            let answered = called.map_err(|error| with_last_words(error, store.data()))?;
            let next = match store.into_data().into_work() {
                Work::Step(step) => step.into_next(),
                Work::Description | Work::Request(_) | Work::Ownership(_) | Work::Settings(..) => None,
            };
            Ok(answered.map(|()| next).map_err(sentence))
        };
        let answer = WithDeadline::new(call, Arc::clone(&clock), self.limits.times(STEP_FACTOR)).await?;
        answer.map_err(call_error)?.map_err(CallError::Answer)
    }

    /// Asks a plugin for one page of what a user owns. An error of the plugin is an `Answer`.
    pub async fn owned_by(
        &self,
        plugin: &Linked,
        ground: Box<Ground>,
        holder: &Holder,
        cursor: Option<&str>,
    ) -> Result<Page, CallError> {
        let clock = GuestClock::start();
        let (id, name) = named(holder);
        let call = async {
            let (mut store, guest) = self.registrar(plugin, ground, &clock).await?;
            let called = guest.call_owned_by(&mut store, &id, name, cursor).await;
            let answered = called.map_err(|error| with_last_words(error, store.data()))?;
            Ok(answered.map(|(things, next)| Page { things, next }).map_err(sentence))
        };
        let answer = WithDeadline::new(call, Arc::clone(&clock), self.limits.times(1)).await?;
        answer.map_err(call_error)?.map_err(CallError::Answer)
    }

    /// Has a plugin take a user off the owner list of a thing (its kind and name).
    pub async fn disown(
        &self,
        plugin: &Linked,
        ground: Box<Ground>,
        holder: &Holder,
        (kind, thing): (&str, &str),
    ) -> Result<bool, CallError> {
        let clock = GuestClock::start();
        let (id, name) = named(holder);
        let call = async {
            let (mut store, guest) = self.registrar(plugin, ground, &clock).await?;
            let called = guest.call_disown(&mut store, &id, name, kind, thing).await;
            let answered = called.map_err(|error| with_last_words(error, store.data()))?;
            Ok(answered.map_err(sentence))
        };
        let answer = WithDeadline::new(call, Arc::clone(&clock), self.limits.times(1)).await?;
        answer.map_err(call_error)?.map_err(CallError::Answer)
    }

    /// Asks a plugin whether it can use the settings of a mount. An `Answer` is the reason why not. All
    /// is well if the plugin does not check settings.
    pub async fn check_settings(
        &self,
        plugin: &Linked,
        mount: Arc<Mount>,
        description: Arc<Description>,
    ) -> Result<(), CallError> {
        let clock = GuestClock::start();
        let call = async {
            let (mut store, instance) =
                self.instantiate(plugin, Work::Settings(mount, description), &clock).await?;
            let Some(guest) = plugin.settings_check(&mut store, &instance)? else { return Ok(Ok(())) };
            let called = guest.call_check(&mut store).await;
            let answered = called.map_err(|error| with_last_words(error, store.data()))?;
            Ok(answered.map_err(|sentence| store.data().without_secrets(&sentence)))
        };
        let answer = WithDeadline::new(call, Arc::clone(&clock), self.limits.times(1)).await?;
        answer.map_err(call_error)?.map_err(CallError::Answer)
    }

    async fn registrar(
        &self,
        plugin: &Linked,
        ground: Box<Ground>,
        clock: &Arc<GuestClock>,
    ) -> wasmtime::Result<(Store<State>, ownership::Guest)> {
        let (mut store, instance) = self.instantiate(plugin, Work::Ownership(ground), clock).await?;
        let guest = plugin.ownership(&mut store, &instance)?;
        Ok((store, guest.ok_or_else(|| wasmtime::Error::msg("it does not export ownership"))?))
    }

    async fn instantiate(
        &self,
        plugin: &Linked,
        work: Work,
        clock: &Arc<GuestClock>,
    ) -> wasmtime::Result<(Store<State>, Instance)> {
        let memory = MemoryLimit::new(self.limits.memory, &self.memory, work.client(), Arc::clone(clock));
        let state = State::new(memory, Arc::clone(clock), work);
        let mut store = Store::new(&self.engine, state);
        store.limiter_async(|state| &mut state.memory);
        store.epoch_deadline_async_yield_and_update(1);
        store.set_hostcall_fuel(MOST_BYTES_PER_CALL);
        let instance = plugin.instantiate(&mut store).await;
        let instance = instance.map_err(|error| with_last_words(error, store.data()))?;
        Ok((store, instance))
    }
}

/// A user as the contract names one: the id, and the name where it means the user.
fn named(holder: &Holder) -> (String, Option<&str>) {
    (holder.id.to_string(), holder.owns_by_name.then_some(holder.name.as_str()))
}

/// Settings measured to make a fresh instance cheap: warm slots keep some of their
/// memory, and the kernel tells which pages were touched.
fn engine_config(limits: GuestLimits) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    let instances = limits.instances.saturating_add(BESIDE_REQUESTS);
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(TABLES_PER_COMPONENT))
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .table_elements(20_000)
        .max_memory_size(limits.memory)
        .max_unused_warm_slots(100)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(16 << 10)
        .pagemap_scan(if PoolingAllocationConfig::is_pagemap_scan_available() {
            Enabled::Yes
        } else {
            Enabled::No
        });
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .memory_init_cow(true)
        .concurrency_support(false)
        .async_stack_size(1 << 20)
        .max_wasm_stack(512 << 10)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Moves the epoch on, for as long as the engine lives.
#[expect(clippy::disallowed_methods, reason = "a clock has nothing to wait for but time")]
fn start_ticking(engine: &Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("epoch".into()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}

/// What the plugin said before it ended.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct LastWords(String);

fn with_last_words(error: wasmtime::Error, state: &State) -> wasmtime::Error {
    match state.last_words() {
        Some(words) => error.context(LastWords(words)),
        None => error,
    }
}

/// What a failed call means.
fn call_error(error: wasmtime::Error) -> CallError {
    if let Some(error) = error.downcast_ref::<OutOfMemory>() {
        return CallError::LimitReached(error.to_string());
    }
    if let Some(error) = error.downcast_ref::<LimitReached>() {
        return CallError::LimitReached(error.to_string());
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return CallError::Busy("all places for plugin instances are taken".into());
    }
    if let Some(error) = error.downcast_ref::<NoMemoryLeft>() {
        return CallError::Busy(error.to_string());
    }
    if let Some(error) = error.downcast_ref::<NotMet>() {
        return CallError::NotMet(*error);
    }
    if let Some(error) = error.downcast_ref::<NoMemory>() {
        return CallError::NoMemory(*error);
    }
    let error = match error.downcast::<AuthError>() {
        Ok(error) => return CallError::Auth(error),
        Err(error) => error,
    };
    let reason = match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => "it panicked".into(),
        Some(Trap::MemoryOutOfBounds | Trap::StackOverflow) => {
            "it ran out of stack, or touched memory out of bounds".into()
        }
        Some(trap) => trap.to_string(),
        // A rule of ours that was broken: where in the plugin's code says nothing to people.
        None if error.downcast_ref::<WasmBacktrace>().is_some() => error.root_cause().to_string(),
        None => format!("{error:#}"),
    };
    match error.downcast_ref::<LastWords>() {
        Some(words) => CallError::Trapped(format!("{reason}: {words}")),
        None => CallError::Trapped(reason),
    }
}
