//! The inputs of a reply as one line of the log. Texts of clients and plugins are made harmless, and
//! texts that look like secrets are hidden. Values of headers are not shown.

use std::fmt::Display;

use packhouse_auth::Decision;
use packhouse_common::text::printable_path;

use super::{Answer, Found, Inputs, Question};

/// Entries of one kind that a line shows.
const MOST_SHOWN: usize = 50;

impl Inputs {
    /// Writes the line, at the level `debug`.
    pub fn log(&self) {
        if !tracing::enabled!(target: "packhouse::inputs", tracing::Level::DEBUG) {
            return;
        }
        let request = [
            self.base_url.as_ref().map(|_| "base-url"),
            self.alias.as_ref().map(|_| "alias"),
            self.is_head.map(|_| "is-head"),
        ];
        tracing::debug!(
            target: "packhouse::inputs",
            request = list(request.into_iter().flatten()),
            headers = list(self.headers.iter().map(|(name, _)| name)),
            questions = list(self.questions.iter().map(|(question, answer)| asked(question, answer))),
            objects = list(self.objects.iter().map(|(key, found)| object(key.as_str(), found))),
            prefixes = list(self.prefixes.iter().map(|prefix| printable_path(prefix))),
            expires = self.expires,
            not_remembered = list(self.reasons.iter()),
            "the inputs of the reply"
        );
    }
}

fn list<T: Display>(entries: impl Iterator<Item = T>) -> String {
    let mut shown = String::new();
    let mut left_out = 0_usize;
    for (number, entry) in entries.enumerate() {
        if number >= MOST_SHOWN {
            left_out += 1;
            continue;
        }
        if number > 0 {
            shown.push_str(", ");
        }
        shown.push_str(&entry.to_string());
    }
    if left_out == 0 { shown } else { format!("{shown} and {left_out} more") }
}

fn object(key: &str, found: &Found) -> String {
    let key = printable_path(key);
    match found {
        Found::Unread => format!("{key} (unread)"),
        Found::Absent => format!("{key} (absent)"),
        Found::Object { version, .. } => format!("{key} ({})", printable_path(version)),
    }
}

fn asked(question: &Question, answer: &Answer) -> String {
    let answer = match answer {
        Answer::Decision(Decision::Granted) => "granted".to_owned(),
        Answer::Decision(Decision::SignIn) => "sign-in".to_owned(),
        Answer::Decision(Decision::Forbidden) => "forbidden".to_owned(),
        Answer::Each(names) => names.iter().filter(|is_allowed| **is_allowed).count().to_string(),
        Answer::Bool(answer) => answer.to_string(),
    };
    let scope = |kind: &str, name: &str, action: &str| printable_path(&format!("{kind}:{name}:{action}"));
    match question {
        Question::Check { kind, name, action, ids, names } if ids.is_empty() && names.is_empty() => {
            format!("check {} {answer}", scope(kind, name, action))
        }
        Question::Check { kind, name, action, ids, names } => {
            let owners = ids.len() + names.len();
            format!("check {} of {owners} owners {answer}", scope(kind, name, action))
        }
        Question::Filter { kind, names, action } => {
            format!("filter {} {answer} of {}", printable_path(&format!("{kind}:{action}")), names.len())
        }
        Question::Public { kind, name, action } => format!("public {} {answer}", scope(kind, name, action)),
        Question::Rejection => format!("rejection {answer}"),
    }
}
