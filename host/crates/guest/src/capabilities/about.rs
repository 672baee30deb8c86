//! `about`: a plugin's description of itself.

use packhouse_scope::{Declaration, Implication};
use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::about as wit;
use crate::capabilities::State;
use crate::description::Description;
use packhouse_http::respond::FailureShape;

/// The most bytes of a description.
const MOST_BYTES: usize = 64 << 10;

/// A description being built.
pub struct DescriptionBuilder {
    description: Description,
    size: usize,
}

impl DescriptionBuilder {
    pub fn finish(self) -> Description {
        self.description
    }
}

impl State {
    /// The description behind a handle, after charging these words to its limit.
    fn grow(
        &mut self,
        handle: &Resource<DescriptionBuilder>,
        words: &[&str],
    ) -> wasmtime::Result<&mut Description> {
        let size = words.iter().map(|word| word.len() + 1).sum::<usize>();
        self.usage.keep(size)?;
        let builder = self.table.get_mut(handle)?;
        builder.size += size;
        if builder.size > MOST_BYTES {
            return Err(wasmtime::Error::msg(format!("the description is larger than {MOST_BYTES} bytes")));
        }
        Ok(&mut builder.description)
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
        {
            let size = protocol.len() + title.len() + version.len();
            if size > MOST_BYTES {
                return Err(wasmtime::Error::msg(format!(
                    "the description is larger than {MOST_BYTES} bytes"
                )));
            }
            self.usage.keep(size)?;
            let description = Description { protocol, title, version, ..Description::default() };
            self.push(DescriptionBuilder { description, size })
        }
    }

    fn add_root_alias(&mut self, handle: Resource<DescriptionBuilder>, path: String) -> wasmtime::Result<()> {
        self.grow(&handle, &[&path])?.root_aliases.push(path);
        Ok(())
    }

    fn add_scope(
        &mut self,
        handle: Resource<DescriptionBuilder>,
        kind: String,
        actions: Vec<String>,
        read_action: String,
    ) -> wasmtime::Result<()> {
        let words: Vec<_> =
            [&kind, &kind, &read_action].into_iter().chain(&actions).map(String::as_str).collect();
        let description = self.grow(&handle, &words)?;
        description.kinds.retain(|declared| declared.kind != kind);
        description.kinds.push(Declaration { kind, actions, read_action });
        Ok(())
    }

    fn add_implied(
        &mut self,
        handle: Resource<DescriptionBuilder>,
        kind: String,
        action: String,
        implied: Vec<String>,
    ) -> wasmtime::Result<()> {
        let words: Vec<_> = [&kind, &action].into_iter().chain(&implied).map(String::as_str).collect();
        let description = self.grow(&handle, &words)?;
        description.implied.get_or_insert_default().push(Implication { kind, action, implied });
        Ok(())
    }

    fn add_feature(
        &mut self,
        handle: Resource<DescriptionBuilder>,
        name: String,
        enabled: bool,
        _summary: String,
    ) -> wasmtime::Result<()> {
        self.grow(&handle, &[&name])?.features.insert(name, enabled);
        Ok(())
    }

    fn set_failure_shape(
        &mut self,
        handle: Resource<DescriptionBuilder>,
        content_type: String,
        body: String,
    ) -> wasmtime::Result<()> {
        let description = self.grow(&handle, &[&content_type, &body])?;
        description.failure_shape = Some(FailureShape { content_type, template: body });
        Ok(())
    }

    fn set_setup(&mut self, handle: Resource<DescriptionBuilder>, text: String) -> wasmtime::Result<()> {
        let description = self.grow(&handle, &[&text])?;
        description.setup = Some(text);
        Ok(())
    }

    fn add_wish(
        &mut self,
        handle: Resource<DescriptionBuilder>,
        name: String,
        reason: String,
    ) -> wasmtime::Result<()> {
        self.grow(&handle, &[&name, &reason])?.wishes.insert(name, reason);
        Ok(())
    }

    fn drop(&mut self, handle: Resource<DescriptionBuilder>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
