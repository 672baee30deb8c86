//! The host's own objects inside a scope, `{prefix}/.packhouse/`. No key of a caller leads there
//! ([`Key::parse`](super::Key::parse)), and no listing of the scope shows them.

use super::key::PRIVATE;
use super::object::{ListOptions, Listing};

/// Objects, or folders, that the host keeps in one scope at most.
pub(super) const MOST: usize = 1;

/// Whether a page of this listing may hold what is the host's own.
pub(super) fn may_be_on(options: &ListOptions) -> bool {
    let folder = format!("{PRIVATE}/");
    let is_meant = folder.starts_with(&options.prefix) || options.prefix.starts_with(&folder);
    is_meant && options.after.as_deref().is_none_or(|after| after < folder.as_str() || is_own(after))
}

/// Takes what is the host's own off a page that holds up to [`MOST`] more than `limit`.
pub(super) fn hide(page: &mut Listing, limit: usize) {
    page.objects.retain(|object| !is_own(&object.key));
    page.folders.retain(|folder| !is_own(folder));
    while page.objects.len() + page.folders.len() > limit {
        let objects = page.objects.last().map(|object| object.key.as_str());
        if objects > page.folders.last().map(String::as_str) {
            page.objects.pop();
        } else {
            page.folders.pop();
        }
        page.next = last_of(page);
    }
    if page.next.as_deref().is_some_and(is_own) {
        page.next = last_of(page).or_else(|| page.next.take());
    }
}

fn is_own(name: &str) -> bool {
    name.strip_prefix(PRIVATE).is_some_and(|rest| rest.starts_with('/'))
}

fn last_of(page: &Listing) -> Option<String> {
    let object = page.objects.last().map(|object| &object.key);
    object.max(page.folders.last()).cloned()
}
