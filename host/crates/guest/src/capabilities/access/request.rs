//! The request. Its method, path and query are part of the key of its reply, and not recorded.

use http::header::CONTENT_TYPE;
use http::{HeaderName, Method};

use super::{Access, ONLY_ABOUT, ONLY_SETTINGS, Work};
use crate::capabilities::request::TokenRules;
use crate::capabilities::{HostError, RequestContext};
use crate::inputs::{Inputs, Reason};
use packhouse_http::body::{Layer, PartHead, RequestBody};

impl Access {
    /// The request being answered; a trap in anything else.
    pub(super) fn request(&self) -> wasmtime::Result<&RequestContext> {
        match &self.work {
            Work::Request(request) => Ok(request),
            other => Err(no_request(other)),
        }
    }

    pub(super) fn recorded(&mut self) -> wasmtime::Result<(&mut RequestContext, &mut Inputs)> {
        match &mut self.work {
            Work::Request(request) => Ok((request, &mut self.inputs)),
            other => Err(no_request(other)),
        }
    }

    /// A trap if this is no request.
    pub fn must_be_request(&self) -> wasmtime::Result<()> {
        self.request().map(drop)
    }

    /// The method. Not HEAD: see [`Self::is_head`].
    pub fn method(&self) -> wasmtime::Result<&str> {
        let method = &self.request()?.method;
        Ok(if method == Method::HEAD { Method::GET.as_str() } else { method.as_str() })
    }

    pub fn is_head(&mut self) -> wasmtime::Result<bool> {
        let is_head = self.request()?.method == Method::HEAD;
        self.inputs.is_head(is_head);
        Ok(is_head)
    }

    pub fn path(&self) -> wasmtime::Result<&str> {
        Ok(&self.request()?.path)
    }

    pub fn query(&self) -> wasmtime::Result<Option<&str>> {
        Ok(self.request()?.query.as_deref())
    }

    pub fn base_url(&mut self) -> wasmtime::Result<&str> {
        let (request, inputs) = self.recorded()?;
        inputs.base_url(&request.base_url, &request.base_url_vary);
        Ok(&request.base_url)
    }

    /// Depends on the configuration alone, and so is not recorded.
    pub fn base_path(&self) -> wasmtime::Result<&str> {
        Ok(&self.request()?.base_path)
    }

    pub fn alias(&mut self) -> wasmtime::Result<Option<&str>> {
        let (request, inputs) = self.recorded()?;
        inputs.alias(request.alias.as_deref());
        Ok(request.alias.as_deref())
    }

    /// The values of a header, joined. Also whether the plugin asks for the first time.
    pub fn header(&mut self, name: &HeaderName) -> wasmtime::Result<(Option<String>, bool)> {
        let (request, inputs) = self.recorded()?;
        let values: Vec<_> = request
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let value = (!values.is_empty()).then(|| values.join(", "));
        let is_new = inputs.header(name, value.as_deref());
        Ok((value, is_new))
    }

    /// What clients may be given tokens for: depends on the configuration alone.
    pub fn token_rules(&self) -> wasmtime::Result<TokenRules> {
        Ok(self.request()?.tokens)
    }

    /// Whether another web site made a browser send the request with the password that it keeps. For what
    /// makes tokens.
    pub fn is_started_elsewhere(&mut self) -> wasmtime::Result<bool> {
        let (request, inputs) = self.recorded()?;
        inputs.forget(Reason::Tokens);
        Ok(request.is_started_elsewhere)
    }

    /// Whether the client does not get the body of the response. For what makes tokens.
    pub fn gets_no_secret(&mut self) -> wasmtime::Result<bool> {
        let (request, inputs) = self.recorded()?;
        inputs.forget(Reason::Tokens);
        Ok(request.method == Method::HEAD)
    }

    pub fn body(&mut self) -> wasmtime::Result<&mut RequestBody> {
        let (request, inputs) = self.recorded()?;
        inputs.forget(Reason::Body);
        Ok(&mut request.body)
    }

    /// The next part of a form.
    pub async fn next_part(&mut self) -> Result<Option<(PartHead, Layer)>, HostError> {
        let (request, inputs) = self.recorded()?;
        inputs.forget(Reason::Body);
        let content_type = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(request.body.next_part(content_type).await?)
    }
}

fn no_request(work: &Work) -> wasmtime::Error {
    wasmtime::Error::msg(match work {
        Work::Step(_) => {
            "a step of maintenance has no request: nobody is asking, and nothing can be answered"
        }
        Work::Ownership(_) => {
            "`ownership` is called without a request: nobody is asking, and nothing can be answered"
        }
        Work::Settings(..) => ONLY_SETTINGS,
        Work::Description | Work::Request(_) => ONLY_ABOUT,
    })
}
