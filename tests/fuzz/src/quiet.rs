//! Catches a panic and keeps its message instead of printing it: an input that fails is tried
//! hundreds of times while it is made smaller.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// The message of the last panic, while this thread catches panics.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}
static HOOK: Once = Once::new();

/// What `work` returns, or the message and place of its panic.
pub(crate) fn run<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let is_caught = CAUGHT.with_borrow_mut(|caught| {
                caught.as_mut().map(|message| *message = panic.to_string()).is_some()
            });
            if !is_caught {
                usual(panic);
            }
        }));
    });
    let outer = CAUGHT.replace(Some(String::new()));
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    let message = CAUGHT.replace(outer).unwrap_or_default();
    outcome.map_err(|_| message)
}
