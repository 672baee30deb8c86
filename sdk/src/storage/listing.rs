//! Keys by prefix, in the order of their bytes.

use std::collections::VecDeque;

use crate::types::ObjectInfo;
use crate::{Error, sys};

/// The most keys of one page.
pub(crate) const PAGE: u32 = 1000;

/// One page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingOptions<'a> {
    /// Only keys that begin with this. It need not end at a `/`.
    pub prefix: &'a str,
    /// Whether to group keys by the next `/` after the prefix, as folders.
    pub folders: bool,
    /// Only keys and folders after this one.
    pub after: Option<&'a str>,
    /// 1 to 1000.
    pub limit: u32,
}

impl<'a> ListingOptions<'a> {
    /// The first page of the keys that begin with `prefix`.
    pub fn new(prefix: &'a str) -> ListingOptions<'a> {
        ListingOptions { prefix, folders: false, after: None, limit: PAGE }
    }
}

/// Both lists are in the order of their bytes. If there is more, `next` is the `after` of the next
/// page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    pub objects: Vec<ObjectInfo>,
    /// Each ends with `/`.
    pub folders: Vec<String>,
    pub next: Option<String>,
}

/// Lists one page. The listing is not a snapshot of one moment.
pub fn list_page(options: &ListingOptions<'_>) -> Result<Listing, Error> {
    sys::list_objects(options)
}

/// All objects whose keys begin with `prefix`, fetched page by page.
pub fn list(prefix: &str) -> List {
    List { prefix: prefix.to_owned(), page: VecDeque::new(), after: None, ended: false }
}

/// Made by [`list`].
#[derive(Debug)]
pub struct List {
    prefix: String,
    page: VecDeque<ObjectInfo>,
    after: Option<String>,
    ended: bool,
}

impl Iterator for List {
    type Item = Result<ObjectInfo, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.page.is_empty() && !self.ended {
            let options =
                ListingOptions { after: self.after.as_deref(), ..ListingOptions::new(&self.prefix) };
            match list_page(&options) {
                Ok(listing) => {
                    self.ended = listing.next.is_none();
                    self.after = listing.next;
                    self.page.extend(listing.objects);
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}

/// The folder of a key, without the last `/`; empty for a key without a folder.
///
/// ```
/// assert_eq!(packhouse_plugin::storage::folder_of("notes/ann/1"), "notes/ann");
/// ```
pub fn folder_of(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The names of the folders directly below `prefix`, which ends with `/`: the text between the
/// prefix and the next `/`. Fetched page by page, in the order of their bytes.
///
/// ```
/// use packhouse_plugin::storage;
/// # let host = packhouse_plugin::testing::Host::new();
/// host.insert("notes/ann/1", "…")?;
/// host.insert("notes/bob/1", "…")?;
/// host.insert("notes/index.json", "…")?;
/// let names: Vec<String> = storage::folders("notes/").collect::<Result<_, _>>()?;
/// assert_eq!(names, ["ann", "bob"]);
/// # Ok::<(), packhouse_plugin::Error>(())
/// ```
pub fn folders(prefix: &str) -> Folders {
    Folders { prefix: prefix.to_owned(), page: VecDeque::new(), after: None, ended: false }
}

/// Made by [`folders`].
#[derive(Debug)]
pub struct Folders {
    prefix: String,
    page: VecDeque<String>,
    after: Option<String>,
    ended: bool,
}

impl Iterator for Folders {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.page.is_empty() && !self.ended {
            let options = ListingOptions {
                folders: true,
                after: self.after.as_deref(),
                ..ListingOptions::new(&self.prefix)
            };
            match list_page(&options) {
                Ok(listing) => {
                    self.ended = listing.next.is_none();
                    self.after = listing.next;
                    let names = listing.folders.iter().filter_map(|folder| folder.strip_prefix(&self.prefix));
                    self.page.extend(names.map(|name| name.trim_end_matches('/').to_owned()));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}
