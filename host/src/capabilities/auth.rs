//! `auth`: who is calling and what they may do. Credentials stay in the host.

mod challenge;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use wasmtime::component::Resource;

use crate::auth::{
    AccessRequest, AccessToken, Account, AuthError, Caller, Decision, Entry, Issued, Question,
    Resource as Subject, Scope, Token, TokenRequest, parse_network,
};
use crate::bindings::packhouse::plugin::auth as wit;
use crate::capabilities::{HostError, RequestContext, State};

/// Names of an owners' list that count.
const MOST_LISTED: usize = 1000;
/// Names that are filtered at once.
const MOST_FILTERED: usize = 10_000;

/// Somebody who has proved who they are.
pub struct SignedIn(Account);

impl RequestContext {
    /// Looks the caller up, once a request.
    async fn identify(&mut self) -> Result<(), AuthError> {
        if self.caller.is_none() {
            self.caller =
                Some(self.auth.identify(&self.credentials, self.peer, &self.ground.mount.name).await?);
        }
        Ok(())
    }

    fn decide(&self, kind: &str, name: &str, action: &str, listed: &[String]) -> Decision {
        self.caller
            .as_ref()
            .map_or(Decision::SignIn, |caller| self.decide_of(caller, kind, name, action, listed))
    }

    fn decide_of(
        &self,
        caller: &Caller,
        kind: &str,
        name: &str,
        action: &str,
        listed: &[String],
    ) -> Decision {
        let question = Question {
            anonymous: self.ground.mount.anonymous.as_deref(),
            resource: &Subject { protocol: &self.ground.mount.name, kind, name },
            action,
            read_action: self.ground.description.read_actions.get(kind).map_or("read", String::as_str),
        };
        self.auth.decide_listed(&question, caller, listed)
    }

    /// As [`Self::decide`], and keeps why an access token that counts is not enough.
    fn decide_and_say(&mut self, kind: &str, name: &str, action: &str, listed: &[String]) -> Decision {
        let decision = self.decide(kind, name, action, listed);
        let counts =
            self.caller.as_ref().is_some_and(|caller| caller.access.is_some() && caller.rejection.is_none());
        self.lacking = (counts && decision == Decision::SignIn).then(|| {
            format!("the access token does not hold {kind}:{name}:{action}: fetch one that does, or sign in as somebody who may")
        });
        decision
    }

    /// What a plugin wants of its mount, as scopes.
    fn scopes(&self, wanted: &[wit::Wanted]) -> Result<Vec<Scope>, AuthError> {
        let mount = &self.ground.mount.name;
        let each = wanted.iter().flat_map(|wanted| wanted.actions.iter().map(move |action| (wanted, action)));
        each.map(|(wanted, action)| Scope::of(mount, &wanted.kind, &wanted.name, action)).collect()
    }

    /// `login` is needed to see passwords and secrets.
    fn needs_login_grant(&self) -> Result<(), HostError> {
        if self.ground.mount.is_granted("login") {
            return Ok(());
        }
        Err(HostError::denied(format!(
            "logging in is not granted here: add \"login\" to `grants` of [mount.{}] in the configuration",
            self.ground.mount.name
        )))
    }
}

impl wit::Host for State {
    async fn check(&mut self, kind: String, name: String, action: String) -> wasmtime::Result<wit::Decision> {
        let _outside = self.wait()?;
        let request = self.request()?;
        request.identify().await.map_err(away)?;
        Ok(request.decide_and_say(&kind, &name, &action, &[]).into())
    }

    async fn check_listed(
        &mut self,
        kind: String,
        name: String,
        action: String,
        mut listed: Vec<String>,
    ) -> wasmtime::Result<wit::Decision> {
        let _outside = self.wait()?;
        let request = self.request()?;
        request.identify().await.map_err(away)?;
        listed.truncate(MOST_LISTED);
        Ok(request.decide_and_say(&kind, &name, &action, &listed).into())
    }

    async fn filter_allowed(
        &mut self,
        kind: String,
        names: Vec<String>,
        action: String,
    ) -> wasmtime::Result<Vec<String>> {
        if names.len() > MOST_FILTERED {
            return Err(wasmtime::Error::msg(format!("more than {MOST_FILTERED} names to filter at once")));
        }
        let _outside = self.wait()?;
        let request = self.request()?;
        request.identify().await.map_err(away)?;
        let allowed = |name: &String| request.decide(&kind, name, &action, &[]) == Decision::Granted;
        Ok(names.into_iter().filter(allowed).collect())
    }

    async fn is_public(&mut self, kind: String, name: String, action: String) -> wasmtime::Result<bool> {
        let _outside = self.wait()?;
        let request = self.request()?;
        Ok(request.decide_of(&Caller::anonymous(), &kind, &name, &action, &[]) == Decision::Granted)
    }

    async fn rejection(&mut self) -> wasmtime::Result<Option<String>> {
        let _outside = self.wait()?;
        let request = self.request()?;
        request.identify().await.map_err(away)?;
        let rejection = request.caller.as_ref().and_then(|caller| caller.rejection.clone());
        Ok(rejection.or_else(|| request.lacking.clone()))
    }

    async fn has_credentials(&mut self) -> wasmtime::Result<bool> {
        let _outside = self.wait()?;
        let request = self.request()?;
        request.identify().await.map_err(away)?;
        Ok(request.caller.as_ref().is_some_and(Caller::has_credentials))
    }

    async fn caller(&mut self) -> wasmtime::Result<Option<Resource<SignedIn>>> {
        let _outside = self.wait()?;
        let request = self.request()?;
        request.identify().await.map_err(away)?;
        let account = request.caller.as_ref().and_then(|caller| caller.account.clone());
        account.map(|account| self.push(SignedIn(account))).transpose()
    }

    async fn authenticate(
        &mut self,
        kind: String,
        values: Vec<(String, String)>,
    ) -> Result<Resource<SignedIn>, HostError> {
        let _outside = self.wait()?;
        let request = self.request()?;
        request.needs_login_grant()?;
        let value = |wanted: &str| {
            let found = values.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
            found.ok_or_else(|| HostError::invalid(format!("signing in by {kind} needs `{wanted}`")))
        };
        let (auth, peer) = (&request.auth, request.peer);
        let account = match kind.as_str() {
            "password" => {
                let password = SecretString::from(value("password")?);
                auth.authenticate_only_password(&value("name")?, &password, peer).await?
            }
            "token" => auth.authenticate_token(&SecretString::from(value("token")?), peer).await?,
            _ => {
                return Err(HostError::invalid(format!(
                    "no kind of sign-in is called {kind:?}; there are `password` and `token`"
                )));
            }
        };
        Ok(self.push(SignedIn(account))?)
    }

    async fn user_exists(&mut self, name: String) -> Result<bool, HostError> {
        let _outside = self.wait()?;
        Ok(self.request()?.auth.user_exists(&name).await?)
    }

    async fn bearer_challenge(
        &mut self,
        endpoint: String,
        wanted: Vec<wit::Wanted>,
    ) -> wasmtime::Result<Option<String>> {
        let _outside = self.wait()?;
        Ok(challenge::bearer(self.request()?, &endpoint, &wanted))
    }

    async fn sign_access(
        &mut self,
        account: Option<Resource<SignedIn>>,
        service: String,
        wanted: Vec<wit::Wanted>,
    ) -> Result<wit::AccessToken, HostError> {
        let _outside = self.wait()?;
        let account = match account {
            Some(handle) => Some(self.table.get(&handle)?.0.clone()),
            None => None,
        };
        let request = self.request()?;
        let wanted: Vec<Entry> = wanted.into_iter().map(Into::into).collect();
        let signed = request.auth.sign_access(
            account.as_ref(),
            &AccessRequest {
                mount: &request.ground.mount.name,
                anonymous: request.ground.mount.anonymous.as_deref(),
                read_actions: &request.ground.description.read_actions,
                service: &service,
                wanted: &wanted,
            },
        )?;
        Ok(signed.into())
    }
}

impl wit::HostAccount for State {
    fn name(&mut self, handle: Resource<SignedIn>) -> wasmtime::Result<String> {
        Ok(self.table.get(&handle)?.0.name().to_string())
    }

    fn email(&mut self, handle: Resource<SignedIn>) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&handle)?.0.email().map(str::to_owned))
    }

    fn is_read_only(&mut self, handle: Resource<SignedIn>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&handle)?.0.read_only())
    }

    async fn issue_token(
        &mut self,
        handle: Resource<SignedIn>,
        wanted: wit::TokenRequest,
    ) -> Result<wit::Issued, HostError> {
        let _outside = self.wait()?;
        let account = self.table.get(&handle)?.0.clone();
        let request = self.request()?;
        request.needs_login_grant()?;
        if !request.tokens.enabled {
            return Err(HostError::denied(
                "no tokens are given here: the configuration has switched them off",
            ));
        }
        let wanted = TokenRequest {
            label: wanted.label,
            read_only: wanted.read_only || request.tokens.read_only,
            scopes: request.scopes(&wanted.scopes)?,
            lifetime: wanted.lifetime_seconds.map(Duration::from_secs),
            cidr: wanted.networks.iter().map(|network| parse_network(network)).collect::<Result<_, _>>()?,
        };
        let Issued { token, secret } = request.auth.issue(&account, &wanted).await?;
        Ok(wit::Issued { token: token.into(), secret: secret.expose_secret().to_owned() })
    }

    async fn list_tokens(&mut self, handle: Resource<SignedIn>) -> Result<Vec<wit::Token>, HostError> {
        let _outside = self.wait()?;
        let account = self.table.get(&handle)?.0.clone();
        self.request()?.needs_login_grant()?;
        Ok(self.request()?.auth.list(&account).await?.into_iter().map(Into::into).collect())
    }

    async fn revoke_token(&mut self, handle: Resource<SignedIn>, named: String) -> Result<bool, HostError> {
        let _outside = self.wait()?;
        let account = self.table.get(&handle)?.0.clone();
        self.request()?.needs_login_grant()?;
        Ok(self.request()?.auth.revoke(&account, &named).await?)
    }

    async fn drop(&mut self, handle: Resource<SignedIn>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl From<Decision> for wit::Decision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Granted => Self::Granted,
            Decision::SignIn => Self::SignIn,
            Decision::Forbidden => Self::Forbidden,
        }
    }
}

impl From<wit::Wanted> for Entry {
    fn from(wanted: wit::Wanted) -> Self {
        Self { kind: wanted.kind, name: wanted.name, actions: wanted.actions }
    }
}

impl From<AccessToken> for wit::AccessToken {
    fn from(signed: AccessToken) -> Self {
        Self {
            secret: signed.secret.expose_secret().to_owned(),
            issued: signed.issued,
            lifetime_seconds: signed.lifetime.as_secs(),
        }
    }
}

impl From<Token> for wit::Token {
    fn from(token: Token) -> Self {
        Self {
            id: token.id.to_string(),
            hint: token.hint,
            label: token.label,
            created: token.created,
            expires: token.expires,
            last_used: token.last_used,
            read_only: token.read_only,
            scopes: token.scopes.iter().map(ToString::to_string).collect(),
            networks: token.cidr.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Without its store of users the host can decide nothing: the request ends, and is
/// answered as a store that is away.
fn away(error: AuthError) -> wasmtime::Error {
    wasmtime::Error::from(error)
}
