//! `http.response`: what a plugin answers, collected until the plugin returns.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::{http as wit, types};
use crate::capabilities::resources::NoMemory;
use crate::capabilities::storage::{ObjectPart, key};
use crate::capabilities::{HostError, PIECE, State};
use packhouse_common::shares::{Held, Memory, counted};
use packhouse_http::respond::{Part, Reply};

/// The most headers of one reply.
const MOST_HEADERS: usize = 100;
/// Bytes of one header's value: a redirect may repeat the longest address that a client can send
/// (64 KiB of headers), with characters escaped.
const LONGEST_HEADER: usize = 256 << 10;
/// The most characters of an invalid header name that an error shows.
const LONGEST_SHOWN: usize = 100;
/// Bytes of host memory that a response is charged with, without its parts.
const RESPONSE: usize = 1 << 10;
/// Pieces of this size and more are kept as they are. Smaller ones are joined.
const KEPT_WHOLE: usize = 32 << 10;
/// The smallest amount that is taken from the memory for replies at a time.
const MEMORY_STEP: u64 = 16 << 10;

/// A response being built. The setters return nothing, so the first mistake is kept in `problem`
/// and reported at the end.
pub struct ResponseBuilder {
    status: u16,
    reason: Option<String>,
    headers: HeaderMap,
    parts: Vec<Part>,
    tail: BytesMut,
    memory: Memory,
    /// Memory that was taken for the bytes in `tail` and for the next ones.
    held: Option<Held>,
    written: u64,
    problem: Option<String>,
    immutable: bool,
    filename: Option<String>,
    ranges: bool,
    compression: bool,
}

impl ResponseBuilder {
    fn new(status: u16, memory: Memory) -> Self {
        Self {
            status,
            reason: None,
            headers: HeaderMap::new(),
            parts: Vec::new(),
            tail: BytesMut::new(),
            memory,
            held: None,
            written: 0,
            problem: None,
            immutable: false,
            filename: None,
            ranges: true,
            compression: true,
        }
    }

    fn header(&mut self, name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
        if self.headers.len() >= MOST_HEADERS || value.len() > LONGEST_HEADER {
            self.fail(format!(
                "more than {MOST_HEADERS} headers, or one of more than {LONGEST_HEADER} bytes"
            ));
            return None;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            return Some((name, value));
        }
        let name: String = name.chars().take(LONGEST_SHOWN).collect();
        self.fail(format!("the header {name:?} or its value is not allowed in HTTP"));
        None
    }

    fn fail(&mut self, problem: String) {
        self.problem.get_or_insert(problem);
    }

    fn write(&mut self, bytes: Vec<u8>, limit: u64) -> Result<(), NoMemory> {
        self.written += bytes.len() as u64;
        if bytes.len() > PIECE {
            self.fail(format!("a piece of {} bytes is more than {PIECE} at once", bytes.len()));
        } else if self.written > limit {
            self.fail(format!("the reply is larger than {limit} bytes: answer with a stored object instead"));
            self.parts.clear();
        } else {
            self.take_memory(bytes.len() as u64)?;
            if bytes.len() >= KEPT_WHOLE {
                self.flush();
                self.add(bytes.into());
            } else {
                self.tail.extend_from_slice(&bytes);
            }
        }
        Ok(())
    }

    /// Takes memory for this many more bytes, in steps, so that small writes stay cheap.
    fn take_memory(&mut self, more: u64) -> Result<(), NoMemory> {
        let needed = self.tail.len() as u64 + more;
        let missing = needed.saturating_sub(self.held.as_ref().map_or(0, Held::amount));
        if missing == 0 {
            return Ok(());
        }
        let step = missing.max(MEMORY_STEP);
        let taken = match &mut self.held {
            Some(held) => held.grow(step),
            None => self.memory.budget.take(self.memory.client, step).map(|held| self.held = Some(held)),
        };
        taken.map_err(|_| NoMemory)
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            let bytes = self.tail.split().freeze();
            self.add(bytes);
        }
    }

    fn add(&mut self, bytes: Bytes) {
        let held = self.held.as_mut().map(|held| held.split(bytes.len() as u64));
        self.parts.push(Part::Bytes(match held {
            Some(held) => counted(bytes, held),
            None => bytes,
        }));
    }

    /// The reply, or a sentence about the plugin's mistake.
    pub fn finish(mut self, vary: Vec<HeaderName>) -> Result<Reply, String> {
        self.flush();
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let status = StatusCode::from_u16(self.status)
            .ok()
            .filter(|status| (200..600).contains(&status.as_u16()))
            .ok_or_else(|| format!("{} is not a status that can be answered", self.status))?;
        Ok(Reply {
            status,
            reason: self.reason,
            headers: self.headers,
            of_the_host: HeaderMap::new(),
            body: self.parts,
            immutable: self.immutable,
            public: false,
            filename: self.filename,
            ranges: self.ranges,
            compression: self.compression,
            shape: None,
            vary,
            memory: Some(self.memory),
        })
    }
}

impl wit::HostResponse for State {
    fn new(&mut self, status: u16) -> wasmtime::Result<Resource<ResponseBuilder>> {
        self.access.must_be_request()?;
        let memory = self.access.resources()?.replies();
        self.usage.keep(RESPONSE)?;
        self.push(ResponseBuilder::new(status, memory))
    }

    fn set_status(&mut self, handle: Resource<ResponseBuilder>, status: u16) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.status = status;
        Ok(())
    }

    fn set_reason(&mut self, handle: Resource<ResponseBuilder>, phrase: String) -> wasmtime::Result<()> {
        self.usage.keep(phrase.len())?;
        self.table.get_mut(&handle)?.reason = Some(phrase);
        Ok(())
    }

    fn set_header(
        &mut self,
        handle: Resource<ResponseBuilder>,
        name: String,
        value: String,
    ) -> wasmtime::Result<()> {
        self.usage.keep(name.len() + value.len())?;
        let response = self.table.get_mut(&handle)?;
        if let Some((name, value)) = response.header(&name, &value) {
            response.headers.insert(name, value);
        }
        Ok(())
    }

    fn add_header(
        &mut self,
        handle: Resource<ResponseBuilder>,
        name: String,
        value: String,
    ) -> wasmtime::Result<()> {
        self.usage.keep(name.len() + value.len())?;
        let response = self.table.get_mut(&handle)?;
        if let Some((name, value)) = response.header(&name, &value) {
            response.headers.append(name, value);
        }
        Ok(())
    }

    fn write(&mut self, handle: Resource<ResponseBuilder>, bytes: Vec<u8>) -> wasmtime::Result<()> {
        let limit = self.access.limits()?.reply;
        self.usage.keep(bytes.len())?;
        Ok(self.table.get_mut(&handle)?.write(bytes, limit)?)
    }

    async fn write_object(
        &mut self,
        handle: Resource<ResponseBuilder>,
        source: String,
    ) -> Result<Option<types::ObjectInfo>, HostError> {
        let _outside = self.wait()?;
        let source = key(&source)?;
        let open = self.open_one().await?;
        let Some(reader) = self.access.open(&source).await? else { return Ok(None) };
        let info = reader.info().clone();
        let response = self.table.get_mut(&handle)?;
        response.flush();
        let memory = response.memory.clone();
        response.parts.push(Part::Object(Arc::new(ObjectPart::new(reader, open, memory))));
        Ok(Some(info.into()))
    }

    fn set_immutable(&mut self, handle: Resource<ResponseBuilder>) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.immutable = true;
        Ok(())
    }

    fn set_filename(&mut self, handle: Resource<ResponseBuilder>, name: String) -> wasmtime::Result<()> {
        self.usage.keep(name.len())?;
        self.table.get_mut(&handle)?.filename = Some(name);
        Ok(())
    }

    fn set_ranges(&mut self, handle: Resource<ResponseBuilder>, on: bool) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.ranges = on;
        Ok(())
    }

    fn set_compression(&mut self, handle: Resource<ResponseBuilder>, on: bool) -> wasmtime::Result<()> {
        self.table.get_mut(&handle)?.compression = on;
        Ok(())
    }

    fn drop(&mut self, handle: Resource<ResponseBuilder>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;
    use packhouse_common::shares::{Budget, Client, Share};

    #[test]
    fn a_redirection_may_repeat_the_longest_address_that_a_client_can_send() {
        let budget = Budget::new(1 << 20, Share::whole());
        let mut builder = ResponseBuilder::new(302, Memory { budget, client: Client::trusted() });
        let longest = format!("/x?{}", "%20".repeat(64 << 10));
        let (name, value) = builder.header("location", &longest).unwrap();
        builder.headers.insert(name, value);
        assert_eq!(builder.finish(Vec::new()).unwrap().headers["location"], longest);
    }
}
