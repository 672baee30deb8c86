//! `/-/packhouse/account`: a user signs in with a browser, makes tokens, copies each secret once, and
//! revokes tokens. The pages are complete without scripts, and contain none.
//!
//! # Layout
//! - `cookies`: the cookies of these pages
//! - `form`: what a browser sends, and whether one of our pages sent it
//! - `view`: the HTML
//!
//! # Invariants
//! - A form that another web site submits changes nothing: it needs a value that only our page contains.
//! - The secret of a token is in one response, and is stored nowhere.
//! - No response of these pages is stored by a cache, shown in a frame, or compressed.

mod cookies;
mod form;
mod view;

use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};
use maud::Markup;
use uuid::Uuid;

pub use self::cookies::Cookies;
use self::form::Form;
pub use self::form::LARGEST as LARGEST_FORM;
use self::view::Notice;
use super::{Asked, Pages, is_secure, no_page, only_reads};
use crate::auth::{Account, AuthError, Issued};
use crate::body::RequestBody;
use crate::respond::{Failure, Part, Reply};

/// The address of the page, below which its forms are sent.
pub(super) const PATH: &str = "/-/packhouse/account";

/// `[auth.account]`.
#[derive(Debug, Clone)]
pub struct AccountPage {
    pub is_enabled: bool,
    /// How long a browser stays signed in.
    pub session_lifetime: Duration,
    /// How long a browser may take to send a form.
    pub patience: Duration,
}

/// The reply to a request for the page, or to one of its forms. `rest` follows [`PATH`].
pub(super) async fn reply(
    pages: &Pages<'_>,
    asked: &Asked<'_>,
    rest: &str,
    body: RequestBody,
) -> Result<Reply, Failure> {
    if !matches!(rest, "" | "/" | "/sign-in" | "/sign-out" | "/tokens" | "/revoke") {
        return Err(no_page());
    }
    if !pages.account.is_enabled {
        return Err(Failure::NotFound("the account page is switched off ([auth.account] `enabled`)".into()));
    }
    let desk = Desk { pages, asked };
    if matches!(rest, "" | "/") {
        only_reads(asked)?;
        return desk.show(StatusCode::OK, None).await;
    }
    if *asked.method != Method::POST {
        return Err(Failure::MethodNotAllowed { allow: "POST".into() });
    }
    let form = Form::receive(body, pages.account.patience).await?;
    if asked.is_from_elsewhere || !asked.cookies.sent(form.proof()) {
        return desk.show(StatusCode::FORBIDDEN, Some(&Notice::Stale)).await;
    }
    match rest {
        "/sign-in" => desk.sign_in(&form).await,
        "/sign-out" => desk.sign_out().await,
        "/tokens" => desk.make(&form).await,
        _ => desk.revoke(&form).await,
    }
}

/// Answers one request.
struct Desk<'a> {
    pages: &'a Pages<'a>,
    asked: &'a Asked<'a>,
}

impl Desk<'_> {
    /// The user's tokens, or the sign-in form.
    async fn show(&self, status: StatusCode, notice: Option<&Notice>) -> Result<Reply, Failure> {
        match self.account().await? {
            Some(account) => self.show_tokens(&account, status, notice).await,
            None => Ok(self.show_sign_in(status, notice)),
        }
    }

    async fn account(&self) -> Result<Option<Account>, Failure> {
        match self.asked.cookies.session() {
            Some(secret) => self.pages.auth.web_session(secret).await.map_err(|error| away(&error)),
            None => Ok(None),
        }
    }

    async fn show_tokens(
        &self,
        account: &Account,
        status: StatusCode,
        notice: Option<&Notice>,
    ) -> Result<Reply, Failure> {
        let tokens = self.pages.auth.list(account).await.map_err(|error| away(&error))?;
        let proof = self.asked.cookies.proof();
        Ok(html(status, |nonce| view::tokens(nonce, account, &tokens, &proof, notice)))
    }

    fn show_sign_in(&self, status: StatusCode, notice: Option<&Notice>) -> Reply {
        let (cookies, set) = self.asked.cookies.for_visitor(self.is_secure());
        let mut reply = html(status, |nonce| view::sign_in(nonce, &cookies.proof(), notice));
        if let Some(set) = set {
            reply.of_the_host.append(header::SET_COOKIE, set);
        }
        reply
    }

    async fn sign_in(&self, form: &Form) -> Result<Reply, Failure> {
        let lifetime = self.pages.account.session_lifetime;
        let (name, password) = (form.text("name"), form.secret("password"));
        let begun = self.pages.auth.begin_web_session(name, &password, self.asked.peer, lifetime).await;
        match begun {
            Ok(session) => {
                let cookie = cookies::session(&session.secret, lifetime, self.is_secure());
                let mut reply = to_the_page();
                reply.of_the_host.append(header::SET_COOKIE, cookie);
                Ok(reply)
            }
            // No 401: a browser would then ask for a password in a window of its own.
            Err(AuthError::Denied(why)) => {
                Ok(self.show_sign_in(StatusCode::FORBIDDEN, Some(&Notice::Problem(why))))
            }
            Err(AuthError::Throttled { seconds }) => {
                let error = AuthError::Throttled { seconds };
                let notice = Notice::Problem(error.to_string());
                let mut reply = self.show_sign_in(StatusCode::TOO_MANY_REQUESTS, Some(&notice));
                reply.of_the_host.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                Ok(reply)
            }
            Err(error) => Err(away(&error)),
        }
    }

    async fn sign_out(&self) -> Result<Reply, Failure> {
        if let Some(secret) = self.asked.cookies.session() {
            self.pages.auth.end_web_session(secret).await.map_err(|error| away(&error))?;
        }
        let mut reply = to_the_page();
        reply.of_the_host.append(header::SET_COOKIE, cookies::no_session(self.is_secure()));
        Ok(reply)
    }

    async fn make(&self, form: &Form) -> Result<Reply, Failure> {
        let Some(account) = self.account().await? else {
            return Ok(self.show_sign_in(StatusCode::FORBIDDEN, Some(&Notice::SignedOut)));
        };
        let made = match form.token_request() {
            Ok(request) => self.pages.auth.issue(&account, &request).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(Issued { token, secret }) => {
                let notice = Notice::Made { label: token.label, secret };
                self.show_tokens(&account, StatusCode::OK, Some(&notice)).await
            }
            Err(AuthError::Denied(why) | AuthError::Invalid(why)) => {
                self.show_tokens(&account, StatusCode::UNPROCESSABLE_ENTITY, Some(&Notice::Problem(why)))
                    .await
            }
            Err(error) => Err(away(&error)),
        }
    }

    async fn revoke(&self, form: &Form) -> Result<Reply, Failure> {
        let Some(account) = self.account().await? else {
            return Ok(self.show_sign_in(StatusCode::FORBIDDEN, Some(&Notice::SignedOut)));
        };
        match self.pages.auth.revoke(&account, form.text("id")).await {
            // A second click on the button finds no token, and the user has what they wanted.
            Ok(_) => Ok(to_the_page()),
            Err(error) => Err(away(&error)),
        }
    }

    /// Whether the browser speaks TLS, here or with a proxy in front.
    fn is_secure(&self) -> bool {
        is_secure(self.asked.scheme, self.asked.public_url)
    }
}

/// Back to the page, with a GET.
fn to_the_page() -> Reply {
    let mut reply = Reply::new(StatusCode::SEE_OTHER);
    reply.headers.insert(header::LOCATION, HeaderValue::from_static(PATH));
    reply.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// A page that a browser shows alone, and that loads nothing. `draw` gets the nonce of its styles.
fn html(status: StatusCode, draw: impl FnOnce(&str) -> Markup) -> Reply {
    let nonce = Uuid::new_v4().simple().to_string();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut reply = Reply::new(status);
    reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    reply.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply.headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        reply.of_the_host.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    (reply.ranges, reply.compression) = (false, false);
    reply.body.push(Part::Bytes(draw(&nonce).into_string().into()));
    reply
}

fn away(error: &AuthError) -> Failure {
    match error {
        AuthError::Busy(_) => Failure::Busy { retry_after: Duration::from_secs(1) },
        AuthError::Gone(_) => Failure::IdentityUnavailable,
        error => {
            tracing::warn!(error = %error, "the account page cannot be shown: {error}");
            Failure::IdentityUnavailable
        }
    }
}
