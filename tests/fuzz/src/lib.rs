//! Fuzz targets as ordinary tests: a test names the inputs to start from and checks a property
//! of each input that it is given. It knows no parser and depends on nothing.
//!
//! The inputs are, in this order: the seeds that the test names, the files of the folder
//! `fuzz/{target}` of the test's crate, and changed copies of both. A copy that the parser
//! accepts is changed further.
//!
//! `cargo test` gives a small sample of changed inputs, the same at each run. With
//! `PACKHOUSE_FUZZ_SECONDS=60` each target runs for so many seconds, with other inputs at each
//! run. An input for which the property does not hold is made smaller and written into the
//! target's folder, so that the next run begins with it.
//!
//! # Example
//! ```
//! packhouse_fuzz::target!("number").seeds(["0", "17"]).words(["-", "+"]).check_text(|text| {
//!     let Ok(number) = text.parse::<u64>() else { return false };
//!     assert_eq!(number.to_string().parse(), Ok(number), "what is printed is read again");
//!     true
//! });
//! ```
#![allow(clippy::panic, reason = "a test may fail loudly")]

mod change;
mod pieces;
mod quiet;
mod random;
mod shrink;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use pieces::{InPieces, pieces};
use random::Random;
pub use random::hash;

/// How many changed inputs a target gets by default.
const SAMPLE: u64 = 1000;
/// The default run ends here, also when the sample is not complete.
const SAMPLE_TIME: Duration = Duration::from_millis(400);
/// The longest changed input, in bytes.
const LONGEST: usize = 64 << 10;
/// The most time for one input. A linear parser takes milliseconds, also in a debug build.
const SLOW: Duration = Duration::from_secs(5);
/// How many changed inputs are kept to be changed further.
const KEPT: usize = 512;

/// A target of the calling crate. Its folder is `fuzz/{name}` there.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        $crate::Target::new(env!("CARGO_MANIFEST_DIR"), $name)
    };
}

/// What is fuzzed, and what its inputs are made of.
pub struct Target {
    name: &'static str,
    folder: PathBuf,
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Target {
    #[doc(hidden)]
    pub fn new(manifest_folder: &str, name: &'static str) -> Self {
        let folder = Path::new(manifest_folder).join("fuzz").join(name);
        Self { name, folder, seeds: Vec::new(), words: Vec::new() }
    }

    /// Inputs to start from. The parser has to accept at least one.
    #[must_use]
    pub fn seeds<S: AsRef<[u8]>>(mut self, seeds: impl IntoIterator<Item = S>) -> Self {
        self.seeds.extend(seeds.into_iter().map(|seed| seed.as_ref().to_vec()));
        self
    }

    /// Pieces that mean something to the parser, to be put into inputs.
    #[must_use]
    pub fn words<W: AsRef<[u8]>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_vec()));
        self
    }

    /// As [`Target::check`], for parsers of text: what is not UTF-8 is replaced.
    pub fn check_text(self, property: impl Fn(&str) -> bool) {
        self.check(|input| property(&String::from_utf8_lossy(input)));
    }

    /// Gives inputs to `property`, which panics when one breaks the promise, and returns whether
    /// the parser accepted it. Panics when the property does not hold, and when the parser accepts
    /// no seed, since then nothing is tested.
    pub fn check(self, property: impl Fn(&[u8]) -> bool) {
        let seconds = std::env::var("PACKHOUSE_FUZZ_SECONDS").ok();
        let seconds = seconds.map(|text| {
            text.parse().unwrap_or_else(|_| panic!("PACKHOUSE_FUZZ_SECONDS: {text} is not a number"))
        });
        let mut run =
            Run { target: &self, property: &property, tried: 0, accepted: 0, slowest: Duration::ZERO };
        run.all(seconds);
        println!(
            "{}: {} inputs, {} accepted, the slowest took {} ms",
            self.name,
            run.tried,
            run.accepted,
            run.slowest.as_millis()
        );
    }

    fn stored(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        let read = |path: &PathBuf| {
            std::fs::read(path).unwrap_or_else(|error| panic!("{} is unreadable: {error}", path.display()))
        };
        paths.iter().map(read).collect()
    }
}

struct Run<'a, P> {
    target: &'a Target,
    property: &'a P,
    tried: u64,
    accepted: u64,
    slowest: Duration,
}

impl<P: Fn(&[u8]) -> bool> Run<'_, P> {
    fn all(&mut self, seconds: Option<u64>) {
        let mut inputs = self.target.seeds.clone();
        inputs.extend(self.target.stored());
        for seed in &inputs {
            self.one(seed);
        }
        assert!(self.accepted > 0, "{}: the parser accepts none of the seeds", self.target.name);
        let time = seconds.map_or(SAMPLE_TIME, Duration::from_secs);
        let mut random = Random::new(seconds.map_or(1, |_| RandomState::new().hash_one(self.target.name)));
        let (seeds, started) = (inputs.len(), Instant::now());
        for count in 0.. {
            if (seconds.is_none() && count == SAMPLE) || started.elapsed() > time {
                break;
            }
            let mut input = change::changed(&inputs, &self.target.words, &mut random);
            input.truncate(LONGEST);
            let accepted = self.one(&input);
            if accepted && inputs.len() < seeds + KEPT {
                inputs.push(input);
            } else if accepted && let Some(place) = inputs.get_mut(seeds + random.below(KEPT)) {
                *place = input;
            }
        }
    }

    /// Whether the parser accepted this input.
    fn one(&mut self, input: &[u8]) -> bool {
        let started = Instant::now();
        let outcome = quiet::run(|| (self.property)(input));
        let elapsed = started.elapsed();
        self.slowest = self.slowest.max(elapsed);
        self.tried += 1;
        match outcome {
            Ok(_) if elapsed > SLOW => self.fail(input, &format!("it takes {} ms", elapsed.as_millis())),
            Ok(accepted) => {
                self.accepted += u64::from(accepted);
                accepted
            }
            Err(_) => {
                let small = shrink::shrunk(input, |input| quiet::run(|| (self.property)(input)).is_err());
                let message = quiet::run(|| (self.property)(&small)).err().unwrap_or_default();
                self.fail(&small, &message)
            }
        }
    }

    fn fail(&self, input: &[u8], message: &str) -> ! {
        let path = self.target.folder.join(format!("found-{:016x}", random::hash(input)));
        let written =
            std::fs::create_dir_all(&self.target.folder).and_then(|()| std::fs::write(&path, input));
        let place = match written {
            Ok(()) => format!("is in {}", path.display()),
            Err(error) => format!("could not be written to {}: {error}", path.display()),
        };
        let shown = input.get(..1000).unwrap_or(input).escape_ascii();
        panic!("{}: {message}\nthe input {place}\n\"{shown}\"", self.target.name);
    }
}

#[cfg(test)]
mod tests;
