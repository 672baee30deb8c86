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
    /// Whether what is stored may be changed: not when a precondition of the request is not met.
    pub may_change: bool,
    /// Names of the headers that the answer depends on.
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

/// Headers that an answer is said to depend on; a plugin that reads more has an answer
/// that no cache should keep, and is told so nowhere else.
const MOST_VARYING: usize = 32;

/// The only request there is; its methods look into [`RequestContext`].
pub struct RequestHandle;

impl wit::Host for State {}

impl wit::HostRequest for State {
    fn method(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        let method = &self.request()?.method;
        Ok(if method == Method::HEAD { "GET".into() } else { method.as_str().into() })
    }

    fn is_head(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<bool> {
        Ok(self.request()?.method == Method::HEAD)
    }

    fn path(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        Ok(self.request()?.path.clone())
    }

    fn query(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.request()?.query.clone())
    }

    fn base_url(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        let request = self.request()?;
        for name in std::mem::take(&mut request.base_url_vary) {
            if !request.vary.contains(&name) {
                request.vary.push(name);
            }
        }
        Ok(request.base_url.clone())
    }

    fn base_path(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<String> {
        Ok(self.request()?.base_path.clone())
    }

    fn alias(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.request()?.alias.clone())
    }

    fn header(&mut self, _: Resource<RequestHandle>, name: String) -> wasmtime::Result<Option<String>> {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return Ok(None) };
        let vary = &mut self.request()?.vary;
        if vary.len() < MOST_VARYING && !vary.contains(&name) {
            vary.push(name.clone());
            self.usage.keep(name.as_str().len())?;
        }
        let request = self.request()?;
        let values: Vec<_> = request
            .headers
            .get_all(&name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        Ok(if values.is_empty() { None } else { Some(values.join(", ")) })
    }

    fn body(&mut self, _: Resource<RequestHandle>) -> wasmtime::Result<Resource<BodyHandle>> {
        self.request()?;
        self.push(BodyHandle(RequestBody::root()))
    }

    fn drop(&mut self, handle: Resource<RequestHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
