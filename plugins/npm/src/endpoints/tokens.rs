//! `npm token list | create | revoke`: `/-/npm/v1/tokens`. A secret is shown only once, when the token
//! is created. Later a token is identified by its key and the first characters of its secret.

use packhouse_plugin::auth::{self, Token, TokenRequest, Wanted};
use packhouse_plugin::{Call, Response, log, time};
use serde::Deserialize;
use serde_json::{Value, json};

use super::login::refused;
use super::private;
use crate::access::require_account;
use crate::error::{self, Error};
use crate::name::PackageName;

/// Seconds.
const DAY: u64 = 24 * 60 * 60;

/// What npm sends. Older versions say `readonly`, npm 11 a permission on packages.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Request {
    password: String,
    name: Option<String>,
    description: Option<String>,
    token_description: Option<String>,
    readonly: bool,
    cidr_whitelist: Option<Vec<String>>,
    /// Days.
    expires: Option<u64>,
    packages: Vec<String>,
    packages_all: bool,
    scopes: Vec<String>,
    orgs: Vec<String>,
    packages_and_scopes_permission: Option<String>,
}

/// All on one page.
pub fn list_tokens(_: &Call) -> Result<Response, Error> {
    let account = require_account()?;
    let tokens = account.list_tokens()?;
    let objects: Vec<Value> = tokens.iter().map(|token| describe(token, &token.hint)).collect();
    let body = json!({ "objects": objects, "total": objects.len(), "urls": {} });
    Ok(private(Response::new(200).json(&body)))
}

/// For a signed-in caller who sends the password again.
pub fn create_token(call: &Call) -> Result<Response, Error> {
    let caller = require_account()?;
    if caller.is_read_only() {
        let sentence = "a read-only token cannot create tokens; sign in with npm login";
        return Err(Error::because(error::FORBIDDEN, sentence));
    }
    let request: Request = call.small_json()?;
    let wanted = request.to_wanted()?;
    let account = auth::authenticate_password(&caller.name(), &request.password).map_err(refused)?;
    let issued = account.issue_token(&wanted).map_err(|error| match error {
        packhouse_plugin::Error::Invalid(sentence) => Error::because(error::BAD_TOKEN_REQUEST, sentence),
        other => other.into(),
    })?;
    log::info("made a token", &[("token.id", &issued.token.id)]);
    let body = describe(&issued.token, &issued.secret);
    Ok(private(Response::new(201).json(&body)))
}

/// `DELETE /-/npm/v1/tokens/token/{key}`; npm sends the secret instead when it was given
/// that, and the host knows a token by either.
pub fn revoke_token(call: &Call) -> Result<Response, Error> {
    let account = require_account()?;
    if account.revoke_token(&call.decoded("key")?)? {
        Ok(private(Response::new(204)))
    } else {
        let sentence = "there is no such token of this account";
        Err(Error::because(error::NOT_FOUND, sentence))
    }
}

/// A token as npm reads it; `shown` is its secret, or the part of it that may be shown.
fn describe(token: &Token, shown: &str) -> Value {
    json!({
        "token": shown,
        "key": token.id,
        "name": token.label,
        "cidr_whitelist": Some(&token.networks).filter(|networks| !networks.is_empty()),
        "readonly": token.read_only,
        "created": time::rfc3339(token.created),
        "updated": time::rfc3339(token.created),
        "expires": token.expires.map(time::rfc3339),
        "last_used": token.last_used.map(time::rfc3339),
        "scopes": Some(&token.scopes).filter(|scopes| !scopes.is_empty()),
    })
}

impl Request {
    fn to_wanted(&self) -> Result<TokenRequest, Error> {
        if self.password.is_empty() {
            return Err(Error::because(
                error::BAD_TOKEN_REQUEST,
                "creating a token needs the password of the account",
            ));
        }
        if !self.orgs.is_empty() {
            return Err(Error::because(
                error::BAD_TOKEN_REQUEST,
                "there are no organisations here; name packages or scopes",
            ));
        }
        let limited = !self.packages.is_empty() || !self.scopes.is_empty();
        let writes = match self.packages_and_scopes_permission.as_deref() {
            Some("read-write") => true,
            Some("read-only") => false,
            // By default, a token for some packages can read them, and a token for all packages can do what the
            // account can do.
            None => !limited,
            Some(other) => {
                return Err(Error::because(
                    error::BAD_TOKEN_REQUEST,
                    format!("there is no permission {other} for tokens here; use read-only or read-write"),
                ));
            }
        };
        let read_only = self.readonly || !writes;
        let labels = [&self.name, &self.description, &self.token_description];
        Ok(TokenRequest {
            label: labels.into_iter().flatten().next().cloned(),
            read_only,
            scopes: if self.packages_all {
                Vec::new()
            } else {
                self.wanted_scopes(if read_only { "read" } else { "write" })?
            },
            lifetime_seconds: self.expires.map(|days| days.saturating_mul(DAY)),
            networks: self.cidr_whitelist.clone().unwrap_or_default(),
        })
    }

    fn wanted_scopes(&self, action: &str) -> Result<Vec<Wanted>, Error> {
        let mut wanted = Vec::new();
        for package in &self.packages {
            let name = PackageName::parse(package)?;
            wanted.push(Wanted::new("package", &name.to_string(), &[action]));
        }
        for scope in &self.scopes {
            let scope = scope.trim_start_matches('@');
            // A package name in a scope is valid exactly if the scope itself is valid.
            PackageName::parse(&format!("@{scope}/x"))?;
            wanted.push(Wanted::new("package", &format!("@{scope}/*"), &[action]));
        }
        Ok(wanted)
    }
}
