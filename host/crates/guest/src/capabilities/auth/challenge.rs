//! The challenge that tells a client where to get an access token, and for which permissions (RFC
//! 6750 section 3, and the distribution token specification).

use crate::bindings::packhouse::plugin::auth::Wanted;
use crate::capabilities::RequestContext;
use packhouse_auth::Session;

/// None if signed tokens are disabled.
pub fn bearer(request: &RequestContext, endpoint: &str, wanted: &[Wanted]) -> Option<String> {
    let server = request.session.token_server()?;
    let own = || format!("{}{endpoint}", request.base_url);
    let realm = server.realm.map_or_else(own, str::to_owned);
    let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{}\"", server.service);
    let scopes = scopes(wanted);
    if !scopes.is_empty() {
        challenge.extend([",scope=\"", &scopes, "\""]);
    }
    if let Some(error) = error(&request.session) {
        challenge.extend([",error=\"", error, "\""]);
    }
    Some(challenge)
}

/// A caller without credentials gets no `error="invalid_token"`.
fn error(session: &Session) -> Option<&'static str> {
    if session.is_rejected() {
        return Some("invalid_token");
    }
    session.is_lacking().then_some("insufficient_scope")
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
