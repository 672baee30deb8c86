//! Test programs run several at one time; what one of them prints stands together.

use super::report::{self, Counts};
use anyhow::Result;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Runs them all, in their order as far as so many at one time allow, and counts.
pub fn run(commands: Vec<Command>, at_once: usize) -> Result<Counts> {
    // One alone is shown as it goes.
    let watch = if at_once > 1 { report::watch_whole } else { report::watch };
    let waiting = Mutex::new(commands.into_iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut counts = Counts::default();
        while let Some(mut command) = next() {
            counts.add(watch(&mut command)?);
        }
        Ok(counts)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        let mut counts = Counts::default();
        for worker in workers {
            let done: Result<Counts> = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            counts.add(done?);
        }
        Ok(counts)
    })
}
