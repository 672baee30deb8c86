//! Says what a user, a token or an anonymous caller may do, and which rule decides that. It decides
//! nothing itself.

use uuid::Uuid;

use super::Terminal;
use crate::auth::{
    Area, Auth, AuthError, Caller, Decision, Explanation, Grant, Origin, Owners, Question, Reason, Resource,
    Scope, UserName,
};
use crate::ownership::{Desk, Thing};
use crate::text::printable;

/// As the name of a user: a caller who has not signed in.
const NOBODY: &str = "anonymous";

/// Prints the decision, the rule that decides, and the other rules about it. False if it depends on an
/// ownership that is not known.
pub(super) async fn tell(
    user: &UserName,
    scope: &Scope,
    token: Option<Uuid>,
    auth: &Auth,
    desk: &dyn Desk,
    terminal: &mut Terminal<'_>,
) -> Result<bool, AuthError> {
    let Parts { mount, kind, name, action } = Parts::of(scope)?;
    let area = desk.area(&mount).await.map_err(AuthError::NotFound)?;
    if !area.actions.has(&kind, &action) {
        return Err(AuthError::NotFound(unknown(scope, desk).await));
    }
    let caller = caller(user, token, &mount, auth, terminal).await?;
    let asked = Question {
        anonymous: area.anonymous.as_deref(),
        resource: Resource { protocol: &mount, kind: &kind, name: &name },
        action: &action,
        actions: &area.actions,
    };
    let explained = auth.explain(&asked, &caller, Owners::default());
    let (mut is_known, mut is_owner) = (true, false);
    if let Some(account) = &caller.account {
        let own = [account.id().to_string()];
        let as_owner = auth.explain(&asked, &caller, Owners { ids: &own, names: &[] });
        if as_owner.decision != explained.decision || as_owner.reason != explained.reason {
            if area.actions.reads(&kind, &action) {
                terminal.remark("An ownership does not allow reading: that needs a grant.");
            } else {
                let thing = Thing { mount: mount.clone(), kind: kind.clone(), name: name.clone() };
                match desk.owns(&account.holder(), &thing).await {
                    Ok(owns) => is_owner = owns,
                    Err(why) => {
                        let why = why.replace(char::is_control, " ");
                        terminal.remark(&format!("Whether {user} is an owner is not known: {why}."));
                        is_known = false;
                    }
                }
            }
        }
        let ids = if is_owner { &own[..] } else { &[] };
        let explained = auth.explain(&asked, &caller, Owners { ids, names: &[] });
        let origins = auth.origins(user.as_str()).await?;
        print(user, scope, &area, &caller, &explained, &origins, terminal);
    } else {
        print(user, scope, &area, &caller, &explained, &[], terminal);
    }
    Ok(is_known)
}

/// What is asked about.
struct Parts {
    mount: String,
    kind: String,
    name: String,
    action: String,
}

impl Parts {
    fn of(scope: &Scope) -> Result<Self, AuthError> {
        let [mount, kind, name, action] = scope.parts().map(str::to_owned);
        let has_star = [&mount, &kind, &action].into_iter().any(|part| part.contains('*'));
        if has_star || name.contains('*') && name != "*" {
            return Err(AuthError::Invalid(format!(
                "`{scope}` is a pattern: name one mount, kind, name and action, or everything with the name `*`"
            )));
        }
        Ok(Self { mount, kind, name, action })
    }
}

async fn unknown(scope: &Scope, desk: &dyn Desk) -> String {
    let remark = desk.targets().await.remark(&Grant::from(scope.clone()));
    remark.unwrap_or_else(|| format!("there is no such kind or action: `{scope}`"))
}

async fn caller(
    user: &UserName,
    token: Option<Uuid>,
    mount: &str,
    auth: &Auth,
    terminal: &mut Terminal<'_>,
) -> Result<Caller, AuthError> {
    if let Some(id) = token {
        let (caller, token) = auth.caller_with(id, mount).await?;
        if caller.account.as_ref().is_none_or(|account| account.name() != user) {
            return Err(AuthError::NotFound(format!(
                "the token `{id}` is not one of {user}: look at `token list {user}`"
            )));
        }
        if !token.cidr.is_empty() {
            let networks: Vec<String> = token.cidr.iter().map(ToString::to_string).collect();
            terminal.remark(&format!("The token may be used only from {}.", networks.join(", ")));
        }
        return Ok(caller);
    }
    if user.as_str() == NOBODY {
        if auth.user_exists(NOBODY).await? {
            terminal.remark("A user has the name anonymous. This is about callers who have not signed in.");
        }
        return Ok(Caller::anonymous());
    }
    Ok(Caller::signed_in(auth.account(user.as_str()).await?))
}

fn print(
    user: &UserName,
    scope: &Scope,
    area: &Area,
    caller: &Caller,
    explained: &Explanation<'_>,
    origins: &[(Grant, Origin)],
    terminal: &mut Terminal<'_>,
) {
    let origin_of = |rule: &Grant| {
        let origins = origins.iter().filter(|(grant, _)| grant == rule).map(|(_, origin)| match origin {
            Origin::Own => format!("a grant of {user}"),
            Origin::Group(group) => format!("a grant of the group {group}"),
            Origin::Configuration(group) => format!("[auth.groups] {group}"),
        });
        origins.collect::<Vec<_>>().join(", ")
    };
    let everybody = match area.anonymous {
        Some(_) => format!("[mount.{}] anonymous", area.mount),
        None => "[auth] anonymous".to_owned(),
    };
    let decision = match explained.decision {
        Decision::Granted => "allowed",
        Decision::Forbidden => "forbidden (403)",
        Decision::SignIn => "sign in (401)",
    };
    terminal.print(&format!("{decision}\t{user}\t{}", printable(&scope.to_string())));
    let rule = explained
        .reason
        .rule()
        .map_or_else(|| "-".to_owned(), |rule| printable(&rule.to_string()).to_string());
    let why = match explained.reason {
        Reason::Denied(rule) | Reason::Allowed(rule) => origin_of(rule),
        Reason::Public(_) | Reason::NotPublic(_) => everybody.clone(),
        Reason::Owner => format!("{user} is an owner of it"),
        Reason::ReadOnly => "the token can only read".to_owned(),
        Reason::OutsideToken => "no scope of the token covers it".to_owned(),
        Reason::Rejected => {
            caller.rejection.clone().unwrap_or_else(|| "the credentials are not valid".to_owned())
        }
        Reason::AccessToken => "the access token contains it".to_owned(),
        Reason::NotInAccessToken => "the access token does not contain it".to_owned(),
        Reason::Nothing => "nothing allows it".to_owned(),
    };
    terminal.print(&format!("decides\t{rule}\t{why}"));
    if let Some(scope) = explained.within {
        terminal.print(&format!("within\t{}\ta scope of the token", printable(&scope.to_string())));
    }
    let is_granted = explained.decision == Decision::Granted;
    let everybodys = explained.others_for_everybody.iter();
    let is_overruled =
        matches!(explained.reason, Reason::NotPublic(_)) || everybodys.clone().any(|rule| rule.is_deny());
    let mut line = |rule: &Grant, origin: &str, has_lost: bool| {
        let word = if has_lost { "no effect" } else { "also" };
        terminal.print(&format!("{word}\t{}\t{origin}", printable(&rule.to_string())));
    };
    for rule in &explained.others {
        line(rule, &origin_of(rule), rule.is_deny() == is_granted);
    }
    for rule in everybodys {
        let has_lost = rule.is_deny() == is_granted || !rule.is_deny() && is_overruled;
        line(rule, &everybody, has_lost);
    }
}
