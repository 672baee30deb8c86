//! `http.request`: the request as a plugin sees it.

use http::{HeaderMap, HeaderName, Method};
use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::http as wit;
use crate::capabilities::{Ground, State, body::BodyHandle};
use packhouse_auth::Session;
use packhouse_http::body::RequestBody;

/// One request and everything that its plugin may use to answer it.
pub struct RequestContext {
    pub ground: Ground,
    pub method: Method,
    /// Below the mount, percent-encoded, with its leading `/`.
    pub path: String,
    pub query: Option<String>,
    pub base_url: String,
    /// The path of `base_url`.
    pub base_path: String,
    /// Names of the headers of a proxy that choose `base_url`.
    pub base_url_vary: Vec<HeaderName>,
    pub alias: Option<String>,
    /// Without any header that may hold a credential.
    pub headers: HeaderMap,
    pub body: RequestBody,
    /// The client that sent it.
    pub session: Session,
    pub tokens: TokenRules,
    /// Another web site made a browser send it, with the password that the browser keeps.
    pub is_started_elsewhere: bool,
    /// Whether what is stored may be changed: not when a precondition of the request is not met.
    pub may_change: bool,
    /// Names of the headers that chose the mount.
    pub vary: Vec<HeaderName>,
}

/// What clients may be given tokens for.
#[derive(Debug, Clone, Copy)]
pub struct TokenRules {
    /// Whether any are given.
    pub enabled: bool,
    /// Whether all of them may only read.
    pub read_only: bool,
}

/// The only request there is. Its methods look into [`RequestContext`], through `access`.
pub struct RequestHandle;

impl wit::Host for State {}

impl wit::HostRequest for State {
    fn method(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        Ok(self.access.method()?.to_owned())
    }

    fn is_head(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<bool> {
        self.access.is_head()
    }

    fn path(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        Ok(self.access.path()?.to_owned())
    }

    fn query(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.access.query()?.map(str::to_owned))
    }

    fn base_url(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        Ok(self.access.base_url()?.to_owned())
    }

    fn base_path(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        Ok(self.access.base_path()?.to_owned())
    }

    fn alias(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.access.alias()?.map(str::to_owned))
    }

    fn header(&mut self, _: Resource<RequestHandle>, name: String) -> wasmtime::Result<Option<String>> {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return Ok(None) };
        let (value, is_new) = self.access.header(&name)?;
        if is_new {
            self.usage.keep(name.as_str().len())?;
        }
        Ok(value)
    }

    fn body(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Resource<BodyHandle>> {
        self.access.must_be_request()?;
        self.push(BodyHandle(RequestBody::root()))
    }

    fn drop(&mut self, handle: Resource<RequestHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
