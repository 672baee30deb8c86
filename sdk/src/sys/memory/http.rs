//! A request as plain data, and a response as it is collected.

use std::cell::RefCell;
use std::rc::Rc;

use super::body::Body;
use crate::testing::state::{self, OpenObject, Resource, Shared};
use crate::types::ObjectInfo;
use crate::{Error, PIECE};

/// The host's, and ignored when a plugin sets them.
const OF_THE_HOST: [&str; 10] = [
    "content-length",
    "vary",
    "transfer-encoding",
    "accept-ranges",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
];

/// Headers of one response, and bytes of one.
const MOST_HEADERS: usize = 100;
const LONGEST_HEADER: usize = 256 << 10;

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) is_head: bool,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) alias: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    /// Names of the headers that were asked for.
    pub(crate) asked: Rc<RefCell<Vec<String>>>,
}

impl Request {
    pub(crate) fn method(&self) -> String {
        self.method.clone()
    }

    pub(crate) fn is_head(&self) -> bool {
        self.is_head
    }

    pub(crate) fn path(&self) -> String {
        self.path.clone()
    }

    pub(crate) fn query(&self) -> Option<String> {
        self.query.clone()
    }

    #[expect(clippy::unused_self, reason = "the same call as in a component")]
    pub(crate) fn base_url(&self) -> String {
        state::current().borrow().base_url.clone()
    }

    pub(crate) fn base_path(&self) -> String {
        let base_url = self.base_url();
        let behind_scheme = base_url.split_once("://").map_or("", |(_, rest)| rest);
        behind_scheme.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default()
    }

    pub(crate) fn alias(&self) -> Option<String> {
        self.alias.clone()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(header, _)| header.eq_ignore_ascii_case(&name))
            .map(|(_, value)| value.as_str())
            .collect();
        let value = (!values.is_empty()).then(|| values.join(", "));
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&name) {
            asked.push(name);
        }
        value
    }

    pub(crate) fn body(&self) -> Body {
        self.body.clone()
    }
}

/// What the plugin has said so far.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) status: u16,
    pub(crate) reason: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Stored objects, in the order they were added.
    pub(crate) objects: Vec<ObjectInfo>,
    pub(crate) open: Vec<OpenObject>,
    /// How much of the body the plugin wrote itself.
    pub(crate) written: u64,
    pub(crate) immutable: bool,
    pub(crate) filename: Option<String>,
    pub(crate) no_ranges: bool,
    pub(crate) no_compression: bool,
    /// Why the host answers 500 instead.
    pub(crate) fault: Option<String>,
}

pub(crate) struct Response {
    state: Shared,
    sent: RefCell<Sent>,
    _resource: Resource,
}

impl Response {
    pub(crate) fn new(status: u16) -> Response {
        let (state, resource) = (state::current(), state::resource());
        let response = Response { state, sent: RefCell::default(), _resource: resource };
        response.set_status(status);
        response
    }

    pub(crate) fn into_sent(self) -> Sent {
        self.sent.into_inner()
    }

    pub(crate) fn set_status(&self, status: u16) {
        if !(200..=599).contains(&status) {
            self.fail(format!("{status} is not a final status"));
        }
        self.sent.borrow_mut().status = status;
    }

    pub(crate) fn set_reason(&self, phrase: &str) {
        self.sent.borrow_mut().reason = Some(phrase.to_owned());
    }

    pub(crate) fn set_header(&self, name: &str, value: &str) {
        let same = |header: &str| header.eq_ignore_ascii_case(name);
        self.sent.borrow_mut().headers.retain(|(header, _)| !same(header));
        self.add_header(name, value);
    }

    pub(crate) fn add_header(&self, name: &str, value: &str) {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let text = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        if self.sent.borrow().headers.len() >= MOST_HEADERS || value.len() > LONGEST_HEADER {
            self.fail("more than 100 headers, or one of more than 256 KiB".to_owned());
            return;
        }
        if name.is_empty() || !name.bytes().all(token) || !value.bytes().all(text) {
            self.fail(format!("HTTP forbids the header `{name}: {value}`"));
            return;
        }
        let name = name.to_ascii_lowercase();
        if !OF_THE_HOST.contains(&name.as_str()) {
            self.sent.borrow_mut().headers.push((name, value.to_owned()));
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        if bytes.len() > PIECE {
            self.fail("more than 1 MiB in one call".to_owned());
        }
        let limit = self.state.borrow().document_limit;
        let mut sent = self.sent.borrow_mut();
        sent.written += bytes.len() as u64;
        sent.body.extend_from_slice(bytes);
        if sent.written > limit {
            sent.fault = Some(format!("the body is larger than {limit} bytes"));
        }
    }

    pub(crate) fn write_object(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        state::call();
        let open = state::open_object();
        let Some(object) = self.state.borrow_mut().look_up(key)? else {
            return Ok(None);
        };
        let mut sent = self.sent.borrow_mut();
        sent.body.extend_from_slice(&object.bytes);
        sent.objects.push(object.info.clone());
        sent.open.push(open);
        Ok(Some(object.info))
    }

    pub(crate) fn set_immutable(&self) {
        self.sent.borrow_mut().immutable = true;
    }

    pub(crate) fn set_filename(&self, name: &str) {
        self.sent.borrow_mut().filename = Some(name.to_owned());
    }

    pub(crate) fn set_ranges(&self, on: bool) {
        self.sent.borrow_mut().no_ranges = !on;
    }

    pub(crate) fn set_compression(&self, on: bool) {
        self.sent.borrow_mut().no_compression = !on;
    }

    fn fail(&self, fault: String) {
        self.sent.borrow_mut().fault = Some(fault);
    }
}
