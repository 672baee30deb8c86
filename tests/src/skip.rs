//! A test that cannot run because a program is missing prints that it was skipped.
//!
//! libtest has no result for that, so it reports the test as passed. `cargo xtask test` reads these
//! lines and counts the test as skipped instead.

use std::collections::HashSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// How such a line begins. `xtask/src/test/report.rs` knows it too.
const MARK: &str = "skipped: ";

/// The tests of this process that have printed their line.
static PRINTED: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// Prints one line for the test that calls this, however often it does. `missing` names the missing program.
pub fn skip(missing: &str) {
    let thread = std::thread::current();
    // libtest names the thread of a test after the test.
    let test = thread.name().unwrap_or("a test").to_owned();
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    if printed.get_or_insert_default().insert(test.clone()) {
        // libtest captures what `println!` prints, but not this. It may have begun a line itself.
        let _ = write!(std::io::stdout().lock(), "\n{MARK}{test}: {missing} is missing\n");
    }
}

/// This program, if it is installed. Otherwise the test that asks is skipped.
pub fn unless_installed(program: PathBuf) -> Option<PathBuf> {
    let found = program.is_file();
    if !found {
        skip(&program.display().to_string());
    }
    found.then_some(program)
}
