//! Asks the person at the terminal to confirm. It does not know what.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// A person or a fixed answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Consent {
    /// The person at this process's terminal, if there is one.
    OfProcess,
    /// Always this answer.
    #[cfg(test)]
    Fixed(bool),
}

impl Consent {
    /// Asks a yes-or-no question. None if there is nobody to ask.
    pub(super) async fn ask(self, question: &str) -> Option<bool> {
        match self {
            Self::OfProcess => {
                let question = question.to_owned();
                tokio::task::spawn_blocking(move || ask(&question)).await.unwrap_or(None)
            }
            #[cfg(test)]
            Self::Fixed(answer) => Some(answer),
        }
    }
}

fn ask(question: &str) -> Option<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return None;
    }
    let mut terminal = io::stderr();
    write!(terminal, "{question} [y/N] ").and_then(|()| terminal.flush()).ok()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).ok()?;
    Some(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
