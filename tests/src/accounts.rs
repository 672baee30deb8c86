//! Users and tokens, made with the registry's own commands beside the running process.

use crate::registry::Home;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;

/// Somebody with a password and a token.
#[derive(Clone, Debug)]
pub struct User {
    pub name: String,
    pub password: String,
    pub token: String,
}

/// Adds a user with these grants.
pub(crate) async fn add(home: &Home, name: &str, scopes: &[&str]) -> User {
    let password = password(name);
    let mut arguments = vec!["user", "add", name, "--password-stdin"];
    for scope in scopes {
        arguments.extend(["--grant", scope]);
    }
    run(home, &arguments, &format!("{password}\n")).await;
    let token = run(home, &["token", "create", name], "").await;
    User { name: name.to_owned(), password, token: token.trim().to_owned() }
}

/// What [`add`] gives to a user of this name.
pub(crate) fn password(name: &str) -> String {
    format!("password of {name}")
}

/// `packhouse ARGUMENTS`; its standard output. Panics when it fails.
pub async fn run(home: &Home, arguments: &[&str], input: &str) -> String {
    let mut child =
        crate::registry::command(home).args(arguments).stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.as_bytes()).await.expect("it reads its input");
    drop(stdin);
    let output = child.wait_with_output().await.expect("its output");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`packhouse {}` failed: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("text")
}
