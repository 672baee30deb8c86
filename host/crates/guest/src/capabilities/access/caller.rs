//! The caller. Questions about permissions are recorded with their answers. Everything else that depends
//! on the caller makes the reply one that cannot be remembered.

use std::time::Duration;

use super::Access;
use crate::capabilities::HostError;
use crate::inputs::{Answer, Question, Reason};
use packhouse_auth::{Account, AuthError, Decision, Owners, Session, TokenServer};

/// What is wrong with the credentials, as far as a plugin has asked about permissions.
#[derive(Clone, Copy)]
pub enum Complaint {
    Rejected,
    Insufficient,
}

impl Access {
    pub async fn check(
        &mut self,
        (kind, name, action): (String, String, String),
        ids: Vec<String>,
        names: Vec<String>,
    ) -> wasmtime::Result<Decision> {
        let (request, inputs) = self.recorded()?;
        let owners = Owners { ids: &ids, names: &names };
        let decision = request.session.check(&kind, &name, &action, owners).await?;
        inputs.asked(Question::Check { kind, name, action, ids, names }, Answer::Decision(decision));
        Ok(decision)
    }

    pub async fn filter(
        &mut self,
        kind: String,
        names: Vec<String>,
        action: String,
    ) -> wasmtime::Result<Vec<String>> {
        let (request, inputs) = self.recorded()?;
        let allowed = request.session.filter(&kind, names.clone(), &action).await?;
        // The allowed names are in the order of all names.
        let mut rest = allowed.iter().peekable();
        let each = names.iter().map(|name| rest.next_if_eq(&name).is_some()).collect();
        inputs.asked(Question::Filter { kind, names, action }, Answer::Each(each));
        Ok(allowed)
    }

    pub fn public(&mut self, kind: String, name: String, action: String) -> wasmtime::Result<bool> {
        let (request, inputs) = self.recorded()?;
        let is_public = request.session.public(&kind, &name, &action);
        inputs.asked(Question::Public { kind, name, action }, Answer::Bool(is_public));
        Ok(is_public)
    }

    pub async fn rejection(&mut self) -> wasmtime::Result<Option<String>> {
        let (request, inputs) = self.recorded()?;
        let rejection = request.session.rejection().await?;
        match rejection {
            None => inputs.asked(Question::Rejection, Answer::Bool(false)),
            Some(_) => inputs.forget(Reason::Rejection),
        }
        Ok(rejection)
    }

    /// What is wrong with the credentials. Looks nothing up.
    pub fn complaint(&mut self) -> wasmtime::Result<Option<Complaint>> {
        let (request, inputs) = self.recorded()?;
        let complaint = if request.session.is_rejected() {
            Some(Complaint::Rejected)
        } else {
            request.session.is_lacking().then_some(Complaint::Insufficient)
        };
        match complaint {
            None => inputs.asked(Question::Rejection, Answer::Bool(false)),
            Some(_) => inputs.forget(Reason::Rejection),
        }
        Ok(complaint)
    }

    pub async fn has_credentials(&mut self) -> wasmtime::Result<bool> {
        let (request, inputs) = self.recorded()?;
        inputs.forget(Reason::Credentials);
        Ok(request.session.caller().await?.has_credentials())
    }

    pub async fn account(&mut self) -> wasmtime::Result<Option<Account>> {
        let (request, inputs) = self.recorded()?;
        inputs.forget(Reason::Caller);
        Ok(request.session.caller().await?.account.clone())
    }

    /// The whole session, for what is done with credentials, tokens and users.
    pub fn session(&mut self, reason: Reason) -> wasmtime::Result<&mut Session> {
        let (request, inputs) = self.recorded()?;
        inputs.forget(reason);
        Ok(&mut request.session)
    }

    /// How long the client should wait before it signs in again. Depends on an earlier sign-in alone,
    /// which is recorded.
    pub fn retry_after(&self) -> wasmtime::Result<Option<Duration>> {
        Ok(self.request()?.session.retry_after())
    }

    /// Where clients get access tokens: depends on the configuration alone.
    pub fn token_server(&self) -> wasmtime::Result<Option<TokenServer<'_>>> {
        Ok(self.request()?.session.token_server())
    }

    /// Who is charged with an upload: the account, or the address of an anonymous client. A plugin does
    /// not learn it.
    pub async fn upload_owner(&mut self) -> Result<String, HostError> {
        let Ok((request, _)) = self.recorded() else { return Ok("maintenance".into()) };
        let owner: Result<String, AuthError> = request.session.counted_as().await;
        Ok(owner.map_err(wasmtime::Error::from)?)
    }
}
