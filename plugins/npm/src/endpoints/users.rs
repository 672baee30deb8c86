//! The caller, and other users.

use packhouse_plugin::{Call, Response, auth};
use serde_json::json;

use super::login::{USER_PREFIX, user_in_path};
use super::private;
use crate::access::require_account;
use crate::error::{self, Error};

/// `GET /-/whoami`.
pub fn whoami(_: &Call) -> Result<Response, Error> {
    let account = require_account()?;
    let response = Response::new(200).json(&json!({ "username": account.name() }));
    Ok(private(response))
}

/// `GET /-/npm/v1/user`: `npm profile get`. What is not kept is left out or null.
pub fn read_profile(_: &Call) -> Result<Response, Error> {
    let account = require_account()?;
    let email = account.email();
    let response = Response::new(200).json(&json!({
        "name": account.name(),
        "email": email.clone().unwrap_or_default(),
        "email_verified": false,
        "tfa": null,
        "cidr_whitelist": null,
    }));
    Ok(private(response))
}

/// `GET /-/user/org.couchdb.user:{user}`: `npm owner add` looks here whether there is such a user. Only
/// for signed-in callers, so that nobody else can try names.
pub fn read_user(call: &Call) -> Result<Response, Error> {
    let account = require_account()?;
    let user = user_in_path(call)?;
    let email = if account.name() == user {
        account.email()
    } else if auth::user_exists(&user)? {
        None
    } else {
        let sentence = format!("there is no user {user}");
        return Err(Error::because(error::NOT_FOUND, sentence));
    };
    let mut body = json!({
        "_id": format!("{USER_PREFIX}{user}"),
        "_rev": "1-0",
        "name": user,
        "type": "user",
        "roles": [],
    });
    if let (Some(email), Some(body)) = (email, body.as_object_mut()) {
        body.insert("email".to_owned(), email.into());
    }
    Ok(private(Response::new(200).json(&body)))
}
