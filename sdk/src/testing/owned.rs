//! What an account owns, asked page by page as the real host does, and taken away from it.

use std::collections::BTreeSet;

use super::Host;
use super::state::{self, Shared};
use crate::Error;
use crate::ownership::{Holder, Ownership, Page, Thing};

/// As the real host: a cursor is no longer, and a page holds no more.
const LONGEST_CURSOR: usize = 4 << 10;
const LARGEST_PAGE: usize = 1000;

impl Host {
    /// The account of a user, as owner lists name it. For a user who is to be removed, take it before.
    pub fn holder(&self, user: &str) -> Holder {
        let state = self.state.borrow();
        let found = state.users.get(user);
        Holder {
            id: found.map(|user| user.id.clone()).unwrap_or_default(),
            name: found.filter(|user| user.owns_by_name).map(|_| user.to_owned()),
        }
    }

    /// All pages of [`Ownership::owned_by`], in which nothing can be changed.
    pub fn owned_by<P: Ownership>(&self, holder: &Holder) -> Result<Vec<Thing>, Error> {
        let (mut things, mut seen, mut cursor) = (Vec::new(), BTreeSet::new(), None::<String>);
        loop {
            let page = asked::<P, Page>(&self.state, true, || P::owned_by(holder, cursor.as_deref()))?;
            if page.things.len() > LARGEST_PAGE {
                return Err(Error::Invalid("a page has more than 1000 things".to_owned()));
            }
            things.extend(page.things);
            let Some(next) = page.next else { return Ok(things) };
            if next.len() > LONGEST_CURSOR || !seen.insert(next.clone()) {
                return Err(Error::Invalid("a cursor is too long, or came twice".to_owned()));
            }
            cursor = Some(next);
        }
    }

    /// [`Ownership::disown`].
    pub fn disown<P: Ownership>(&self, holder: &Holder, thing: &Thing) -> Result<bool, Error> {
        asked::<P, bool>(&self.state, false, || P::disown(holder, thing))
    }
}

fn asked<P: Ownership, T>(
    state: &Shared,
    is_read_only: bool,
    call: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    state::make_current(state);
    state.borrow_mut().describe(P::describe());
    state.borrow_mut().is_read_only = is_read_only;
    let answer = call();
    state.borrow_mut().is_read_only = false;
    answer
}
