//! The token endpoint, `GET` and `POST {mount}/token`: credentials become a signed access
//! token for what a client is about to do (distribution's "Token Authentication
//! Specification" and "OAuth2 Token Authentication").
//!
//! The host checks passwords and returns the account. The host also decides which permissions the token
//! contains, and makes no token if another web site started the request.

use packhouse_plugin::auth::{self, Account, TokenRequest, Wanted};
use packhouse_plugin::{Call, Error as HostError, Response, time};
use serde_json::json;

use crate::access::{LIST, REPOSITORY};
use crate::error::{self, Error};

/// Of the body, in bytes.
const LARGEST_FORM: u64 = 64 * 1024;
/// Of a refresh token, in seconds: 90 days.
const REFRESH_LIFETIME: u64 = 90 * 24 * 60 * 60;
const ACTIONS: [&str; 3] = ["pull", "push", "delete"];

/// The client, and what it requests.
struct Grant {
    account: Option<Account>,
    service: String,
    wanted: Vec<Wanted>,
    /// A refresh token that is handed back as it came.
    refresh: Option<String>,
    /// A new one is wished.
    offline: bool,
}

/// Basic credentials, which the host has read, or none.
pub fn get_token(call: &Call) -> Result<Response, Error> {
    let query = call.query_pairs();
    let grant = Grant {
        account: caller()?,
        service: first(&query, "service"),
        wanted: wanted(&query),
        refresh: None,
        offline: first(&query, "offline_token") == "true",
    };
    answer(&grant)
}

/// A form that holds the credentials: `grant_type` `password` or `refresh_token`. Without one
/// it is as [`get_token`].
pub fn post_token(call: &Call) -> Result<Response, Error> {
    let form = call.form(LARGEST_FORM)?;
    let refresh = Some(first(&form, "refresh_token")).filter(|token| !token.is_empty());
    let account = match first(&form, "grant_type").as_str() {
        "password" => {
            let (name, password) = (first(&form, "username"), first(&form, "password"));
            Some(auth::authenticate_password(&name, &password).map_err(refused)?)
        }
        "refresh_token" => {
            Some(auth::authenticate_token(refresh.as_deref().unwrap_or_default()).map_err(refused)?)
        }
        "" => caller()?,
        other => {
            let sentence =
                format!("the grant_type {other:.50?} is not supported: use password or refresh_token");
            return Err(Error::because(error::REQUEST_INVALID, sentence));
        }
    };
    let grant = Grant {
        account,
        service: first(&form, "service"),
        wanted: wanted(&form),
        offline: refresh.is_none() && first(&form, "access_type") == "offline",
        refresh,
    };
    answer(&grant)
}

/// The account that signed in, if anybody did; wrong credentials are never nobody's.
fn caller() -> Result<Option<Account>, Error> {
    match auth::rejection() {
        Some(rejection) => Err(error::credentials(rejection)),
        None => Ok(auth::caller()),
    }
}

fn answer(grant: &Grant) -> Result<Response, Error> {
    let token = auth::sign_access(grant.account.as_ref(), &grant.service, &grant.wanted)?;
    let mut answer = json!({
        "token": token.secret,
        "access_token": token.secret,
        "expires_in": token.lifetime_seconds,
        "issued_at": time::rfc3339_seconds(token.issued),
    });
    if let (Some(refresh), Some(answer)) = (refresh(grant)?, answer.as_object_mut()) {
        answer.insert("refresh_token".to_owned(), json!(refresh));
    }
    Ok(Response::new(200).header("cache-control", "no-store").json(&answer))
}

/// A refresh token, if the client requests one. It needs an account, and the mount's grant `login`. A
/// client that signed in with a read-only token can keep this token as its password. It gets no other
/// one, because the number of tokens of a user is limited.
fn refresh(grant: &Grant) -> Result<Option<String>, Error> {
    let account = grant.account.as_ref().filter(|account| grant.offline && !account.is_read_only());
    let Some(account) = account else {
        return Ok(grant.refresh.clone());
    };
    let request = TokenRequest {
        label: Some("docker login".to_owned()),
        lifetime_seconds: Some(REFRESH_LIFETIME),
        ..TokenRequest::default()
    };
    match account.issue_token(&request) {
        Ok(issued) => Ok(Some(issued.secret)),
        Err(HostError::Denied(_)) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// Which of name, password and token it is that does not count, is not told. 429 when too many
/// wrong passwords were sent.
fn refused(error: HostError) -> Error {
    match (error, auth::retry_after()) {
        (HostError::Denied(sentence), Some(seconds)) => {
            Error::because(error::TOO_MANY, sentence).header("retry-after", seconds.to_string())
        }
        (HostError::Denied(sentence), None) => error::credentials(sentence),
        (other, _) => other.into(),
    }
}

/// The scopes of all `scope` values, each `{kind}:{name}:{action},{action}`; several may
/// stand in one value with spaces between. What this registry has no such thing of is left
/// out, as the token would not hold it.
fn wanted(pairs: &[(String, String)]) -> Vec<Wanted> {
    let scopes = pairs.iter().filter(|(name, _)| name == "scope").flat_map(|(_, value)| value.split(' '));
    scopes.filter_map(parse_scope).collect()
}

pub(crate) fn parse_scope(scope: &str) -> Option<Wanted> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    // `repository(plugin)`: a class of repositories, of which there is one here.
    let kind = kind.split('(').next().unwrap_or_default();
    match (kind, name) {
        // Whatever the bearer may see when the token is used, and nothing more than to see it.
        ("registry", "catalog") => Some(Wanted::new(REPOSITORY, "*", &[LIST])),
        // `*` is not a repository, and would mean all repositories.
        (REPOSITORY, name) if name != "*" => {
            let all = actions.split(',').any(|action| action == "*");
            let asked = |action: &&str| all || actions.split(',').any(|asked| asked == *action);
            let actions: Vec<&str> = ACTIONS.into_iter().filter(asked).collect();
            (!actions.is_empty()).then(|| Wanted::new(REPOSITORY, name, &actions))
        }
        _ => None,
    }
}

/// The first value of a name; empty when it is not there.
fn first(pairs: &[(String, String)], name: &str) -> String {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_clients_write_them() {
        let pairs = |values: &[&str]| -> Vec<(String, String)> {
            values.iter().map(|value| ("scope".to_owned(), (*value).to_owned())).collect()
        };
        let repository = |name: &str, actions: &[&str]| Wanted::new("repository", name, actions);
        assert_eq!(
            wanted(&pairs(&["repository:a/b:pull,push repository(plugin):c:*", "registry:catalog:*"])),
            [
                repository("a/b", &["pull", "push"]),
                repository("c", &["pull", "push", "delete"]),
                repository("*", &["list"])
            ]
        );
        for scope in [
            "",
            "x",
            "repository:a",
            "repository:a:",
            "repository:a:own",
            "repository:*:push",
            "other:a:pull",
        ] {
            assert_eq!(wanted(&pairs(&[scope])), [], "{scope}");
        }
    }
}
