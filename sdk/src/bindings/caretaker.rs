//! The generated bindings of the world `caretaker`, which adds maintenance to `protocol`, and the
//! implementation of its export for a [`Maintenance`]. It has its own world, because the worlds of
//! a component are joined when it is linked.

use crate::maintenance::{Maintenance, Step};
use crate::{Error, sys};
use exports::packhouse::plugin::maintenance::Guest;
use packhouse::plugin::upkeep;

use super::Component;
use super::packhouse::plugin::types;

wit_bindgen::generate!({
    inline: "
        package packhouse:sdk;

        world maintained {
            import packhouse:plugin/upkeep@0.1.1;
            export packhouse:plugin/maintenance@0.1.1;
        }
    ",
    path: "../wit",
    world: "packhouse:sdk/maintained",
    with: {
        "packhouse:plugin/types@0.1.1": crate::bindings::packhouse::plugin::types,
        "packhouse:plugin/upkeep@0.1.1": generate,
        "packhouse:plugin/maintenance@0.1.1": generate,
    },
    runtime_path: "::packhouse_plugin::__wit_bindgen::rt",
    pub_export_macro: true,
    export_macro_name: "__export_maintenance",
    default_bindings_module: "packhouse_plugin::bindings::caretaker",
});

impl<P: Maintenance> Guest for Component<P> {
    fn collect(step: &upkeep::Step) -> Result<(), types::Error> {
        take(step, P::collect)
    }

    fn reindex(step: &upkeep::Step) -> Result<(), types::Error> {
        take(step, P::reindex)
    }

    fn verify(step: &upkeep::Step) -> Result<(), types::Error> {
        take(step, P::verify)
    }
}

fn take(step: &upkeep::Step, work: fn(&Step<'_>) -> Result<(), Error>) -> Result<(), types::Error> {
    Ok(work(&Step::new(sys::Step::new(step)))?)
}
