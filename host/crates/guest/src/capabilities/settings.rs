//! `settings`: the mount's own table of the configuration.

use secrecy::ExposeSecret as _;

use crate::bindings::packhouse::plugin::settings as wit;
use crate::capabilities::State;

impl wit::Host for State {
    fn get(&mut self) -> wasmtime::Result<String> {
        Ok(self.ground()?.mount.settings.expose_secret().to_owned())
    }

    fn feature(&mut self, name: String) -> wasmtime::Result<bool> {
        let ground = self.ground()?;
        Ok(ground
            .description
            .features
            .get(&name)
            .is_some_and(|&default| ground.mount.feature(&name, default)))
    }
}
