//! A step of maintenance.

use crate::bindings::caretaker::packhouse::plugin::upkeep;

pub(crate) struct Step<'a>(&'a upkeep::Step);

impl<'a> Step<'a> {
    pub(crate) fn new(step: &'a upkeep::Step) -> Step<'a> {
        Step(step)
    }

    pub(crate) fn cursor(&self) -> Option<String> {
        self.0.cursor()
    }

    pub(crate) fn set_cursor(&self, cursor: &str) {
        self.0.set_cursor(cursor);
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.0.is_dry_run()
    }

    pub(crate) fn removes_orphans(&self) -> bool {
        self.0.removes_orphans()
    }

    pub(crate) fn run(&self) -> String {
        self.0.run()
    }

    pub(crate) fn started(&self) -> u64 {
        self.0.started()
    }

    pub(crate) fn keep_since(&self) -> u64 {
        self.0.keep_since()
    }

    pub(crate) fn remember(&self, words: &[String]) {
        self.0.remember(words);
    }

    pub(crate) fn remembered(&self, words: &[String]) -> Vec<bool> {
        self.0.remembered(words)
    }

    pub(crate) fn left_over(&self, key: &str, bytes: u64, why: &str) {
        self.0.left_over(key, bytes, why);
    }

    pub(crate) fn ordered(&self, objects: u64) {
        self.0.ordered(objects);
    }

    pub(crate) fn orphan(&self, key: &str, bytes: u64, why: &str) {
        self.0.orphan(key, bytes, why);
    }

    pub(crate) fn kept(&self, objects: u64, bytes: u64) {
        self.0.kept(objects, bytes);
    }

    pub(crate) fn damaged(&self, key: &str, why: &str) {
        self.0.damaged(key, why);
    }

    pub(crate) fn rebuilt(&self, key: &str) {
        self.0.rebuilt(key);
    }

    pub(crate) fn checked(&self, objects: u64, bytes: u64) {
        self.0.checked(objects, bytes);
    }
}
