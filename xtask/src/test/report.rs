//! What the run has to say at its end: stages, seconds, counts, and what could not run.

use crate::command;
use anyhow::Result;
use std::fmt;
use std::process::Command;
use std::time::Instant;

/// Of one stage, or of all.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    /// Could not run, because something is missing. libtest counts these as passed.
    pub skipped: u64,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// A program that breaks off without saying so counts as a failure.
    fn of_one_that(self, succeeded: bool) -> Self {
        if succeeded || self.failed > 0 { self } else { Self { failed: 1, ..self } }
    }

    /// From libtest's `test result: ok. 3 passed; 0 failed; …`, or from the line of a test that was
    /// skipped (`tests/src/skip.rs`).
    fn of_line(line: &str) -> Option<Self> {
        if line.starts_with("skipped: ") {
            return Some(Self { skipped: 1, ..Self::default() });
        }
        let mut words = line.strip_prefix("test result: ")?.split_whitespace();
        let mut counts = Self::default();
        let mut number = 0;
        for word in words.by_ref() {
            match word.trim_end_matches(';') {
                "passed" => counts.passed = number,
                "failed" => counts.failed = number,
                other => number = other.parse().unwrap_or(0),
            }
        }
        Some(counts)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passed = self.passed.saturating_sub(self.skipped);
        write!(out, "{passed} passed, {} failed", self.failed)?;
        if self.skipped > 0 { write!(out, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

/// Runs a test program and counts.
pub fn watch(command: &mut Command) -> Result<Counts> {
    let mut counts = Counts::default();
    let succeeded = command::watched(command, |line| {
        if let Some(result) = Counts::of_line(line) {
            counts.add(result);
        }
    })?;
    Ok(counts.of_one_that(succeeded))
}

/// As [`watch`], and shows what it prints once it has ended.
pub fn watch_whole(command: &mut Command) -> Result<Counts> {
    let (succeeded, printed) = command::captured(command)?;
    print!("{printed}");
    let mut counts = Counts::default();
    printed.lines().filter_map(Counts::of_line).for_each(|result| counts.add(result));
    Ok(counts.of_one_that(succeeded))
}

/// The stages so far.
#[derive(Default)]
pub struct Report {
    stages: Vec<(String, f64, Option<Counts>)>,
}

impl Report {
    /// A piece of work without tests, which tells by itself how it went.
    pub fn timed<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.stages.push((name.to_owned(), started.elapsed().as_secs_f64(), None));
        result
    }

    /// A piece of work that the tests need: an error is shown and counts as one failure.
    pub fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        let started = Instant::now();
        let result = work();
        let counts = result.as_ref().err().map(|_| Counts { failed: 1, ..Counts::default() });
        self.stages.push((name.to_owned(), started.elapsed().as_secs_f64(), counts));
        result.inspect_err(|error| eprintln!("error: {name}: {error:#}")).ok()
    }

    /// Tests.
    pub fn stage(&mut self, name: &str, work: impl FnOnce() -> Result<Counts>) -> Result<()> {
        let started = Instant::now();
        let counts = work()?;
        self.stages.push((name.to_owned(), started.elapsed().as_secs_f64(), Some(counts)));
        Ok(())
    }

    /// Prints it all, the sum last and alone on its line. True when all is well; what is
    /// missing is a failure when `strict`.
    pub fn close(&self, missing: &[String], strict: bool) -> bool {
        println!();
        let mut sum = Counts::default();
        for (name, seconds, counts) in &self.stages {
            let told = counts.map(|counts| counts.to_string());
            println!("{name:<28} {seconds:>7.1} s   {}", told.unwrap_or_default());
            sum.add(counts.unwrap_or_default());
        }
        for sentence in missing {
            println!("could not run: {sentence}");
        }
        if strict {
            sum.failed += missing.len() as u64;
        }
        println!("{sum}");
        sum.failed == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn counts_are_read_off_the_closing_line_of_a_test_program() {
        let counts = Counts::of_line(
            "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; finished in 0.01s",
        )
        .unwrap();
        assert_eq!((counts.passed, counts.failed), (12, 3));
        assert!(Counts::of_line("test passed::failed ... ok").is_none());
    }

    #[test]
    fn a_skipped_test_is_not_counted_as_passed() {
        let printed = "\nskipped: bun_installs: node_modules/.bin/bun is missing\n\
                       test bun_installs ... ok\ntest result: ok. 2 passed; 0 failed; 0 ignored\n";
        let mut counts = Counts::default();
        printed.lines().filter_map(Counts::of_line).for_each(|line| counts.add(line));
        assert_eq!(counts.to_string(), "1 passed, 0 failed, 1 skipped");
    }
}
