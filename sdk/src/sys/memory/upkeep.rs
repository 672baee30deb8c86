//! A step of maintenance.

use std::cell::RefCell;

use crate::testing::Run;
use crate::testing::state::end;

/// Bytes of a cursor, and of a word.
const LONGEST_CURSOR: usize = 4 << 10;
const LONGEST_WORD: usize = 4 << 10;
/// Words of one call.
const MOST_WORDS: usize = 10_000;

pub(crate) struct Step<'a>(&'a RefCell<Run>);

impl<'a> Step<'a> {
    pub(crate) fn new(run: &'a RefCell<Run>) -> Step<'a> {
        Step(run)
    }

    pub(crate) fn cursor(&self) -> Option<String> {
        self.0.borrow().cursor.clone()
    }

    pub(crate) fn set_cursor(&self, cursor: &str) {
        if cursor.len() > LONGEST_CURSOR {
            end("the cursor is longer than 4 KiB");
        }
        self.0.borrow_mut().next = Some(cursor.to_owned());
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.0.borrow().is_dry
    }

    pub(crate) fn removes_orphans(&self) -> bool {
        self.0.borrow().removes_orphans
    }

    pub(crate) fn run(&self) -> String {
        self.0.borrow().id.clone()
    }

    pub(crate) fn started(&self) -> u64 {
        self.0.borrow().started
    }

    pub(crate) fn keep_since(&self) -> u64 {
        self.0.borrow().keep_since
    }

    pub(crate) fn remember(&self, words: &[String]) {
        check_words(words);
        self.0.borrow_mut().words.extend(words.iter().cloned());
    }

    pub(crate) fn remembered(&self, words: &[String]) -> Vec<bool> {
        check_words(words);
        let run = self.0.borrow();
        words.iter().map(|word| run.words.contains(word)).collect()
    }

    pub(crate) fn left_over(&self, key: &str, bytes: u64, why: &str) {
        let outcome = &mut self.0.borrow_mut().outcome;
        outcome.left_over.push(key.to_owned());
        outcome.left_over_bytes += bytes;
        outcome.lines.push(format!("left over: {key} ({bytes} bytes): {why}"));
    }

    pub(crate) fn ordered(&self, objects: u64) {
        self.0.borrow_mut().outcome.ordered += objects;
    }

    pub(crate) fn orphan(&self, key: &str, bytes: u64, why: &str) {
        let outcome = &mut self.0.borrow_mut().outcome;
        outcome.orphans.push(key.to_owned());
        outcome.lines.push(format!("orphan: {key} ({bytes} bytes): {why}"));
    }

    pub(crate) fn kept(&self, objects: u64, _bytes: u64) {
        self.0.borrow_mut().outcome.kept += objects;
    }

    pub(crate) fn damaged(&self, key: &str, why: &str) {
        let outcome = &mut self.0.borrow_mut().outcome;
        outcome.damaged.push(key.to_owned());
        outcome.lines.push(format!("damaged: {key}: {why}"));
    }

    pub(crate) fn rebuilt(&self, key: &str) {
        let outcome = &mut self.0.borrow_mut().outcome;
        outcome.rebuilt.push(key.to_owned());
        outcome.lines.push(format!("rebuilt: {key}"));
    }

    pub(crate) fn checked(&self, objects: u64, bytes: u64) {
        let outcome = &mut self.0.borrow_mut().outcome;
        outcome.checked += objects;
        outcome.checked_bytes += bytes;
    }
}

fn check_words(words: &[String]) {
    if words.len() > MOST_WORDS || words.iter().any(|word| word.len() > LONGEST_WORD) {
        end("more than 10,000 words in one call, or one of more than 4 KiB");
    }
}
