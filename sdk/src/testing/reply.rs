//! What a plugin has answered, before the host makes HTTP of it.

use crate::sys::Sent;
use crate::types::ObjectInfo;

/// The status of a request that used more than it may.
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

    /// The reason phrase that was set.
    pub fn reason(&self) -> Option<&str> {
        self.sent.reason.as_deref()
    }

    /// Why the host answers 500 (or 507, if the request exceeded a limit) instead of what the plugin
    /// said, if it does.
    pub fn fault(&self) -> Option<&str> {
        self.sent.fault.as_deref()
    }

    /// The first of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    /// All of this name, in order.
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let same = |(header, _): &&(String, String)| header.eq_ignore_ascii_case(name);
        let headers = self.sent.headers.iter().filter(same);
        headers.map(|(_, value)| value.as_str()).collect()
    }

    /// The body, stored objects included.
    pub fn bytes(&self) -> &[u8] {
        &self.sent.body
    }

    /// The body; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.sent.body).into_owned()
    }

    /// The body; `Null` when it is no JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.sent.body).unwrap_or_default()
    }

    /// Stored objects that the host streams, in order.
    pub fn objects(&self) -> &[ObjectInfo] {
        &self.sent.objects
    }

    /// Caches may keep it for good.
    pub fn is_immutable(&self) -> bool {
        self.sent.immutable
    }

    /// For `Content-Disposition: attachment`.
    pub fn filename(&self) -> Option<&str> {
        self.sent.filename.as_deref()
    }

    /// Whether a `Range` is answered.
    pub fn has_ranges(&self) -> bool {
        !self.sent.no_ranges
    }

    /// Whether it may be compressed.
    pub fn may_compress(&self) -> bool {
        !self.sent.no_compression
    }

    /// The request headers that the plugin asked for, lower case: what `Vary` is made of.
    pub fn asked_headers(&self) -> &[String] {
        &self.asked
    }
}
