//! PyPI with many projects beside few: what it costs to publish, and to read the list of all.

use std::time::Duration;

use packhouse_tests::pypi::many::{Mount, STEPS, Step};

use crate::report::median;

const FEW: usize = 20;
const MANY: usize = 20_000;
const TIMES: usize = 100;

/// Medians over alternating requests, and their ratios.
pub async fn measure() {
    let mut mounts = [Mount::of(FEW).await, Mount::of(MANY).await];
    println!("pypi: {MANY} projects beside {FEW}, medians of {TIMES}");
    let [few, many] = [&mounts[0], &mounts[1]].map(|mount| mount.reindexed_in.as_secs_f64());
    println!("  reindex: {many:.1} s, beside {few:.1} s");
    for step in STEPS {
        let [few, many] = compare(&mut mounts, step).await;
        println!("  {step}: {many:.1} ms / {few:.1} ms = {:.2}", many / few);
    }
}

/// In turn; milliseconds.
async fn compare(mounts: &mut [Mount; 2], step: Step) -> [f64; 2] {
    // Reading changes nothing: fewer times tell as much.
    let times = if matches!(step, Step::Read { .. }) { TIMES / 5 } else { TIMES };
    let mut took = [Vec::new(), Vec::new()];
    for _ in 0..times {
        for (mount, took) in mounts.iter_mut().zip(&mut took) {
            took.push(mount.time(step).await);
        }
    }
    took.map(|took| median(took.iter().map(Duration::as_secs_f64)) * 1e3)
}
