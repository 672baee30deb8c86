//! One request below the plugin's mount. A remembered response depends on everything that the plugin
//! reads here, so read only what the answer needs.

use crate::body::Body;
use crate::sys;

/// See `wit/http.wit`. Credentials never arrive: the host has parsed and removed them.
pub struct Request {
    raw: sys::Request,
}

impl Request {
    pub(crate) fn new(raw: sys::Request) -> Request {
        Request { raw }
    }

    /// Upper case, e.g. `GET`. HEAD arrives as `GET`: the host drops the body.
    pub fn method(&self) -> String {
        self.raw.method()
    }

    /// Whether the client sent `HEAD`, which [`Request::method`] gives as `GET`. For the rare
    /// endpoint whose clients conclude something else from the status of a HEAD than from that
    /// of a GET. Hosts of contract 0.1.0 do not have it, and do not load a plugin that calls it.
    pub fn is_head(&self) -> bool {
        self.raw.is_head()
    }

    /// Below the mount, still percent-encoded, always starting with `/`.
    pub fn path(&self) -> String {
        self.raw.path()
    }

    /// Without the `?`; none when absent.
    pub fn query(&self) -> Option<String> {
        self.raw.query()
    }

    /// Where clients reach this mount, without a trailing slash, e.g.
    /// `https://registry.example.com/npm`. For absolute URLs in documents.
    pub fn base_url(&self) -> String {
        self.raw.base_url()
    }

    /// The path of [`Request::base_url`], without a trailing slash, e.g. `/npm`. It is empty for a
    /// mount at the root. Use it for a `Location`, which then does not depend on the host that a proxy
    /// shows to clients. A host of contract 0.1.0 does not load a plugin that calls this function.
    pub fn base_path(&self) -> String {
        self.raw.base_path()
    }

    /// Which of the mount's addresses was used, e.g. `/v2`; none for its own.
    pub fn alias(&self) -> Option<String> {
        self.raw.alias()
    }

    /// The values joined with `, `; none when absent. The host derives `Vary` from it.
    pub fn header(&self, name: &str) -> Option<String> {
        self.raw.header(name)
    }

    /// The body. The same one at each call: it is read once and in order.
    pub fn body(&self) -> Body<'_> {
        Body::new(self.raw.body())
    }
}
