//! What one request uses of the host. As the real host does, this one ends a request that uses
//! more than it may. What a test does outside a request is not counted.

use std::rc::Rc;

use super::state::{current, exceed};
use crate::Error;

/// Calls of one request that may wait.
const MOST_CALLS: u32 = 100_000;
/// Objects that one request may have open at a time.
const MOST_OPEN: usize = 64;
/// Resources that one request may hold at a time.
const MOST_RESOURCES: usize = 4096;
/// Upload sessions that one request may start, and open.
const MOST_UPLOADS_STARTED: u32 = 8;
const MOST_UPLOADS_OPENED: u32 = 64;
/// Tokens that one request is issued.
const MOST_ISSUED: u32 = 4;
/// Lost races of one request after which it is told to give up.
const MOST_TURNS: u32 = 200;

#[derive(Default)]
pub(crate) struct Usage {
    /// None outside a request.
    counts: Option<Counts>,
}

#[derive(Default)]
struct Counts {
    calls: u32,
    open: Rc<()>,
    resources: Rc<()>,
    uploads_started: u32,
    uploads_opened: u32,
    issued: u32,
    turns: u32,
}

/// An object that is open until this is dropped.
#[derive(Default)]
pub(crate) struct OpenObject(#[expect(dead_code, reason = "it is counted")] Option<Rc<()>>);

/// A resource that the plugin holds until this is dropped.
#[derive(Default)]
pub(crate) struct Resource(#[expect(dead_code, reason = "it is counted")] Option<Rc<()>>);

impl Usage {
    pub(crate) fn of_request() -> Usage {
        Usage { counts: Some(Counts::default()) }
    }

    pub(crate) fn start_upload(&mut self) {
        let Some(counts) = &mut self.counts else { return };
        counts.uploads_started += 1;
        if counts.uploads_started > MOST_UPLOADS_STARTED {
            exceed(&format!("more than {MOST_UPLOADS_STARTED} uploads started in one request"));
        }
    }

    pub(crate) fn open_upload(&mut self) {
        let Some(counts) = &mut self.counts else { return };
        counts.uploads_opened += 1;
        if counts.uploads_opened > MOST_UPLOADS_OPENED {
            exceed(&format!("more than {MOST_UPLOADS_OPENED} uploads opened in one request"));
        }
    }

    /// The plugin lost a race, and waits before it tries again.
    pub(crate) fn turn(&mut self, attempt: u32) -> Result<(), Error> {
        let turns = self.counts.as_mut().map_or(0, |counts| {
            counts.turns += 1;
            counts.turns
        });
        if turns > MOST_TURNS || attempt > MOST_TURNS {
            return Err(Error::Unavailable("too many writers at once".to_owned()));
        }
        Ok(())
    }

    pub(crate) fn issue(&mut self) -> Result<(), Error> {
        let Some(counts) = &mut self.counts else { return Ok(()) };
        counts.issued += 1;
        if counts.issued > MOST_ISSUED {
            return Err(Error::Denied(format!("one request can create at most {MOST_ISSUED} tokens")));
        }
        Ok(())
    }
}

/// One more call that may wait.
pub(crate) fn call() {
    let state = current();
    let mut state = state.borrow_mut();
    let Some(counts) = &mut state.usage.counts else { return };
    counts.calls += 1;
    if counts.calls > MOST_CALLS {
        exceed(&format!("more than {MOST_CALLS} calls in one request"));
    }
}

/// One more open object: a reader, a writer, staged bytes, or an object of a response.
pub(crate) fn open_object() -> OpenObject {
    let state = current();
    let state = state.borrow();
    let open = state.usage.counts.as_ref().map(|counts| Rc::clone(&counts.open));
    if open.as_ref().is_some_and(|open| Rc::strong_count(open) > MOST_OPEN + 1) {
        exceed(&format!("more than {MOST_OPEN} objects open in one request"));
    }
    OpenObject(open)
}

/// One more resource: whatever the plugin got a handle of.
pub(crate) fn resource() -> Resource {
    let state = current();
    let state = state.borrow();
    let held = state.usage.counts.as_ref().map(|counts| Rc::clone(&counts.resources));
    // One is the count's own, and one stands for the request.
    if held.as_ref().is_some_and(|held| Rc::strong_count(held) > MOST_RESOURCES) {
        exceed(&format!("more than {MOST_RESOURCES} resources held in one request"));
    }
    Resource(held)
}
