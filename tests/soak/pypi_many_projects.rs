//! A publish costs the same however many other projects there are. Every run has a sample;
//! `cargo xtask test --tier soak` has 20,000 of them, and `cargo xtask bench --only pypi` the
//! figures.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::pypi::many::{Mount, compare};
use packhouse_tests::races::rounds;
use std::time::Duration;

/// Below that, two medians are the same.
const NOISE: Duration = Duration::from_millis(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_costs_the_same_beside_twenty_projects_and_beside_twenty_thousand() {
    let projects = usize::try_from(rounds(20_000, 1000)).unwrap_or(1000);
    let times = usize::try_from(rounds(100, 10)).unwrap_or(10);
    let (mut few, mut many) = (Mount::of(20).await, Mount::of(projects).await);
    for (step, [of_few, of_many]) in compare(&mut few, &mut many, times).await {
        println!("{step}: {of_many:?} beside {projects} projects, {of_few:?} beside 20");
        let is_list = step.to_string().contains("/simple/ ");
        assert!(is_list || of_many < of_few * 2 + NOISE, "{step}: {of_many:?}, and {of_few:?} beside 20");
    }
    // Each of them is on the list the next moment.
    assert_eq!(many.listed().await, projects + times);
}
