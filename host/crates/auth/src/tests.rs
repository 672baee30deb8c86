//! The room as a whole: the first user, tokens that never allow more than their maker,
//! and two hosts on one file. Also what the other tests of this room act through.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::net::IpAddr;

use packhouse_scope::{Declaration, Implication};
use secrecy::{ExposeSecret as _, SecretString};

use super::sqlite::{Database, PATIENCE};

use super::*;

pub const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
pub const PASSWORD: &str = "correct horse";

/// A host over memory, whose clock only moves on when told to; reads are public.
pub fn host() -> Auth {
    Auth::over(Stores::in_memory(), grants(&["*:*:*:read"]), None, Clock::without_waiting())
}

/// A host over a database file.
pub async fn host_on(path: &std::path::Path) -> Auth {
    let database = Database::open(path, PATIENCE).await.unwrap();
    Auth::over(Stores::of_database(database), grants(&["*:*:*:read"]), None, Clock::without_waiting())
}

/// `write` implies `yank`, and `read`, which reads.
pub fn package_actions() -> Arc<Actions> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let (kind, read_action) = ("package".to_owned(), "read".to_owned());
    let actions = words(&["read", "write", "yank"]);
    let write =
        Implication { kind: kind.clone(), action: "write".to_owned(), implied: words(&["read", "yank"]) };
    Arc::new(Actions::declared(&[Declaration { kind, actions, read_action }], &[write]).unwrap())
}

pub fn scopes(texts: &[&str]) -> Vec<Scope> {
    texts.iter().map(|text| Scope::parse(text).unwrap()).collect()
}

pub fn grants(texts: &[&str]) -> Vec<Grant> {
    texts.iter().map(|text| Grant::parse(text).unwrap()).collect()
}

pub async fn add_user(auth: &Auth, name: &str, rules: &[&str]) {
    let user = NewUser {
        name: UserName::parse(name).unwrap(),
        email: Some(format!("{name}@example.com")),
        grants: grants(rules),
        owns_by_name: false,
    };
    auth.add_user(user, &PASSWORD.into()).await.unwrap();
}

pub async fn sign_in(auth: &Auth, name: &str, password: &str) -> Caller {
    auth.identify(&Credentials::password(name, password.into()), HERE, "demo").await.unwrap()
}

pub async fn show(auth: &Auth, secret: &SecretString) -> Caller {
    auth.identify(&Credentials::token(secret.clone()), HERE, "demo").await.unwrap()
}

/// Signed in with a token that was made so.
async fn with_token(auth: &Auth, name: &str, request: TokenRequest) -> Account {
    let account = auth.account(name).await.unwrap();
    let issued = auth.issue(&account, &request).await.unwrap();
    show(auth, &issued.secret).await.account.unwrap()
}

fn refused(answer: Result<Issued, AuthError>) -> String {
    match answer {
        Err(AuthError::Denied(why)) => why,
        other => panic!("{other:?}"),
    }
}

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn the_first_start_makes_an_admin_who_may_do_everything() {
    let auth = host();
    let generated = auth.ensure_admin(None).await.unwrap().into_password().expect("shown once");
    assert!(auth.ensure_admin(None).await.unwrap().into_password().is_none());
    assert!(auth.ensure_admin(Some("other password".into())).await.unwrap().into_password().is_none());
    let admin = sign_in(&auth, "admin", generated.expose_secret()).await;
    let asked = Question {
        anonymous: None,
        resource: Resource { protocol: "demo", kind: "package", name: "a" },
        action: "write",
        actions: &Actions::default(),
    };
    assert_eq!(auth.decide(&asked, &admin, Owners::default()), Decision::Granted);
    assert!(sign_in(&auth, "admin", "other password").await.rejection.is_some());
}

#[tokio::test]
async fn a_given_admin_password_is_taken_and_not_shown() {
    let auth = host();
    assert!(auth.ensure_admin(Some("given password".into())).await.unwrap().into_password().is_none());
    assert!(sign_in(&auth, "admin", "given password").await.account.is_some());
}

#[tokio::test]
async fn no_admin_is_made_where_there_are_users() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    assert!(auth.ensure_admin(None).await.unwrap().into_password().is_none());
    assert!(!auth.user_exists("admin").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hosts_that_start_at_once_one_shows_a_password_and_it_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let start = || async {
        let auth = host_on(&path).await;
        let shown = auth.ensure_admin(None).await.unwrap().into_password();
        (auth, shown)
    };
    let ((one, first), (_two, second)) = tokio::join!(start(), start());
    assert!(first.is_some() != second.is_some());
    let password = first.or(second).unwrap();
    assert!(sign_in(&one, "admin", password.expose_secret()).await.account.is_some());
}

#[tokio::test]
async fn a_token_is_shown_once_listed_without_its_secret_and_revoked_by_its_id() {
    let auth = host();
    add_user(&auth, "ann", &["demo:package:*:write"]).await;
    let ann = sign_in(&auth, "ann", PASSWORD).await.account.unwrap();
    let request = TokenRequest { label: Some("build".to_owned()), ..TokenRequest::default() };
    let Issued { token, secret } = auth.issue(&ann, &request).await.unwrap();
    let caller = show(&auth, &secret).await;
    assert_eq!(caller.account.as_ref().unwrap().name().as_str(), "ann");
    assert!(secret.expose_secret().starts_with(&token.hint) && token.hint.len() == 8);

    let listed = auth.list(&ann).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id, listed[0].label.as_deref()), (token.id, Some("build")));
    assert!(
        !format!("{listed:?} {:?}", Issued { token: token.clone(), secret: secret.clone() })
            .contains(secret.expose_secret())
    );

    assert!(auth.revoke(&ann, &token.id.to_string()).await.unwrap());
    assert!(
        show(&auth, &secret).await.rejection.unwrap().contains("revoked"),
        "at once on the host that revoked it"
    );
    assert!(!auth.revoke(&ann, &token.id.to_string()).await.unwrap());
    assert!(!auth.revoke(&ann, "nonsense").await.unwrap());
}

#[tokio::test]
async fn a_client_that_signs_out_names_the_secret() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let ann = auth.account("ann").await.unwrap();
    let issued =
        auth.issue(&ann, &TokenRequest { read_only: true, ..TokenRequest::default() }).await.unwrap();
    let reader = show(&auth, &issued.secret).await.account.unwrap();
    assert!(auth.revoke(&reader, issued.secret.expose_secret()).await.unwrap());
    assert!(show(&auth, &issued.secret).await.rejection.is_some());
}

#[tokio::test]
async fn a_narrowed_token_sees_no_other_token() {
    let auth = host();
    add_user(&auth, "ann", &["demo:package:*:write"]).await;
    let ann = auth.account("ann").await.unwrap();
    auth.issue(&ann, &TokenRequest::default()).await.unwrap();
    let narrow = TokenRequest { scopes: scopes(&["demo:package:a:write"]), ..TokenRequest::default() };
    for request in [TokenRequest { read_only: true, ..TokenRequest::default() }, narrow] {
        let narrowed = with_token(&auth, "ann", request).await;
        let seen: Vec<_> = auth.list(&narrowed).await.unwrap().iter().map(|token| token.id).collect();
        assert_eq!(seen, [narrowed.token().unwrap().id]);
    }
    let whole = with_token(&auth, "ann", TokenRequest::default()).await;
    assert_eq!(auth.list(&whole).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_token_of_one_mount_sees_and_revokes_tokens_of_that_mount_alone() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let of_mount = |mount: &str| TokenRequest {
        mount: Some(mount.to_owned()),
        by_owner: true,
        ..TokenRequest::default()
    };
    let ann = auth.account("ann").await.unwrap();
    let everywhere = auth.issue(&ann, &TokenRequest::default()).await.unwrap().token.id;
    let elsewhere = auth.issue(&ann, &of_mount("other")).await.unwrap().token.id;
    let beside = auth.issue(&ann, &of_mount("demo")).await.unwrap().token.id;
    let own = with_token(&auth, "ann", of_mount("demo")).await;
    let mut seen: Vec<_> = auth.list(&own).await.unwrap().iter().map(|token| token.id).collect();
    let mut expected = [beside, own.token().unwrap().id];
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);
    for id in [everywhere, elsewhere] {
        let refused = auth.revoke(&own, &id.to_string()).await.unwrap_err();
        assert!(matches!(refused, AuthError::Denied(_)), "{refused}");
    }
    assert!(auth.revoke(&own, &beside.to_string()).await.unwrap());
    assert!(auth.revoke(&own, &own.token().unwrap().id.to_string()).await.unwrap());
    assert_eq!(auth.list(&ann).await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_owner_is_who_was_recorded_and_not_who_has_the_name() {
    let auth = host();
    add_user(&auth, "bob", &[]).await;
    let first = auth.account("bob").await.unwrap().id().to_string();
    let may = async |ids: &[String], names: &[String]| {
        let bob = sign_in(&auth, "bob", PASSWORD).await;
        let resource = Resource { protocol: "demo", kind: "package", name: "a" };
        let actions = Actions::default();
        let asked = Question { anonymous: None, resource, action: "write", actions: &actions };
        auth.decide(&asked, &bob, Owners { ids, names }) == Decision::Granted
    };
    let (by_id, by_name) = ([first], ["bob".to_owned()]);
    assert!(may(&by_id, &[]).await && may(&[], &by_name).await);
    assert!(!may(&[], &[]).await);
    auth.remove_user("bob").await.unwrap();
    add_user(&auth, "bob", &[]).await;
    assert!(!may(&by_id, &by_name).await, "another bob");
    let second = auth.account_id("bob").await.unwrap().unwrap().to_string();
    assert!(may(&[second], &[]).await);
    assert_eq!(auth.removed_users("bob").await.unwrap().len(), 1);
    assert_eq!(auth.account_id("nobody").await.unwrap(), None);
}

#[tokio::test]
async fn nobody_lists_or_revokes_another_s_tokens() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    add_user(&auth, "bob", &["*:*:*:*"]).await;
    let (ann, bob) = (auth.account("ann").await.unwrap(), auth.account("bob").await.unwrap());
    let issued = auth.issue(&ann, &TokenRequest::default()).await.unwrap();
    assert!(auth.list(&bob).await.unwrap().is_empty());
    assert!(!auth.revoke(&bob, &issued.token.id.to_string()).await.unwrap());
    assert!(!auth.revoke(&bob, issued.secret.expose_secret()).await.unwrap());
    assert!(show(&auth, &issued.secret).await.account.is_some());
}

#[tokio::test]
async fn a_read_only_account_gets_read_only_tokens_only() {
    let auth = host();
    add_user(&auth, "ann", &["*:*:*:*"]).await;
    let reader = with_token(&auth, "ann", TokenRequest { read_only: true, ..TokenRequest::default() }).await;
    assert!(reader.read_only());
    assert!(refused(auth.issue(&reader, &TokenRequest::default()).await).contains("read-only"));
    let child =
        auth.issue(&reader, &TokenRequest { read_only: true, ..TokenRequest::default() }).await.unwrap();
    assert!(child.token.read_only);
}

#[tokio::test]
async fn a_token_s_scopes_stay_within_what_its_maker_has() {
    let auth = host();
    add_user(&auth, "ann", &["demo:package:@ann/*:write"]).await;
    let actions = Some(package_actions());
    let wanting = |texts: &[&str]| TokenRequest {
        scopes: scopes(texts),
        actions: actions.clone(),
        ..TokenRequest::default()
    };
    let ann = auth.account("ann").await.unwrap();
    assert!(
        auth.issue(&ann, &wanting(&["demo:package:@ann/a:write", "*:*:*:read"])).await.is_ok(),
        "own, and public"
    );
    assert!(refused(auth.issue(&ann, &wanting(&["demo:package:@bob/a:write"])).await).contains("@bob/a"));
    assert!(refused(auth.issue(&ann, &wanting(&["*:*:*:*"])).await).contains("more than you may"));

    let all = with_token(&auth, "ann", wanting(&["demo:package:*:write"])).await;
    assert_eq!(all.scopes(), scopes(&["demo:package:*:write"]), "the grants decide at each use");

    let narrowed = with_token(&auth, "ann", wanting(&["demo:package:@ann/a:write"])).await;
    let all = auth.issue(&narrowed, &wanting(&["demo:package:*:yank"])).await.unwrap();
    assert_eq!(all.token.scopes, scopes(&["demo:package:@ann/a:yank"]), "all that it is narrowed to");
    assert!(
        refused(auth.issue(&narrowed, &wanting(&["demo:package:@ann/b:write"])).await).contains("@ann/b")
    );
    assert!(auth.issue(&narrowed, &wanting(&["demo:package:@ann/a:yank"])).await.is_ok());
    let same = auth.issue(&narrowed, &wanting(&[])).await.unwrap();
    assert_eq!(same.token.scopes, scopes(&["demo:package:@ann/a:write"]), "all that the account has");
}

#[tokio::test]
async fn a_token_lives_no_longer_and_in_no_other_place_than_its_maker_s() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let home = vec![parse_network("192.0.2.0/24").unwrap()];
    let request = TokenRequest { lifetime: Some(HOUR), cidr: home.clone(), ..TokenRequest::default() };
    let own = with_token(&auth, "ann", request).await;
    let wanting = |lifetime, cidr: &[&str]| TokenRequest {
        lifetime,
        cidr: cidr.iter().map(|text| parse_network(text).unwrap()).collect(),
        ..TokenRequest::default()
    };
    assert!(refused(auth.issue(&own, &wanting(Some(HOUR * 2), &[])).await).contains("longer"));
    assert!(refused(auth.issue(&own, &wanting(None, &["0.0.0.0/0"])).await).contains("0.0.0.0/0"));
    let same = auth.issue(&own, &wanting(None, &[])).await.unwrap().token;
    assert_eq!((same.expires, &same.cidr), (own.token().unwrap().expires, &home));
    let less = auth.issue(&own, &wanting(Some(HOUR / 2), &["192.0.2.1"])).await.unwrap().token;
    assert!(less.expires < same.expires && less.cidr[0].to_string() == "192.0.2.1/32");
}

/// The account of a caller, as a plugin gets it.
async fn caller(auth: &Auth, name: &str) -> Account {
    sign_in(auth, name, PASSWORD).await.account.unwrap()
}

fn through(mount: &str) -> TokenRequest {
    TokenRequest { mount: Some(mount.to_owned()), by_owner: true, ..TokenRequest::default() }
}

async fn at(auth: &Auth, mount: &str, secret: &SecretString) -> Caller {
    auth.identify(&Credentials::token(secret.clone()), HERE, mount).await.unwrap()
}

#[tokio::test]
async fn a_token_that_was_issued_through_a_mount_is_valid_at_that_mount_only() {
    let auth = host();
    add_user(&auth, "ann", &["*:*:*:*"]).await;
    let ann = auth.authenticate_only_password("ann", &PASSWORD.into(), HERE).await.unwrap();
    let issued = auth.issue(&ann, &through("demo")).await.unwrap();
    let own = at(&auth, "demo", &issued.secret).await.account.expect("at its own mount");
    let elsewhere = at(&auth, "other", &issued.secret).await;
    assert!(elsewhere.rejection.unwrap().contains("another part"));
    let as_password = Credentials::password("ann", issued.secret.clone());
    assert!(auth.identify(&as_password, HERE, "other").await.unwrap().rejection.is_some());
    assert!(auth.authenticate_token(&issued.secret, HERE, "other").await.is_err());
    let child = auth.issue(&own, &TokenRequest::default()).await.unwrap();
    assert_eq!(child.token.mount.as_deref(), Some("demo"), "its children neither");
    let everywhere = auth.issue(&auth.account("ann").await.unwrap(), &TokenRequest::default()).await.unwrap();
    for mount in ["demo", "other"] {
        assert!(at(&auth, mount, &everywhere.secret).await.account.is_some());
    }
}

#[tokio::test]
async fn a_token_for_which_no_password_was_checked_expires() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let limits = Limits::default();
    let proved = auth.authenticate_only_password("ann", &PASSWORD.into(), HERE).await.unwrap();
    let lasting = auth.issue(&proved, &through("demo")).await.unwrap().token;
    assert_eq!((lasting.expires, lasting.idle), (None, None));
    let ann = caller(&auth, "ann").await;
    for wished in [None, Some(Duration::MAX), Some(limits.longest_lifetime * 2)] {
        let request = TokenRequest { lifetime: wished, ..through("demo") };
        let token = auth.issue(&ann, &request).await.unwrap().token;
        let most = token.created + u64::try_from(limits.longest_lifetime.as_millis()).unwrap();
        assert!(token.expires.is_some_and(|end| end <= most), "{token:?}");
        assert!(token.idle.is_some() && token.end() < token.expires, "{token:?}");
    }
    let brief = TokenRequest { lifetime: Some(HOUR), ..through("demo") };
    let brief = auth.issue(&ann, &brief).await.unwrap();
    assert_eq!(brief.token.expires, Some(brief.token.created + 3_600_000));
    let child = at(&auth, "demo", &brief.secret).await.account.unwrap();
    let child = auth.issue(&child, &through("demo")).await.unwrap().token;
    assert_eq!(child.expires, brief.token.expires, "no longer than its maker's");
}

#[tokio::test]
async fn a_token_that_nobody_uses_expires_and_one_in_use_does_not() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let ann = caller(&auth, "ann").await;
    let unused = auth.issue(&ann, &through("demo")).await.unwrap();
    let used = auth.issue(&ann, &through("demo")).await.unwrap();
    let idle = Limits::default().idle_lifetime;
    auth.inner.clock.sleep(idle / 2).await;
    assert!(at(&auth, "demo", &used.secret).await.account.is_some());
    while auth.list(&ann).await.unwrap().iter().all(|token| token.last_used.is_none()) {
        tokio::task::yield_now().await;
    }
    auth.inner.clock.sleep(idle / 2).await;
    assert!(at(&auth, "demo", &unused.secret).await.rejection.unwrap().contains("expired"));
    assert!(at(&auth, "demo", &used.secret).await.account.is_some());
}

#[tokio::test]
async fn a_user_has_a_limited_number_of_tokens_and_few_without_a_password_check() {
    let limits = Limits { tokens_per_user: 8, ..Limits::default() };
    let auth = Auth::within(
        limits,
        Stores::in_memory(),
        Vec::new(),
        ConfiguredGroups::default(),
        None,
        Clock::without_waiting(),
    );
    add_user(&auth, "ann", &[]).await;
    let ann = caller(&auth, "ann").await;
    let mut answers = Vec::new();
    for _ in 0..500 {
        answers.push(auth.issue(&ann, &through("demo")).await);
    }
    assert!(answers.iter().all(Result::is_ok), "a sign-in with the password finds room");
    assert_eq!(auth.list(&ann).await.unwrap().len(), 2, "in the place of the longest unused one");
    let last = answers.pop().unwrap().unwrap();
    let by_token = at(&auth, "demo", &last.secret).await.account.unwrap();
    for _ in 0..2 {
        let child = auth.issue(&by_token, &through("demo")).await.unwrap().token;
        assert_eq!(child.parent, Some(last.token.id));
    }
    assert!(refused(auth.issue(&by_token, &through("demo")).await).contains("without a password check"));
    let proved = auth.authenticate_only_password("ann", &PASSWORD.into(), HERE).await.unwrap();
    for _ in 0..8 {
        auth.issue(&proved, &through("demo")).await.unwrap();
    }
    let why = refused(auth.issue(&proved, &through("demo")).await);
    assert!(why.contains("8 tokens") && why.contains("revoke"), "{why}");
    let administrator = auth.account("ann").await.unwrap();
    auth.issue(&administrator, &TokenRequest::default()).await.unwrap();
    auth.inner.clock.sleep(limits.idle_lifetime).await;
    for token in &auth.list(&ann).await.unwrap()[..2] {
        assert_eq!(auth.revoke_any(token.id).await.unwrap(), 1);
    }
    auth.issue(&ann, &through("demo")).await.unwrap();
}

#[tokio::test]
async fn a_token_is_revoked_with_those_that_were_made_with_it() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let ann = auth.account("ann").await.unwrap();
    let parent = auth.issue(&ann, &TokenRequest::default()).await.unwrap();
    assert_eq!(parent.token.parent, None);
    let by_parent = at(&auth, "demo", &parent.secret).await.account.unwrap();
    let child = auth.issue(&by_parent, &through("demo")).await.unwrap();
    let by_child = at(&auth, "demo", &child.secret).await.account.unwrap();
    let grandchild = auth.issue(&by_child, &through("demo")).await.unwrap();
    assert!(at(&auth, "demo", &grandchild.secret).await.account.is_some());
    assert!(auth.revoke(&ann, &child.token.id.to_string()).await.unwrap());
    assert!(at(&auth, "demo", &grandchild.secret).await.rejection.is_some());
    let child = auth.issue(&by_parent, &through("demo")).await.unwrap();
    assert_eq!(auth.revoke_any(parent.token.id).await.unwrap(), 2);
    assert!(at(&auth, "demo", &child.secret).await.rejection.is_some());
    assert_eq!(auth.revoke_any(parent.token.id).await.unwrap(), 0);
}

#[tokio::test]
async fn a_narrowed_token_revokes_nothing_but_itself() {
    let auth = host();
    add_user(&auth, "ann", &["demo:package:a:write"]).await;
    let ann = auth.account("ann").await.unwrap();
    let other = auth.issue(&ann, &TokenRequest::default()).await.unwrap().token;
    let narrow = TokenRequest { scopes: scopes(&["demo:package:a:read"]), ..TokenRequest::default() };
    let narrowed = with_token(&auth, "ann", narrow).await;
    assert!(matches!(auth.revoke(&narrowed, &other.id.to_string()).await, Err(AuthError::Denied(_))));
    let own = narrowed.token().unwrap().id.to_string();
    assert!(auth.revoke(&narrowed, &own).await.unwrap());
}

#[tokio::test]
async fn bad_requests_for_a_token_say_what_to_do() {
    let auth = host();
    add_user(&auth, "ann", &[]).await;
    let ann = auth.account("ann").await.unwrap();
    for request in [
        TokenRequest { label: Some("x".repeat(201)), ..TokenRequest::default() },
        TokenRequest { label: Some("line\nbreak".to_owned()), ..TokenRequest::default() },
        TokenRequest { lifetime: Some(Duration::ZERO), ..TokenRequest::default() },
    ] {
        assert!(matches!(auth.issue(&ann, &request).await, Err(AuthError::Invalid(_))), "{request:?}");
    }
    let forever = TokenRequest { lifetime: Some(Duration::MAX), ..TokenRequest::default() };
    assert!(auth.issue(&ann, &forever).await.is_ok());
    for text in ["", "10.0.0.0/33", "home", "10.0.0"] {
        assert!(parse_network(text).unwrap_err().to_string().contains("10.0.0.0/8"), "{text}");
    }
    assert_eq!(parse_network("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
}

#[tokio::test]
async fn what_one_host_revokes_or_changes_stops_on_the_other_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let (here, there) = (host_on(&path).await, host_on(&path).await);
    add_user(&here, "ann", &["demo:package:a:write"]).await;
    let ann = here.account("ann").await.unwrap();
    let Issued { token, secret } = here.issue(&ann, &TokenRequest::default()).await.unwrap();
    assert!(show(&there, &secret).await.account.is_some(), "at once on the other host");
    assert!(sign_in(&there, "ann", PASSWORD).await.account.is_some());

    here.withdraw("ann", &grants(&["demo:package:a:write"])).await.unwrap();
    here.set_password("ann", &"another password".into()).await.unwrap();
    there.inner.clock.sleep(Duration::from_secs(1)).await;
    assert!(show(&there, &secret).await.account.unwrap().grants().is_empty());
    assert!(sign_in(&there, "ann", PASSWORD).await.rejection.is_some(), "remembered, but no longer right");
    assert!(sign_in(&there, "ann", "another password").await.account.is_some());

    assert_eq!(here.revoke_any(token.id).await.unwrap(), 1);
    there.inner.clock.sleep(Duration::from_secs(1)).await;
    assert!(show(&there, &secret).await.rejection.is_some());
}

#[tokio::test]
async fn a_store_that_is_away_is_an_error_and_never_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("users.sqlite"), PATIENCE).await.unwrap();
    let auth = Auth::over(Stores::of_database(database.clone()), Vec::new(), None, Clock::without_waiting());
    add_user(&auth, "ann", &[]).await;
    let ann = auth.account("ann").await.unwrap();
    let secret = auth.issue(&ann, &TokenRequest::default()).await.unwrap().secret;
    auth.probe().await.unwrap();
    database.close().await;
    auth.inner.clock.sleep(Duration::from_secs(1)).await;
    for credentials in [Credentials::token(secret), Credentials::password("ann", PASSWORD.into())] {
        let error = auth.identify(&credentials, HERE, "demo").await.unwrap_err();
        assert!(matches!(error, AuthError::Unavailable { .. }), "{error}");
    }
    assert!(auth.probe().await.is_err());
    assert!(
        auth.identify(&Credentials::default(), HERE, "demo").await.is_ok(),
        "who sends nothing needs no store"
    );
}

#[tokio::test]
async fn a_removed_user_leaves_nothing_that_still_opens() {
    let auth = host();
    add_user(&auth, "ann", &["*:*:*:*"]).await;
    let ann = auth.account("ann").await.unwrap();
    let secret = auth.issue(&ann, &TokenRequest::default()).await.unwrap().secret;
    assert!(
        show(&auth, &secret).await.account.is_some()
            && sign_in(&auth, "ann", PASSWORD).await.account.is_some()
    );
    auth.remove_user("ann").await.unwrap();
    assert!(show(&auth, &secret).await.rejection.is_some());
    assert!(sign_in(&auth, "ann", PASSWORD).await.rejection.is_some());
    add_user(&auth, "ann", &[]).await;
    assert!(show(&auth, &secret).await.rejection.is_some(), "another user of the same name");
    assert!(matches!(auth.remove_user("bob").await, Err(AuthError::NotFound(_))));
}

#[test]
fn the_configuration_s_word_for_a_store_is_read_or_refused_with_those_there_are() {
    assert_eq!(StoreKind::parse("memory").unwrap(), StoreKind::Memory);
    assert_eq!(StoreKind::parse("database").unwrap(), StoreKind::Database);
    let refusal = StoreKind::parse("redis").unwrap_err().to_string();
    assert!(refusal.contains("`database` or `memory`"), "{refusal}");
}

#[test]
fn a_wait_is_told_as_one_second_or_several() {
    let told = |millis| AuthError::throttled(Duration::from_millis(millis)).to_string();
    assert!(told(10).ends_with("try again in 1 second"), "{}", told(10));
    assert!(told(1010).ends_with("try again in 2 seconds"), "{}", told(1010));
}

#[tokio::test]
async fn users_and_tokens_have_stores_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let open = async |users: StoreKind, tokens: StoreKind| {
        let stores = Stores::open(StoreKinds { users, tokens }, &path).await?;
        Ok::<_, AuthError>(Auth::over(stores, Vec::new(), None, Clock::without_waiting()))
    };
    let (database, memory) = (StoreKind::Database, StoreKind::Memory);
    let auth = open(database, memory).await.unwrap();
    assert!(auth.has_lasting_users() && !auth.has_lasting_tokens());
    add_user(&auth, "ann", &[]).await;
    let ann = auth.account("ann").await.unwrap();
    let secret = auth.issue(&ann, &TokenRequest::default()).await.unwrap().secret;
    assert!(show(&auth, &secret).await.account.is_some());
    // Another process removes the user: it does not see the tokens of this one.
    add_user(&auth, "bob", &[]).await;
    let bob = auth.account("bob").await.unwrap();
    let of_bob = auth.issue(&bob, &TokenRequest::default()).await.unwrap().secret;
    let command = open(database, memory).await.unwrap();
    command.remove_user("bob").await.unwrap();
    command.close().await;
    auth.inner.clock.sleep(Duration::from_secs(1)).await;
    assert!(show(&auth, &of_bob).await.rejection.is_some(), "the token of a user who is gone");
    auth.close().await;

    let auth = open(database, memory).await.unwrap();
    assert!(sign_in(&auth, "ann", PASSWORD).await.account.is_some(), "users stay");
    assert!(show(&auth, &secret).await.account.is_none(), "tokens are gone with the process");
    auth.close().await;

    let auth = open(database, database).await.unwrap();
    assert!(auth.has_lasting_users() && auth.has_lasting_tokens());
    assert!(show(&auth, &secret).await.account.is_none(), "tokens of memory were not written");
    let ann = auth.account("ann").await.unwrap();
    let kept = auth.issue(&ann, &TokenRequest::default()).await.unwrap().secret;
    auth.close().await;
    let auth = open(database, database).await.unwrap();
    assert!(show(&auth, &kept).await.account.is_some(), "users and tokens stay");
    auth.close().await;

    let auth = open(memory, memory).await.unwrap();
    assert!(!auth.has_lasting_users() && !auth.has_lasting_tokens());
    assert!(sign_in(&auth, "ann", PASSWORD).await.account.is_none(), "the file is not read");
    let refused = open(memory, database).await.map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("user_store") && refused.contains("token_store"), "{refused}");
}
