//! `settings`: the mount's own table of the configuration.

use crate::bindings::packhouse::plugin::settings as wit;
use crate::capabilities::State;

impl wit::Host for State {
    fn get(&mut self) -> wasmtime::Result<String> {
        Ok(self.request()?.mount.settings.clone())
    }

    fn feature(&mut self, name: String) -> wasmtime::Result<bool> {
        let request = self.request()?;
        Ok(request
            .description
            .features
            .get(&name)
            .is_some_and(|&default| request.mount.feature(&name, default)))
    }
}
