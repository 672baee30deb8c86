//! `upkeep`: one step of a run of maintenance, as a plugin sees it.

use std::sync::Arc;

use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::upkeep as wit;
use crate::capabilities::State;
use crate::capabilities::ground::Ground;
use crate::capabilities::storage::milliseconds;
use crate::upkeep::{Finding, Run, Task, line};
use packhouse_storage::StorageError;

/// The most words in one call.
const MOST_WORDS: usize = 10_000;
/// The most bytes of one word.
const LONGEST_WORD: usize = 4 << 10;
/// The most bytes of a cursor.
const LONGEST_CURSOR: usize = 4 << 10;
/// The most findings that one step can report.
const MOST_FINDINGS: u32 = 10_000;

/// One step, and everything that the plugin can use in it.
pub struct StepContext {
    pub ground: Ground,
    pub task: Task,
    /// The state that all steps of the run share.
    pub run: Arc<Run>,
    /// Where the previous step stopped.
    pub cursor: Option<String>,
    /// Where the next step continues.
    next: Option<String>,
    findings: u32,
}

impl StepContext {
    pub fn new(ground: Ground, task: Task, run: Arc<Run>, cursor: Option<String>) -> Self {
        Self { ground, task, run, cursor, next: None, findings: 0 }
    }

    /// Where the next step continues; none at the end of the run.
    pub fn into_next(self) -> Option<String> {
        self.next
    }

    /// Reports files that are not objects, such as symbolic links, once per run.
    pub fn report_odd(&mut self, key: &str) -> wasmtime::Result<()> {
        self.run.link(key).map_or(Ok(()), |finding| self.find(finding))
    }

    /// Reports an object that could not be changed.
    pub fn report_not_written(&mut self, key: &str, error: &StorageError) -> wasmtime::Result<()> {
        self.find(Finding::Damaged {
            key: line(key),
            why: line(&format!("it could not be changed: {error}")),
        })
    }

    fn find(&mut self, finding: Finding) -> wasmtime::Result<()> {
        self.findings += 1;
        if self.findings > MOST_FINDINGS {
            return Err(wasmtime::Error::msg(format!(
                "more than {MOST_FINDINGS} lines reported in one step: do less in a step"
            )));
        }
        self.run.note(finding);
        Ok(())
    }
}

/// The only step there is; its methods look into [`StepContext`].
pub struct StepHandle;

impl wit::Host for State {}

impl wit::HostStep for State {
    fn cursor(&mut self, _: Resource<StepHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.access.step()?.cursor.clone())
    }

    fn set_cursor(&mut self, _: Resource<StepHandle>, cursor: String) -> wasmtime::Result<()> {
        if cursor.len() > LONGEST_CURSOR {
            return Err(wasmtime::Error::msg(format!("a cursor of more than {LONGEST_CURSOR} bytes")));
        }
        self.access.step()?.next = Some(cursor);
        Ok(())
    }

    fn is_dry_run(&mut self, _: Resource<StepHandle>) -> wasmtime::Result<bool> {
        Ok(self.access.step()?.run.is_dry)
    }

    fn removes_orphans(&mut self, _: Resource<StepHandle>) -> wasmtime::Result<bool> {
        Ok(self.access.step()?.run.removes_orphans)
    }

    fn run(&mut self, _: Resource<StepHandle>) -> wasmtime::Result<String> {
        Ok(self.access.step()?.run.id.clone())
    }

    fn started(&mut self, _: Resource<StepHandle>) -> wasmtime::Result<u64> {
        Ok(milliseconds(self.access.step()?.run.started).unwrap_or(0))
    }

    fn keep_since(&mut self, _: Resource<StepHandle>) -> wasmtime::Result<u64> {
        Ok(milliseconds(self.access.step()?.run.keep_since).unwrap_or(0))
    }

    fn remember(&mut self, _: Resource<StepHandle>, words: Vec<String>) -> wasmtime::Result<()> {
        check_words(&words)?;
        self.access.step()?.run.remember(&words).map_err(wasmtime::Error::from)
    }

    fn remembered(&mut self, _: Resource<StepHandle>, words: Vec<String>) -> wasmtime::Result<Vec<bool>> {
        check_words(&words)?;
        Ok(self.access.step()?.run.remembered(&words))
    }

    fn left_over(
        &mut self,
        _: Resource<StepHandle>,
        key: String,
        bytes: u64,
        why: String,
    ) -> wasmtime::Result<()> {
        let (key, why) = (line(&key), line(&why));
        self.usage.keep(key.len() + why.len())?;
        self.access.step()?.find(Finding::LeftOver { key, bytes, why })
    }

    fn ordered(&mut self, _: Resource<StepHandle>, objects: u64) -> wasmtime::Result<()> {
        self.access.step()?.run.count_ordered(objects);
        Ok(())
    }

    fn orphan(
        &mut self,
        _: Resource<StepHandle>,
        key: String,
        bytes: u64,
        why: String,
    ) -> wasmtime::Result<()> {
        self.access.step()?.find(Finding::Orphan { key: line(&key), bytes, why: line(&why) })
    }

    fn kept(&mut self, _: Resource<StepHandle>, objects: u64, bytes: u64) -> wasmtime::Result<()> {
        self.access.step()?.run.count_kept(objects, bytes);
        Ok(())
    }

    fn damaged(&mut self, _: Resource<StepHandle>, key: String, why: String) -> wasmtime::Result<()> {
        let (key, why) = (line(&key), line(&why));
        self.usage.keep(key.len() + why.len())?;
        self.access.step()?.find(Finding::Damaged { key, why })
    }

    fn rebuilt(&mut self, _: Resource<StepHandle>, key: String) -> wasmtime::Result<()> {
        let key = line(&key);
        self.usage.keep(key.len())?;
        self.access.step()?.find(Finding::Rebuilt { key })
    }

    fn checked(&mut self, _: Resource<StepHandle>, objects: u64, bytes: u64) -> wasmtime::Result<()> {
        self.access.step()?.run.count_checked(objects, bytes);
        Ok(())
    }

    fn drop(&mut self, handle: Resource<StepHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn check_words(words: &[String]) -> wasmtime::Result<()> {
    if words.len() > MOST_WORDS {
        return Err(wasmtime::Error::msg(format!("more than {MOST_WORDS} words in one call")));
    }
    match words.iter().find(|word| word.len() > LONGEST_WORD) {
        Some(word) => Err(wasmtime::Error::msg(format!(
            "a word of {} bytes, more than {LONGEST_WORD}, to be remembered",
            word.len()
        ))),
        None => Ok(()),
    }
}
