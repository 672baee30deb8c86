//! `settings`: the mount's own table of the configuration. It is part of the key of a reply, and so is
//! not recorded.

use secrecy::ExposeSecret as _;

use crate::bindings::packhouse::plugin::settings as wit;
use crate::capabilities::State;

impl wit::Host for State {
    fn get(&mut self) -> wasmtime::Result<String> {
        Ok(self.access.mount()?.settings.expose_secret().to_owned())
    }

    fn feature(&mut self, name: String) -> wasmtime::Result<bool> {
        let (mount, description) = (self.access.mount()?, self.access.description()?);
        Ok(description.features.get(&name).is_some_and(|&default| mount.feature(&name, default)))
    }
}
