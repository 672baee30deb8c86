//! A component that is linked against the host's functions, and its exports that the host can call.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::exports::packhouse::plugin::{handler, maintenance, ownership, settings_check};
use crate::capabilities::State;

/// The optional exports of a plugin.
const MAINTENANCE: &str = "packhouse:plugin/maintenance@0.1.1";
const OWNERSHIP: &str = "packhouse:plugin/ownership@0.1.1";
const SETTINGS_CHECK: &str = "packhouse:plugin/settings-check@0.1.1";

/// A component that can be instantiated.
pub struct Linked {
    component: InstancePre<State>,
    handler: handler::GuestIndices,
    maintenance: Option<maintenance::GuestIndices>,
    ownership: Option<ownership::GuestIndices>,
    settings_check: Option<settings_check::GuestIndices>,
}

impl Linked {
    /// Looks up the exports. An export whose type differs from the contract is an error.
    pub fn new(component: InstancePre<State>) -> wasmtime::Result<Self> {
        let exports = |name| component.component().get_export_index(None, name).is_some();
        let (has_maintenance, has_ownership) = (exports(MAINTENANCE), exports(OWNERSHIP));
        let has_check = exports(SETTINGS_CHECK);
        Ok(Self {
            handler: handler::GuestIndices::new(&component)?,
            maintenance: has_maintenance.then(|| maintenance::GuestIndices::new(&component)).transpose()?,
            ownership: has_ownership.then(|| ownership::GuestIndices::new(&component)).transpose()?,
            settings_check: has_check.then(|| settings_check::GuestIndices::new(&component)).transpose()?,
            component,
        })
    }

    pub fn has_maintenance(&self) -> bool {
        self.maintenance.is_some()
    }

    pub fn has_ownership(&self) -> bool {
        self.ownership.is_some()
    }

    pub fn checks_settings(&self) -> bool {
        self.settings_check.is_some()
    }

    pub async fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Instance> {
        self.component.instantiate_async(store).await
    }

    pub fn handler(&self, store: &mut Store<State>, instance: &Instance) -> wasmtime::Result<handler::Guest> {
        self.handler.load(store, instance)
    }

    /// None if the plugin does not have this export.
    pub fn maintenance(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<Option<maintenance::Guest>> {
        self.maintenance.as_ref().map(|indices| indices.load(store, instance)).transpose()
    }

    /// None if the plugin does not have this export.
    pub fn ownership(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<Option<ownership::Guest>> {
        self.ownership.as_ref().map(|indices| indices.load(store, instance)).transpose()
    }

    /// None if the plugin does not have this export.
    pub fn settings_check(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
    ) -> wasmtime::Result<Option<settings_check::Guest>> {
        self.settings_check.as_ref().map(|indices| indices.load(store, instance)).transpose()
    }
}
