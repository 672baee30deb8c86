//! `clock`: one moment for a whole request.

use crate::bindings::packhouse::plugin::clock as wit;
use crate::capabilities::State;
use crate::capabilities::storage::milliseconds;

impl wit::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(milliseconds(self.ground()?.now).unwrap_or(0))
    }

    fn passed(&mut self, moment: u64) -> wasmtime::Result<bool> {
        Ok(milliseconds(self.ground()?.now).unwrap_or(0) >= moment)
    }
}
