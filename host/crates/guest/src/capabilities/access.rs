//! The only way from a capability to the request, its caller, the store and the clock.
//!
//! The fields of [`Access`] are private, and each function here that returns something a plugin can
//! learn from records it in [`Inputs`]. So a capability cannot forget it. A value that is handed out as a
//! whole, such as the session or the store for a change, makes the reply one that cannot be remembered.
//! What the key of a reply determines (the mount, the description, the path) is not recorded.
//!
//! | file | what it records |
//! |---|---|
//! | `access/request.rs` | headers, the base URL, the alias, the body |
//! | `access/caller.rs` | questions about the caller |
//! | `access/store.rs` | objects that were read, and prefixes that were listed |
//! | `access/changes.rs` | changes |
//! | this one | the clock, and errors that a plugin is told |

mod caller;
mod changes;
mod request;
mod store;

use std::sync::Arc;
use std::time::SystemTime;

use crate::capabilities::ground::DataLimits;
use crate::capabilities::resources::Resources;
use crate::capabilities::storage::milliseconds;
use crate::capabilities::{Ground, RequestContext, StepContext};
use crate::description::Description;
use crate::inputs::{Inputs, Reason};
use crate::mount::Mount;
use packhouse_common::shares::Client;

pub use caller::Complaint;
pub use changes::NotMet;

const ONLY_ABOUT: &str = "`describe` may use nothing but `about`";
const ONLY_SETTINGS: &str = "`settings-check` may use nothing but `settings`, `random` and `log`";

/// What an instance of a plugin is made for.
pub enum Work {
    /// Saying what it is.
    Description,
    Request(Box<RequestContext>),
    /// One step of maintenance.
    Step(Box<StepContext>),
    /// Looking at owner lists, or changing one, for an administrator.
    Ownership(Box<Ground>),
    /// Checking the settings of a mount.
    Settings(Arc<Mount>, Arc<Description>),
}

impl Work {
    /// The client for whom the instance works.
    pub fn client(&self) -> Client {
        match self {
            Self::Request(request) => request.ground.resources.client,
            Self::Step(step) => step.ground.resources.client,
            Self::Ownership(ground) => ground.resources.client,
            Self::Description | Self::Settings(..) => Client::trusted(),
        }
    }
}

/// The work of one instance, and what the plugin has learned about it.
pub struct Access {
    work: Work,
    inputs: Inputs,
}

impl Access {
    pub fn new(mut work: Work) -> Self {
        let inputs = match &mut work {
            Work::Request(request) => Inputs::of_reply(std::mem::take(&mut request.vary)),
            Work::Description | Work::Step(_) | Work::Ownership(_) | Work::Settings(..) => Inputs::off(),
        };
        Self { work, inputs }
    }

    /// What a request and a step of maintenance both stand on; a trap while the plugin
    /// describes itself.
    fn ground(&self) -> wasmtime::Result<&Ground> {
        match &self.work {
            Work::Request(request) => Ok(&request.ground),
            Work::Step(step) => Ok(&step.ground),
            Work::Ownership(ground) => Ok(ground),
            Work::Description => Err(wasmtime::Error::msg(ONLY_ABOUT)),
            Work::Settings(..) => Err(wasmtime::Error::msg(ONLY_SETTINGS)),
        }
    }

    pub fn mount(&self) -> wasmtime::Result<&Mount> {
        match &self.work {
            Work::Settings(mount, _) => Ok(mount),
            _ => Ok(&self.ground()?.mount),
        }
    }

    pub fn description(&self) -> wasmtime::Result<&Description> {
        match &self.work {
            Work::Settings(_, description) => Ok(description),
            _ => Ok(&self.ground()?.description),
        }
    }

    pub fn limits(&self) -> wasmtime::Result<DataLimits> {
        Ok(self.ground()?.limits)
    }

    pub fn resources(&self) -> wasmtime::Result<&Resources> {
        Ok(&self.ground()?.resources)
    }

    /// The current step. Using it in anything but maintenance is a trap.
    pub fn step(&mut self) -> wasmtime::Result<&mut StepContext> {
        match &mut self.work {
            Work::Step(step) => Ok(step),
            _ => Err(wasmtime::Error::msg("`upkeep` works only in a step of maintenance")),
        }
    }

    /// The time of the host, in milliseconds since the Unix epoch.
    pub fn now(&mut self) -> wasmtime::Result<u64> {
        self.forget(Reason::Clock);
        Ok(unix_millis(self.ground()?.now))
    }

    /// Whether a moment has come.
    pub fn passed(&mut self, moment: u64) -> wasmtime::Result<bool> {
        let has_passed = unix_millis(self.ground()?.now) >= moment;
        self.inputs.passed(moment, has_passed);
        Ok(has_passed)
    }

    /// The reply cannot be remembered.
    pub fn forget(&mut self, reason: Reason) {
        self.inputs.forget(reason);
    }

    /// The work, with what came of it.
    pub fn into_work(self) -> Work {
        self.work
    }

    /// What the reply depends on.
    pub fn into_inputs(self) -> Inputs {
        self.inputs.finish()
    }
}

fn unix_millis(time: SystemTime) -> u64 {
    milliseconds(time).unwrap_or(0)
}
