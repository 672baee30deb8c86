//! Why a decision is as it is: the rule that decides, and the rules that have no effect. Callers are
//! decided by `decision`; this is for administrators. Both always agree.

use crate::decision::{Caller, Decision, Person, Question};
use crate::grant::Grant;
use crate::scope::Scope;

/// What decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'a> {
    /// The credentials are not valid.
    Rejected,
    /// A rule of the user denies it.
    Denied(&'a Grant),
    /// The credentials can only read.
    ReadOnly,
    /// Everybody may do it.
    Public(&'a Grant),
    /// A rule of the user allows it.
    Allowed(&'a Grant),
    /// The user is an owner of it.
    Owner,
    /// The user may do it, but no scope of the token covers it.
    OutsideToken,
    /// The access token of the external token server contains it.
    AccessToken,
    /// The caller may do it, but the access token does not contain it.
    NotInAccessToken,
    /// Everybody could do it without this rule, and nothing else allows it.
    NotPublic(&'a Grant),
    /// Nothing allows it.
    Nothing,
}

/// A decision and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    pub decision: Decision,
    pub reason: Reason<'a>,
    /// The scope of the token that covers it, if the decision depends on it.
    pub within: Option<&'a Scope>,
    /// The other rules of the user about it, in their order.
    pub others: Vec<&'a Grant>,
    /// The other rules for everybody about it, in their order.
    pub others_for_everybody: Vec<&'a Grant>,
}

/// Explains what [`decide`](crate::decide) answers.
pub fn explain<'a>(question: &Question<'a>, caller: &Caller<'a>) -> Explanation<'a> {
    let rules = Rules { question, public: question.public };
    let (reason, within) = rules.reason(caller);
    let others = |rules: &'a [Grant]| {
        let about = rules.iter().filter(|rule| is_about(rule, question));
        about.filter(|rule| !reason.is(rule)).collect()
    };
    Explanation {
        decision: reason.decision(caller.person.is_some()),
        reason,
        within,
        others: others(caller.person.map_or(&[], |person| person.grants)),
        others_for_everybody: others(question.public),
    }
}

impl<'a> Reason<'a> {
    /// The rule that decides.
    pub fn rule(self) -> Option<&'a Grant> {
        match self {
            Self::Denied(rule) | Self::Public(rule) | Self::Allowed(rule) | Self::NotPublic(rule) => {
                Some(rule)
            }
            _ => None,
        }
    }

    /// Whether this place in a list of rules is the one that decides. An equal rule elsewhere is another.
    fn is(self, rule: &Grant) -> bool {
        self.rule().is_some_and(|deciding| std::ptr::eq(deciding, rule))
    }

    fn decision(self, is_signed_in: bool) -> Decision {
        match self {
            Self::Public(_) | Self::Allowed(_) | Self::Owner | Self::AccessToken => Decision::Granted,
            Self::Denied(_) | Self::ReadOnly | Self::OutsideToken => Decision::Forbidden,
            Self::NotPublic(_) | Self::Nothing if is_signed_in => Decision::Forbidden,
            Self::Rejected | Self::NotInAccessToken | Self::NotPublic(_) | Self::Nothing => Decision::SignIn,
        }
    }
}

/// The rules about one question.
struct Rules<'q, 'a> {
    question: &'q Question<'a>,
    public: &'a [Grant],
}

impl<'a> Rules<'_, 'a> {
    fn reason(&self, caller: &Caller<'a>) -> (Reason<'a>, Option<&'a Scope>) {
        let Question { resource, action, actions, .. } = *self.question;
        if caller.is_rejected {
            return (Reason::Rejected, None);
        }
        let Some(access) = caller.access else {
            return self.reason_of(caller.person.as_ref());
        };
        let (reason, within) = match (access.outside, self.everybodys()) {
            (true, Ok(rule)) => (Reason::Public(rule), None),
            (true, Err(_)) => (Reason::AccessToken, None),
            (false, _) => self.reason_of(caller.person.as_ref()),
        };
        let contains = access.holds(&resource, action, actions) || self.everybodys().is_ok();
        match reason.decision(caller.person.is_some()) {
            Decision::Granted if !contains => (Reason::NotInAccessToken, None),
            _ => (reason, within),
        }
    }

    /// By the rules, and by the credentials. None is an anonymous caller.
    fn reason_of(&self, person: Option<&Person<'a>>) -> (Reason<'a>, Option<&'a Scope>) {
        let Question { resource, action, actions, .. } = *self.question;
        let none = match self.everybodys() {
            Err(Some(rule)) => Reason::NotPublic(rule),
            _ => Reason::Nothing,
        };
        let Some(person) = person else {
            return (self.everybodys().map_or(none, Reason::Public), None);
        };
        if let Some(rule) = self.denies(person.grants) {
            return (Reason::Denied(rule), None);
        }
        if person.is_read_only && !actions.reads(resource.kind, action) {
            return (Reason::ReadOnly, None);
        }
        if let Ok(rule) = self.everybodys() {
            return (Reason::Public(rule), None);
        }
        let theirs = match self.allows(person.grants) {
            Some(rule) => Reason::Allowed(rule),
            None if person.is_owner => Reason::Owner,
            None => return (none, None),
        };
        let within = person.narrowed_to.iter().find(|scope| scope.allows(&resource, action, actions));
        if within.is_none() && !person.narrowed_to.is_empty() {
            return (Reason::OutsideToken, None);
        }
        (theirs, within)
    }

    /// The rule by which everybody may do it; else the one that alone prevents that.
    fn everybodys(&self) -> Result<&'a Grant, Option<&'a Grant>> {
        match (self.allows(self.public), self.denies(self.public)) {
            (Some(rule), None) => Ok(rule),
            (Some(_), Some(rule)) => Err(Some(rule)),
            (None, _) => Err(None),
        }
    }

    fn allows(&self, rules: &'a [Grant]) -> Option<&'a Grant> {
        let Question { resource, action, actions, .. } = *self.question;
        rules.iter().find(|rule| rule.allows(&resource, action, actions))
    }

    fn denies(&self, rules: &'a [Grant]) -> Option<&'a Grant> {
        let Question { resource, action, actions, .. } = *self.question;
        rules.iter().find(|rule| rule.denies(&resource, action, actions))
    }
}

fn is_about(rule: &Grant, question: &Question<'_>) -> bool {
    let Question { resource, action, actions, .. } = *question;
    rule.allows(&resource, action, actions) || rule.denies(&resource, action, actions)
}

#[cfg(test)]
mod tests;
