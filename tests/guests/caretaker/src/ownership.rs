//! Saying what an account owns, well or in one of many bad ways.

use packhouse_plugin::ownership::{Holder, Ownership, Page, Thing};
use packhouse_plugin::storage::{self, Precondition};
use packhouse_plugin::{Error, auth, settings};

use crate::{Caretaker, Settings, tricks};

impl Ownership for Caretaker {
    /// Everybody owns `thing`, on a second page, unless a trick is played.
    fn owned_by(_: &Holder, cursor: Option<&str>) -> Result<Page, Error> {
        let trick = settings::get::<Settings>()?.trick.unwrap_or_default();
        let page = |name: &str| Page { things: vec![Thing::new("thing", name)], next: None };
        let ending = |next: String| Page { things: Vec::new(), next: Some(next) };
        match trick.as_str() {
            "" if cursor.is_none() => Ok(ending("second".to_owned())),
            "panic" => {
                tricks::panic_at_once();
                Ok(Page::default())
            }
            "loop" => {
                tricks::loop_for_ever();
                Ok(Page::default())
            }
            "circle" => Ok(ending("a".to_owned())),
            "long-cursor" => Ok(ending("x".repeat(5000))),
            "ask-who" => Ok(page(&auth::caller().map(|account| account.name()).unwrap_or_default())),
            "unheard-of" => Err(Error::Invalid("index.json cannot be read: unheard-of".to_owned())),
            "control-characters" => Ok(page("\u{1b}[2J\nnobody owns anything\r")),
            "too-many" => Ok(Page { things: vec![Thing::new("thing", "a"); 1001], next: None }),
            "write" => storage::put("changed", b"", Precondition::Any, None).map(|_| Page::default()),
            _ => Ok(page("thing")),
        }
    }

    fn disown(_: &Holder, _: &Thing) -> Result<bool, Error> {
        match settings::get::<Settings>()?.trick.as_deref() {
            None => storage::put("disowned", b"", Precondition::Any, None).map(|_| true),
            Some(_) => Err(Error::Invalid("it is stuck".to_owned())),
        }
    }
}
