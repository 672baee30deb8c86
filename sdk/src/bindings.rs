//! The generated imports and exports of `wit/`, and the implementation of the export for a
//! [`Protocol`]. Only `sys` and the `export!` macro use it. `configured` adds the check of settings,
//! `caretaker` and `registrar` add maintenance and ownership for protocols that have them.
#![allow(clippy::all, clippy::pedantic, unsafe_code, missing_docs, reason = "generated code")]

use crate::{Description, Protocol, Request};
use exports::packhouse::plugin::handler::Guest;
use packhouse::plugin::about;
use packhouse::plugin::http;

pub mod caretaker;
pub mod configured;
pub mod registrar;

wit_bindgen::generate!({
    path: "../wit",
    world: "protocol",
    runtime_path: "::packhouse_plugin::__wit_bindgen::rt",
    pub_export_macro: true,
    export_macro_name: "__export_component",
    default_bindings_module: "packhouse_plugin::bindings",
});

/// Implements the contract's `handler` and `settings-check` for a protocol, and `maintenance` and
/// `ownership` if it has them.
pub struct Component<P>(std::marker::PhantomData<P>);

impl<P: Protocol> Guest for Component<P> {
    fn describe() -> about::Description {
        describe(P::describe())
    }

    fn handle(request: http::Request) -> http::Response {
        P::handle(Request::new(crate::sys::Request::new(request))).into_raw().into_inner()
    }
}

fn describe(description: Description) -> about::Description {
    let target = about::Description::new(&description.protocol, &description.title, &description.version);
    for path in &description.root_aliases {
        target.add_root_alias(path);
    }
    for scope in &description.scopes {
        target.add_scope(&scope.kind, &scope.actions, &scope.read_action);
        // Declared even if nothing is implied: the host applies other rules to plugins that declare
        // nothing.
        target.add_implied(&scope.kind, &scope.read_action, &[]);
    }
    for each in &description.implied {
        target.add_implied(&each.kind, &each.action, &each.implied);
    }
    for feature in &description.features {
        target.add_feature(&feature.name, feature.enabled, &feature.summary);
    }
    for wish in &description.wishes {
        target.add_wish(&wish.name, &wish.reason);
    }
    if let Some(shape) = &description.failure_shape {
        target.set_failure_shape(&shape.content_type, &shape.body);
    }
    if let Some(setup) = &description.setup {
        target.set_setup(setup);
    }
    target
}
