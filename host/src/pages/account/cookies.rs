//! The cookies of the account page: one of a browser that is signed in, and one of a visitor who sees
//! the sign-in form. No script can read them, and no plugin gets them.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

/// With TLS: browsers accept this prefix only for a cookie of this host alone (RFC 6265bis §4.1.3.2).
const SECURE: [&str; 2] = ["__Host-packhouse-session", "__Host-packhouse-visitor"];
/// Without TLS.
const PLAIN: [&str; 2] = ["packhouse-session", "packhouse-visitor"];

/// The context of the key derivation: it must not be used for anything else.
const PROOF: &str = "packhouse 2026-11-30 proof that a form is ours";

/// The cookies that a browser sent.
#[derive(Clone, Default)]
pub struct Cookies {
    session: Option<SecretString>,
    visitor: Option<SecretString>,
}

impl Cookies {
    /// Reads the cookies of the account page. `is_secure`: whether the browser speaks TLS. Cookies without
    /// the prefix are then ignored, because another host of the same domain could have set them.
    pub fn read(headers: &HeaderMap, is_secure: bool) -> Self {
        let [session, visitor] = if is_secure { SECURE } else { PLAIN };
        let find = |wanted: &str| {
            let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
            let mut pairs =
                lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
            let found = pairs.find(|(name, _)| *name == wanted);
            found
                .filter(|(_, value)| Uuid::try_parse(value).is_ok())
                .map(|(_, value)| SecretString::from(value))
        };
        Self { session: find(session), visitor: find(visitor) }
    }

    /// The secret of the session.
    pub(super) fn session(&self) -> Option<&SecretString> {
        self.session.as_ref()
    }

    /// The value that our forms contain. It follows from the cookies, which no other site can read.
    pub(super) fn proof(&self) -> String {
        self.hash().to_hex().to_string()
    }

    /// Whether a form with this value is one of ours. Without a cookie, none is.
    pub(super) fn sent(&self, proof: &str) -> bool {
        let is_known = self.session.is_some() || self.visitor.is_some();
        // `Hash` compares in constant time.
        is_known && blake3::Hash::from_hex(proof).is_ok_and(|proof| proof == self.hash())
    }

    fn hash(&self) -> blake3::Hash {
        let text = |secret: &Option<SecretString>| {
            secret.as_ref().map_or_else(String::new, |secret| secret.expose_secret().to_owned())
        };
        let both = format!("{} {}", text(&self.session), text(&self.visitor));
        blake3::Hash::from_bytes(blake3::derive_key(PROOF, both.as_bytes()))
    }

    /// The cookies with which the sign-in form is shown, and the header that sets the one that is missing.
    pub(super) fn for_visitor(&self, is_secure: bool) -> (Self, Option<HeaderValue>) {
        if self.visitor.is_some() {
            return (self.clone(), None);
        }
        let value = Uuid::new_v4().to_string();
        let set = set(1, &value, None, is_secure);
        (Self { visitor: Some(value.into()), ..self.clone() }, set)
    }
}

/// Sets the cookie of a session.
pub(super) fn session(secret: &SecretString, lifetime: Duration, is_secure: bool) -> HeaderValue {
    set(0, secret.expose_secret(), Some(lifetime), is_secure).unwrap_or(HeaderValue::from_static(""))
}

/// Removes it.
pub(super) fn no_session(is_secure: bool) -> HeaderValue {
    set(0, "", Some(Duration::ZERO), is_secure).unwrap_or(HeaderValue::from_static(""))
}

fn set(which: usize, value: &str, lifetime: Option<Duration>, is_secure: bool) -> Option<HeaderValue> {
    let names = if is_secure { SECURE } else { PLAIN };
    let name = names.get(which)?;
    let secure = if is_secure { "; Secure" } else { "" };
    let age = lifetime.map(|lifetime| format!("; Max-Age={}", lifetime.as_secs())).unwrap_or_default();
    let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}");
    let mut value = HeaderValue::from_str(&line).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    const ID: &str = "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0";

    fn sent(line: &str, is_secure: bool) -> Cookies {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, line.parse().unwrap());
        Cookies::read(&headers, is_secure)
    }

    #[test]
    fn with_tls_only_cookies_of_this_host_alone_count() {
        let both = format!("a=b; packhouse-session={ID}; __Host-packhouse-visitor={ID}");
        let cookies = sent(&both, true);
        assert!(cookies.session.is_none() && cookies.visitor.is_some());
        let cookies = sent(&both, false);
        assert!(cookies.session.is_some() && cookies.visitor.is_none());
        assert!(sent("packhouse-session=x y", false).session.is_none());
    }

    #[test]
    fn a_form_is_ours_only_with_the_cookies_for_which_it_was_made() {
        let nobody = Cookies::default();
        assert!(!nobody.sent(&nobody.proof()), "a browser without cookies has seen no form");
        let (visitor, set) = nobody.for_visitor(true);
        let line = set.unwrap();
        assert!(line.to_str().unwrap().ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"));
        assert!(visitor.sent(&visitor.proof()));
        let (other, _) = nobody.for_visitor(true);
        assert!(!visitor.sent(&other.proof()) && !visitor.sent("") && !visitor.sent(&nobody.proof()));
    }
}
