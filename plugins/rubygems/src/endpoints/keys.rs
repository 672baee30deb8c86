//! `gem signin`: exchanges a name and a password for a key. The password stays in the host, and the
//! plugin sees the key once. This needs the mount's grant `login`.

use packhouse_plugin::auth::{self, TokenRequest, Wanted};
use packhouse_plugin::{Call, Response, clock, log, time};

use super::{EVERY_GEM, GEM, field, fields};
use crate::error::{self, Error};
use crate::name::GemName;

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 100;

/// The scopes that a client may request, and the action that each needs here. The registry has no web
/// hooks and no dashboard, so these scopes allow nothing.
const SCOPES: [(&str, Option<&str>); 9] = [
    ("index_rubygems", Some("read")),
    ("push_rubygem", Some("write")),
    ("yank_rubygem", Some("yank")),
    ("add_owner", Some("owner")),
    ("remove_owner", Some("owner")),
    ("update_owner", Some("owner")),
    ("access_webhooks", None),
    ("show_dashboard", None),
    ("configure_trusted_publishers", None),
];

/// `GET /api/v1/api_key`, and `POST`, with the scopes as fields. Clients without scopes send `GET`:
/// that key may do all that the account may. A user who declines every scope sends `POST` without one.
pub fn create_key(call: &Call) -> Result<Response, Error> {
    let fields = fields(call)?;
    let Some(account) = auth::caller() else {
        auth::refuse_rejected(GEM, "read")?;
        return Err(Error::because(
            error::SIGN_IN,
            "send the name and the password of a user of this registry",
        ));
    };
    let is_asked = |scope: &str| {
        fields.iter().any(|(name, value)| name == scope && !matches!(value.as_str(), "" | "false" | "0"))
    };
    let asked: Vec<Option<&str>> =
        SCOPES.into_iter().filter(|(scope, _)| is_asked(scope)).map(|(_, action)| action).collect();
    let mut actions: Vec<&str> = asked.iter().copied().flatten().collect();
    actions.dedup();
    if !asked.is_empty() && actions.is_empty() {
        let sentence = "this key would allow nothing here: request index_rubygems, push_rubygem, yank_rubygem or add_owner";
        return Err(Error::because(error::BAD_KEY, sentence));
    }
    let gem = field(&fields, &["rubygem_name"]).map(GemName::parse).transpose()?;
    if asked.is_empty() && (call.method() == "POST" || gem.is_some()) {
        let sentence =
            "enable at least one scope of this key: index_rubygems, push_rubygem, yank_rubygem or add_owner";
        return Err(Error::because(error::BAD_KEY, sentence));
    }
    let lifetime_seconds = field(&fields, &["expires_at"]).map(seconds_until).transpose()?;
    let label = fields.iter().find(|(name, _)| name == "name").map(|(_, name)| label(name));
    let gem = gem.as_ref().map_or(EVERY_GEM, GemName::as_str);
    let scopes = if actions.is_empty() { Vec::new() } else { vec![Wanted::new(GEM, gem, &actions)] };
    let label = label.filter(|label| !label.is_empty()).unwrap_or_else(|| "gem signin".to_owned());
    let request = TokenRequest { label: Some(label), scopes, lifetime_seconds, ..TokenRequest::default() };
    let issued = account.issue_token(&request)?;
    log::info("signed in", &[("user.name", &account.name())]);
    Ok(Response::new(200).header("cache-control", "no-store").text(issued.secret))
}

/// `PUT /api/v1/api_key`: gem would add a scope to a key.
pub fn refuse_change(_: &Call) -> Result<Response, Error> {
    let sentence = "a key keeps its scopes here: sign out (gem signout), and sign in again with the scopes that you need";
    Err(Error::because(error::FORBIDDEN, sentence))
}

/// From now until this moment, which must be in the future.
fn seconds_until(text: &str) -> Result<u64, Error> {
    let bad = |why: &str| Error::because(error::BAD_KEY, format!("expires_at is {text:.100?}: {why}"));
    let moment = time::parse_rfc3339(text).ok_or_else(|| bad("write a time such as 2030-01-31T12:00:00Z"))?;
    match moment.saturating_sub(clock::now()) / 1000 {
        0 => Err(bad("it must be in the future")),
        seconds => Ok(seconds),
    }
}

fn label(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(LONGEST_NAME).collect()
}
