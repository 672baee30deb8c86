//! The credentials of a request. They are read from the headers and removed from them, so that
//! nothing behind this crate sees a credential. It does not know whose they are, or whether they
//! are valid.
//!
//! # Invariants
//! - Every header that may hold a credential is removed, also one that is not read. Removing too
//!   much costs a plugin a header. Removing too little gives it a secret.
//! - A request with unreadable credentials is never treated as anonymous. An empty header holds no
//!   credentials and is ignored. Credentials of a scheme that this host does not know are for another
//!   recipient, such as a proxy, and are ignored too.
//! - `Debug` prints no secret.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// Headers that hold a bare token, in order of precedence. `Authorization` comes before all of
/// them, because some clients send a made-up key beside it.
const KEY_HEADERS: [&str; 3] = ["x-nuget-apikey", "x-api-key", "x-auth-token"];

/// Names of headers that may hold a credential: whole names, endings, beginnings, and parts.
const REMOVED: [&str; 6] =
    ["authorization", "cookie", "cookie2", "otp", "x-registry-auth", "x-jfrog-art-api"];
const REMOVED_ENDS: [&str; 6] = ["-authorization", "-otp", "-cookie", "-jwt", "-auth-key", "-access-key"];
const REMOVED_STARTS: [&str; 2] = ["x-auth-", "x-jwt"];
const REMOVED_PARTS: [&str; 8] =
    ["token", "api-key", "apikey", "api_key", "secret", "password", "credential", "jwt-assertion"];

/// The credentials of a request, taken once at the edge; see [`Credentials::take`].
#[derive(Clone, Default)]
pub struct Credentials(pub(super) Sent);

#[derive(Clone, Default)]
pub(super) enum Sent {
    #[default]
    Nothing,
    Token(SecretString),
    Password {
        name: String,
        password: SecretString,
    },
    /// Of an authentication scheme that this host does not know, and therefore ignored. A sentence
    /// for the user without any part of the credentials.
    Foreign(&'static str),
    /// A sentence for the user without any part of the credentials.
    Unreadable(&'static str),
}

impl Credentials {
    /// Reads the credentials and removes every header that may hold one.
    ///
    /// Supported are `Authorization` with `Basic`, `Bearer`, `Token` or a bare token, and a bare
    /// token in one of the usual headers for API keys.
    pub fn take(headers: &mut HeaderMap) -> Self {
        let sent = read(headers);
        let secret: Vec<HeaderName> =
            headers.keys().filter(|name| may_hold_credential(name)).cloned().collect();
        for name in secret {
            headers.remove(name);
        }
        Self(sent)
    }

    /// Whether any header may hold a credential, also one that [`Credentials::take`] only
    /// removes.
    pub fn are_in(headers: &HeaderMap) -> bool {
        headers.keys().any(may_hold_credential)
    }

    /// Whether a header of this name may hold a credential.
    pub fn may_be_in(name: &HeaderName) -> bool {
        may_hold_credential(name)
    }

    /// A name, and a password or a token in its place.
    pub fn password(name: impl Into<String>, password: SecretString) -> Self {
        Self(by_password(name.into(), password))
    }

    /// A token.
    pub fn token(secret: SecretString) -> Self {
        Self(Sent::Token(secret))
    }

    /// Whether there is nothing that could identify a user of this host.
    pub(super) fn are_nobodys(&self) -> bool {
        matches!(self.0, Sent::Nothing | Sent::Foreign(_) | Sent::Unreadable(_))
    }

    /// Whether there are no credentials at all.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Sent::Nothing)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            Sent::Nothing => "Credentials(none)",
            Sent::Token(_) => "Credentials(token)",
            Sent::Password { .. } => "Credentials(name and password)",
            Sent::Foreign(_) => "Credentials(of a foreign scheme)",
            Sent::Unreadable(_) => "Credentials(unreadable)",
        })
    }
}

/// Whether the text has the form of one of our tokens (a hyphenated UUID). It is then looked up as
/// a token, even if a client sends it as a password.
pub fn has_token_form(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

/// Whether a header of this name (in lower case) may hold a credential.
fn may_hold_credential(name: &HeaderName) -> bool {
    let name = name.as_str();
    REMOVED.contains(&name)
        || REMOVED_ENDS.iter().any(|end| name.ends_with(end))
        || REMOVED_STARTS.iter().any(|start| name.starts_with(start))
        || REMOVED_PARTS.iter().any(|part| name.contains(part))
}

fn read(headers: &HeaderMap) -> Sent {
    let mut all = headers.get_all(AUTHORIZATION).iter().filter(|value| !is_blank(value));
    if let Some(first) = all.next() {
        if all.any(|other| other != first) {
            return Sent::Unreadable("the request has several Authorization headers: send one");
        }
        return read_authorization(first);
    }
    match KEY_HEADERS.iter().find_map(|name| headers.get(*name).filter(|value| !is_blank(value))) {
        Some(value) => bare_token(value.to_str().unwrap_or_default()),
        None => Sent::Nothing,
    }
}

/// Whether a header has no value: a client or a proxy sends it so if it has no credentials to put there.
fn is_blank(value: &HeaderValue) -> bool {
    value.as_bytes().trim_ascii().is_empty()
}

fn read_authorization(value: &HeaderValue) -> Sent {
    // A value that is not ASCII counts as a token, but never as one of ours.
    let value = value.to_str().unwrap_or("?").trim();
    let Some((scheme, rest)) = value.split_once(' ') else {
        return match value.to_ascii_lowercase().as_str() {
            "basic" | "bearer" | "token" => Sent::Unreadable(
                "the Authorization header names a scheme and nothing else: add the token or password",
            ),
            _ => bare_token(value),
        };
    };
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => basic(rest.trim()),
        "bearer" | "token" => bare_token(rest.trim()),
        _ => Sent::Foreign(
            "the Authorization header has a scheme that this registry does not support: use Basic, Bearer or a bare token",
        ),
    }
}

fn bare_token(text: &str) -> Sent {
    match text.trim() {
        "" => Sent::Unreadable(
            "the token that was sent is empty: sign in again, or remove it from the client's configuration",
        ),
        token => Sent::Token(token.into()),
    }
}

fn basic(encoded: &str) -> Sent {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let decoded = LENIENT.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    // From here on the text is only dropped as a secret.
    let Some(pair) = decoded.map(SecretString::from) else {
        return Sent::Unreadable("the Basic credentials are not base64 of `name:password`: sign in again");
    };
    match pair.expose_secret().split_once(':') {
        Some((name, password)) => by_password(name.to_owned(), password.into()),
        None => {
            Sent::Unreadable("the Basic credentials lack the `:` between name and password: sign in again")
        }
    }
}

/// The token can be in either place. The other text is then ignored.
fn by_password(name: String, password: SecretString) -> Sent {
    if has_token_form(&name) {
        return Sent::Token(name.into());
    }
    if name.is_empty() && !has_token_form(password.expose_secret()) {
        return Sent::Unreadable("the credentials have no user name: sign in again");
    }
    Sent::Password { name, password }
}

#[cfg(test)]
mod tests;
