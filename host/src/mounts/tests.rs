#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::{Mount, MountError, Mounts, is_reserved};

fn mount(name: &str) -> Mount {
    Mount {
        name: name.into(),
        plugin: "demo".into(),
        enabled: true,
        base_path: format!("/{name}"),
        host: None,
        prefix: name.into(),
        features: [].into(),
        grants: [].into(),
        anonymous: None,
        settings: "{}".to_owned().into(),
        secrets: Vec::new(),
    }
}

fn resolve(mounts: &Mounts, host: &str, path: &str) -> Option<(String, String)> {
    mounts.resolve(Some(host), path).map(|found| (found.mount.name.clone(), found.path.to_owned()))
}

/// Where a request should lead.
#[expect(clippy::unnecessary_wraps, reason = "it is compared with what `resolve` gives")]
fn to(name: &str, path: &str) -> Option<(String, String)> {
    Some((name.into(), path.into()))
}

#[test]
fn the_longest_base_path_wins_and_ends_at_a_slash() {
    let mounts =
        Mounts::new([mount("demo"), Mount { base_path: "/demo/inner".into(), ..mount("inner") }]).unwrap();
    assert_eq!(resolve(&mounts, "any", "/demo/x%2fy"), to("demo", "/x%2fy"));
    assert_eq!(resolve(&mounts, "any", "/demo/inner/x"), to("inner", "/x"));
    assert_eq!(resolve(&mounts, "any", "/demo"), to("demo", "/"));
    assert_eq!(resolve(&mounts, "any", "/demonstration"), None);
}

#[test]
fn a_mount_with_a_host_name_is_found_under_it_alone() {
    let internal =
        Mount { host: Some("internal.example.com".into()), base_path: String::new(), ..mount("internal") };
    let mounts = Mounts::new([mount("demo"), internal]).unwrap();
    assert_eq!(resolve(&mounts, "Internal.Example.com:8080", "/x"), to("internal", "/x"));
    assert_eq!(resolve(&mounts, "registry.example.com", "/x"), None);
    assert_eq!(resolve(&mounts, "[::1]:8080", "/demo/x"), to("demo", "/x"));
}

#[test]
fn a_granted_alias_leads_to_its_mount() {
    let mounts =
        Mounts::new([Mount { grants: ["/v2".to_owned(), "login".to_owned()].into(), ..mount("demo") }])
            .unwrap();
    let found = mounts.resolve(None, "/v2/x").unwrap();
    assert_eq!((found.path, found.alias), ("/x", Some("/v2")));
}

#[test]
fn two_claims_of_one_path_are_refused() {
    let twice = Mounts::new([mount("demo"), Mount { base_path: "/demo".into(), ..mount("other") }]);
    assert!(matches!(twice, Err(MountError::SamePath(..))));
}

#[test]
fn a_path_that_is_claimed_twice_is_named_with_what_helps() {
    let at_host =
        |name| Mount { host: Some("a.example.com".into()), base_path: String::new(), ..mount(name) };
    let granted = |name| Mount { grants: ["/v2".to_owned()].into(), ..mount(name) };
    let at_alias = Mount { base_path: "/v2".into(), ..mount("other") };
    for (mounts, words) in [
        (
            [at_host("demo"), at_host("other")],
            "the path / of the host a.example.com: give one of them another `base_path`",
        ),
        (
            [granted("demo"), granted("other")],
            "both claim the path /v2: take it out of the `grants` of one of them",
        ),
        ([granted("demo"), at_alias], "both claim the path /v2: take it out of the `grants` of one of them"),
        (
            [mount("demo"), Mount { base_path: "/demo".into(), ..mount("other") }],
            "/demo: give one of them another",
        ),
    ] {
        let refused = Mounts::new(mounts).err().unwrap().to_string();
        assert!(
            refused.starts_with("[mount.demo] and [mount.other]") && refused.contains(words),
            "{refused}"
        );
    }
}

#[test]
fn two_mounts_never_share_storage() {
    let nested = Mounts::new([mount("demo"), Mount { prefix: "demo/inner".into(), ..mount("other") }]);
    assert!(matches!(nested, Err(MountError::SamePrefix(..))));
}

#[test]
fn the_hosts_own_paths_cannot_be_claimed() {
    assert!(is_reserved("/-/packhouse/plugins"));
    assert!(!is_reserved("/-/ping"));
    let claimed = Mounts::new([Mount { base_path: "/healthz".into(), ..mount("demo") }]);
    assert!(matches!(claimed, Err(MountError::Reserved(..))));
}
