//! A form as a browser sends it (`application/x-www-form-urlencoded`).

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use crate::auth::{AuthError, Scope, TokenRequest, parse_network};
use crate::body::{Filled, RequestBody};
use crate::respond::Failure;

/// The largest form, in bytes.
pub const LARGEST: usize = 16 << 10;
/// The most scopes or networks of one token.
const MOST_LINES: usize = 100;

/// The fields of a form. If a field is sent twice, the last value counts.
pub(super) struct Form(BTreeMap<String, SecretString>);

impl Form {
    /// Receives a form.
    pub(super) async fn receive(mut body: RequestBody, patience: Duration) -> Result<Self, Failure> {
        match body.fill(LARGEST, patience).await? {
            Filled::Complete => {}
            Filled::Larger => return Err(Failure::TooLarge { limit: LARGEST as u64 }),
            Filled::Slow => return Err(Failure::Slow),
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = body.read(RequestBody::root(), LARGEST).await? {
            bytes.extend_from_slice(&chunk);
        }
        let pairs = form_urlencoded::parse(&bytes);
        Ok(Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect()))
    }

    /// The value by which the host knows its own forms.
    pub(super) fn proof(&self) -> &str {
        self.text("form")
    }

    /// A field; empty if the form has none of this name.
    pub(super) fn text(&self, name: &str) -> &str {
        use secrecy::ExposeSecret as _;
        self.0.get(name).map_or("", |value| value.expose_secret())
    }

    /// A field that must not be printed.
    pub(super) fn secret(&self, name: &str) -> SecretString {
        self.0.get(name).cloned().unwrap_or_else(|| "".into())
    }

    /// The token that the form describes.
    ///
    /// # Errors
    /// `Invalid` with a sentence about the field that is wrong.
    pub(super) fn token_request(&self) -> Result<TokenRequest, AuthError> {
        let label = self.text("label").trim();
        if label.is_empty() {
            return Err(AuthError::Invalid(
                "write a name for the token, so that you recognise it later".into(),
            ));
        }
        let lifetime = match self.text("days") {
            "never" => None,
            days => Some(parse_days(days)?),
        };
        Ok(TokenRequest {
            label: Some(label.to_owned()),
            read_only: !self.text("read_only").is_empty(),
            scopes: self.lines("scopes")?.map(Scope::parse).collect::<Result<_, _>>()?,
            lifetime,
            cidr: self.lines("networks")?.map(parse_network).collect::<Result<_, _>>()?,
            by_owner: true,
            ..TokenRequest::default()
        })
    }

    /// The lines of a field that are not empty.
    fn lines(&self, name: &str) -> Result<impl Iterator<Item = &str>, AuthError> {
        let lines = self.text(name).lines().map(str::trim).filter(|line| !line.is_empty());
        if lines.clone().count() > MOST_LINES {
            return Err(AuthError::Invalid(format!("write at most {MOST_LINES} lines")));
        }
        Ok(lines)
    }
}

fn parse_days(text: &str) -> Result<Duration, AuthError> {
    let days = text.parse::<u32>().ok().filter(|days| (1..=3660).contains(days));
    let days =
        days.ok_or_else(|| AuthError::Invalid("choose after how many days the token expires".into()))?;
    Ok(Duration::from_hours(u64::from(days) * 24))
}
