//! `auth`: who is calling and what they may do. Credentials stay in the host.

mod challenge;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::auth as wit;
use crate::capabilities::{HostError, State};
use crate::inputs::Reason;
use packhouse_auth::{
    AccessToken, Account, AuthError, Decision, Entry, Issued, Scope, Token, TokenRequest, parse_network,
};

/// The most ids, and the most names, of an owner list that are compared.
const MOST_LISTED: usize = 1000;
/// The most names in one `filter-allowed`.
const MOST_FILTERED: usize = 10_000;

/// Bytes of host memory that one account is charged with.
const ACCOUNT: usize = 1 << 10;

/// The account of a caller who has signed in.
pub struct SignedIn(Account);

/// The actions and names that a plugin asks about, as scopes of its mount.
fn scopes(mount: &str, wanted: &[wit::Wanted]) -> Result<Vec<Scope>, AuthError> {
    let each = wanted.iter().flat_map(|wanted| wanted.actions.iter().map(move |action| (wanted, action)));
    each.map(|(wanted, action)| Ok(Scope::of(mount, &wanted.kind, &wanted.name, action)?)).collect()
}

impl State {
    /// Rejects undeclared words: a misspelt action would be denied to everybody except callers with
    /// `*`.
    fn must_declare(&self, kind: &str, action: &str) -> wasmtime::Result<()> {
        self.access.must_be_request()?;
        if self.access.description()?.actions.has(kind, action) {
            return Ok(());
        }
        Err(wasmtime::Error::msg(format!(
            "the plugin asks who may do `{action}` on `{kind}`, which its description does not declare"
        )))
    }

    /// A mount without the grant `login` cannot see passwords and secrets.
    fn needs_login_grant(&self) -> Result<(), HostError> {
        self.access.must_be_request()?;
        let mount = self.access.mount()?;
        if mount.is_granted("login") {
            return Ok(());
        }
        Err(HostError::denied(format!(
            "logging in is not granted here: add \"login\" to `grants` of [mount.{}] in the configuration",
            mount.name
        )))
    }

    /// A link or an image on another web site makes a browser send any GET with the password that it
    /// keeps: the user asked for no token then.
    fn may_make_tokens(&mut self) -> Result<(), HostError> {
        if self.access.is_started_elsewhere()? {
            return Err(HostError::denied(
                "another web site started this request, so no token is made or revoked: sign in with a \
                 command-line client",
            ));
        }
        Ok(())
    }

    /// The same for tokens that are kept. A client that sends a HEAD does not get the secret.
    fn may_keep_tokens(&mut self) -> Result<(), HostError> {
        self.may_make_tokens()?;
        if self.access.gets_no_secret()? {
            return Err(HostError::denied("a HEAD makes and revokes no token: send a GET or a POST"));
        }
        Ok(())
    }
}

impl wit::Host for State {
    async fn check(&mut self, kind: String, name: String, action: String) -> wasmtime::Result<wit::Decision> {
        let _outside = self.wait()?;
        self.must_declare(&kind, &action)?;
        Ok(self.access.check((kind, name, action), Vec::new(), Vec::new()).await?.into())
    }

    async fn check_listed(
        &mut self,
        kind: String,
        name: String,
        action: String,
        mut listed: Vec<String>,
    ) -> wasmtime::Result<wit::Decision> {
        let _outside = self.wait()?;
        self.must_declare(&kind, &action)?;
        listed.truncate(MOST_LISTED);
        Ok(self.access.check((kind, name, action), Vec::new(), listed).await?.into())
    }

    async fn check_owned(
        &mut self,
        kind: String,
        name: String,
        action: String,
        mut ids: Vec<String>,
        mut names: Vec<String>,
    ) -> wasmtime::Result<wit::Decision> {
        let _outside = self.wait()?;
        self.must_declare(&kind, &action)?;
        ids.truncate(MOST_LISTED);
        names.truncate(MOST_LISTED);
        Ok(self.access.check((kind, name, action), ids, names).await?.into())
    }

    fn grant(&mut self, kind: String, name: String, action: String) -> wasmtime::Result<String> {
        self.access.must_be_request()?;
        Ok(format!("{}:{kind}:{name}:{action}", self.access.mount()?.name))
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
        self.must_declare(&kind, &action)?;
        self.access.filter(kind, names, action).await
    }

    async fn is_public(&mut self, kind: String, name: String, action: String) -> wasmtime::Result<bool> {
        let _outside = self.wait()?;
        self.must_declare(&kind, &action)?;
        self.access.public(kind, name, action)
    }

    async fn rejection(&mut self) -> wasmtime::Result<Option<String>> {
        let _outside = self.wait()?;
        self.access.rejection().await
    }

    async fn has_credentials(&mut self) -> wasmtime::Result<bool> {
        let _outside = self.wait()?;
        self.access.has_credentials().await
    }

    async fn caller(&mut self) -> wasmtime::Result<Option<Resource<SignedIn>>> {
        let _outside = self.wait()?;
        let Some(account) = self.access.account().await? else { return Ok(None) };
        self.usage.keep(ACCOUNT)?;
        self.push(SignedIn(account)).map(Some)
    }

    async fn authenticate(
        &mut self,
        kind: String,
        values: Vec<(String, String)>,
    ) -> Result<Resource<SignedIn>, HostError> {
        let _outside = self.wait()?;
        self.needs_login_grant()?;
        for (_, value) in values.iter().filter(|(name, _)| matches!(name.as_str(), "password" | "token")) {
            self.hide(&SecretString::from(value.as_str()));
        }
        let value = |wanted: &str| {
            let found = values.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
            found.ok_or_else(|| HostError::invalid(format!("signing in by {kind} needs `{wanted}`")))
        };
        let session = self.access.session(Reason::SignIn)?;
        let account = match kind.as_str() {
            "password" => session.sign_in(&value("name")?, &value("password")?.into()).await?,
            "token" => session.sign_in_by_token(&value("token")?.into()).await?,
            _ => {
                return Err(HostError::invalid(format!(
                    "the kind of sign-in {kind:?} is not known: use `password` or `token`"
                )));
            }
        };
        self.usage.keep(ACCOUNT)?;
        Ok(self.push(SignedIn(account))?)
    }

    fn retry_after(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(self.access.retry_after()?.map(|wait| wait.as_secs()))
    }

    async fn user_exists(&mut self, name: String) -> Result<bool, HostError> {
        let _outside = self.wait()?;
        Ok(self.access.session(Reason::Users)?.auth().user_exists(&name).await?)
    }

    async fn account_id(&mut self, name: String) -> Result<Option<String>, HostError> {
        let _outside = self.wait()?;
        Ok(self.access.session(Reason::Users)?.auth().account_id(&name).await?.map(|id| id.to_string()))
    }

    async fn bearer_challenge(
        &mut self,
        endpoint: String,
        wanted: Vec<wit::Wanted>,
    ) -> wasmtime::Result<Option<String>> {
        let _outside = self.wait()?;
        challenge::bearer(&mut self.access, &endpoint, &wanted)
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
        if account.is_some() {
            self.may_make_tokens()?;
        }
        let wanted: Vec<Entry> = wanted.into_iter().map(Into::into).collect();
        let session = self.access.session(Reason::Tokens)?;
        let signed = session.sign_access(account.as_ref(), &service, &wanted)?;
        self.hide(&signed.secret);
        Ok(signed.into())
    }
}

impl wit::HostAccount for State {
    fn name(&mut self, handle: Resource<SignedIn>) -> wasmtime::Result<String> {
        Ok(self.table.get(&handle)?.0.name().to_string())
    }

    fn id(&mut self, handle: Resource<SignedIn>) -> wasmtime::Result<String> {
        Ok(self.table.get(&handle)?.0.id().to_string())
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
        self.needs_login_grant()?;
        self.may_keep_tokens()?;
        let rules = self.access.token_rules()?;
        if !rules.enabled {
            return Err(HostError::denied(
                "this mount issues no tokens: the configuration has switched them off",
            ));
        }
        let wanted = TokenRequest {
            label: wanted.label,
            read_only: wanted.read_only || rules.read_only,
            scopes: scopes(&self.access.mount()?.name, &wanted.scopes)?,
            lifetime: wanted.lifetime_seconds.map(Duration::from_secs),
            cidr: wanted.networks.iter().map(|network| parse_network(network)).collect::<Result<_, _>>()?,
            ..TokenRequest::default()
        };
        let Issued { token, secret } = self.access.session(Reason::Tokens)?.issue(&account, wanted).await?;
        self.hide(&secret);
        Ok(wit::Issued { token: token.into(), secret: secret.expose_secret().to_owned() })
    }

    async fn list_tokens(&mut self, handle: Resource<SignedIn>) -> Result<Vec<wit::Token>, HostError> {
        let _outside = self.wait()?;
        let account = self.table.get(&handle)?.0.clone();
        self.needs_login_grant()?;
        Ok(self.access.session(Reason::Tokens)?.list(&account).await?.into_iter().map(Into::into).collect())
    }

    async fn revoke_token(&mut self, handle: Resource<SignedIn>, named: String) -> Result<bool, HostError> {
        let _outside = self.wait()?;
        let account = self.table.get(&handle)?.0.clone();
        self.needs_login_grant()?;
        self.may_keep_tokens()?;
        self.access.session(Reason::Tokens)?.verify().await?;
        Ok(self.access.session(Reason::Tokens)?.auth().revoke(&account, &named).await?)
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
            expires: token.end(),
            id: token.id.to_string(),
            hint: token.hint,
            label: token.label,
            created: token.created,
            last_used: token.last_used,
            read_only: token.read_only,
            scopes: token.scopes.iter().map(ToString::to_string).collect(),
            networks: token.cidr.iter().map(ToString::to_string).collect(),
        }
    }
}
