//! `about`: what a plugin says of itself.

use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::about as wit;
use crate::capabilities::State;
use crate::plugins::description::Description;
use crate::respond::FailureShape;

/// A description being built.
pub struct DescriptionBuilder(Description);

impl DescriptionBuilder {
    pub fn finish(self) -> Description {
        self.0
    }
}

impl wit::Host for State {}

impl wit::HostDescription for State {
    fn new(
        &mut self,
        protocol: String,
        title: String,
        version: String,
    ) -> wasmtime::Result<Resource<DescriptionBuilder>> {
        self.push(DescriptionBuilder(Description { protocol, title, version, ..Description::default() }))
    }

    fn add_root_alias(&mut self, handle: Resource<DescriptionBuilder>, path: String) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.0.root_aliases.push(path);
        Ok(())
    }

    fn add_scope(
        &mut self,
        handle: Resource<DescriptionBuilder>,
        kind: String,
        _actions: Vec<String>,
        read_action: String,
    ) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.0.read_actions.insert(kind, read_action);
        Ok(())
    }

    fn add_feature(
        &mut self,
        handle: Resource<DescriptionBuilder>,
        name: String,
        enabled: bool,
        _summary: String,
    ) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.0.features.insert(name, enabled);
        Ok(())
    }

    fn set_failure_shape(
        &mut self,
        handle: Resource<DescriptionBuilder>,
        content_type: String,
        body: String,
    ) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.0.failure_shape = Some(FailureShape { content_type, template: body });
        Ok(())
    }

    fn set_setup(&mut self, handle: Resource<DescriptionBuilder>, text: String) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.0.setup = Some(text);
        Ok(())
    }

    fn add_wish(
        &mut self,
        handle: Resource<DescriptionBuilder>,
        name: String,
        reason: String,
    ) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.0.wishes.insert(name, reason);
        Ok(())
    }

    fn drop(&mut self, handle: Resource<DescriptionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
