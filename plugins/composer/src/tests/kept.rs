//! What must not get lost beside the document: the name on the list.

use packhouse_plugin::time::HOUR;

use super::*;

const DOCUMENT: &str = "packages/acme/lib/metadata.json";

fn available(host: &Host) -> Value {
    get(host, "/packages.json").json()["available-packages"].clone()
}

fn publish_other(host: &Host, name: &str) {
    let dist = samples::library(name, &json!({}));
    assert_eq!(upload(host, &format!("/packages/{name}?version=1.0.0"), dist).status(), 201);
}

/// Composer would install it from the next repository.
#[test]
fn a_package_whose_document_is_lost_or_damaged_stays_on_the_list() {
    for (damage, has_files) in [(None, true), (None, false), (Some("{"), true)] {
        let host = host();
        published(&host, "1.0.0");
        assert_eq!(available(&host), json!(["acme/lib"]));
        let document = host.object(DOCUMENT).unwrap();
        match damage {
            Some(damage) => drop(host.insert(DOCUMENT, damage).unwrap()),
            None => assert!(host.remove(DOCUMENT)),
        }
        if !has_files {
            let files = host.objects().into_iter().filter(|key| key.starts_with("packages/acme/lib/"));
            files.for_each(|key| assert!(host.remove(&key)));
        }
        publish_other(&host, "acme/new");
        assert_eq!(available(&host), json!(["acme/lib", "acme/new"]));
        assert_eq!(get(&host, "/p2/acme/lib.json").status(), 500);
        assert_eq!(get(&host, "/search.json?q=lib").json()["total"], 1);
        host.set_now(host.now() + 2 * HOUR);
        assert_eq!(available(&host), json!(["acme/lib", "acme/new"]));
        host.insert(DOCUMENT, document).unwrap();
        assert_eq!(available(&host), json!(["acme/lib", "acme/new"]));
        assert_eq!(delete(&host, "/packages/acme/lib").status(), 200);
        assert_eq!(available(&host), json!(["acme/new"]));
    }
}

#[test]
fn a_package_that_is_missing_from_the_list_is_told_and_comes_back() {
    for is_by_reindex in [true, false] {
        let host = host();
        published(&host, "1.0.0");
        publish_other(&host, "acme/new");
        available(&host);
        host.set_now(host.now() + HOUR / 2);
        assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
        let mut list = host.object_json("list.json");
        list["packages"] = json!(["acme/new"]);
        host.insert("list.json", list.to_string()).unwrap();
        assert_eq!(available(&host), json!(["acme/new"]));
        let run = host.upkeep().verify::<Composer>().unwrap();
        assert_eq!(run.damaged, ["list.json"]);
        assert!(run.lines.join("\n").contains("acme/lib"), "{:?}", run.lines);
        if is_by_reindex {
            assert_eq!(host.upkeep().reindex::<Composer>().unwrap().rebuilt, ["list.json"]);
        } else {
            publish_other(&host, "acme/third");
        }
        let listed = available(&host);
        assert!(listed.as_array().unwrap().contains(&json!("acme/lib")), "{listed}");
        assert_eq!(host.upkeep().verify::<Composer>().unwrap().damaged, Vec::<String>::new());
    }
}
