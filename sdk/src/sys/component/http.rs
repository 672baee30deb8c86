//! Requests, bodies and responses.

use super::convert::{from_digests, owned, to_digests, to_precondition};
use super::storage::Staged;
use crate::Error;
use crate::bindings::packhouse::plugin::http;
use crate::body::{SaveOptions, Saved};
use crate::types::ObjectInfo;

pub(crate) struct Request(http::Request);

impl Request {
    pub(crate) fn new(inner: http::Request) -> Request {
        Request(inner)
    }

    pub(crate) fn method(&self) -> String {
        self.0.method()
    }

    pub(crate) fn is_head(&self) -> bool {
        self.0.is_head()
    }

    pub(crate) fn path(&self) -> String {
        self.0.path()
    }

    pub(crate) fn query(&self) -> Option<String> {
        self.0.query()
    }

    pub(crate) fn base_url(&self) -> String {
        self.0.base_url()
    }

    pub(crate) fn base_path(&self) -> String {
        self.0.base_path()
    }

    pub(crate) fn alias(&self) -> Option<String> {
        self.0.alias()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.0.header(name)
    }

    pub(crate) fn body(&self) -> Body {
        Body(self.0.body())
    }
}

pub(crate) struct Body(pub(super) http::Body);

impl Body {
    pub(crate) fn length(&self) -> Option<u64> {
        self.0.length()
    }

    pub(crate) fn read(&self, max: u32) -> Result<Vec<u8>, Error> {
        Ok(self.0.read(max)?)
    }

    pub(crate) fn unread(&self, count: u32) -> Result<(), Error> {
        Ok(self.0.unread(count)?)
    }

    pub(crate) fn slice(&self, length: u64) -> Result<Body, Error> {
        Ok(Body(self.0.slice(length)?))
    }

    pub(crate) fn json_string(&self) -> Result<Body, Error> {
        Ok(Body(self.0.json_string()?))
    }

    pub(crate) fn base64(&self) -> Result<Body, Error> {
        Ok(Body(self.0.base64()?))
    }

    pub(crate) fn next_part(&self) -> Result<Option<Part>, Error> {
        Ok(self.0.next_part()?.map(Part))
    }

    pub(crate) fn stage(&self, limit: Option<u64>, compute: &[&str]) -> Result<Staged, Error> {
        Ok(Staged(self.0.stage(limit, &owned(compute))?))
    }

    pub(crate) fn save(&self, key: &str, options: &SaveOptions<'_>) -> Result<Saved, Error> {
        let options = http::SaveOptions {
            limit: options.limit,
            compute: owned(options.compute),
            expect: to_digests(options.expect),
            precondition: to_precondition(options.precondition),
            content_type: options.content_type.map(str::to_owned),
        };
        let saved = self.0.save(key, &options)?;
        Ok(Saved { info: saved.info.into(), digests: from_digests(saved.digests) })
    }
}

pub(crate) struct Part(http::Part);

impl Part {
    pub(crate) fn name(&self) -> String {
        self.0.name()
    }

    pub(crate) fn filename(&self) -> Option<String> {
        self.0.filename()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.0.header(name)
    }

    pub(crate) fn body(&self) -> Body {
        Body(self.0.body())
    }
}

pub(crate) struct Response(http::Response);

impl Response {
    pub(crate) fn new(status: u16) -> Response {
        Response(http::Response::new(status))
    }

    pub(crate) fn into_inner(self) -> http::Response {
        self.0
    }

    pub(crate) fn set_status(&self, status: u16) {
        self.0.set_status(status);
    }

    pub(crate) fn set_reason(&self, phrase: &str) {
        self.0.set_reason(phrase);
    }

    pub(crate) fn set_header(&self, name: &str, value: &str) {
        self.0.set_header(name, value);
    }

    pub(crate) fn add_header(&self, name: &str, value: &str) {
        self.0.add_header(name, value);
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    pub(crate) fn write_object(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        Ok(self.0.write_object(key)?.map(ObjectInfo::from))
    }

    pub(crate) fn set_immutable(&self) {
        self.0.set_immutable();
    }

    pub(crate) fn set_filename(&self, name: &str) {
        self.0.set_filename(name);
    }

    pub(crate) fn set_ranges(&self, on: bool) {
        self.0.set_ranges(on);
    }

    pub(crate) fn set_compression(&self, on: bool) {
        self.0.set_compression(on);
    }
}
