//! `random`: bytes fit for secrets.

use rand::Rng;

use crate::bindings::packhouse::plugin::random as wit;
use crate::capabilities::State;
use crate::inputs::Reason;

impl wit::Host for State {
    fn bytes(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        if count > 1024 {
            return Err(wasmtime::Error::msg("at most 1024 random bytes at once"));
        }
        self.forget(Reason::Random);
        let mut bytes = vec![0; count as usize];
        rand::rng().fill_bytes(&mut bytes);
        Ok(bytes)
    }
}
