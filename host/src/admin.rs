//! The sub-commands that look after users and tokens: their arguments, what they do and
//! what they print. It must not know where the store is, nor how it is reached.
//!
//! # Invariants
//! - A password is never an argument, which others on the machine could read: it comes
//!   from the terminal or from standard input.
//! - What another program may want to read (a secret, a list) is printed alone on the
//!   output; remarks for people go to the other.
//! - Access is taken away first, and asked about afterwards.

mod consent;
mod ownerships;
mod print;
mod secrets;

use std::io::{self, Write};
use std::time::Duration;

use clap::Subcommand;
use ipnet::IpNet;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::auth::{Auth, AuthError, Holder, NewUser, Scope, TokenRequest, UserName, parse_network};
use crate::ownership::Desk;
use crate::text::{LONGEST_LINE, printable, printable_up_to};

use consent::Consent;
use ownerships::{Order, settle};
use secrets::Secrets;

/// What a scope is, for `--help`.
const SCOPE: &str = "\
A permission, as MOUNT:KIND:NAME:ACTION

MOUNT   the name of a mount, e.g. of the table [mount.internal]
KIND    a kind of things that the mount's plugin has, e.g. packages
NAME    the name of one such thing; it may contain `/`, `@` and `:`
ACTION  what is allowed, e.g. `read` or `write`

`*` matches any run of characters. The README of each plugin lists its kinds and actions. An error that \
tells a client which permission is missing prints the scope as it is written here.";

/// What the administrator orders.
#[derive(Debug, Clone, Subcommand)]
pub enum AdminCommand {
    /// Look after the users
    #[command(subcommand)]
    User(UserCommand),
    /// Look after the tokens of users
    #[command(subcommand)]
    Token(TokenCommand),
}

/// `user …`
#[derive(Debug, Clone, Subcommand)]
pub enum UserCommand {
    /// Add a user; asks for the password
    Add {
        /// 1 to 128 of a-z, 0-9, `.`, `_`, `-`, `+` and `@`, e.g. an address for mail
        name: UserName,
        /// An address for mail
        #[arg(long)]
        email: Option<String>,
        /// What the user may do, as MOUNT:KIND:NAME:ACTION; may be repeated
        #[arg(long = "grant", value_name = "SCOPE", long_help = SCOPE)]
        grants: Vec<Scope>,
        /// Packages whose owner lists hold only this name, and no account, belong to this
        /// user, even if a removed user may have had the name: it is the same person
        #[arg(long)]
        owns_by_name: bool,
        /// Read the password from standard input (one line) instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// Set another password; asks for it
    Passwd {
        /// The user's name
        name: UserName,
        /// Read the password from standard input (one line) instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// Allow more, or with --remove less
    Grant {
        /// The user's name
        name: UserName,
        /// A permission, as MOUNT:KIND:NAME:ACTION; `*` matches anything
        #[arg(required = true, value_name = "SCOPE", long_help = SCOPE)]
        scopes: Vec<Scope>,
        /// Take these grants away instead, and list what the user still owns
        ///
        /// Owners of a package may change it without a grant. Exit code 1 when a mount could
        /// not be asked what the user owns there.
        #[arg(long)]
        remove: bool,
        /// With --remove: also revoke the user's ownership of the packages that these scopes
        /// name; without it, you are asked on a terminal
        #[arg(long, requires = "remove")]
        and_ownerships: bool,
    },
    /// Remove a user and all its tokens, and list what the user still owns
    ///
    /// A removed user's ownerships have no effect any more, also for a new user of the same
    /// name. Exit code 1 when a mount could not be asked what the user owns there.
    Remove {
        /// The user's name
        name: UserName,
        /// Also take the user off the owner lists of packages; without it, you are asked on a
        /// terminal. May be repeated when the user is gone already
        #[arg(long)]
        and_ownerships: bool,
    },
    /// List the users and what they may do
    List,
}

/// `token …`
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print its secret, this once
    Create {
        /// Whose token it is
        user: UserName,
        /// To recognise it by
        #[arg(long)]
        label: Option<String>,
        /// It shall only read
        #[arg(long)]
        read_only: bool,
        /// Narrow it to this, as MOUNT:KIND:NAME:ACTION; may be repeated
        #[arg(long = "scope", value_name = "SCOPE", long_help = SCOPE)]
        scopes: Vec<Scope>,
        /// How long it lives, e.g. 12h, 30d, 1y; without it, for ever
        #[arg(long, value_name = "TIME", value_parser = parse_lifetime)]
        expires: Option<Duration>,
        /// A network it may be used from, e.g. 10.0.0.0/8; may be repeated
        #[arg(long, value_name = "NETWORK", value_parser = parse_network)]
        cidr: Vec<IpNet>,
    },
    /// List tokens; never their secrets
    List {
        /// Only those of this user
        user: Option<UserName>,
    },
    /// Revoke a token; running servers follow within a second
    Revoke {
        /// As `token list` shows it
        id: Uuid,
    },
}

/// Does what was ordered, with this process's terminal. False when it was done and something
/// about what a user owns could not be found out or changed.
///
/// # Errors
/// One sentence that says what to do.
pub async fn run(command: AdminCommand, auth: &Auth, desk: &dyn Desk) -> Result<bool, AuthError> {
    check_lasting(&command, auth)?;
    let (mut output, mut remarks) = (io::stdout(), io::stderr());
    let mut terminal = Terminal {
        output: &mut output,
        remarks: &mut remarks,
        secrets: &Secrets::OfProcess,
        consent: Consent::OfProcess,
    };
    perform(command, auth, desk, &mut terminal).await
}

/// What is done here must be there when the server looks.
fn check_lasting(command: &AdminCommand, auth: &Auth) -> Result<(), AuthError> {
    let (key, what) = match command {
        _ if !auth.has_lasting_users() => ("user_store", "users"),
        AdminCommand::Token(_) if !auth.has_lasting_tokens() => ("token_store", "tokens"),
        AdminCommand::User(_) | AdminCommand::Token(_) => return Ok(()),
    };
    Err(AuthError::Invalid(format!(
        "[auth] {key} = \"memory\" keeps {what} in the server's own memory: set it to \"database\" to look after them from here"
    )))
}

/// What a command reads from and prints to.
struct Terminal<'a> {
    output: &'a mut (dyn Write + Send),
    remarks: &'a mut (dyn Write + Send),
    secrets: &'a Secrets,
    consent: Consent,
}

impl Terminal<'_> {
    /// A reader that went away is no failure of what was done.
    fn print(&mut self, text: &str) {
        let _ = writeln!(self.output, "{text}");
    }

    fn remark(&mut self, text: &str) {
        let _ = writeln!(self.remarks, "{}", printable_up_to(text, LONGEST_LINE));
    }

    /// A list below a remark. What is listed may be named by clients.
    fn remark_each(&mut self, items: &[impl std::fmt::Display]) {
        for item in items {
            let _ = writeln!(self.remarks, "  {}", printable(&item.to_string()));
        }
    }
}

async fn perform(
    command: AdminCommand,
    auth: &Auth,
    desk: &dyn Desk,
    terminal: &mut Terminal<'_>,
) -> Result<bool, AuthError> {
    match command {
        AdminCommand::User(command) => look_after_users(command, auth, desk, terminal).await,
        AdminCommand::Token(command) => look_after_tokens(command, auth, desk, terminal).await.map(|()| true),
    }
}

async fn look_after_users(
    command: UserCommand,
    auth: &Auth,
    desk: &dyn Desk,
    terminal: &mut Terminal<'_>,
) -> Result<bool, AuthError> {
    match command {
        UserCommand::Add { name, email, grants, owns_by_name, password_stdin } => {
            if auth.user_exists(name.as_str()).await? {
                return Err(AuthError::user_exists(&name));
            }
            let password = terminal.secrets.read(&name, password_stdin).await?;
            let user = NewUser { name: name.clone(), email, grants: grants.clone(), owns_by_name };
            auth.add_user(user, &password).await?;
            terminal.remark(&format!("Added the user {name}."));
            if !auth.account(name.as_str()).await?.holder().owns_by_name {
                terminal.remark(&format!("A removed user may have had the name {name}. So packages whose owner lists hold this name without an account do not belong to the new user; if it is the same person, remove the user and add it again with --owns-by-name."));
            }
            tell_of_no_effect(&grants, desk, terminal).await;
        }
        UserCommand::Passwd { name, password_stdin } => {
            auth.account(name.as_str()).await?;
            let password = terminal.secrets.read(&name, password_stdin).await?;
            auth.set_password(name.as_str(), &password).await?;
            terminal.remark(&format!("Changed the password of {name}; its tokens stay valid."));
        }
        UserCommand::Grant { name, scopes, remove: false, .. } => {
            auth.grant(name.as_str(), &scopes).await?;
            tell_of_no_effect(&scopes, desk, terminal).await;
            print::grants(auth, &name, None, terminal).await?;
        }
        UserCommand::Grant { name, scopes, remove: true, and_ownerships } => {
            let account = auth.account(name.as_str()).await?;
            let missing = scopes.iter().find(|scope| !account.grants().contains(scope));
            // With the flag, a grant that is gone already still names what to revoke.
            if let (Some(scope), false) = (missing, and_ownerships) {
                return Err(AuthError::NotFound(format!(
                    "{name} has no grant `{scope}`: look at `user list` and name it as it stands there"
                )));
            }
            auth.withdraw(name.as_str(), &scopes).await?;
            let order = Order { and_ownerships, within: Some(&scopes), is_removed: false };
            let standing = settle(&account.holder(), &order, desk, terminal).await;
            print::grants(auth, &name, Some(&standing), terminal).await?;
            return Ok(standing.unknown.is_empty() && !standing.has_failed);
        }
        UserCommand::Remove { name, and_ownerships } => {
            return remove_user(&name, and_ownerships, auth, desk, terminal).await;
        }
        UserCommand::List => print::users(auth, terminal).await?,
    }
    Ok(true)
}

/// Says which scopes are about nothing that there is. The mount may be added later.
async fn tell_of_no_effect(scopes: &[Scope], desk: &dyn Desk, terminal: &mut Terminal<'_>) {
    if scopes.is_empty() {
        return;
    }
    let targets = desk.targets().await;
    for remark in scopes.iter().filter_map(|scope| targets.remark(scope)) {
        terminal.remark(&format!("Warning: {remark}."));
    }
}

async fn remove_user(
    name: &UserName,
    and_ownerships: bool,
    auth: &Auth,
    desk: &dyn Desk,
    terminal: &mut Terminal<'_>,
) -> Result<bool, AuthError> {
    let holders: Vec<Holder> = match auth.account(name.as_str()).await {
        Ok(account) => {
            auth.remove_user(name.as_str()).await?;
            terminal.remark(&format!("Removed the user {name} and its tokens."));
            vec![account.holder()]
        }
        Err(AuthError::NotFound(sentence)) => {
            let removed = auth.removed_users(name.as_str()).await?;
            if removed.is_empty() || !and_ownerships {
                return Err(AuthError::NotFound(sentence));
            }
            terminal.remark(&format!("The user {name} was removed before."));
            removed
        }
        Err(error) => return Err(error),
    };
    let order = Order { and_ownerships, within: None, is_removed: true };
    let mut is_known = true;
    for holder in holders {
        let standing = settle(&holder, &order, desk, terminal).await;
        is_known &= standing.unknown.is_empty() && !standing.has_failed;
        if standing.is_clear() {
            terminal.remark(&format!("No owner list names the removed user {name} any more."));
        }
    }
    Ok(is_known)
}

async fn look_after_tokens(
    command: TokenCommand,
    auth: &Auth,
    desk: &dyn Desk,
    terminal: &mut Terminal<'_>,
) -> Result<(), AuthError> {
    match command {
        TokenCommand::Create { user, label, read_only, scopes, expires, cidr } => {
            let account = auth.account(user.as_str()).await?;
            let request = TokenRequest {
                label,
                read_only,
                scopes,
                lifetime: expires,
                cidr,
                mount: None,
                actions: None,
            };
            let issued = auth.issue(&account, &request).await?;
            tell_of_no_effect(&request.scopes, desk, terminal).await;
            terminal.remark(&format!(
                "Made the token {} of {user}. Its secret is shown this once:",
                issued.token.id
            ));
            terminal.print(issued.secret.expose_secret());
        }
        TokenCommand::List { user } => print::tokens(auth, user.as_ref(), terminal).await?,
        TokenCommand::Revoke { id } => {
            let remark = match auth.revoke_any(id).await? {
                0 => {
                    return Err(AuthError::NotFound(format!(
                        "there is no token `{id}`: look at `token list`"
                    )));
                }
                1 => format!("Revoked the token {id}."),
                2 => format!("Revoked the token {id}, and one token that was made with it."),
                all => format!("Revoked the token {id}, and {} tokens that were made with it.", all - 1),
            };
            terminal.remark(&remark);
        }
    }
    Ok(())
}

/// Reads a span such as `90s`, `15m`, `12h`, `30d`, `4w` or `1y`.
fn parse_lifetime(text: &str) -> Result<Duration, AuthError> {
    let refuse = || {
        AuthError::Invalid(format!(
            "`{}` is not a length of time: write e.g. `12h`, `30d` or `1y`",
            text.escape_debug()
        ))
    };
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refuse)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        "y" => 365 * 24 * 60 * 60,
        _ => return Err(refuse()),
    };
    let number = number.parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(refuse)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests;
