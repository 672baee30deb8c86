//! Signing in, and tokens.

use packhouse_plugin::auth::{self, Account, TokenRequest, Wanted};
use packhouse_plugin::{Call, Error, Response};

use super::Probe;
use crate::Said;

pub const PROBES: [(&str, Probe); 8] = [
    ("sign-in", sign_in),
    ("tokens", tokens),
    ("networks", networks),
    ("narrowed", narrowed),
    ("revoked", revoked),
    ("too-many-tokens", too_many),
    ("tokens-of-the-caller", of_the_caller),
    ("signed", signed),
];

const PASSWORD: &str = "password of ann";

fn sign_in(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    said.told("right", auth::authenticate_password("ann", PASSWORD).map(drop));
    said.told("wrong", auth::authenticate_password("ann", "wrong horse").map(drop));
    said.told("nobody", auth::authenticate_password("nobody", PASSWORD).map(drop));
    said.told("without a password", auth::authenticate("password", &[("name", "ann")]).map(drop));
    said.told("no token", auth::authenticate_token("nonsense").map(drop));
    said.told("without a token", auth::authenticate("token", &[]).map(drop));
    said.told("another kind", auth::authenticate("palm", &[]).map(drop));
    said.say(format!("{} {}", auth::user_exists("ann")?, auth::user_exists("nobody")?));
    said.say(format!("{} {}", auth::account_id("ann")?.is_some(), auth::account_id("nobody")?.is_some()));
    Ok(None)
}

fn request(label: &str, wanted: &[(&str, &[&str])]) -> TokenRequest {
    let scopes = wanted.iter().map(|(name, actions)| Wanted::new("thing", name, actions)).collect();
    TokenRequest { label: Some(label.to_owned()), scopes, ..TokenRequest::default() }
}

fn tokens(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let ann = auth::authenticate_password("ann", PASSWORD)?;
    said.told("a long label", ann.issue_token(&request(&"x".repeat(201), &[])).map(drop));
    said.told("a bad network", {
        let networks = vec!["nonsense".to_owned()];
        ann.issue_token(&TokenRequest { networks, ..TokenRequest::default() }).map(drop)
    });
    said.told("a label of two lines", ann.issue_token(&request("a\nb", &[])).map(drop));
    said.told("no time", {
        let lifetime_seconds = Some(0);
        ann.issue_token(&TokenRequest { lifetime_seconds, ..TokenRequest::default() }).map(drop)
    });
    Ok(None)
}

fn networks(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let ann = auth::authenticate_password("ann", PASSWORD)?;
    for network in ["10.1.2.3/8", "192.0.2.1", "2001:db8::/32", "::1", "10.0.0.0/33", "10.0.0/8", "/8", ""] {
        let request = TokenRequest { networks: vec![network.to_owned()], ..TokenRequest::default() };
        match ann.issue_token(&request) {
            Ok(issued) => said.say(format!("{network:?}: {:?}", issued.token.networks)),
            Err(error) => said.say(format!("{network:?}: {}", crate::word(&error))),
        }
    }
    Ok(None)
}

/// What a narrowed token may revoke.
fn revoked(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let ann = auth::authenticate_password("ann", PASSWORD)?;
    let other = ann.issue_token(&request("other", &[]))?;
    let narrow = ann.issue_token(&request("narrow", &[("a", &["read"])]))?;
    let reader = ann.issue_token(&TokenRequest { read_only: true, ..request("reader", &[]) })?;
    for (name, secret) in [("narrow", &narrow.secret), ("reader", &reader.secret)] {
        let by_token = auth::authenticate_token(secret)?;
        said.told(name, by_token.revoke_token(&other.token.id));
        said.say(format!("{:?}", by_token.revoke_token("nonsense")));
        let own = if name == "narrow" { &narrow } else { &reader };
        said.say(format!("itself: {:?}", by_token.revoke_token(&own.token.id)));
        said.told("sign in with it", auth::authenticate_token(secret).map(drop));
    }
    let by_other = auth::authenticate_token(&other.secret)?;
    let made = by_other.issue_token(&request("made", &[]))?;
    said.say(format!("expires: {}", made.token.expires.is_some()));
    said.say(format!("by its secret: {:?}", ann.revoke_token(&other.secret)));
    said.told("a token that was made with it", auth::authenticate_token(&made.secret).map(drop));
    Ok(None)
}

fn too_many(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let ann = auth::authenticate_password("ann", PASSWORD)?;
    for _ in 0..4 {
        ann.issue_token(&request("one of four", &[]))?;
    }
    said.told("a fifth", ann.issue_token(&request("fifth", &[])).map(drop));
    Ok(None)
}

fn of_the_caller(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let caller = auth::caller().ok_or(Error::NotFound)?;
    said.told("issue", caller.issue_token(&request("x", &[])).map(drop));
    said.told("list", caller.list_tokens().map(drop));
    said.told("revoke", caller.revoke_token("nonsense"));
    Ok(None)
}

fn narrowed(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let ann = auth::authenticate_password("ann", PASSWORD)?;
    said.told("more than she may", ann.issue_token(&request("more", &[("b", &["write"])])).map(drop));
    said.told("a bad scope", ann.issue_token(&request("bad", &[("a b", &["read"])])).map(drop));
    let issued = ann.issue_token(&request("narrow", &[("a", &["read"])]))?;
    said.say(format!("{:?} {:?}", issued.token.scopes, issued.token.expires));
    let by_token = auth::authenticate_token(&issued.secret)?;
    said.say(format!("{} {}", by_token.name(), by_token.is_read_only()));
    said.told("wider than its own", by_token.issue_token(&request("wide", &[("a", &["write"])])).map(drop));
    let listed = |account: &Account| account.list_tokens().map(|tokens| tokens.len());
    said.say(format!("sees itself alone: {:?}", listed(&by_token)));
    said.say(format!("of narrow: {:?}", ann.list_tokens()?.iter().any(|token| token.id == issued.token.id)));
    said.say(format!("{:?}", ann.revoke_token(&issued.token.id)));
    said.say(format!("{:?}", ann.revoke_token(&issued.token.id)));
    Ok(None)
}

fn signed(_: &Call, said: &mut Said) -> Result<Option<Response>, Error> {
    let ann = auth::authenticate_password("ann", PASSWORD)?;
    let wanted = [Wanted::new("thing", "a", &["read", "seal"])];
    said.told("signed", auth::sign_access(Some(&ann), "", &wanted).map(drop));
    said.told("another service", auth::sign_access(Some(&ann), "elsewhere", &wanted).map(drop));
    let many = vec![Wanted::new("thing", "a", &["read"]); 101];
    said.told("too much", auth::sign_access(None, "", &many).map(drop));
    let lifetime = auth::sign_access(None, "", &wanted)?.lifetime_seconds;
    said.say(lifetime);
    Ok(None)
}
