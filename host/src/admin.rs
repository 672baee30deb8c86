//! The sub-commands for users and tokens: their arguments, what they do and what they print. It does not
//! know where the stores are.
//!
//! # Invariants
//! - A password is never an argument, because other users of the machine can read arguments. It comes
//!   from the terminal or from standard input.
//! - A result that another program may read (a secret, a list) is all that is printed to standard output.
//!   Remarks go to standard error.
//! - A command first removes the access, and then asks what else to remove.

mod consent;
mod explain;
mod groups;
mod ownerships;
mod print;
mod secrets;

use std::io::{self, Write};
use std::time::Duration;

use clap::Subcommand;
use ipnet::IpNet;
use secrecy::ExposeSecret as _;
use uuid::Uuid;

use crate::auth::{Auth, AuthError, Grant, Holder, NewUser, Scope, TokenRequest, UserName, parse_network};
use crate::ownership::Desk;
use crate::text::{LONGEST_LINE, printable, printable_up_to};

use consent::Consent;
pub use groups::GroupCommand;
use ownerships::{Order, settle};
use secrets::Secrets;

/// The meaning of a scope, for `--help`.
const SCOPE: &str = "\
A permission, as MOUNT:KIND:NAME:ACTION

MOUNT   the name of a mount, e.g. of the table [mount.internal]
KIND    a kind of things that the mount's plugin has, e.g. `package`
NAME    the name of one such thing; it may contain `/`, `@` and `:`
ACTION  what is allowed, e.g. `read` or `write`

`*` matches any characters. `plugins/PLUGIN/README.md` lists the kinds and actions of a plugin. When a client lacks a \
permission, the error contains the scope as you write it here.";

/// The meaning of a grant, for `--help`.
const GRANT: &str = "\
A permission, as MOUNT:KIND:NAME:ACTION, or with a `!` before it, what is denied

MOUNT   the name of a mount, e.g. of the table [mount.internal]
KIND    a kind of things that the mount's plugin has, e.g. `package`
NAME    the name of one such thing; it may contain `/`, `@` and `:`
ACTION  what is allowed, e.g. `read` or `write`

`*` matches any characters. The README of each plugin lists its kinds and actions. When a client lacks a \
permission, the error contains the scope as you write it here.

What is denied stays denied, whatever other grant, ownership or [auth] anonymous allows it. Who is denied an \
action is also denied what that implies, except reading; to deny reading, deny `read` (or the action that \
reads), or `*`. Shells read `!` themselves: write it between single quotes, as '!internal:package:secret:read'.";

/// A command of the administrator.
#[derive(Debug, Clone, Subcommand)]
pub enum AdminCommand {
    /// Add, change, remove and list users
    #[command(subcommand)]
    User(UserCommand),
    /// Create, list and revoke tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Add, change, remove and list groups of users
    #[command(subcommand)]
    Group(GroupCommand),
    /// Explain permissions
    #[command(subcommand)]
    Auth(AuthCommand),
}

/// `auth …`
#[derive(Debug, Clone, Subcommand)]
pub enum AuthCommand {
    /// Say whether a user may do something, and which rule decides that
    ///
    /// The first line says `allowed`, `forbidden (403)` or `sign in (401)`. The second one has the rule
    /// that decides, and where it is from. The others are further rules about it: `also` for one that
    /// says the same, and `no effect` for one that lost.
    Explain {
        /// The user's name, or `anonymous` for a caller who has not signed in
        user: UserName,
        /// What the user wants to do, as MOUNT:KIND:NAME:ACTION. The name `*` means everything
        #[arg(value_name = "SCOPE", long_help = SCOPE)]
        scope: Scope,
        /// The id of a token of the user, from `token list`: say what the user may do with it
        #[arg(long, value_name = "ID")]
        token: Option<Uuid>,
    },
}

/// `user …`
#[derive(Debug, Clone, Subcommand)]
pub enum UserCommand {
    /// Add a user; the command asks for the password
    Add {
        /// 1 to 128 of a-z, 0-9, `.`, `_`, `-` and `+`, or an e-mail address
        #[arg(value_parser = new_name)]
        name: UserName,
        /// The user's e-mail address
        #[arg(long)]
        email: Option<String>,
        /// What the user may do, as MOUNT:KIND:NAME:ACTION, or with a `!` before it, may not do; may be
        /// repeated
        #[arg(long = "grant", value_name = "GRANT", long_help = GRANT)]
        grants: Vec<Grant>,
        /// If a list of owners contains only this name, and no account, it means this user, even if a
        /// removed user may have had the name: it is the same person
        #[arg(long)]
        owns_by_name: bool,
        /// Read the password from standard input (one line) instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change the password of a user; the command asks for it
    Passwd {
        /// The user's name
        name: UserName,
        /// Read the password from standard input (one line) instead of asking
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give grants to a user, or remove them
    Grant {
        /// The user's name
        name: UserName,
        /// A permission, as MOUNT:KIND:NAME:ACTION, or with a `!` before it, what is denied; `*` matches
        /// anything
        #[arg(required = true, value_name = "GRANT", long_help = GRANT)]
        grants: Vec<Grant>,
        /// Remove these grants, and list what the user still owns
        ///
        /// Owners of a package may change it without a grant. The exit code is 1 if a mount did not
        /// answer what the user owns there.
        #[arg(long)]
        remove: bool,
        /// With --remove: also remove the user from the owners of the packages that these grants
        /// match. Without it, the command asks, if it runs in a terminal
        #[arg(long, requires = "remove")]
        and_ownerships: bool,
    },
    /// Remove a user and all its tokens, and list what the user still owns
    ///
    /// A removed user in a list of owners has no effect, also for a new user with the same name. The
    /// exit code is 1 if a mount did not answer what the user owns there.
    Remove {
        /// The user's name
        name: UserName,
        /// Also remove the user from the owners of packages. Without it, the command asks, if it runs
        /// in a terminal. You can run this again after the user was removed
        #[arg(long)]
        and_ownerships: bool,
    },
    /// List users and their grants
    List,
}

/// `token …`
#[derive(Debug, Clone, Subcommand)]
pub enum TokenCommand {
    /// Create a token, and print its secret, which is not shown again
    Create {
        /// The user of the token
        user: UserName,
        /// A name by which the user recognises the token
        #[arg(long)]
        label: Option<String>,
        /// The token can only read
        #[arg(long)]
        read_only: bool,
        /// What the token may do, as MOUNT:KIND:NAME:ACTION; may be repeated
        #[arg(long = "scope", value_name = "SCOPE", long_help = SCOPE)]
        scopes: Vec<Scope>,
        /// When the token expires, e.g. 12h, 30d, 1y; by default never
        #[arg(long, value_name = "TIME", value_parser = parse_lifetime)]
        expires: Option<Duration>,
        /// A network from which the token may be used, e.g. 10.0.0.0/8; may be repeated
        #[arg(long, value_name = "NETWORK", value_parser = parse_network)]
        cidr: Vec<IpNet>,
    },
    /// List tokens, without their secrets
    List {
        /// Only the tokens of this user
        user: Option<UserName>,
    },
    /// Revoke a token; it is effective on running servers within a second
    Revoke {
        /// The id of the token, from `token list`
        id: Uuid,
    },
}

/// Runs the command in the terminal of this process. False if the command was done, but the packages
/// of a user could not all be found or changed.
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

/// Rejects stores in memory, because a change made here would not reach the server.
fn check_lasting(command: &AdminCommand, auth: &Auth) -> Result<(), AuthError> {
    let (key, what) = match command {
        _ if !auth.has_lasting_users() => ("user_store", "users"),
        AdminCommand::Token(_) | AdminCommand::Auth(AuthCommand::Explain { token: Some(_), .. })
            if !auth.has_lasting_tokens() =>
        {
            ("token_store", "tokens")
        }
        AdminCommand::User(_) | AdminCommand::Token(_) | AdminCommand::Group(_) | AdminCommand::Auth(_) => {
            return Ok(());
        }
    };
    Err(AuthError::Invalid(format!(
        "[auth] {key} = \"memory\" keeps {what} in the server's own memory: set it to \"database\" to look after them from here"
    )))
}

/// The input and the output of a command.
struct Terminal<'a> {
    output: &'a mut (dyn Write + Send),
    remarks: &'a mut (dyn Write + Send),
    secrets: &'a Secrets,
    consent: Consent,
}

impl Terminal<'_> {
    /// If the reader has gone away, the command has not failed.
    fn print(&mut self, text: &str) {
        let _ = writeln!(self.output, "{text}");
    }

    fn remark(&mut self, text: &str) {
        let _ = writeln!(self.remarks, "{}", printable_up_to(text, LONGEST_LINE));
    }

    /// A list below a remark. Clients may have chosen the names in it.
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
        AdminCommand::Group(command) => groups::perform(command, auth, desk, terminal).await.map(|()| true),
        AdminCommand::Auth(AuthCommand::Explain { user, scope, token }) => {
            explain::tell(&user, &scope, token, auth, desk, terminal).await
        }
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
        UserCommand::Grant { name, grants, remove: false, .. } => {
            auth.grant(name.as_str(), &grants).await?;
            tell_of_no_effect(&grants, desk, terminal).await;
            print::grants(auth, &name, None, terminal).await?;
        }
        UserCommand::Grant { name, grants, remove: true, and_ownerships } => {
            let account = auth.account(name.as_str()).await?;
            let own = auth.own_grants(name.as_str()).await?;
            let missing = grants.iter().find(|grant| !own.contains(grant));
            // With the flag, a grant that is gone already still names what to revoke.
            if let (Some(grant), false) = (missing, and_ownerships) {
                return Err(AuthError::NotFound(format!(
                    "{name} has no grant `{grant}`: write it as `user list` shows it"
                )));
            }
            auth.withdraw(name.as_str(), &grants).await?;
            let scopes: Vec<Scope> = grants.iter().filter_map(Grant::allowed).cloned().collect();
            if scopes.is_empty() {
                // Only rules that deny are gone, which takes nothing away.
                print::grants(auth, &name, None, terminal).await?;
                return Ok(true);
            }
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

/// Warns about grants that match nothing. The mount may be added later.
async fn tell_of_no_effect(grants: &[Grant], desk: &dyn Desk, terminal: &mut Terminal<'_>) {
    if grants.is_empty() {
        return;
    }
    let targets = desk.targets().await;
    for remark in grants.iter().filter_map(|grant| targets.remark(grant)) {
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
            let request =
                TokenRequest { label, read_only, scopes, lifetime: expires, cidr, ..TokenRequest::default() };
            let issued = auth.issue(&account, &request).await?;
            let scopes: Vec<Grant> = request.scopes.into_iter().map(Grant::from).collect();
            tell_of_no_effect(&scopes, desk, terminal).await;
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
/// The name of a user to add.
fn new_name(text: &str) -> Result<UserName, AuthError> {
    let name = UserName::parse(text)?;
    name.check_new()?;
    Ok(name)
}

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
