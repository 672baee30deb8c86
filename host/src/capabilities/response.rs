//! `http.response`: what a plugin answers, gathered until it returns.

use std::sync::Arc;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::{http as wit, types};
use crate::capabilities::storage::{ObjectPart, key};
use crate::capabilities::{HostError, PIECE, State};
use crate::respond::{Part, Reply};

/// Headers of one reply.
const MOST_HEADERS: usize = 100;
/// Bytes of one header's value.
const LONGEST_HEADER: usize = 16 << 10;
/// Characters of a bad header's name that are shown.
const LONGEST_SHOWN: usize = 100;
/// Bytes that a response takes in the host beside its parts.
const RESPONSE: usize = 1 << 10;
/// Pieces from this size on are kept as they came instead of being gathered.
const KEPT_WHOLE: usize = 32 << 10;

/// A response being built. What is wrong with it is kept in `problem` and found at
/// the end, since HTTP wants one answer and the setters answer nothing.
pub struct ResponseBuilder {
    status: u16,
    reason: Option<String>,
    headers: HeaderMap,
    parts: Vec<Part>,
    tail: BytesMut,
    written: u64,
    problem: Option<String>,
    immutable: bool,
    filename: Option<String>,
    ranges: bool,
    compression: bool,
}

impl ResponseBuilder {
    fn new(status: u16) -> Self {
        Self {
            status,
            reason: None,
            headers: HeaderMap::new(),
            parts: Vec::new(),
            tail: BytesMut::new(),
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

    fn write(&mut self, bytes: Vec<u8>, limit: u64) {
        self.written += bytes.len() as u64;
        if bytes.len() > PIECE {
            self.fail(format!("a piece of {} bytes is more than {PIECE} at once", bytes.len()));
        } else if self.written > limit {
            self.fail(format!("the reply is larger than {limit} bytes: answer with a stored object instead"));
            self.parts.clear();
        } else if bytes.len() >= KEPT_WHOLE {
            self.flush();
            self.parts.push(Part::Bytes(bytes.into()));
        } else {
            self.tail.extend_from_slice(&bytes);
        }
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            self.parts.push(Part::Bytes(self.tail.split().freeze()));
        }
    }

    /// The reply, or a sentence about what the plugin did wrong.
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
            body: self.parts,
            immutable: self.immutable,
            public: false,
            filename: self.filename,
            ranges: self.ranges,
            compression: self.compression,
            vary,
        })
    }
}

impl wit::HostResponse for State {
    fn new(&mut self, status: u16) -> wasmtime::Result<Resource<ResponseBuilder>> {
        self.request()?;
        self.usage.keep(RESPONSE)?;
        self.push(ResponseBuilder::new(status))
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
        let limit = self.ground()?.limits.reply;
        self.usage.keep(bytes.len())?;
        self.table.get_mut(&handle)?.write(bytes, limit);
        Ok(())
    }

    async fn write_object(
        &mut self,
        handle: Resource<ResponseBuilder>,
        source: String,
    ) -> Result<Option<types::ObjectInfo>, HostError> {
        let _outside = self.wait()?;
        let source = key(&source)?;
        let open = self.usage.open_object()?;
        let Some(reader) = self.ground()?.storage.open(&source).await? else { return Ok(None) };
        let info = reader.info().clone();
        let response = self.table.get_mut(&handle)?;
        response.flush();
        response.parts.push(Part::Object(Arc::new(ObjectPart::new(reader, open))));
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
