//! The challenge that tells a client where to get an access token, and for which permissions (RFC
//! 6750 section 3, and the distribution token specification).

use crate::bindings::packhouse::plugin::auth::Wanted;
use crate::capabilities::access::{Access, Complaint};

/// None if signed tokens are disabled.
pub fn bearer(access: &mut Access, endpoint: &str, wanted: &[Wanted]) -> wasmtime::Result<Option<String>> {
    let Some(server) = access.token_server()? else { return Ok(None) };
    let (realm, service) = (server.realm.map(str::to_owned), server.service.to_string());
    let realm = match realm {
        Some(realm) => realm,
        None => format!("{}{endpoint}", access.base_url()?),
    };
    let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
    let scopes = scopes(wanted);
    if !scopes.is_empty() {
        challenge.extend([",scope=\"", &scopes, "\""]);
    }
    // A caller without credentials gets no `error="invalid_token"`.
    let error = access.complaint()?.map(|complaint| match complaint {
        Complaint::Rejected => "invalid_token",
        Complaint::Insufficient => "insufficient_scope",
    });
    if let Some(error) = error {
        challenge.extend([",error=\"", error, "\""]);
    }
    Ok(Some(challenge))
}

fn scopes(wanted: &[Wanted]) -> String {
    let scope = |wanted: &Wanted| format!("{}:{}:{}", wanted.kind, wanted.name, wanted.actions.join(","));
    wanted.iter().filter(|wanted| is_fit(wanted)).map(scope).collect::<Vec<_>>().join(" ")
}

/// Whether the text can be quoted and separated by spaces.
fn is_fit(wanted: &Wanted) -> bool {
    let unfit = |letter: char| letter.is_whitespace() || letter.is_control() || "\"\\".contains(letter);
    let mut parts = [&wanted.kind, &wanted.name].into_iter().chain(&wanted.actions);
    !wanted.actions.is_empty() && !parts.any(|part| part.contains(unfit))
}

#[cfg(test)]
mod tests {
    //! The scope's form.
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn wanted(kind: &str, name: &str, actions: &[&str]) -> Wanted {
        let actions = actions.iter().map(|&action| action.to_owned()).collect();
        Wanted { kind: kind.into(), name: name.into(), actions }
    }

    #[test]
    fn scopes_stand_one_beside_the_other_and_actions_in_one() {
        let all = [wanted("thing", "a/b", &["pull", "push"]), wanted("thing", "c", &["pull"])];
        assert_eq!(scopes(&all), "thing:a/b:pull,push thing:c:pull");
    }

    #[test]
    fn what_cannot_stand_in_a_challenge_is_left_out() {
        let unfit = ["a b", "a\"b", "a\\b", "a\nb"].map(|name| wanted("thing", name, &["pull"]));
        assert_eq!(scopes(&unfit), "");
        assert_eq!(scopes(&[wanted("thing", "a", &[])]), "");
        assert_eq!(scopes(&[wanted("thing", "a", &["pull\",x=\""])]), "");
    }
}
