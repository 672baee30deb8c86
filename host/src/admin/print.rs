//! Lists users and tokens: one line each, with tabs between the columns. It changes nothing, and
//! never sees a secret. Labels, addresses and scopes may come from clients, so all these columns
//! are escaped.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Terminal;
use super::ownerships::Standing;
use crate::auth::{Auth, AuthError, Token, UserName};
use crate::text::printable;

/// `NAME  EMAIL  GRANTS`
pub(super) async fn users(auth: &Auth, terminal: &mut Terminal<'_>) -> Result<(), AuthError> {
    for user in auth.list_users().await? {
        let email = user.email.unwrap_or_else(|| "-".to_owned());
        terminal.print(&format!("{}\t{}\t{}", user.name, printable(&email), joined(&user.grants)));
    }
    Ok(())
}

/// The grants of one user after a change, one per line. `standing` is what the user owns, if that was asked.
pub(super) async fn grants(
    auth: &Auth,
    name: &UserName,
    standing: Option<&Standing>,
    terminal: &mut Terminal<'_>,
) -> Result<(), AuthError> {
    let own = auth.own_grants(name.as_str()).await?;
    match (own.is_empty(), standing) {
        (true, Some(standing)) if standing.is_clear() => terminal
            .remark(&format!("{name} has no grants now and owns nothing: it may do what everybody may.")),
        (true, _) => terminal.remark(&format!("{name} has no grants now.")),
        (false, Some(standing)) if standing.is_clear() => {
            terminal.remark(&format!("{name} owns nothing, and has these grants now:"));
        }
        (false, _) => terminal.remark(&format!("{name} has these grants now:")),
    }
    for grant in &own {
        terminal.print(&printable(&grant.to_string()).to_string());
    }
    terminal.remark("A running server follows within a second.");
    Ok(())
}

/// `ID  OWNER  HINT…  LABEL  access  created  used  expires  scopes  networks  mount  parent`
pub(super) async fn tokens(
    auth: &Auth,
    user: Option<&UserName>,
    terminal: &mut Terminal<'_>,
) -> Result<(), AuthError> {
    if let Some(user) = user {
        auth.account(user.as_str()).await?;
    }
    let owners = auth.list_users().await?;
    for token in auth.list_all_tokens().await? {
        let owner = owners.iter().find(|owner| owner.id == token.owner);
        if user.is_some_and(|user| owner.is_none_or(|owner| owner.name != *user)) {
            continue;
        }
        terminal.print(&line(&token, owner.map_or("-", |owner| owner.name.as_str())));
    }
    Ok(())
}

fn line(token: &Token, owner: &str) -> String {
    let mut columns = vec![token.id.to_string(), owner.to_owned(), format!("{}…", token.hint)];
    columns.push(token.label.as_deref().map_or("-".to_owned(), |label| printable(label).to_string()));
    columns.push(if token.read_only { "read-only" } else { "full" }.to_owned());
    columns.push(format!("created {}", moment(token.created)));
    columns.push(token.last_used.map_or("never used".to_owned(), |used| format!("used {}", moment(used))));
    columns.push(token.end().map_or("no end".to_owned(), |end| {
        let word =
            if UNIX_EPOCH + Duration::from_millis(end) <= SystemTime::now() { "expired" } else { "expires" };
        format!("{word} {}", moment(end))
    }));
    columns.push(if token.scopes.is_empty() { "all scopes".to_owned() } else { joined(&token.scopes) });
    columns.push(if token.cidr.is_empty() { "any network".to_owned() } else { joined(&token.cidr) });
    columns.push(token.mount.as_ref().map_or("any mount".to_owned(), |mount| format!("only {mount}")));
    columns.push(token.parent.map_or("no parent".to_owned(), |parent| format!("made with {parent}")));
    columns.join("\t")
}

fn moment(millis: u64) -> String {
    // Only the distant expiry of a token is outside of the range of dates.
    const LATEST: u64 = 253_402_300_799_000;
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(millis.min(LATEST)))
}

pub(super) fn joined(items: &[impl ToString]) -> String {
    if items.is_empty() {
        return "-".to_owned();
    }
    items.iter().map(|item| printable(&item.to_string()).to_string()).collect::<Vec<_>>().join(" ")
}
