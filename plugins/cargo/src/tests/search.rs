//! Search: what is found, by whom, and what is read for it.

use super::*;

fn described(name: &str, version: &str, description: &str) -> Publish {
    Publish::with_manifest(
        name,
        version,
        &format!("description = \"{description}\"\nkeywords = [\"instrument\"]\n"),
    )
}

fn search(actor: &Actor, query: &str) -> (Vec<String>, u64) {
    let reply = actor.get(&format!("/api/v1/crates?{query}")).send::<Cargo>();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let body = reply.json();
    assert!(body.get("errors").is_none());
    let names =
        body["crates"].as_array().unwrap().iter().map(|found| found["name"].as_str().unwrap().to_owned());
    (names.collect(), body["meta"]["total"].as_u64().unwrap())
}

fn found(host: &Host, query: &str) -> Vec<String> {
    search(&host.anonymous(), query).0
}

#[test]
fn finds_by_name_keyword_and_description() {
    let host = host();
    described("violin", "1.0.0", "four strings").done(&host);
    described("Viola_da-gamba", "1.0.0", "more strings").done(&host);
    described("drum", "1.0.0", "no strings at all").done(&host);
    assert_eq!(found(&host, "q=viol"), ["Viola_da-gamba", "violin"]);
    assert_eq!(found(&host, "q=viola-da_gamba"), ["Viola_da-gamba"]);
    assert_eq!(found(&host, "q=drum"), ["drum"]);
    assert_eq!(found(&host, "q=STRINGS+all"), ["drum"]);
    assert_eq!(found(&host, "q=instrument"), ["drum", "Viola_da-gamba", "violin"]);
    assert_eq!(found(&host, "q=piano"), Vec::<String>::new());
    assert_eq!(found(&host, "").len(), 3);
}

#[test]
fn the_total_is_that_of_all_pages() {
    let host = host();
    for number in 0..25 {
        Publish::new(&format!("crate-{number:02}"), "1.0.0").done(&host);
    }
    let anybody = host.anonymous();
    let (first, total) = search(&anybody, "q=crate");
    assert_eq!((first.len(), total), (10, 25));
    let (third, total) = search(&anybody, "q=crate&page=3&per_page=10");
    assert_eq!((third, total), ((20..25).map(|number| format!("crate-{number:02}")).collect(), 25));
    let (all, _) = search(&anybody, "q=crate&per_page=1000");
    assert_eq!(all.len(), 25);
    assert_eq!(search(&anybody, "q=crate&page=9"), (Vec::new(), 25));
}

#[test]
fn shows_the_highest_version_that_is_not_yanked() {
    let host = host();
    described("demo", "1.0.0", "old").done(&host);
    described("demo", "2.0.0", "new").done(&host);
    let shown = |host: &Host| get(host, "/api/v1/crates?q=demo").json()["crates"][0].clone();
    assert_eq!(shown(&host), json!({ "name": "demo", "max_version": "2.0.0", "description": "new" }));
    host.as_user("ann").delete("/api/v1/crates/demo/2.0.0/yank").send::<Cargo>();
    assert_eq!(shown(&host), json!({ "name": "demo", "max_version": "1.0.0", "description": "old" }));
}

#[test]
fn a_catalog_is_kept_and_never_out_of_date() {
    let host = host();
    for number in 0..20 {
        Publish::new(&format!("crate-{number:02}"), "1.0.0").done(&host);
    }
    assert!(!host.objects().contains(&"catalog.json".to_owned()), "no publish writes it");
    assert_eq!(search(&host.anonymous(), "q=crate").1, 20);
    assert_eq!(host.object_json("catalog.json")["crates"].as_object().unwrap().len(), 20);
    Publish::new("crate-00", "1.1.0").done(&host);
    Publish::new("crate-20", "1.0.0").done(&host);
    host.remove("index/cr/at/crate-19");
    let told = get(&host, "/api/v1/crates?q=crate&per_page=100").json();
    assert_eq!(told["meta"]["total"], 20);
    assert_eq!(told["crates"][0]["max_version"], "1.1.0");
    for broken in ["", "{", "{\"crates\":[]}"] {
        host.insert("catalog.json", broken).unwrap();
        assert_eq!(search(&host.anonymous(), "q=crate").1, 20);
    }
}

#[test]
fn finds_only_what_may_be_read() {
    let host = private_host().user("mia", &["cargo:crate:open-*:read", "cargo:crate:My_Crate:read"]);
    for name in ["open-one", "closed-one", "My_Crate"] {
        Publish::new(name, "1.0.0").done(&host);
    }
    assert_eq!(search(&host.as_user("ann"), "q=").1, 3);
    let both = vec!["My_Crate".to_owned(), "open-one".to_owned()];
    assert_eq!(search(&host.as_user("mia"), "q="), (both, 2), "in the spelling of a grant too");
    assert_eq!(get(&host, "/api/v1/crates?q=").status(), 401, "signing in may show more");
}

#[test]
fn crates_of_another_system_are_found() {
    let host = host();
    let line = json!({ "name": "Old", "vers": "1.0.0", "deps": [], "cksum": "aa", "features": {} });
    host.insert("index/3/o/old", format!("{line}\n")).unwrap();
    let shown = get(&host, "/api/v1/crates?q=old").json()["crates"][0].clone();
    assert_eq!(shown, json!({ "name": "Old", "max_version": "1.0.0", "description": null }));
    host.insert("crates/Old/Old-1.0.0.crate", "no gzip").unwrap();
    assert_eq!(found(&host, "q=old"), ["Old"]);
    let off = host.feature("search", false);
    assert_told(&get(&off, "/api/v1/crates?q=old"), 405, "search is turned off");
}

/// An empty list would say that there is nothing, also where there is nothing.
#[test]
fn rejected_credentials_find_nothing_and_are_told_so() {
    for host in [host(), private_host()] {
        for path in ["/api/v1/crates?q=a", "/api/v1/crates", "/config.json"] {
            let reply = host.rejected("the token has expired").get(path).send::<Cargo>();
            assert_eq!(reply.status(), 401, "{path}");
            assert_eq!(reply.json()["errors"][0]["detail"], "the token has expired", "{path}");
            assert!(reply.header("www-authenticate").unwrap().starts_with("Cargo login_url="), "{path}");
        }
    }
}

/// An empty list would say that there is nothing, and cargo would not sign in.
#[test]
fn a_search_in_which_nobody_may_see_anything_asks_to_sign_in() {
    let private = private_host();
    Publish::new("hidden", "1.0.0").done(&private);
    for host in [private_host(), private] {
        for path in ["/api/v1/crates?q=hidden", "/api/v1/crates"] {
            let reply = host.anonymous().get(path).send::<Cargo>();
            assert_told(&reply, 401, "this needs the permission cargo:crate:*:read");
            assert!(reply.header("www-authenticate").unwrap().starts_with("Cargo login_url="), "{path}");
            for user in ["bob", "eve"] {
                assert_eq!(host.as_user(user).get(path).send::<Cargo>().status(), 200, "{path} {user}");
            }
        }
    }
    assert_eq!(
        get(&host(), "/api/v1/crates?q=a").status(),
        200,
        "nothing is there, and everybody may see it"
    );
    let half = private_host().anonymous_grants(&["cargo:crate:open:read"]);
    Publish::new("open", "1.0.0").done(&half);
    Publish::new("hidden", "1.0.0").done(&half);
    assert_eq!(get(&half, "/api/v1/crates?q=hidden").json()["meta"]["total"], 0);
}
