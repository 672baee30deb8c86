//! JSON Web Tokens: signs and reads claims. It does not know users, mounts, or the meaning of the
//! claims.
//!
//! # Invariants
//! - A key verifies only its own algorithm, and `none` is not an algorithm. So a public key is
//!   never used as a shared secret.
//! - A token cannot bring its own key (`jwk`, `jku`, `x5c` are not read). A token with critical
//!   extensions (`crit`, RFC 7515 section 4.1.11) is invalid.
//! - No secret and no token is printed.

pub mod keys;

use jsonwebtoken::{Header, Validation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::AuthError;
use keys::{Key, Keys};

/// The longest token that is parsed, in bytes.
const LONGEST: usize = 16 << 10;

/// The required audience and issuer of a token.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub audience: &'a str,
    /// None accepts every issuer that has a key.
    pub issuer: Option<&'a str>,
}

/// Why a token is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is malformed, or was not signed with one of our keys.
    Forged,
    /// It is for another audience, or from another issuer.
    Foreign,
}

/// Whether the text has the form of a signed token (RFC 7515 section 3.1).
pub fn has_form(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // Every header begins with `{"`.
    text.starts_with("ey") && text.split('.').count() == 3 && text.split('.').all(is_part)
}

impl Keys {
    /// Signs the claims with the first key that can.
    ///
    /// # Errors
    /// `Unavailable` if no key can sign or signing fails. Both were checked when the keys were
    /// read.
    pub fn sign<T: Serialize>(&self, claims: &T) -> Result<SecretString, AuthError> {
        let unable = |reason: String| AuthError::Unavailable { reason, source: None };
        let (key, private) =
            self.signer().ok_or_else(|| unable("no key can sign access tokens".to_owned()))?;
        let signed = jsonwebtoken::encode(&header(key), claims, private);
        let signed = signed.map_err(|error| unable(format!("an access token could not be signed: {error}")));
        Ok(SecretString::from(signed?))
    }

    /// Reads the claims of a token that one of these keys has signed. The token must have an
    /// expiry, but its times are not checked here.
    pub fn verify<T: DeserializeOwned>(
        &self,
        token: &SecretString,
        expected: &Expected<'_>,
    ) -> Result<T, Flaw> {
        use jsonwebtoken::errors::ErrorKind;
        let token = token.expose_secret();
        if token.len() > LONGEST {
            return Err(Flaw::Forged);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Flaw::Forged)?;
        if header.crit.is_some() {
            return Err(Flaw::Forged);
        }
        for key in self.fitting(&header) {
            match jsonwebtoken::decode(token, &key.public, &validation(key, expected)) {
                Ok(data) => return Ok(data.claims),
                Err(error) => match error.kind() {
                    ErrorKind::InvalidAudience
                    | ErrorKind::InvalidIssuer
                    | ErrorKind::MissingRequiredClaim(_) => return Err(Flaw::Foreign),
                    _ => {}
                },
            }
        }
        Err(Flaw::Forged)
    }
}

fn header(key: &Key) -> Header {
    Header { kid: key.kid.clone(), ..Header::new(key.algorithm) }
}

fn validation(key: &Key, expected: &Expected<'_>) -> Validation {
    let mut validation = Validation::new(key.algorithm);
    // The caller checks times with this crate's clock.
    validation.validate_exp = false;
    validation.set_audience(&[expected.audience]);
    validation.set_required_spec_claims(&["exp", "aud"]);
    if let Some(issuer) = expected.issuer {
        validation.set_issuer(&[issuer]);
        validation.required_spec_claims.insert("iss".to_owned());
    }
    validation
}

#[cfg(test)]
pub(super) mod tests;
