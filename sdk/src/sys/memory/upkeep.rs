//! A step of maintenance.

use std::cell::RefCell;

use crate::testing::Run;

pub(crate) struct Step<'a>(&'a RefCell<Run>);

impl<'a> Step<'a> {
    pub(crate) fn new(run: &'a RefCell<Run>) -> Step<'a> {
        Step(run)
    }

    pub(crate) fn cursor(&self) -> Option<String> {
        self.0.borrow().cursor.clone()
    }

    pub(crate) fn set_cursor(&self, cursor: &str) {
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
        self.0.borrow_mut().words.extend(words.iter().cloned());
    }

    pub(crate) fn remembered(&self, words: &[String]) -> Vec<bool> {
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
