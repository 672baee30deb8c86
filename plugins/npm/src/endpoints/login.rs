//! Signing in and out. The password passes through here once, on its way to the host, and
//! the secret of the new token once on its way out; both need the mount's grant `login`.

use packhouse_plugin::auth::{self, TokenRequest};
use packhouse_plugin::{Call, Response, log};
use serde::Deserialize;
use serde_json::json;

use super::private;
use crate::access::require_account;
use crate::error::{self, Error};

/// How CouchDB names the document of a user; npm still does.
pub const USER_PREFIX: &str = "org.couchdb.user:";

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

/// `POST /-/v1/login`: the way through a browser. Every 4xx makes npm ask for name and
/// password instead.
pub fn refuse_web_login(_: &Call) -> Result<Response, Error> {
    Err(Error::new(error::NO_WEB_LOGIN))
}

/// `PUT /-/user/org.couchdb.user:{user}`, with or without `/-rev/{rev}`: a new token for a caller who
/// knows the password. It creates no accounts.
pub fn log_in(call: &Call) -> Result<Response, Error> {
    let user = user_in_path(call)?;
    let login: Login = call.small_json()?;
    if login.name != user {
        let sentence = format!("the path names the user {user}, but the body names {}", login.name);
        return Err(Error::because(error::MISMATCH, sentence));
    }
    let account = auth::authenticate_password(&login.name, &login.password).map_err(refused)?;
    let issued = account
        .issue_token(&TokenRequest { label: Some("npm login".to_owned()), ..TokenRequest::default() })?;
    log::info("signed in", &[("user.name", &account.name())]);
    let response = Response::new(201).json(&json!({
        "ok": true,
        "id": format!("{USER_PREFIX}{}", account.name()),
        "rev": "1-0",
        "token": issued.secret,
    }));
    Ok(private(response))
}

/// `DELETE /-/user/token/{token}`: revokes the token that the client signs in with. The path contains
/// the secret itself, which is neither returned nor logged.
pub fn log_out(call: &Call) -> Result<Response, Error> {
    let account = require_account()?;
    let secret = call.decoded("token")?;
    if account.revoke_token(&secret)? {
        Ok(private(Response::new(200).json(&json!({ "ok": true }))))
    } else {
        let sentence = "there is no such token of this account; it may have been revoked";
        Err(Error::because(error::NOT_FOUND, sentence))
    }
}

/// The user in `org.couchdb.user:{user}`, or 404.
pub fn user_in_path(call: &Call) -> Result<String, Error> {
    let id = call.decoded_with_slashes("user")?;
    id.strip_prefix(USER_PREFIX)
        .filter(|user| !user.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| Error::new(error::NO_ROUTE))
}

/// The host's sentence about a wrong name or password, which does not say which of them is wrong. 429 if
/// too many wrong ones were sent.
pub fn refused(error: packhouse_plugin::Error) -> Error {
    match (error, auth::retry_after()) {
        (packhouse_plugin::Error::Denied(sentence), Some(seconds)) => {
            Error::because(error::TOO_MANY_LOGINS, sentence).retry_after(seconds)
        }
        (packhouse_plugin::Error::Denied(sentence), None) => Error::because(error::BAD_LOGIN, sentence),
        (other, _) => other.into(),
    }
}
