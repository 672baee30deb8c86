//! `clock`: one moment for a whole request.

use crate::bindings::packhouse::plugin::clock as wit;
use crate::capabilities::State;

impl wit::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.access.now()
    }

    fn passed(&mut self, moment: u64) -> wasmtime::Result<bool> {
        self.access.passed(moment)
    }
}
