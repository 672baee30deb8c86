//! A registry of very many gems: a push costs no more there, the lists that all gems share are written
//! seldom, and what was pushed is listed the next moment. Every run has a sample;
//! `cargo xtask test --tier soak` has 50,000 gems. What the reads took is printed.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::crowd::{Crowd, writes};
use packhouse_tests::races::rounds;
use packhouse_tests::rubygems::{Gem, md5, sha256, versions};
use packhouse_tests::{Actor, Options};
use std::path::Path;
use std::time::Instant;

/// How long the lists are not written again, in seconds.
const INTERVAL: u64 = 60;
/// The objects that all gems share.
const SHARED: [&str; 5] =
    ["versions", "names", "specs.4.8.gz", "latest_specs.4.8.gz", "prerelease_specs.4.8.gz"];

/// As an earlier system writes them: files and pages, of which `reindex` makes all else.
fn seed(bucket: &Path, gems: u64) {
    let [files, pages] = ["rubygems/gems", "rubygems/info"].map(|folder| bucket.join(folder));
    for folder in [&files, &pages] {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    for number in 0..gems {
        let gem = Gem::new(&format!("gem-{number}"), "1.0");
        let content = gem.file_content();
        let page = format!("---\n{} |checksum:{}\n", gem.version, sha256(&content));
        std::fs::write(files.join(format!("{}.gem", gem.full_name())), content).expect("a file");
        std::fs::write(pages.join(&gem.name), page).expect("a page");
    }
}

/// What the pushes of a new gem and of its second version ask the store.
async fn costs(crowd: &Crowd, publisher: &Actor, name: &str) -> [(Vec<String>, usize); 2] {
    let mut costs = Vec::new();
    for version in ["1.0", "1.1"] {
        crowd.store.asked();
        Gem::new(name, version).push(publisher).await.expect(200);
        costs.push(crowd.store.cost(&[name]));
    }
    let [new, next] = costs.try_into().expect("two");
    [new, next]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_beside_fifty_thousand_gems_costs_as_much_as_alone_and_is_listed() {
    let gems = rounds(50_000, 500);
    let few = Crowd::nobody(Options::rubygems()).await;
    let alone = costs(&few, &few.registry.gem_publisher().await, "demo").await;
    let crowd = Crowd::of(Options::rubygems(), "rubygems", |bucket| seed(bucket, gems)).await;
    let publisher = crowd.registry.gem_publisher().await;
    let reader = crowd.registry.actor("/rubygems");
    for ((asked, lists), (alone, lists_alone)) in
        costs(&crowd, &publisher, "demo").await.into_iter().zip(alone)
    {
        println!("a push beside {gems} gems asks {} times, and for {lists} listings", asked.len());
        assert_eq!(asked, alone);
        assert!(lists <= lists_alone, "{lists} listings, and {lists_alone} alone");
    }

    let list = crowd.measured("/versions after a push", &reader, "/versions", 200).await;
    assert_eq!(versions(&list.text()).len() as u64, gems + 1);
    crowd.measured("/versions again", &reader, "/versions", 200).await;
    let known = reader.clone().with_header("if-none-match", list.header("etag"));
    crowd.measured("/versions, which the client has", &known, "/versions", 304).await;
    Gem::new("demo", "1.2").push(&publisher).await.expect(200);
    let behind = known.with_header("range", &format!("bytes={}-", list.body.len() - 1));
    let new = crowd.measured("what is new in /versions", &behind, "/versions", 206).await;
    assert!(new.body.len() < 200, "one line: {}", new.text());
    let page = crowd.measured("/info/demo", &reader, "/info/demo", 200).await;
    assert!(new.text().trim_end().ends_with(&md5(&page.body)), "{}", new.text());
    crowd.measured("/info of another gem", &reader, "/info/gem-7", 200).await;
    for path in SHARED.iter().skip(1).map(|key| format!("/{key}")) {
        crowd.measured(&path, &reader, &path, 200).await;
        crowd.measured(&format!("{path} again"), &reader, &path, 200).await;
    }
    crowd.measured("a search", &reader, "/api/v1/search.json?query=gem-77", 200).await;
    crowd.measured("a gem", &reader, "/gems/gem-7-1.0.gem", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_that_are_read_at_once_write_the_shared_lists_once_an_interval() {
    let gems = rounds(5000, 300);
    let crowd = Crowd::of(Options::rubygems(), "rubygems", |bucket| seed(bucket, gems)).await;
    let publisher = crowd.registry.gem_publisher().await;
    crowd.store.asked();
    let began = Instant::now();
    let pushes = rounds(100, 20);
    for number in 0..pushes {
        Gem::new(&format!("new-{number}"), "1.0").push(&publisher).await.expect(200);
        for key in SHARED {
            let list = publisher.get(&format!("/{key}")).await.expect(200);
            if key == "versions" {
                assert_eq!(versions(&list.text()).len() as u64, gems + number + 1);
            }
        }
    }
    let intervals = usize::try_from(began.elapsed().as_secs() / INTERVAL).expect("few") + 1;
    let asked = crowd.store.asked();
    for key in SHARED {
        let writes = writes(&asked, &format!("rubygems/{key}"));
        println!("{key} was written {writes} times in {:?}, with {pushes} pushes", began.elapsed());
        assert!(writes <= intervals, "{key} was written {writes} times in {intervals} intervals");
    }
    assert!(asked.iter().any(|line| line.ends_with("/rubygems/recent.json")), "the keys are as thought");
}
