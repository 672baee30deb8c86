//! Shows what a user still owns when an administrator takes access away, and can revoke that too.
//! It does not know how owner lists are stored.
//!
//! # Invariants
//! - A mount that did not answer is named, so that the list never seems complete when it is not.

use super::Terminal;
use crate::auth::identity::FRESH;
use crate::auth::{Holder, Resource, Scope};
use crate::ownership::{Desk, Inventory, Thing, Unknown};

/// The administrator's options.
pub(super) struct Order<'a> {
    /// Revoke without asking.
    pub and_ownerships: bool,
    /// Revoke only what these scopes cover; none for everything.
    pub within: Option<&'a [Scope]>,
    /// Whether the user is removed already. Then the listed entries have no effect any more.
    pub is_removed: bool,
}

/// What the user still owns after the command.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub left: Vec<Thing>,
    pub unknown: Vec<Unknown>,
    /// Whether something was not revoked that should have been.
    pub has_failed: bool,
}

impl Standing {
    /// Whether the user is known to own nothing.
    pub(super) fn is_clear(&self) -> bool {
        self.left.is_empty() && self.unknown.is_empty()
    }
}

/// Lists what the user owns, and revokes it if that was ordered or confirmed. Returns what the user
/// still owns afterwards.
pub(super) async fn settle(
    holder: &Holder,
    order: &Order<'_>,
    desk: &dyn Desk,
    terminal: &mut Terminal<'_>,
) -> Standing {
    // A running host may use removed permissions for this long. Until then, the user could publish
    // and become an owner again. After the wait, the list is true.
    tokio::time::sleep(FRESH).await;
    let Inventory { things, unknown } = desk.owned_by(holder).await;
    let name = &holder.name;
    let (meant, mut left): (Vec<Thing>, Vec<Thing>) =
        things.into_iter().partition(|thing| order.within.is_none_or(|scopes| is_named(scopes, thing)));
    if !left.is_empty() {
        terminal.remark(&format!("{name} is also an owner of these, which the scopes do not name:"));
        terminal.remark_each(&left);
    }
    let mut has_failed = false;
    if !meant.is_empty() {
        terminal.remark(&if order.is_removed {
            format!(
                "These still list {name} as an owner, which has no effect, also for a new user of that name:"
            )
        } else {
            format!("{name} is an owner of these, and may change them without a grant:")
        });
        terminal.remark_each(&meant);
        if is_agreed(order, terminal).await {
            let failed = desk.disown(holder, &meant).await;
            tell_revoked(name.as_str(), meant.len(), &failed, terminal);
            has_failed = !failed.is_empty();
            left.extend(failed.into_iter().map(|(thing, _)| thing));
        } else {
            left.extend(meant);
        }
    }
    tell_unknown(holder, order, &unknown, terminal);
    left.sort();
    Standing { left, unknown, has_failed }
}

async fn is_agreed(order: &Order<'_>, terminal: &mut Terminal<'_>) -> bool {
    if order.and_ownerships {
        return true;
    }
    let answer = terminal.consent.ask("Revoke these ownerships too?").await;
    if answer.is_none() {
        terminal.remark("To revoke these too, run the same command again with --and-ownerships.");
    }
    answer.unwrap_or(false)
}

fn tell_revoked(name: &str, count: usize, failed: &[(Thing, String)], terminal: &mut Terminal<'_>) {
    for (thing, why) in failed {
        let why = why.replace(char::is_control, " ");
        terminal.remark(&format!("{name} is still listed as an owner of {thing}: {why}"));
    }
    let done = count.saturating_sub(failed.len());
    let these = if done == 1 { "1 of these".to_owned() } else { format!("{done} of these") };
    terminal.remark(&format!("Revoked: {name} is no longer an owner of {these}."));
}

fn tell_unknown(holder: &Holder, order: &Order<'_>, unknown: &[Unknown], terminal: &mut Terminal<'_>) {
    let name = &holder.name;
    for Unknown { mount, why } in unknown {
        let place = mount.as_ref().map_or("here".to_owned(), |mount| format!("on the mount {mount}"));
        let effect = if order.is_removed {
            "An entry that is left there has no effect any more."
        } else {
            "An owner may change a package without a grant."
        };
        let why = why.replace(char::is_control, " ");
        terminal.remark(&format!("What {name} owns {place} is not known: {why}. {effect}"));
    }
}

fn is_named(scopes: &[Scope], thing: &Thing) -> bool {
    let resource = Resource { protocol: &thing.mount, kind: &thing.kind, name: &thing.name };
    scopes.iter().any(|scope| scope.is_about(&resource))
}
