//! Somebody, and the request that they send.

use std::cell::RefCell;
use std::rc::Rc;

use packhouse_scope::Access;

use super::policy::Identity;
use super::reply::Reply;
use super::state::{self, Shared, Usage};
use crate::description::FailureShape;
use crate::sys::{self, Sent};
use crate::{Error, Protocol, Request};

/// Names of headers that may contain a credential: whole names, ends, starts, and parts.
const REMOVED: [&str; 6] =
    ["authorization", "cookie", "cookie2", "otp", "x-registry-auth", "x-jfrog-art-api"];
const REMOVED_ENDS: [&str; 6] = ["-authorization", "-otp", "-cookie", "-jwt", "-auth-key", "-access-key"];
const REMOVED_STARTS: [&str; 2] = ["x-auth-", "x-jwt"];
const REMOVED_PARTS: [&str; 8] =
    ["token", "api-key", "apikey", "api_key", "secret", "password", "credential", "jwt-assertion"];

/// A client that sends requests, from [`super::Host`].
#[derive(Clone)]
pub struct Actor {
    state: Shared,
    identity: Option<Identity>,
    rejection: Option<String>,
    bearer: Option<Access>,
}

impl Actor {
    pub(crate) fn new(state: &Shared) -> Actor {
        Actor { state: Rc::clone(state), identity: None, rejection: None, bearer: None }
    }

    pub(crate) fn signed_in(self, identity: Identity) -> Actor {
        Actor { identity: Some(identity), ..self }
    }

    pub(crate) fn rejected(self, reason: &str) -> Actor {
        Actor { rejection: Some(reason.to_owned()), ..self }
    }

    /// By a signed access token.
    pub(crate) fn bearing(self, identity: Option<Identity>, bearer: Access) -> Actor {
        Actor { identity, bearer: Some(bearer), ..self }
    }

    pub fn get(&self, path: &str) -> TestRequest {
        self.request("GET", path)
    }

    pub fn put(&self, path: &str) -> TestRequest {
        self.request("PUT", path)
    }

    pub fn post(&self, path: &str) -> TestRequest {
        self.request("POST", path)
    }

    pub fn patch(&self, path: &str) -> TestRequest {
        self.request("PATCH", path)
    }

    pub fn delete(&self, path: &str) -> TestRequest {
        self.request("DELETE", path)
    }

    /// `path` is below the mount, percent-encoded, and may have a `?query`.
    pub fn request(&self, method: &str, path: &str) -> TestRequest {
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (path, None),
        };
        TestRequest {
            actor: self.clone(),
            method: method.to_owned(),
            path: path.to_owned(),
            query,
            alias: None,
            headers: Vec::new(),
            body: Vec::new(),
            chunked: false,
            broken_after: None,
        }
    }

    /// Calls the host as this actor outside a request, e.g. to test a function that checks a
    /// permission.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        state::make_current(&self.state);
        let before = {
            let mut state = self.state.borrow_mut();
            let caller = std::mem::replace(&mut state.caller, self.identity.clone());
            let rejection = std::mem::replace(&mut state.rejection, self.rejection.clone());
            let bearer = std::mem::replace(&mut state.bearer, self.bearer.clone());
            (state.lacking, state.limited) = (None, None);
            (caller, rejection, bearer)
        };
        let result = work();
        let mut state = self.state.borrow_mut();
        (state.caller, state.rejection, state.bearer) = before;
        result
    }
}

/// A field of a form.
#[derive(Clone, Copy, Debug)]
pub struct FormField<'a> {
    pub name: &'a str,
    /// Of a file.
    pub filename: Option<&'a str>,
    pub content: &'a [u8],
}

/// A request that has not been sent yet.
#[must_use]
pub struct TestRequest {
    actor: Actor,
    method: String,
    path: String,
    query: Option<String>,
    alias: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    chunked: bool,
    broken_after: Option<usize>,
}

impl TestRequest {
    /// Adds a header. The plugin gets several values of a name joined with `, `. It never gets a
    /// header that may contain a credential.
    pub fn header(mut self, name: &str, value: &str) -> TestRequest {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> TestRequest {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Sets a JSON body and its content type.
    pub fn json(self, body: &serde_json::Value) -> TestRequest {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sets a form (`multipart/form-data`) with these fields, and its content type.
    pub fn form(self, fields: &[FormField<'_>]) -> TestRequest {
        const BOUNDARY: &str = "packhouse-test-boundary";
        let mut body = Vec::new();
        for field in fields {
            let filename = field.filename.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{}\"{filename}\r\n\r\n",
                field.name
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(field.content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.header("content-type", &format!("multipart/form-data; boundary={BOUNDARY}")).body(body)
    }

    /// Sends the body without a declared length.
    pub fn chunked(mut self) -> TestRequest {
        self.chunked = true;
        self
    }

    /// The client stops sending after this many bytes of the body.
    pub fn broken_after(mut self, bytes: usize) -> TestRequest {
        self.broken_after = Some(bytes);
        self
    }

    /// Sends the request to this alias of the mount, e.g. `/v2`.
    pub fn alias(mut self, alias: &str) -> TestRequest {
        self.alias = Some(alias.to_owned());
        self
    }

    /// Sends the request to the protocol. Bytes that the protocol staged and did not commit are
    /// removed afterwards.
    pub fn send<P: Protocol>(self) -> Reply {
        let actor = self.actor.clone();
        let description = P::describe();
        let shape = description.failure_shape.clone();
        actor.state.borrow_mut().describe(description);
        let head = self.method == "HEAD";
        let asked = Rc::new(RefCell::new(Vec::new()));
        let request = Request::new(self.into_raw(Rc::clone(&asked)));
        actor.state.borrow_mut().usage = Usage::of_request();
        let answered = actor.run(|| state::unless_ended(|| P::handle(request).into_raw().into_sent()));
        let mut sent = answered.unwrap_or_else(|ended| Sent {
            fault: Some(ended.why),
            status: ended.status,
            ..Sent::default()
        });
        let mut state = actor.state.borrow_mut();
        state.usage = Usage::default();
        state.staging.clear();
        if let Some(rejection) = state.refused.take() {
            sent = refusal(&rejection, shape);
        }
        drop(state);
        Reply::new(sent, asked.take(), head)
    }

    /// The request as the plugin gets it, without credentials.
    fn into_raw(mut self, asked: Rc<RefCell<Vec<String>>>) -> sys::Request {
        let length = (!self.chunked).then_some(self.body.len() as u64);
        let broken = self.broken_after.map(|bytes| {
            self.body.truncate(bytes);
            Error::Truncated
        });
        let head = self.method == "HEAD";
        let typed = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = typed.map(|(_, value)| value.clone());
        self.headers.retain(|(name, _)| !may_hold_credential(&name.to_ascii_lowercase()));
        sys::Request {
            method: if head { "GET".to_owned() } else { self.method },
            is_head: head,
            path: self.path,
            query: self.query,
            alias: self.alias,
            headers: self.headers,
            body: sys::Body::of_request(self.body, length, broken, content_type),
            asked,
        }
    }
}

/// The answer of the host to rejected credentials, in the protocol's shape.
fn refusal(rejection: &str, shape: Option<FailureShape>) -> sys::Sent {
    let shape = shape.unwrap_or_else(|| FailureShape {
        content_type: "text/plain; charset=utf-8".to_owned(),
        body: "{message}\n".to_owned(),
    });
    let is_json = shape.content_type.split(';').next().is_some_and(|name| name.ends_with("json"));
    let quoted = serde_json::Value::from(rejection).to_string();
    let message = if is_json { quoted.trim_matches('"') } else { rejection };
    let headers = [("content-type", shape.content_type.as_str()), ("www-authenticate", "Basic")];
    sys::Sent {
        status: 401,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: shape.body.replace("{status}", "401").replace("{message}", message).into_bytes(),
        ..sys::Sent::default()
    }
}

/// The rule of the real host, for a name in lower case.
fn may_hold_credential(name: &str) -> bool {
    REMOVED.contains(&name)
        || REMOVED_ENDS.iter().any(|end| name.ends_with(end))
        || REMOVED_STARTS.iter().any(|start| name.starts_with(start))
        || REMOVED_PARTS.iter().any(|part| name.contains(part))
}
