//! Pages of keys: the same order and the same pages everywhere.

use super::*;
use crate::ListOptions;

const NAMES: [&str; 12] =
    ["a", "a-b/x", "a.b", "a0", "b/1", "b/2/x", "b/2/y", "b/3", "b-c", "b0/deep/er", "ba", "é/ü"];

async fn fill(scope: &Scope) {
    for name in NAMES {
        put(scope, name, name).await;
    }
}

/// All pages, objects and folders in one list in the order of their bytes.
async fn walk(scope: &Scope, prefix: &str, folders: bool, limit: usize) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let options = ListOptions { prefix: prefix.into(), folders, after, limit };
        let page = scope.list(&options).await.unwrap();
        let mut names: Vec<_> = page.objects.into_iter().map(|object| object.key).collect();
        assert!(names.is_sorted() && page.folders.is_sorted());
        names.extend(page.folders);
        names.sort();
        assert!(names.len() <= limit && (names.len() == limit || page.next.is_none()));
        assert!(page.next.is_none() || page.next.as_ref() == names.last());
        all.extend(names);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn expected(prefix: &str, folders: bool) -> Vec<String> {
    let mut names: Vec<_> = NAMES
        .iter()
        .filter(|name| name.starts_with(prefix))
        .map(|name| match name[prefix.len()..].find('/') {
            Some(slash) if folders => name[..=prefix.len() + slash].to_owned(),
            _ => (*name).to_owned(),
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

on_every_store! {
    async fn pages_come_in_the_order_of_whole_keys(house) {
        let scope = house.scope();
        fill(&scope).await;
        for prefix in ["", "a", "b", "b/", "b/2", "b/2/", "c", "é"] {
            for folders in [false, true] {
                for limit in [1, 2, 3, 100] {
                    let found = walk(&scope, prefix, folders, limit).await;
                    assert_eq!(found, expected(prefix, folders), "{prefix:?} {folders} {limit}");
                }
            }
        }
    }

    async fn what_the_host_keeps_inside_a_scope_is_on_no_page(house) {
        let scope = house.scope();
        put(&scope.own(), "mount.json", "the host's own").await;
        assert_eq!(walk(&scope, "", false, 1).await, Vec::<String>::new());
        fill(&scope).await;
        for name in ["-first", ".packhouse-not", ".packhouse0"] {
            put(&scope, name, name).await;
        }
        for folders in [false, true] {
            let mut names = expected("", folders);
            names.extend(["-first", ".packhouse-not", ".packhouse0"].map(str::to_owned));
            names.sort();
            for limit in [1, 2, 3, 4, 14, 15, 16, 100] {
                assert_eq!(walk(&scope, "", folders, limit).await, names, "{folders} {limit}");
            }
            assert_eq!(walk(&scope, ".pack", folders, 1).await, [".packhouse-not", ".packhouse0"], "{folders}");
            for prefix in [".packhouse/", ".packhouse/mount"] {
                assert_eq!(walk(&scope, prefix, folders, 1).await, Vec::<String>::new(), "{prefix} {folders}");
            }
        }
        assert!(crate::Key::parse(".packhouse/mount.json").is_err(), "no key leads there");
        let listed = scope.own().list(&ListOptions { limit: 10, ..Default::default() }).await.unwrap();
        assert_eq!(listed.objects.len(), 1, "the host sees it");
    }

    async fn a_page_may_begin_anywhere(house) {
        let scope = house.scope();
        fill(&scope).await;
        let page = async |after: &str, folders| {
            let options = ListOptions { after: Some(after.into()), folders, limit: 2, ..Default::default() };
            let page = scope.list(&options).await.unwrap();
            let mut names: Vec<_> = page.objects.into_iter().map(|object| object.key).chain(page.folders).collect();
            names.sort();
            names
        };
        assert_eq!(page("b/2/xx", false).await, ["b/2/y", "b/3"]);
        assert_eq!(page("b/2/xx", true).await, ["b0/", "ba"]);
        assert_eq!(page("b/", true).await, ["b0/", "ba"]);
        assert!(page("zzz", false).await == ["é/ü"] && page("ü", false).await.is_empty());
    }

    async fn a_listing_knows_versions_and_sizes(house) {
        let scope = house.scope();
        let written = put(&scope, "doc", "text").await;
        let page = scope.list(&ListOptions { limit: 10, ..Default::default() }).await.unwrap();
        assert_eq!((page.objects[0].size, &page.objects[0].version), (4, &written.version));
        assert_eq!(page.next, None);
    }

    async fn a_prefix_cannot_leave_its_scope(house) {
        put(&house.storage.scope("other").unwrap(), "secret", "x").await;
        let scope = house.scope();
        put(&scope, "doc", "x").await;
        for prefix in ["../other/", "/", "a//", "./", "../"] {
            let options = ListOptions { prefix: prefix.into(), limit: 10, ..Default::default() };
            assert!(matches!(scope.list(&options).await, Err(StorageError::Invalid(_))), "{prefix}");
        }
    }
}
