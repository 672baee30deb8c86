//! The sub-commands as an administrator uses them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use clap::Parser;

use super::*;
use crate::auth::{Caller, Credentials, Decision, Limits, Resource, Settings, TokenStoreKind};

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: AdminCommand,
}

struct Shell {
    auth: Auth,
    secrets: Secrets,
}

/// What a command printed: its output, its remarks.
type Printed = (String, String);

impl Shell {
    async fn new() -> Self {
        let settings = Settings {
            token_store: TokenStoreKind::Memory,
            database: "unused".into(),
            anonymous: Vec::new(),
            access: None,
            limits: Limits::default(),
        };
        Self { auth: Auth::open(&settings).await.unwrap(), secrets: Secrets::Fixed("correct horse".into()) }
    }

    async fn run(&self, line: &str) -> Result<Printed, String> {
        let line = Line::try_parse_from(std::iter::once("packhouse").chain(line.split(' ')))
            .map_err(|error| error.to_string())?;
        let (mut output, mut remarks) = (Vec::new(), Vec::new());
        let mut terminal = Terminal { output: &mut output, remarks: &mut remarks, secrets: &self.secrets };
        let done = perform(line.command, &self.auth, &mut terminal).await;
        done.map_err(|error| error.to_string())?;
        Ok((String::from_utf8(output).unwrap(), String::from_utf8(remarks).unwrap()))
    }

    async fn sign_in(&self, credentials: Credentials) -> Caller {
        self.auth.identify(&credentials, [192, 0, 2, 1].into(), "demo").await.unwrap()
    }

    fn may(&self, caller: &Caller, action: &str) -> bool {
        let resource = Resource { protocol: "demo", kind: "package", name: "a" };
        self.auth.decide(None, caller, &resource, action, "read") == Decision::Granted
    }
}

#[tokio::test]
async fn a_user_is_added_granted_listed_and_removed() {
    let shell = Shell::new().await;
    let (output, remarks) =
        shell.run("user add ann --email ann@example.com --grant demo:package:a:read").await.unwrap();
    assert_eq!((output.as_str(), remarks.as_str()), ("", "Added the user ann.\n"));
    let (output, _) = shell.run("user grant ann demo:package:a:write demo:package:b:read").await.unwrap();
    assert_eq!(output, "demo:package:a:read\ndemo:package:a:write\ndemo:package:b:read\n");
    let ann = shell.sign_in(Credentials::password("ann", "correct horse".into())).await;
    assert!(shell.may(&ann, "write"));
    shell.run("user grant ann demo:package:a:write --remove").await.unwrap();
    let (output, _) = shell.run("user list").await.unwrap();
    assert_eq!(output, "ann\tann@example.com\tdemo:package:a:read demo:package:b:read\n");
    shell.run("user remove ann").await.unwrap();
    assert_eq!(shell.run("user list").await.unwrap().0, "");
}

#[tokio::test]
async fn a_password_is_changed_and_never_an_argument() {
    let mut shell = Shell::new().await;
    shell.run("user add ann").await.unwrap();
    shell.secrets = Secrets::Fixed("another password".into());
    shell.run("user passwd ann --password-stdin").await.unwrap();
    assert!(shell.sign_in(Credentials::password("ann", "another password".into())).await.account.is_some());
    assert!(shell.run("user add bob secret").await.is_err());
    assert!(shell.run("user add bob --password secret").await.is_err());
}

#[tokio::test]
async fn a_token_s_secret_is_printed_alone_and_once() {
    let shell = Shell::new().await;
    shell.run("user add ann --grant demo:package:*:write").await.unwrap();
    let (output, _) = shell
        .run("token create ann --label build --scope demo:package:a:write --expires 30d --cidr 192.0.2.0/24")
        .await
        .unwrap();
    let secret = output.trim_end();
    let caller = shell.sign_in(Credentials::token(secret.into())).await;
    assert!(shell.may(&caller, "write"));

    let (listed, _) = shell.run("token list ann").await.unwrap();
    for part in ["ann", "build", "full", "expires ", "demo:package:a:write", "192.0.2.0/24", &secret[..8]] {
        assert!(listed.contains(part), "{part} in {listed}");
    }
    assert!(!listed.contains(secret));
    let id = listed.split('\t').next().unwrap();
    shell.run(&format!("token revoke {id}")).await.unwrap();
    assert!(shell.sign_in(Credentials::token(secret.into())).await.rejection.is_some());
    assert_eq!(shell.run("token list").await.unwrap().0, "");
}

#[tokio::test]
async fn a_read_only_token_only_reads() {
    let shell = Shell::new().await;
    shell.run("user add ann --grant *:*:*:*").await.unwrap();
    let (output, _) = shell.run("token create ann --read-only").await.unwrap();
    let caller = shell.sign_in(Credentials::token(output.trim_end().into())).await;
    assert!(shell.may(&caller, "read") && !shell.may(&caller, "write"));
    assert!(shell.run("token list").await.unwrap().0.contains("read-only"));
}

#[tokio::test]
async fn every_refusal_says_what_to_do() {
    let shell = Shell::new().await;
    shell.run("user add ann").await.unwrap();
    for (line, remedy) in [
        ("user add ann", "choose another name"),
        ("user add Ann", "write 1 to 64 of"),
        ("user passwd bob", "add it first"),
        ("user grant bob *:*:*:*", "add it first"),
        ("user grant ann nonsense", "write four parts"),
        ("user grant ann", "SCOPE"),
        ("user grant ann *:*:*:* --remove", "user list"),
        ("user remove bob", "add it first"),
        ("token create bob", "add it first"),
        ("token create ann --expires soon", "30d"),
        ("token create ann --expires 0d", "30d"),
        ("token create ann --cidr home", "10.0.0.0/8"),
        ("token create ann --scope demo:package:a:write", "ask for less"),
        ("token list bob", "add it first"),
        ("token revoke 0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0", "token list"),
    ] {
        let refusal = shell.run(line).await.expect_err(line);
        assert!(refusal.contains(remedy), "{line}: {refusal}");
    }
}

#[test]
fn spans_of_time_are_read() {
    for (text, hours) in [("12h", 12), ("30d", 720), ("2w", 336), ("1y", 8760), ("60m", 1), ("3600s", 1)] {
        assert_eq!(parse_lifetime(text).unwrap(), Duration::from_hours(hours));
    }
    for text in ["", "d", "30", "-1d", "1.5h", "0s", "99999999999d", "é", "3é"] {
        assert!(parse_lifetime(text).is_err(), "{text}");
    }
}

#[tokio::test]
async fn nothing_is_done_to_a_store_that_nobody_else_sees() {
    let shell = Shell::new().await;
    for command in
        [AdminCommand::User(UserCommand::List), AdminCommand::Token(TokenCommand::List { user: None })]
    {
        let refusal = run(command, &shell.auth).await.unwrap_err().to_string();
        assert!(refusal.contains("set it to `database`"), "{refusal}");
    }
}

#[tokio::test]
async fn what_clients_chose_is_listed_escaped_and_bounded() {
    let shell = Shell::new().await;
    shell
        .run("user add ann --email a\u{202e}nn@example.com --grant demo:package:\u{202e}*:read")
        .await
        .unwrap();
    let (output, _) = shell.run("user list").await.unwrap();
    assert_eq!(output, "ann\ta\\u{202e}nn@example.com\tdemo:package:\\u{202e}*:read\n");
    shell.run("token create ann --label x\u{202e}y").await.unwrap();
    let (output, _) = shell.run("token list").await.unwrap();
    assert!(output.contains("\tx\\u{202e}y\t"), "{output}");
    let scope = format!("demo:package:{}:read", "\u{202e}".repeat(300));
    shell.run(&format!("token create ann --scope {scope}")).await.unwrap();
    let (output, _) = shell.run("token list").await.unwrap();
    assert!(
        !output.contains('\u{202e}') && output.len() < 1000 && output.contains(" bytes more)"),
        "{output}"
    );
}
