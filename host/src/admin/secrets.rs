//! Reads a password for a command. It does not know its purpose.

use std::io::{self, BufRead as _};

use secrecy::{ExposeSecret as _, SecretString};

use crate::auth::{AuthError, UserName};

/// A source of passwords.
#[derive(Debug)]
pub(super) enum Secrets {
    /// The terminal, or the standard input of this process.
    OfProcess,
    /// Always this password.
    #[cfg(test)]
    Fixed(SecretString),
}

impl Secrets {
    /// Reads the password of a user: from standard input, or by asking twice.
    ///
    /// # Errors
    /// `Invalid` with a sentence if there is none, or the two differ.
    pub(super) async fn read(&self, name: &UserName, from_stdin: bool) -> Result<SecretString, AuthError> {
        match self {
            Self::OfProcess => {
                let name = name.clone();
                let answer =
                    tokio::task::spawn_blocking(
                        move || {
                            if from_stdin { first_line() } else { ask_twice(&name) }
                        },
                    );
                answer.await.unwrap_or_else(|error| {
                    Err(AuthError::Invalid(format!("the password could not be read ({error}): try again")))
                })
            }
            #[cfg(test)]
            Self::Fixed(secret) => Ok(secret.clone()),
        }
    }
}

fn first_line() -> Result<SecretString, AuthError> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|error| {
        AuthError::Invalid(format!(
            "standard input could not be read ({error}): write the password there as one line"
        ))
    })?;
    match line.trim_end_matches(['\r', '\n']) {
        "" => {
            Err(AuthError::Invalid("standard input holds no password: write it there as one line".to_owned()))
        }
        password => Ok(password.into()),
    }
}

fn ask_twice(name: &UserName) -> Result<SecretString, AuthError> {
    let ask = |prompt: String| {
        let answer = rpassword::prompt_password(prompt).map(SecretString::from);
        answer.map_err(|_| AuthError::Invalid("there is no terminal to ask for the password: give it on standard input with --password-stdin".to_owned()))
    };
    let first = ask(format!("New password for {name}: "))?;
    let second = ask("The same again: ".to_owned())?;
    if first.expose_secret() != second.expose_secret() {
        return Err(AuthError::Invalid(
            "the two passwords differ: nothing was changed, try again".to_owned(),
        ));
    }
    Ok(first)
}
