//! The HTML of the account page. `maud` escapes every text.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use secrecy::{ExposeSecret as _, SecretString};

use super::PATH;
use crate::auth::{Account, Token};
use crate::text::printable;

/// The most tokens on the page.
const MOST: usize = 500;

/// What the last form led to.
pub(super) enum Notice {
    /// A token was made.
    Made { label: Option<String>, secret: SecretString },
    /// A sentence about what is wrong.
    Problem(String),
    /// The form was not one of ours, or it was shown before the last sign-in or sign-out.
    Stale,
    /// The session ended before the form was sent.
    SignedOut,
}

const STYLE: &str = "
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
header { display: flex; gap: 1rem; align-items: baseline; justify-content: space-between; flex-wrap: wrap; }
label { display: block; margin-top: .8rem; font-weight: 600; }
label.check { font-weight: 400; }
input[type=text], input[type=password], textarea, select {
  font: inherit; width: 100%; max-width: 28rem; padding: .4rem; box-sizing: border-box; }
button { font: inherit; padding: .4rem 1rem; margin-top: 1rem; }
td button, header button { margin: 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .6rem .4rem 0; border-bottom: 1px solid #8886; vertical-align: top; }
.notice { padding: .6rem 1rem; border-left: .3rem solid #888; background: #8882; }
.problem { border-color: #c33; }
.made { border-color: #393; }
code { font: .95rem ui-monospace, monospace; overflow-wrap: anywhere; user-select: all; }
small { display: block; font-weight: 400; }
";

fn document(nonce: &str, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Packhouse" }
                style nonce=(nonce) { (PreEscaped(STYLE)) }
            }
            body { (content) }
        }
    }
}

/// The sign-in form.
pub(super) fn sign_in(nonce: &str, proof: &str, notice: Option<&Notice>) -> Markup {
    let content = html! {
        main {
            h1 { "Sign in" }
            (shown(notice))
            form method="post" action={ (PATH) "/sign-in" } {
                input type="hidden" name="form" value=(proof);
                label for="name" { "User name" }
                input type="text" id="name" name="name" autocomplete="username" autocapitalize="none" required autofocus;
                label for="password" { "Password" }
                input type="password" id="password" name="password" autocomplete="current-password" required;
                button { "Sign in" }
            }
        }
    };
    document(nonce, "Sign in", &content)
}

/// The tokens of a user.
pub(super) fn tokens(
    nonce: &str,
    account: &Account,
    tokens: &[Token],
    proof: &str,
    notice: Option<&Notice>,
) -> Markup {
    let content = html! {
        header {
            p { "Signed in as " strong { (account.name()) } }
            form method="post" action={ (PATH) "/sign-out" } {
                input type="hidden" name="form" value=(proof);
                button { "Sign out" }
            }
        }
        main {
            h1 { "Access tokens" }
            (shown(notice))
            p { "A client sends a token in place of your password. A token can do what you can do, or less." }
            (list(tokens, proof))
            h2 { "Create a token" }
            (creation(proof))
            h2 { "Your permissions" }
            @if account.grants().is_empty() {
                p { "You have no permissions beyond those of everybody." }
            } @else {
                ul { @for grant in account.grants() { li { code { (grant) } } } }
            }
        }
    };
    document(nonce, "Access tokens", &content)
}

fn list(tokens: &[Token], proof: &str) -> Markup {
    html! {
        @if tokens.is_empty() {
            p { "You have no tokens." }
        } @else {
            table {
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Limits" } th scope="col" { "Created" }
                    th scope="col" { "Last used" } th scope="col" { "Expires" } th scope="col" { "" }
                } }
                tbody { @for token in tokens.iter().rev().take(MOST) {
                    tr {
                        td { (token.label.as_deref().unwrap_or("without a name")) small { code { (token.hint) "…" } } }
                        td { @for limit in limits(token) { div { (limit) } } }
                        td { (day(token.created)) }
                        td { (token.last_used.map_or("never".to_owned(), day)) }
                        td { (token.end().map_or("never".to_owned(), day)) }
                        td {
                            form method="post" action={ (PATH) "/revoke" } {
                                input type="hidden" name="form" value=(proof);
                                input type="hidden" name="id" value=(token.id);
                                button aria-label={ "Revoke " (token.label.as_deref().unwrap_or(&token.hint)) } { "Revoke" }
                            }
                        }
                    }
                } }
            }
            @if tokens.len() > MOST { p { "These are the newest " (MOST) " of " (tokens.len()) " tokens." } }
        }
    }
}

fn creation(proof: &str) -> Markup {
    html! {
        form method="post" action={ (PATH) "/tokens" } {
            input type="hidden" name="form" value=(proof);
            label for="label" { "Name" small { "For example the computer or the job that uses it." } }
            input type="text" id="label" name="label" maxlength="200" required;
            label for="days" { "Expires after" }
            select id="days" name="days" {
                option value="7" { "7 days" }
                option value="30" selected { "30 days" }
                option value="90" { "90 days" }
                option value="365" { "1 year" }
                option value="never" { "never" }
            }
            label class="check" { input type="checkbox" name="read_only" value="yes"; " It can only read" }
            label for="scopes" {
                "Scopes (optional)"
                small { "One in a line, for example " code { "internal:package:@team/*:write" } ". Without scopes, the token can do what you can do." }
            }
            textarea id="scopes" name="scopes" rows="3" spellcheck="false" {}
            label for="networks" {
                "Networks (optional)"
                small { "One in a line, for example " code { "10.0.0.0/8" } ". Without networks, the token can be used everywhere." }
            }
            textarea id="networks" name="networks" rows="2" spellcheck="false" {}
            button { "Create token" }
        }
    }
}

fn shown(notice: Option<&Notice>) -> Markup {
    html! {
        @match notice {
            None => {}
            Some(Notice::Made { label, secret }) => {
                div class="notice made" role="status" {
                    p { "The token " strong { (label.as_deref().unwrap_or_default()) } " was created. Copy it now: it is not shown again." }
                    p { code id="secret" { (secret.expose_secret()) } }
                }
            }
            Some(Notice::Problem(why)) => p class="notice problem" role="alert" { (sentence(why)) }
            Some(Notice::Stale) => p class="notice problem" role="alert" { "This form was out of date, and nothing was changed. Please try again." }
            Some(Notice::SignedOut) => p class="notice problem" role="alert" { "You were signed out, and nothing was changed. Please sign in again." }
        }
    }
}

/// What a token cannot do.
fn limits(token: &Token) -> Vec<String> {
    let mut limits: Vec<String> = Vec::new();
    if token.read_only {
        limits.push("only reads".to_owned());
    }
    limits.extend(token.scopes.iter().map(ToString::to_string));
    limits.extend(token.cidr.iter().map(|network| format!("from {network}")));
    limits.extend(token.mount.iter().map(|mount| format!("only at the mount {mount}")));
    limits
}

/// The first letter of an error becomes a capital, and the sentence gets its end.
fn sentence(text: &str) -> String {
    let text = printable(text).to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// `2026-11-30`, in UTC.
fn day(millis: u64) -> String {
    // The last moment that the format can express.
    const LATEST: u64 = 253_402_300_799_000;
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis.min(LATEST));
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}
