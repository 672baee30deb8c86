//! How long a start takes until the first answer, with precompiled plugins.

use std::time::Instant;

use packhouse_tests::{Options, Registry};

use crate::report::median;

/// Starts a few times; the first only warms the cache of compiled code.
pub async fn measure(rounds: usize) {
    let mut registry = Registry::start(Options::npm()).await;
    let mut times = Vec::new();
    for _ in 0..rounds {
        registry.terminate().await;
        let begun = Instant::now();
        registry.start_again().await;
        registry.actor("/npm").get("/-/ping").await.expect(200);
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    println!("start to first answer = {:.0} ms", median(times.into_iter()));
}
