//! One request below the plugin's mount. A host may remember a response together with everything that the
//! plugin has read here, so read only what the answer needs.

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

    /// Whether the client sent `HEAD`, for which [`Request::method`] is `GET`. Few endpoints need this:
    /// those whose clients expect another status for a HEAD than for a GET. A host of contract 0.1.0
    /// does not load a plugin that calls this function.
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

    /// The alias that the client used, e.g. `/v2`; none for the mount's own address.
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
