//! PyPI with many projects beside few: what it costs to publish, and to read the list of all.

use std::time::Duration;

use packhouse_tests::pypi::many::{Mount, compare};

const FEW: usize = 20;
const MANY: usize = 20_000;
const TIMES: usize = 100;

/// Medians over alternating requests, and their ratios.
pub async fn measure() {
    let (mut few, mut many) = (Mount::of(FEW).await, Mount::of(MANY).await);
    println!("pypi: {MANY} projects beside {FEW}, medians of {TIMES}");
    println!("  reindex: {:.1} s, beside {:.1} s", seconds(many.reindexed_in), seconds(few.reindexed_in));
    for (step, [of_few, of_many]) in compare(&mut few, &mut many, TIMES).await {
        let (of_few, of_many) = (seconds(of_few) * 1e3, seconds(of_many) * 1e3);
        println!("  {step}: {of_many:.1} ms / {of_few:.1} ms = {:.2}", of_many / of_few);
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
