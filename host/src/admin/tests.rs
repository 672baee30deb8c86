//! The sub-commands as an administrator uses them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::sync::Mutex;

use clap::Parser;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};

use super::*;
use crate::auth::{
    Actions, Area, Caller, ConfiguredGroups, Credentials, Decision, Declaration, GroupName, Implication,
    Kinds, Limits, Owners, Question, Resource, Settings, StoreKind, StoreKinds, Targets,
};
use crate::ownership::{Inventory, Thing, Unknown};

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    command: AdminCommand,
}

struct Shell {
    auth: Auth,
    secrets: Secrets,
    consent: Consent,
    lists: Lists,
}

/// Owner lists of one mount, `demo`, beside which a mount `old` cannot be asked.
#[derive(Default)]
struct Lists {
    /// What is owned, and by whom: an id, or a name where the id is not known.
    owned: Mutex<Vec<(Thing, String)>>,
    unknown: Vec<Unknown>,
    /// A thing that cannot be changed.
    stuck: Option<&'static str>,
    /// Whether the mount does not say who owns what.
    is_away: bool,
}

/// The mount `demo`: `write` implies `read`, and everybody may read what begins with `open`.
fn area() -> Area {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let kind = Declaration {
        kind: "package".to_owned(),
        actions: words(&["read", "write", "delete"]),
        read_action: "read".to_owned(),
    };
    let implied =
        Implication { kind: "package".to_owned(), action: "write".to_owned(), implied: words(&["read"]) };
    Area {
        mount: "demo".to_owned(),
        anonymous: Some(vec![Grant::parse("demo:package:open*:read").unwrap()]),
        actions: Actions::declared(&[kind], &[implied]).unwrap().into(),
    }
}

impl Lists {
    fn add(&self, thing: &str, owner: &str) {
        self.owned.lock().unwrap().push((thing_of(thing), owner.to_owned()));
    }

    fn is_meant(holder: &Holder, owner: &str) -> bool {
        holder.id.to_string() == owner || holder.owns_by_name && holder.name.as_str() == owner
    }
}

fn thing_of(name: &str) -> Thing {
    Thing { mount: "demo".to_owned(), kind: "package".to_owned(), name: name.to_owned() }
}

impl Desk for Lists {
    fn targets(&self) -> BoxFuture<'_, Targets> {
        let actions = ["read", "write", "delete"].map(str::to_owned).to_vec();
        let kinds = Kinds::from([("package".to_owned(), actions)]);
        ready(Targets([("demo".to_owned(), Some(kinds)), ("old".to_owned(), None)].into())).boxed()
    }

    fn area<'a>(&'a self, mount: &'a str) -> BoxFuture<'a, Result<Area, String>> {
        let found = if mount == "demo" { Ok(area()) } else { Err(format!("there is no mount `{mount}`")) };
        ready(found).boxed()
    }

    fn owns<'a>(&'a self, holder: &'a Holder, thing: &'a Thing) -> BoxFuture<'a, Result<bool, String>> {
        let owned = self.owned.lock().unwrap();
        let is_owner = owned.iter().any(|(owned, owner)| owned == thing && Self::is_meant(holder, owner));
        let answer = if self.is_away { Err("its plugin is away".to_owned()) } else { Ok(is_owner) };
        ready(answer).boxed()
    }

    fn owned_by<'a>(&'a self, holder: &'a Holder) -> BoxFuture<'a, Inventory> {
        let owned = self.owned.lock().unwrap();
        let things = owned.iter().filter(|(_, owner)| Self::is_meant(holder, owner));
        let things = things.map(|(thing, _)| thing.clone()).collect();
        ready(Inventory { things, unknown: self.unknown.clone() }).boxed()
    }

    fn disown<'a>(&'a self, holder: &'a Holder, things: &'a [Thing]) -> BoxFuture<'a, Vec<(Thing, String)>> {
        let is_stuck = |thing: &Thing| self.stuck == Some(thing.name.as_str());
        let failed: Vec<Thing> = things.iter().filter(|thing| is_stuck(thing)).cloned().collect();
        self.owned.lock().unwrap().retain(|(thing, owner)| {
            is_stuck(thing) || !things.contains(thing) || !Self::is_meant(holder, owner)
        });
        ready(failed.into_iter().map(|thing| (thing, "it is stuck".to_owned())).collect()).boxed()
    }
}

/// What a command printed: its output, its remarks.
type Printed = (String, String);

impl Shell {
    async fn new() -> Self {
        let settings = Settings {
            stores: StoreKinds { users: StoreKind::Memory, tokens: StoreKind::Memory },
            database: "unused".into(),
            anonymous: Vec::new(),
            groups: ConfiguredGroups::from([(
                GroupName::parse("release").unwrap(),
                vec![Grant::parse("demo:package:of-release:write").unwrap()],
            )]),
            access: None,
            limits: Limits::default(),
        };
        Self {
            auth: Auth::open(&settings).await.unwrap(),
            secrets: Secrets::Fixed("correct horse".into()),
            consent: Consent::Fixed(false),
            lists: Lists::default(),
        }
    }

    async fn id(&self, name: &str) -> String {
        self.auth.account(name).await.unwrap().id().to_string()
    }

    /// All that a command printed, and whether everything was found out and done.
    async fn all(&self, line: &str) -> (String, bool) {
        let ((output, remarks), is_well) = self.perform(line).await.unwrap();
        (format!("{remarks}{output}"), is_well)
    }

    async fn run(&self, line: &str) -> Result<Printed, String> {
        self.perform(line).await.map(|(printed, _)| printed)
    }

    async fn perform(&self, line: &str) -> Result<(Printed, bool), String> {
        let line = Line::try_parse_from(std::iter::once("packhouse").chain(line.split(' ')))
            .map_err(|error| error.to_string())?;
        let (mut output, mut remarks) = (Vec::new(), Vec::new());
        let mut terminal = Terminal {
            output: &mut output,
            remarks: &mut remarks,
            secrets: &self.secrets,
            consent: self.consent,
        };
        let done = perform(line.command, &self.auth, &self.lists, &mut terminal).await;
        let is_well = done.map_err(|error| error.to_string())?;
        Ok(((String::from_utf8(output).unwrap(), String::from_utf8(remarks).unwrap()), is_well))
    }

    async fn sign_in(&self, credentials: Credentials) -> Caller {
        self.auth.identify(&credentials, [192, 0, 2, 1].into(), "demo").await.unwrap()
    }

    fn may(&self, caller: &Caller, action: &str) -> bool {
        let asked = Question {
            anonymous: None,
            resource: Resource { protocol: "demo", kind: "package", name: "a" },
            action,
            actions: &Actions::default(),
        };
        self.auth.decide(&asked, caller, Owners::default()) == Decision::Granted
    }
}

#[tokio::test]
async fn a_scope_that_is_about_nothing_is_given_and_told() {
    let shell = Shell::new().await;
    let (said, is_well) = shell.all("user add ann --grant dmeo:package:*:write").await;
    assert!(said.contains("Warning: `dmeo:package:*:write` has no effect now"), "{said}");
    assert!(said.contains("the mounts are `demo`, `old`") && is_well, "{said}");
    let (said, _) = shell.all("user grant ann demo:pakage:*:write demo:package:*:write").await;
    assert!(said.contains("`demo:pakage:*:write` has no effect now"), "{said}");
    assert_eq!(said.matches("Warning").count(), 1, "{said}");
    let (given, _) = shell.run("user list").await.unwrap();
    for grant in ["dmeo:package:*:write", "demo:pakage:*:write", "demo:package:*:write"] {
        assert!(given.contains(grant), "all are given: {given}");
    }
    let (_, remarks) = shell.run("token create ann --scope demo:package:a:raed").await.unwrap();
    assert!(remarks.contains("`demo:package:a:raed` has no effect now"), "{remarks}");
    let (said, _) = shell.all("user grant ann old:any:*:fly *:*:*:read").await;
    assert!(!said.contains("Warning"), "{said}");
}

#[tokio::test]
async fn a_user_is_added_granted_listed_and_removed() {
    let shell = Shell::new().await;
    let (output, remarks) =
        shell.run("user add ann --email ann@example.com --grant demo:package:a:read").await.unwrap();
    assert_eq!((output.as_str(), remarks.as_str()), ("", "Added the user ann.\n"));
    let (output, remarks) =
        shell.run("user grant ann demo:package:a:write demo:package:b:read").await.unwrap();
    assert_eq!(output, "demo:package:a:read\ndemo:package:a:write\ndemo:package:b:read\n");
    assert!(remarks.ends_with("A running server follows within a second.\n"), "{remarks}");
    let ann = shell.sign_in(Credentials::password("ann", "correct horse".into())).await;
    assert!(shell.may(&ann, "write"));
    shell.run("user grant ann demo:package:a:write --remove").await.unwrap();
    let (output, _) = shell.run("user list").await.unwrap();
    assert_eq!(output, "ann\tann@example.com\tdemo:package:a:read demo:package:b:read\n");
    shell.run("user remove ann").await.unwrap();
    assert_eq!(shell.run("user list").await.unwrap().0, "");
}

#[tokio::test]
async fn a_new_name_with_an_at_sign_is_an_address_and_names_that_exist_stay_usable() {
    let shell = Shell::new().await;
    shell.run("user add ann@example.com").await.unwrap();
    for name in ["ann@", "ann@b@c", "ann@.example"] {
        let refusal = shell.run(&format!("user add {name}")).await.unwrap_err();
        assert!(refusal.contains("must be an email address"), "{refusal}");
    }
    // A name that an earlier version has accepted.
    shell.run("user passwd ann@").await.unwrap_err();
    assert!(Line::try_parse_from(["packhouse", "user", "remove", "ann@"]).is_ok());
    assert!(Line::try_parse_from(["packhouse", "token", "create", "ann@"]).is_ok());
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
async fn a_grant_with_an_exclamation_mark_denies_until_it_is_removed() {
    let shell = Shell::new().await;
    shell.run("user add ann --grant *:*:*:* --grant !demo:package:b:write").await.unwrap();
    let ann = || shell.sign_in(Credentials::password("ann", "correct horse".into()));
    assert!(shell.may(&ann().await, "read"));
    let (output, remarks) = shell.run("user grant ann !demo:package:a:read").await.unwrap();
    assert_eq!(output, "!demo:package:a:read\n!demo:package:b:write\n*:*:*:*\n");
    assert!(!remarks.contains("Warning"), "{remarks}");
    assert!(!shell.may(&ann().await, "read") && shell.may(&ann().await, "write"));
    let (said, is_well) = shell.all("user grant ann --remove !demo:package:a:read").await;
    assert!(is_well && !said.contains("owner"), "it takes nothing away: {said}");
    assert!(shell.may(&ann().await, "read"));
    let (_, remarks) = shell.run("user grant ann !demo:package:a:raed").await.unwrap();
    assert!(remarks.contains("`!demo:package:a:raed` has no effect now"), "{remarks}");
    assert!(
        shell.run("user grant ann --remove !demo:package:a:read").await.unwrap_err().contains("no grant")
    );
    assert!(
        shell
            .run("token create ann --scope !demo:package:a:read")
            .await
            .unwrap_err()
            .contains("only a grant")
    );
}

#[tokio::test]
async fn removing_grants_lists_what_is_still_owned() {
    let shell = Shell::new().await;
    shell.run("user add ann --grant demo:package:a:write").await.unwrap();
    shell.lists.add("a", &shell.id("ann").await);
    shell.lists.add("b", "ann");
    shell.lists.add("c", "bob");
    let (said, is_well) = shell.all("user grant ann demo:package:a:write --remove").await;
    assert!(is_well);
    assert!(
        said.contains("ann is an owner of these, and may change them without a grant:\n  demo:package:a\n")
    );
    assert!(
        said.contains("ann is also an owner of these, which the scopes do not name:\n  demo:package:b\n")
    );
    assert!(said.contains("ann has no grants now.") && !said.contains("package:c"), "{said}");
    assert!(!said.contains("owns nothing") && !said.contains("everybody may"), "{said}");

    let again = "user grant ann demo:package:a:write --remove --and-ownerships";
    let (said, _) = shell.all(again).await;
    assert!(said.contains("Revoked: ann is no longer an owner of 1 of these."), "{said}");
    assert_eq!(shell.lists.owned.lock().unwrap().len(), 2, "b is not what was named");
    let (said, _) = shell.all("user grant ann *:*:*:* --remove --and-ownerships").await;
    assert!(said.contains("ann has no grants now and owns nothing: it may do what everybody may."), "{said}");
    assert!(shell.run("user grant ann demo:package:a:read --and-ownerships").await.is_err());
}

#[tokio::test]
async fn whoever_sits_at_the_terminal_is_asked_once() {
    let mut shell = Shell::new().await;
    shell.run("user add ann --grant demo:package:a:write").await.unwrap();
    shell.lists.add("a", &shell.id("ann").await);
    shell.consent = Consent::Fixed(true);
    let (said, _) = shell.all("user grant ann demo:package:a:write --remove").await;
    assert!(said.contains("Revoked") && said.contains("owns nothing"), "{said}");
}

#[tokio::test]
async fn a_removed_user_is_taken_off_the_lists_also_later() {
    let shell = Shell::new().await;
    shell.run("user add ann").await.unwrap();
    shell.lists.add("a", &shell.id("ann").await);
    shell.lists.add("b", "ann");
    let (said, _) = shell.all("user remove ann").await;
    assert!(said.starts_with("Removed the user ann and its tokens.\n"), "{said}");
    assert!(said.contains("has no effect, also for a new user of that name:\n  demo:package:a\n"), "{said}");
    let (said, is_well) = shell.all("user remove ann --and-ownerships").await;
    assert!(is_well && said.contains("no longer an owner of 2 of these"), "{said}");
    assert!(said.ends_with("No owner list names the removed user ann any more.\n"), "{said}");
    assert!(shell.lists.owned.lock().unwrap().is_empty());
    assert!(shell.run("user remove bob --and-ownerships").await.is_err(), "there never was one");
}

#[tokio::test]
async fn a_new_user_of_an_old_name_is_said_to_own_nothing_of_it() {
    let shell = Shell::new().await;
    assert!(!shell.all("user add ann").await.0.contains("removed user"));
    shell.run("user remove ann").await.unwrap();
    let (said, _) = shell.all("user add ann").await;
    assert!(said.contains("A removed user may have had the name ann."), "{said}");
    shell.lists.add("a", "ann");
    let (said, _) = shell.all("user remove ann --and-ownerships").await;
    assert!(said.contains("No owner list names"), "{said}");
    assert_eq!(shell.lists.owned.lock().unwrap().len(), 1, "the entry is that of the first ann");
    assert!(!shell.all("user add ann --owns-by-name").await.0.contains("removed user"));
}

#[tokio::test]
async fn what_is_not_known_is_never_said_to_be_nothing() {
    let mut shell = Shell::new().await;
    let unknown = Unknown { mount: Some("old".to_owned()), why: "its plugin cannot say".to_owned() };
    shell.lists = Lists { unknown: vec![unknown], stuck: Some("a"), ..Lists::default() };
    shell.run("user add ann --grant *:*:*:*").await.unwrap();
    shell.lists.add("a", &shell.id("ann").await);
    shell.lists.add("b", &shell.id("ann").await);
    let (said, is_well) = shell.all("user grant ann *:*:*:* --remove --and-ownerships").await;
    assert!(!is_well);
    for part in [
        "ann is still listed as an owner of demo:package:a: it is stuck",
        "Revoked: ann is no longer an owner of 1 of these.",
        "What ann owns on the mount old is not known: its plugin cannot say.",
        "ann has no grants now.",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("owns nothing"), "{said}");
    let (said, is_well) = shell.all("user remove ann").await;
    assert!(!is_well && !said.contains("No owner list"), "{said}");
}

#[tokio::test]
async fn every_refusal_says_what_to_do() {
    let shell = Shell::new().await;
    shell.run("user add ann").await.unwrap();
    for (line, remedy) in [
        ("user add ann", "choose another name"),
        ("user add Ann", "write 1 to 128 of"),
        ("user passwd bob", "add it first"),
        ("user grant bob *:*:*:*", "add it first"),
        ("user grant ann nonsense", "write four parts"),
        ("user grant ann", "GRANT"),
        ("user grant ann *:*:*:* --remove", "user list"),
        ("user remove bob", "add it first"),
        ("token create bob", "add it first"),
        ("token create ann --expires soon", "30d"),
        ("token create ann --expires 0d", "30d"),
        ("token create ann --cidr home", "10.0.0.0/8"),
        ("token create ann --scope demo:package:a:write", "request less"),
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
        let refusal = run(command, &shell.auth, &shell.lists).await.unwrap_err().to_string();
        assert!(refusal.contains("user_store") && refusal.contains("set it to \"database\""), "{refusal}");
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

#[tokio::test]
async fn a_token_is_revoked_with_those_that_were_made_with_it_and_the_operator_is_told() {
    let shell = Shell::new().await;
    shell.run("user add ann").await.unwrap();
    let (secret, _) = shell.run("token create ann").await.unwrap();
    let made = shell.sign_in(Credentials::token(secret.trim_end().into())).await.account.unwrap();
    for _ in 0..2 {
        shell.auth.issue(&made, &TokenRequest::default()).await.unwrap();
    }
    let (listed, _) = shell.run("token list ann").await.unwrap();
    let parent = listed.lines().find(|line| line.contains("no parent")).unwrap();
    let id = parent.split('\t').next().unwrap();
    assert_eq!(listed.matches(&format!("made with {id}")).count(), 2, "{listed}");
    let (_, told) = shell.run(&format!("token revoke {id}")).await.unwrap();
    assert!(told.contains("2 tokens that were made with it"), "{told}");
    assert_eq!(shell.run("token list").await.unwrap().0, "");
}

#[tokio::test]
async fn a_permission_is_explained_with_the_rule_that_decides_and_those_that_lost() {
    let shell = Shell::new().await;
    shell.run("user add ann --grant demo:package:*:write --grant !demo:package:b:*").await.unwrap();
    for (asked, expected) in [
        (
            "ann demo:package:a:write",
            "allowed\tann\tdemo:package:a:write\ndecides\tdemo:package:*:write\ta grant of ann\n",
        ),
        (
            "ann demo:package:a:read",
            "allowed\tann\tdemo:package:a:read\ndecides\tdemo:package:*:write\ta grant of ann\n",
        ),
        (
            "ann demo:package:b:read",
            "forbidden (403)\tann\tdemo:package:b:read\ndecides\t!demo:package:b:*\ta grant of ann\n\
             no effect\tdemo:package:*:write\ta grant of ann\n",
        ),
        (
            "ann demo:package:*:read",
            "forbidden (403)\tann\tdemo:package:*:read\ndecides\t!demo:package:b:*\ta grant of ann\n\
             no effect\tdemo:package:*:write\ta grant of ann\n",
        ),
        (
            "ann demo:package:open:read",
            "allowed\tann\tdemo:package:open:read\n\
             decides\tdemo:package:open*:read\t[mount.demo] anonymous\n\
             also\tdemo:package:*:write\ta grant of ann\n",
        ),
        (
            "anonymous demo:package:open:read",
            "allowed\tanonymous\tdemo:package:open:read\n\
             decides\tdemo:package:open*:read\t[mount.demo] anonymous\n",
        ),
        (
            "anonymous demo:package:a:read",
            "sign in (401)\tanonymous\tdemo:package:a:read\ndecides\t-\tnothing allows it\n",
        ),
    ] {
        assert_eq!(shell.run(&format!("auth explain {asked}")).await.unwrap().0, expected, "{asked}");
    }
    for (asked, words) in [
        ("eve demo:package:a:read", "no user `eve`"),
        ("ann other:package:a:read", "no mount `other`"),
        ("ann demo:package:a:raed", "no such action"),
        ("ann demo:*:a:read", "is a pattern"),
        ("ann demo:package:a*:read", "is a pattern"),
        ("ann !demo:package:a:read", "only a grant can deny"),
    ] {
        let told = shell.run(&format!("auth explain {asked}")).await.unwrap_err();
        assert!(told.contains(words), "{asked}: {told}");
    }
}

#[tokio::test]
async fn an_explanation_knows_owners_and_what_a_token_is_limited_to() {
    let mut shell = Shell::new().await;
    shell.run("user add ann --grant demo:package:a:write").await.unwrap();
    shell.run("user add bob --grant demo:package:a:write").await.unwrap();
    shell.lists.add("mine", &shell.id("ann").await);
    let owned = shell.run("auth explain ann demo:package:mine:delete").await.unwrap().0;
    assert_eq!(owned, "allowed\tann\tdemo:package:mine:delete\ndecides\t-\tann is an owner of it\n");
    let (told, remarks) = shell.run("auth explain ann demo:package:mine:read").await.unwrap();
    assert!(
        told.starts_with("forbidden (403)") && remarks.contains("ownership does not allow reading"),
        "{told}"
    );
    assert!(shell.run("auth explain bob demo:package:mine:delete").await.unwrap().0.starts_with("forbidden"));
    shell.run("user grant ann !demo:package:mine:delete").await.unwrap();
    let denied = shell.run("auth explain ann demo:package:mine:delete").await.unwrap().0;
    assert!(denied.contains("decides\t!demo:package:mine:delete\ta grant of ann"), "{denied}");

    for (limits, asked, expected) in [
        (
            "--read-only",
            "demo:package:a:write",
            "forbidden (403)\tann\tdemo:package:a:write\ndecides\t-\tthe token can only read\n\
             no effect\tdemo:package:a:write\ta grant of ann\n",
        ),
        (
            "--read-only",
            "demo:package:a:read",
            "allowed\tann\tdemo:package:a:read\ndecides\tdemo:package:a:write\ta grant of ann\n",
        ),
        (
            "--scope demo:package:a:write",
            "demo:package:a:write",
            "allowed\tann\tdemo:package:a:write\ndecides\tdemo:package:a:write\ta grant of ann\n\
             within\tdemo:package:a:write\ta scope of the token\n",
        ),
        (
            "--scope demo:package:a:write",
            "demo:package:mine:write",
            "forbidden (403)\tann\tdemo:package:mine:write\ndecides\t-\tno scope of the token covers it\n",
        ),
    ] {
        shell.run(&format!("token create ann {limits}")).await.unwrap();
        let listed = shell.run("token list ann").await.unwrap().0;
        let id = listed.lines().last().unwrap().split('\t').next().unwrap().to_owned();
        let told = shell.run(&format!("auth explain ann {asked} --token {id}")).await.unwrap().0;
        assert_eq!(told, expected, "{limits}");
        assert!(
            shell
                .run(&format!("auth explain bob {asked} --token {id}"))
                .await
                .unwrap_err()
                .contains("not one of bob")
        );
        shell.run(&format!("token revoke {id}")).await.unwrap();
        assert!(
            shell
                .run(&format!("auth explain ann {asked} --token {id}"))
                .await
                .unwrap_err()
                .contains("no token")
        );
    }
    shell.lists.is_away = true;
    let (said, is_well) = shell.all("auth explain bob demo:package:mine:write").await;
    assert!(!is_well && said.contains("Whether bob is an owner is not known: its plugin is away."), "{said}");
}

#[tokio::test]
async fn the_members_of_a_group_have_its_grants_until_they_leave_it() {
    let shell = Shell::new().await;
    shell.run("user add ann").await.unwrap();
    let ann = || shell.sign_in(Credentials::password("ann", "correct horse".into()));
    assert!(shell.run("group member team ann").await.unwrap_err().contains("no group `team`"));
    let (_, remarks) = shell.run("group add team --grant demo:package:*:wirte").await.unwrap();
    assert!(remarks.contains("Added the group team.") && remarks.contains("has no effect now"), "{remarks}");
    assert!(shell.run("group add team").await.unwrap_err().contains("exists already"));
    let (output, _) = shell.run("group grant team demo:package:*:write !demo:package:b:*").await.unwrap();
    assert_eq!(output, "!demo:package:b:*\ndemo:package:*:wirte\ndemo:package:*:write\n");
    assert!(!shell.may(&ann().await, "write"));
    assert_eq!(shell.run("group member team ann").await.unwrap().0, "ann\n");
    assert!(shell.may(&ann().await, "write"));
    assert!(shell.run("group member team eve").await.unwrap_err().contains("no user `eve`"));
    let told = shell.run("auth explain ann demo:package:b:write").await.unwrap().0;
    assert_eq!(
        told,
        "forbidden (403)\tann\tdemo:package:b:write\ndecides\t!demo:package:b:*\ta grant of the group team\n\
         no effect\tdemo:package:*:write\ta grant of the group team\n"
    );
    // What the user has by a group is no grant of its own.
    let refused = shell.run("user grant ann --remove demo:package:*:write").await.unwrap_err();
    assert!(refused.contains("ann has no grant"), "{refused}");
    let (output, _) = shell.run("user grant ann demo:package:*:write").await.unwrap();
    assert_eq!(output, "demo:package:*:write\n");
    let told = shell.run("auth explain ann demo:package:a:write").await.unwrap().0;
    assert!(told.ends_with("\ta grant of ann, a grant of the group team\n"), "{told}");
    shell.run("user grant ann demo:package:*:write --remove").await.unwrap();
    let (output, _) = shell.run("group grant team demo:package:*:wirte --remove").await.unwrap();
    assert_eq!(output, "!demo:package:b:*\ndemo:package:*:write\n");
    assert!(
        shell.run("group grant team demo:package:*:wirte --remove").await.unwrap_err().contains("group list")
    );
    let listed = shell.run("group list").await.unwrap().0;
    assert_eq!(
        listed,
        "release\t-\tdemo:package:of-release:write\t-\n\
         team\t!demo:package:b:* demo:package:*:write\t-\tann\n"
    );
    let (output, remarks) = shell.run("group member team ann --remove").await.unwrap();
    assert!(output.is_empty() && remarks.contains("team has no members now."), "{remarks}");
    assert!(!shell.may(&ann().await, "write"));
    shell.run("group member team ann").await.unwrap();
    shell.run("group remove team").await.unwrap();
    assert!(!shell.may(&ann().await, "write"));
    assert!(shell.run("group remove team").await.unwrap_err().contains("no group `team`"));
}

#[tokio::test]
async fn a_group_of_the_configuration_needs_only_members() {
    let shell = Shell::new().await;
    shell.run("user add ann").await.unwrap();
    assert_eq!(shell.run("group member release ann").await.unwrap().0, "ann\n");
    let told = shell.run("auth explain ann demo:package:of-release:write").await.unwrap().0;
    assert!(told.ends_with("decides\tdemo:package:of-release:write\t[auth.groups] release\n"), "{told}");
    let refused = shell.run("group grant release demo:package:of-release:write --remove").await.unwrap_err();
    assert!(refused.contains("[auth.groups] release of the configuration"), "{refused}");
    let (_, remarks) = shell.run("group remove release").await.unwrap();
    assert!(remarks.contains("has no effect now, because the group has no members"), "{remarks}");
}
