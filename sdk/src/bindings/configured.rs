//! The generated bindings of the world `configured`, which adds the check of settings to `protocol`, and
//! the implementation of its export for every protocol.

use crate::Protocol;
use exports::packhouse::plugin::settings_check::Guest;

use super::Component;

wit_bindgen::generate!({
    inline: "
        package packhouse:sdk;

        world checked {
            export packhouse:plugin/settings-check@0.1.1;
        }
    ",
    path: "../wit",
    world: "packhouse:sdk/checked",
    with: {
        "packhouse:plugin/settings-check@0.1.1": generate,
    },
    runtime_path: "::packhouse_plugin::__wit_bindgen::rt",
    pub_export_macro: true,
    export_macro_name: "__export_settings_check",
    default_bindings_module: "packhouse_plugin::bindings::configured",
});

impl<P: Protocol> Guest for Component<P> {
    fn check() -> Result<(), String> {
        P::check_settings().map_err(|error| error.to_string())
    }
}
