//! What is asked of every store of groups, and what a group does for its members.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use super::*;
use crate::Owners;
use crate::clock::Clock;
use crate::identity::FRESH;
use crate::sqlite::{Database, PATIENCE};
use crate::stores::Stores;
use crate::tests::{PASSWORD, add_user, grants, scopes, sign_in};
use crate::{Actions, Caller, Decision, Question, Resource};

fn name(text: &str) -> GroupName {
    GroupName::parse(text).unwrap()
}

fn adding(rules: &[&str], members: &[Uuid]) -> GroupChange {
    GroupChange { add_grants: grants(rules), add_members: members.to_vec(), ..GroupChange::default() }
}

/// Every behaviour, for each store.
async fn behaves(groups: &dyn GroupStore, [ann, bob]: [Uuid; 2]) {
    let (release, other) = (name("release"), name("other"));
    assert!(groups.add_group(&release).await.unwrap() && groups.add_group(&other).await.unwrap());
    assert!(!groups.add_group(&release).await.unwrap(), "there is one already");
    let rules = ["demo:package:b:write", "!demo:package:a:*", "demo:package:b:write"];
    assert!(groups.change_group(&release, &adding(&rules, &[bob, ann, ann])).await.unwrap());
    assert!(groups.change_group(&other, &adding(&["demo:package:c:read"], &[ann])).await.unwrap());
    let sorted = grants(&["!demo:package:a:*", "demo:package:b:write"]);
    let of =
        |group: &GroupName, grants: &[Grant]| Membership { group: group.clone(), grants: grants.to_vec() };
    let read = grants(&["demo:package:c:read"]);
    assert_eq!(groups.memberships(ann).await.unwrap(), [of(&other, &read), of(&release, &sorted)]);
    assert_eq!(groups.memberships(bob).await.unwrap(), [of(&release, &sorted)]);
    assert_eq!(groups.memberships(Uuid::new_v4()).await.unwrap(), []);
    let mut both = vec![ann, bob];
    both.sort();
    let listed = groups.groups().await.unwrap();
    assert_eq!(listed.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["other", "release"]);
    assert_eq!((&listed[1].grants, &listed[1].members), (&sorted, &both));

    let less = GroupChange {
        remove_grants: grants(&["demo:package:b:write", "demo:package:z:read"]),
        remove_members: vec![bob, Uuid::new_v4()],
        ..GroupChange::default()
    };
    assert!(groups.change_group(&release, &less).await.unwrap());
    assert_eq!(groups.memberships(bob).await.unwrap(), []);
    assert_eq!(groups.memberships(ann).await.unwrap()[1].grants, grants(&["!demo:package:a:*"]));
    assert!(!groups.change_group(&name("none"), &adding(&["*:*:*:*"], &[ann])).await.unwrap());
    assert!(groups.remove_group(&release).await.unwrap() && !groups.remove_group(&release).await.unwrap());
    assert_eq!(groups.memberships(ann).await.unwrap(), [of(&other, &read)]);
    assert!(groups.add_group(&release).await.unwrap(), "another group of that name");
    assert_eq!(groups.memberships(ann).await.unwrap(), [of(&other, &read)], "without the old members");
}

async fn two_users(auth: &Auth) -> [Uuid; 2] {
    add_user(auth, "ann", &[]).await;
    add_user(auth, "bob", &[]).await;
    [auth.account("ann").await.unwrap().id(), auth.account("bob").await.unwrap().id()]
}

#[tokio::test]
async fn every_store_keeps_grants_and_members() {
    let folder = tempfile::tempdir().unwrap();
    for auth in [on(Stores::in_memory()), on(sqlite(folder.path()).await)] {
        let users = two_users(&auth).await;
        behaves(&*auth.inner.stores.groups, users).await;
    }
}

fn configured(auth: Auth, groups: ConfiguredGroups) -> Auth {
    let inner = std::sync::Arc::into_inner(auth.inner).expect("no other clone");
    Auth { inner: std::sync::Arc::new(crate::Inner { groups, ..inner }) }
}

fn on(stores: Stores) -> Auth {
    Auth::over(stores, grants(&["*:*:*:read"]), None, Clock::without_waiting())
}

async fn sqlite(folder: &std::path::Path) -> Stores {
    Stores::of_database(Database::open(&folder.join("users.sqlite"), PATIENCE).await.unwrap())
}

fn may(auth: &Auth, caller: &Caller, action: &str) -> bool {
    let resource = Resource { protocol: "demo", kind: "package", name: "a" };
    let asked = Question { anonymous: None, resource, action, actions: &Actions::default() };
    auth.decide(&asked, caller, Owners::default()) == Decision::Granted
}

#[tokio::test]
async fn a_change_of_a_group_is_effective_at_once_here_and_within_a_second_on_another_host() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (on(sqlite(folder.path()).await), on(sqlite(folder.path()).await));
    let [ann, _] = two_users(&here).await;
    let secret = here
        .issue(&here.account("ann").await.unwrap(), &crate::TokenRequest::default())
        .await
        .unwrap()
        .secret;
    let later = |auth: &Auth| {
        let clock = auth.inner.clock.clone();
        async move { clock.sleep(FRESH).await }
    };
    let release = name("release");
    here.add_group(&release).await.unwrap();
    for (change, expected) in [
        (adding(&["demo:package:*:write"], &[]), false),
        (adding(&[], &[ann]), true),
        (adding(&["!demo:package:a:write"], &[]), false),
        (GroupChange { remove_grants: grants(&["!demo:package:a:write"]), ..GroupChange::default() }, true),
        (GroupChange { remove_members: vec![ann], ..GroupChange::default() }, false),
        (adding(&[], &[ann]), true),
    ] {
        here.change_group(&release, &change).await.unwrap();
        assert_eq!(may(&here, &sign_in(&here, "ann", PASSWORD).await, "write"), expected, "{change:?}");
        assert_eq!(may(&here, &crate::tests::show(&here, &secret).await, "write"), expected, "{change:?}");
        later(&there).await;
        assert_eq!(may(&there, &sign_in(&there, "ann", PASSWORD).await, "write"), expected, "{change:?}");
        assert_eq!(may(&there, &crate::tests::show(&there, &secret).await, "write"), expected, "{change:?}");
    }
    assert_eq!(here.own_grants("ann").await.unwrap(), []);
    here.remove_group(&release).await.unwrap();
    assert!(!may(&here, &sign_in(&here, "ann", PASSWORD).await, "write"));
    later(&there).await;
    assert!(!may(&there, &sign_in(&there, "ann", PASSWORD).await, "write"));
    let refused = here.change_group(&release, &GroupChange::default()).await.unwrap_err();
    assert!(matches!(refused, AuthError::NotFound(_)), "{refused}");
}

#[tokio::test]
async fn a_new_user_of_a_removed_user_s_name_is_no_member() {
    let folder = tempfile::tempdir().unwrap();
    for auth in [on(Stores::in_memory()), on(sqlite(folder.path()).await)] {
        let [ann, _] = two_users(&auth).await;
        auth.add_group(&name("release")).await.unwrap();
        auth.change_group(&name("release"), &adding(&["*:*:*:*"], &[ann])).await.unwrap();
        assert_eq!(auth.list_groups().await.unwrap()[0].members.len(), 1);
        auth.remove_user("ann").await.unwrap();
        add_user(&auth, "ann", &[]).await;
        assert!(!may(&auth, &sign_in(&auth, "ann", PASSWORD).await, "write"));
        assert_eq!(auth.list_groups().await.unwrap()[0].members, []);
    }
}

#[tokio::test]
async fn the_grants_of_the_configuration_are_those_of_the_members_in_the_store() {
    let groups = ConfiguredGroups::from([(name("release"), grants(&["demo:package:*:write"]))]);
    let auth = configured(on(Stores::in_memory()), groups);
    let [ann, _] = two_users(&auth).await;
    let release = name("release");
    assert!(!may(&auth, &sign_in(&auth, "ann", PASSWORD).await, "write"));
    auth.change_group(&release, &adding(&["!demo:package:b:write"], &[ann])).await.unwrap();
    let caller = sign_in(&auth, "ann", PASSWORD).await;
    assert!(may(&auth, &caller, "write"));
    let [own, configured] = [Origin::Group(release.clone()), Origin::Configuration(release.clone())];
    let expected = [("!demo:package:b:write", own), ("demo:package:*:write", configured)];
    let expected = expected.map(|(grant, origin)| (Grant::parse(grant).unwrap(), origin));
    assert_eq!(auth.origins("ann").await.unwrap(), expected);
    let narrow =
        crate::TokenRequest { scopes: scopes(&["demo:package:a:write"]), ..crate::TokenRequest::default() };
    auth.issue(caller.account.as_ref().unwrap(), &narrow).await.unwrap();
    auth.remove_group(&release).await.unwrap();
    assert!(!may(&auth, &sign_in(&auth, "ann", PASSWORD).await, "write"));
    assert_eq!(auth.list_groups().await.unwrap().len(), 1, "the configuration names it");
}

#[test]
fn a_name_of_a_group_is_a_plain_word() {
    for text in ["release", "a", "0-team.x_y"] {
        assert_eq!(name(text).as_str(), text);
    }
    for text in ["", "Release", "-a", ".a", "a b", "a\0", "a@b", "ä", &"a".repeat(65)] {
        assert!(GroupName::parse(text).is_err(), "{text:?}");
    }
}
