//! A mount of very many projects serves, and lists what was just published. Every run has a sample;
//! `cargo xtask test --tier soak` has 20,000 of them, and `cargo xtask bench --only pypi` the
//! figures. That a publish costs no more there is counted in `protocols/pypi_bucket.rs`.

use packhouse_tests::pypi::many::{Mount, STEPS};
use packhouse_tests::races::rounds;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_beside_twenty_thousand_projects_is_listed_the_next_moment() {
    let projects = usize::try_from(rounds(20_000, 1000)).unwrap_or(1000);
    let times = usize::try_from(rounds(100, 10)).unwrap_or(10);
    let mut mount = Mount::of(projects).await;
    for number in 1..=times {
        for step in STEPS {
            let took = mount.time(step).await;
            println!("{step}: {took:?} beside {projects} projects");
        }
        assert_eq!(mount.listed().await, projects + number);
    }
}
