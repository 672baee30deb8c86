//! What a plugin has answered, before the host makes HTTP of it.

use crate::sys::Sent;
use crate::types::ObjectInfo;

/// The status of a request that exceeded a limit.
const EXCEEDED: u16 = 507;

/// A plugin's answer.
pub struct Reply {
    sent: Sent,
    asked: Vec<String>,
}

impl Reply {
    pub(crate) fn new(mut sent: Sent, asked: Vec<String>, head: bool) -> Reply {
        if let Some(fault) = &sent.fault {
            sent.status = if sent.status == EXCEEDED { EXCEEDED } else { 500 };
            sent.body = fault.clone().into_bytes();
        }
        if let ([object], 0) = (sent.objects.as_slice(), sent.written) {
            let typed = sent.headers.iter().any(|(name, _)| name == "content-type");
            if let (false, Some(content_type)) = (typed, object.content_type.clone()) {
                sent.headers.push(("content-type".to_owned(), content_type));
            }
        }
        if head {
            sent.body.clear();
        }
        Reply { sent, asked }
    }

    pub fn status(&self) -> u16 {
        self.sent.status
    }

    /// The reason phrase that the plugin set.
    pub fn reason(&self) -> Option<&str> {
        self.sent.reason.as_deref()
    }

    /// Why the host answers 500 (or 507, if the request exceeded a limit) instead of the plugin's
    /// answer; none if it does not.
    pub fn fault(&self) -> Option<&str> {
        self.sent.fault.as_deref()
    }

    /// The first value of this header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    /// All values of this header, in order.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let same = |(header, _): &&(String, String)| header.eq_ignore_ascii_case(name);
        let headers = self.sent.headers.iter().filter(same);
        headers.map(|(_, value)| value.as_str()).collect()
    }

    /// The body, including stored objects.
    pub fn bytes(&self) -> &[u8] {
        &self.sent.body
    }

    /// The body as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.sent.body).into_owned()
    }

    /// The body as JSON; `Null` if it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.sent.body).unwrap_or_default()
    }

    /// The stored objects in the body, in order.
    pub fn objects(&self) -> &[ObjectInfo] {
        &self.sent.objects
    }

    /// Whether caches may keep it for ever.
    pub fn is_immutable(&self) -> bool {
        self.sent.immutable
    }

    /// The file name for `Content-Disposition: attachment`.
    pub fn filename(&self) -> Option<&str> {
        self.sent.filename.as_deref()
    }

    /// Whether the host answers `Range`.
    pub fn has_ranges(&self) -> bool {
        !self.sent.no_ranges
    }

    /// Whether the host may compress it.
    pub fn may_compress(&self) -> bool {
        !self.sent.no_compression
    }

    /// The request headers that the plugin has read, in lower case, of which the host makes `Vary`.
    pub fn asked_headers(&self) -> &[String] {
        &self.asked
    }
}
