//! The generated bindings of the world `registrar`, which adds ownership to `caretaker`, and the
//! implementation of its export for an [`Ownership`].

use crate::ownership::{Holder, Ownership, Thing};
use exports::packhouse::plugin::ownership::Guest;

use super::Component;
use super::packhouse::plugin::types;

wit_bindgen::generate!({
    inline: "
        package packhouse:sdk;

        world registered {
            export packhouse:plugin/ownership@0.1.1;
        }
    ",
    path: "../wit",
    world: "packhouse:sdk/registered",
    with: {
        "packhouse:plugin/types@0.1.1": crate::bindings::packhouse::plugin::types,
        "packhouse:plugin/ownership@0.1.1": generate,
    },
    runtime_path: "::packhouse_plugin::__wit_bindgen::rt",
    pub_export_macro: true,
    export_macro_name: "__export_ownership",
    default_bindings_module: "packhouse_plugin::bindings::registrar",
});

type Answer = (Vec<(String, String)>, Option<String>);

impl<P: Ownership> Guest for Component<P> {
    fn owned_by(id: String, name: Option<String>, cursor: Option<String>) -> Result<Answer, types::Error> {
        let page = P::owned_by(&Holder { id, name }, cursor.as_deref())?;
        Ok((page.things.into_iter().map(|thing| (thing.kind, thing.name)).collect(), page.next))
    }

    fn disown(id: String, name: Option<String>, kind: String, thing: String) -> Result<bool, types::Error> {
        Ok(P::disown(&Holder { id, name }, &Thing { kind, name: thing })?)
    }
}
