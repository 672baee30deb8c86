//! The sub-commands for groups. It does not know what a grant allows.

use clap::Subcommand;
use uuid::Uuid;

use super::{GRANT, Terminal, print, tell_of_no_effect};
use crate::auth::{Auth, AuthError, Grant, GroupChange, GroupName, UserName};
use crate::ownership::Desk;
use crate::text::printable;

/// `group …`
#[derive(Debug, Clone, Subcommand)]
pub enum GroupCommand {
    /// Add a group
    Add {
        /// 1 to 64 of a-z, 0-9, `.`, `_` and `-`
        name: GroupName,
        /// What its members may do, as MOUNT:KIND:NAME:ACTION, or with a `!` before it, may not do; may be
        /// repeated
        #[arg(long = "grant", value_name = "GRANT", long_help = GRANT)]
        grants: Vec<Grant>,
    },
    /// Give grants to a group, or remove them
    Grant {
        /// The group's name
        name: GroupName,
        /// A permission, as MOUNT:KIND:NAME:ACTION, or with a `!` before it, what is denied; `*` matches
        /// anything
        #[arg(required = true, value_name = "GRANT", long_help = GRANT)]
        grants: Vec<Grant>,
        /// Remove these grants. Those in the configuration stay
        #[arg(long)]
        remove: bool,
    },
    /// Add users to a group, or remove them from it
    Member {
        /// The group's name
        name: GroupName,
        /// The users' names
        #[arg(required = true, value_name = "USER")]
        users: Vec<UserName>,
        /// Remove these users from the group
        #[arg(long)]
        remove: bool,
    },
    /// Remove a group. Its members stay users, and lose what it granted
    Remove {
        /// The group's name
        name: GroupName,
    },
    /// List groups: name, grants, grants in the configuration, members
    List,
}

pub(super) async fn perform(
    command: GroupCommand,
    auth: &Auth,
    desk: &dyn Desk,
    terminal: &mut Terminal<'_>,
) -> Result<(), AuthError> {
    match command {
        GroupCommand::Add { name, grants } => {
            auth.add_group(&name).await?;
            if !grants.is_empty() {
                let change = GroupChange { add_grants: grants.clone(), ..GroupChange::default() };
                auth.change_group(&name, &change).await?;
            }
            terminal.remark(&format!("Added the group {name}."));
            tell_of_no_effect(&grants, desk, terminal).await;
        }
        GroupCommand::Grant { name, grants, remove: false } => {
            let change = GroupChange { add_grants: grants.clone(), ..GroupChange::default() };
            auth.change_group(&name, &change).await?;
            tell_of_no_effect(&grants, desk, terminal).await;
            print_grants(&name, auth, terminal).await?;
        }
        GroupCommand::Grant { name, grants, remove: true } => {
            let there = auth.list_groups().await?.into_iter().find(|group| group.name == name);
            let there = there.map(|group| group.grants).unwrap_or_default();
            if let Some(missing) = grants.iter().find(|grant| !there.contains(grant)) {
                let remedy = if auth.configured_grants(&name).contains(missing) {
                    format!("it is in [auth.groups] {name} of the configuration: remove it there")
                } else {
                    "write it as `group list` shows it".to_owned()
                };
                return Err(AuthError::NotFound(format!("{name} has no grant `{missing}`: {remedy}")));
            }
            let change = GroupChange { remove_grants: grants, ..GroupChange::default() };
            auth.change_group(&name, &change).await?;
            print_grants(&name, auth, terminal).await?;
        }
        GroupCommand::Member { name, users, remove } => {
            let mut ids: Vec<Uuid> = Vec::with_capacity(users.len());
            for user in &users {
                ids.push(auth.account(user.as_str()).await?.id());
            }
            let change = if remove {
                GroupChange { remove_members: ids, ..GroupChange::default() }
            } else {
                GroupChange { add_members: ids, ..GroupChange::default() }
            };
            auth.change_group(&name, &change).await?;
            let group = auth.list_groups().await?.into_iter().find(|group| group.name == name);
            let members = group.map(|group| group.members).unwrap_or_default();
            terminal.remark(&match members.len() {
                0 => format!("{name} has no members now."),
                _ => format!("{name} has these members now:"),
            });
            for member in members {
                terminal.print(member.as_str());
            }
        }
        GroupCommand::Remove { name } => {
            auth.remove_group(&name).await?;
            terminal.remark(&format!("Removed the group {name}."));
            if !auth.configured_grants(&name).is_empty() {
                terminal.remark(&format!("[auth.groups] {name} of the configuration has no effect now, because the group has no members."));
            }
        }
        GroupCommand::List => {
            for group in auth.list_groups().await? {
                let columns = [
                    print::joined(&group.grants),
                    print::joined(auth.configured_grants(&group.name)),
                    print::joined(&group.members),
                ];
                terminal.print(&format!("{}\t{}", group.name, columns.join("\t")));
            }
        }
    }
    Ok(())
}

async fn print_grants(name: &GroupName, auth: &Auth, terminal: &mut Terminal<'_>) -> Result<(), AuthError> {
    let group = auth.list_groups().await?.into_iter().find(|group| group.name == *name);
    let grants = group.map(|group| group.grants).unwrap_or_default();
    terminal.remark(&match grants.len() {
        0 => format!("{name} has no grants now."),
        _ => format!("{name} has these grants now:"),
    });
    for grant in &grants {
        terminal.print(&printable(&grant.to_string()).to_string());
    }
    if !auth.configured_grants(name).is_empty() {
        terminal.remark(&format!("[auth.groups] {name} of the configuration adds more."));
    }
    Ok(())
}
