//! A document that is derived from other objects, and rebuilt after its marker has changed.
//! Deriving it takes many reads. One request does this, and later ones read the result.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::storage::{Document, Precondition, age, get, put, stat, to_json, unless_conflict};
use crate::{Error, log, random};

/// A derived document and its marker, for example the list of all packages.
///
/// After a write on which the document depends, call [`Derived::changed`] before the client is
/// answered. The document records the marker that was there before it was built. It is valid while
/// that marker stays, and for at most `lifetime`, because objects that an operator copies into the
/// bucket do not change the marker. A damaged or missing document is rebuilt.
///
/// ```
/// use packhouse_plugin::Error;
/// use packhouse_plugin::storage::{self, Derived};
/// use packhouse_plugin::time::MINUTE;
/// # let host = packhouse_plugin::testing::Host::new();
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Names {
///     names: Vec<String>,
/// }
/// const NAMES: Derived<'_> = Derived { key: "names.json", marker: "changed", lifetime: MINUTE };
///
/// fn names() -> Result<Vec<String>, Error> {
///     let all = || Ok::<_, Error>(Names { names: storage::folders("notes/").collect::<Result<_, _>>()? });
///     Ok(NAMES.read(all)?.names)
/// }
/// host.insert("notes/ann/1", "…")?;
/// assert_eq!(names()?, ["ann"]);
/// host.insert("notes/bob/1", "…")?;
/// assert_eq!(names()?, ["ann"], "nobody has told that something changed");
/// NAMES.changed();
/// assert!(NAMES.peek::<Names>()?.is_none(), "the next request makes it again");
/// assert_eq!(names()?, ["ann", "bob"]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Derived<'a> {
    /// The key of the document.
    pub key: &'a str,
    /// The key of the marker.
    pub marker: &'a str,
    /// Milliseconds, by the store's clock.
    pub lifetime: u64,
}

/// The stored document.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    /// The version of the marker before the document was built; none if there was none.
    mark: Option<String>,
    #[serde(flatten)]
    content: T,
}

impl Derived<'_> {
    /// The document, or else the result of `make`, which is then stored. `T` must serialize to a
    /// JSON object without a member `mark`. A failure to store it is only logged.
    pub fn read<T: Serialize + DeserializeOwned, E: From<Error>>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let (mark, stored) = self.stored()?;
        if let Some(document) = &stored
            && let Some(content) = self.valid(document, mark.as_deref())?
        {
            return Ok(content);
        }
        let fresh = Stored { mark, content: make()? };
        if let Err(error) = self.write(&fresh, stored.as_ref()) {
            let fields = [("key", self.key), ("error", &error.to_string())];
            log::warn("a derived document could not be written; the next request makes it again", &fields);
        }
        Ok(fresh.content)
    }

    /// The document if [`Derived::read`] would return it as it is stored; none if it would make it. For a
    /// verification.
    pub fn peek<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let (mark, stored) = self.stored()?;
        stored.map_or(Ok(None), |document| self.valid(&document, mark.as_deref()))
    }

    /// The version of the marker, and then the document.
    fn stored(&self) -> Result<(Option<String>, Option<Document>), Error> {
        let mark = stat(self.marker)?.map(|info| info.version);
        match get(self.key) {
            Err(Error::Damaged { .. }) => Ok((mark, None)),
            stored => Ok((mark, stored?)),
        }
    }

    /// Records that something changed on which the document depends. The next read rebuilds it. A
    /// failure is only logged.
    pub fn changed(&self) {
        if let Err(error) = put(self.marker, &random::bytes(16), Precondition::Any, None) {
            let fields = [("key", self.key), ("error", &error.to_string())];
            log::warn("a derived document is behind until it expires: its marker was not written", &fields);
        }
    }

    fn valid<T: DeserializeOwned>(
        &self,
        document: &Document,
        mark: Option<&str>,
    ) -> Result<Option<T>, Error> {
        if age(&document.info)?.is_none_or(|age| age >= self.lifetime) {
            return Ok(None);
        }
        let stored: Option<Stored<T>> = document.json().ok();
        Ok(stored.filter(|stored| stored.mark.as_deref() == mark).map(|stored| stored.content))
    }

    fn write<T: Serialize>(&self, fresh: &Stored<T>, before: Option<&Document>) -> Result<(), Error> {
        let precondition = before.map_or(Precondition::Absent, Document::precondition);
        // Another request was faster, which has the same effect.
        unless_conflict(put(self.key, &to_json(fresh)?, precondition, Some("application/json"))).map(drop)
    }
}
