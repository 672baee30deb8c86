//! Reads the document of a package for maintenance. A damaged document does not end the run, and is not
//! treated as missing.

use crate::storage::{self, Before, Document, Proof};
use crate::types::Digest;
use crate::{Error, maintenance::Step};

/// The state of a document. `T` is the parsed document, or `()`.
#[derive(Debug)]
pub enum Stored<T = ()> {
    Nothing,
    /// An intact document of this plugin.
    Ours(Document, T),
    /// A document of another system, which this plugin does not read.
    Foreign(Document),
    /// A damaged document, and why it is damaged. Contains the parsed document if it is readable.
    Damaged(Option<(Document, T)>, String),
}

impl<T> Stored<T> {
    /// Reads the document now, so after everything that was listed before. `sort` says what it is. A
    /// document that is too large to be read is damaged, and so is what `sort` fails for with
    /// [`Error::Damaged`].
    ///
    /// ```
    /// use packhouse_plugin::maintenance::Stored;
    /// # let host = packhouse_plugin::testing::Host::new();
    /// # host.insert("index/a", "[1, 2]")?;
    /// # host.insert("index/b", "[1, ")?;
    ///
    /// let read = |key| Stored::read(key, |document| {
    ///     let numbers: Vec<u32> = document.json()?;
    ///     Ok(Stored::Ours(document, numbers))
    /// });
    /// assert_eq!(read("index/a")?.content().map(Vec::len), Some(2));
    /// assert!(read("index/b")?.damage().is_some());
    /// assert!(matches!(read("index/c")?, Stored::Nothing));
    /// # Ok::<(), packhouse_plugin::Error>(())
    /// ```
    pub fn read(
        key: &str,
        sort: impl FnOnce(Document) -> Result<Stored<T>, Error>,
    ) -> Result<Stored<T>, Error> {
        let sorted = match storage::get(key) {
            Ok(None) => return Ok(Stored::Nothing),
            Ok(Some(document)) => sort(document),
            Err(error) => Err(error),
        };
        Stored::or_damaged(sorted)?.unless_older()
    }

    /// Damaged if it is one of ours, and an older copy of what was acknowledged, as its proof tells.
    /// [`Stored::read`] does this.
    pub fn unless_older(self) -> Result<Stored<T>, Error> {
        match self {
            Stored::Ours(document, content) => {
                match Proof::of(&document.info.key)?.check(&Before::from(&document)) {
                    Err(Error::Damaged { why, .. }) => Ok(Stored::Damaged(Some((document, content)), why)),
                    // It was changed after it was read.
                    Ok(()) | Err(Error::Conflict) => Ok(Stored::Ours(document, content)),
                    Err(error) => Err(error),
                }
            }
            other => Ok(other),
        }
    }

    /// Converts [`Error::Damaged`] into [`Stored::Damaged`].
    pub fn or_damaged(stored: Result<Stored<T>, Error>) -> Result<Stored<T>, Error> {
        match stored {
            Err(Error::Damaged { why, .. }) => Ok(Stored::Damaged(None, why)),
            stored => stored,
        }
    }

    /// Ours if it is whole, damaged if not.
    pub fn ours(document: Document, content: T, checked: Result<(), String>) -> Stored<T> {
        match checked {
            Ok(()) => Stored::Ours(document, content),
            Err(why) => Stored::Damaged(Some((document, content)), why),
        }
    }

    /// One of ours, whole or not; none when it cannot be read at all.
    pub fn document(&self) -> Option<&Document> {
        match self {
            Stored::Ours(document, _) | Stored::Damaged(Some((document, _)), _) => Some(document),
            Stored::Nothing | Stored::Foreign(_) | Stored::Damaged(None, _) => None,
        }
    }

    /// What one of ours says, whole or not.
    pub fn content(&self) -> Option<&T> {
        match self {
            Stored::Ours(_, content) | Stored::Damaged(Some((_, content)), _) => Some(content),
            Stored::Nothing | Stored::Foreign(_) | Stored::Damaged(None, _) => None,
        }
    }

    /// Why it is damaged.
    pub fn damage(&self) -> Option<&str> {
        if let Stored::Damaged(_, why) = self { Some(why) } else { None }
    }

    /// Bytes that were read.
    pub fn size(&self) -> u64 {
        let document = if let Stored::Foreign(document) = self { Some(document) } else { self.document() };
        document.map_or(0, |document| document.bytes.len() as u64)
    }
}

/// Digests of a stored object, in the order of `algorithms`; none when nothing is there. What is
/// replaced while it is read is read again, once.
///
/// ```
/// use packhouse_plugin::{digests::SHA256, maintenance};
/// # let host = packhouse_plugin::testing::Host::new();
/// # host.insert("blob", "…")?;
/// assert_eq!(maintenance::digests("blob", &[SHA256])?.map(|digests| digests.len()), Some(1));
/// assert!(maintenance::digests("nothing", &[SHA256])?.is_none());
/// # Ok::<(), packhouse_plugin::Error>(())
/// ```
pub fn digests(key: &str, algorithms: &[&str]) -> Result<Option<Vec<Digest>>, Error> {
    match storage::digests(key, algorithms) {
        Err(Error::Conflict) => storage::digests(key, algorithms),
        read => read,
    }
}

/// The first of these keys that does not exist.
///
/// ```
/// use packhouse_plugin::maintenance::first_missing;
/// # let host = packhouse_plugin::testing::Host::new();
/// # host.insert("files/a", "…")?;
/// assert_eq!(first_missing(&["files/a", "files/b"])?.as_deref(), Some("files/b"));
/// # Ok::<(), packhouse_plugin::Error>(())
/// ```
pub fn first_missing<S: AsRef<str>>(keys: &[S]) -> Result<Option<String>, Error> {
    let found = storage::stat_many(keys)?;
    let missing = keys.iter().zip(found).find(|(_, found)| found.is_none());
    Ok(missing.map(|(key, _)| key.as_ref().to_owned()))
}

impl Step<'_> {
    /// Reports that a document names a file which is missing, for a collection: the document, or
    /// the store, has lost something, so nothing beside it may be removed. False if none is missing.
    pub fn report_missing(&self, document: &str, missing: Option<&str>) -> bool {
        if let Some(missing) = missing {
            let why = format!("it names {missing}, which is missing, so nothing beside it is removed");
            self.damaged_once(document, &why);
        }
        missing.is_some()
    }

    /// Reports what lies at this key as damaged, if there is a reason, and if `still` returns that the
    /// document has not changed meanwhile: reading an object takes long, and a request may have removed
    /// or replaced it. It is reported once in a run.
    pub fn damaged_if(
        &self,
        key: &str,
        why: Option<&str>,
        still: impl FnOnce() -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if let Some(why) = why
            && still()?
        {
            self.damaged_once(key, why);
        }
        Ok(())
    }

    /// Reports [`Error::Damaged`] once in a run, and continues: one damaged object must not hide the
    /// others from the operator. Any other error ends the run.
    pub fn pass<T>(&self, done: Result<T, Error>) -> Result<Option<T>, Error> {
        match done {
            Err(Error::Damaged { key, why }) => {
                self.damaged_once(&key, &why);
                Ok(None)
            }
            done => done.map(Some),
        }
    }
}
