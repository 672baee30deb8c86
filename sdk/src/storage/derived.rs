//! A document that is derived from other objects, and made anew when its marker has changed. What
//! is derived costs many reads, so one request makes it, and the next ones read it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::storage::{Document, Precondition, age, get, put, stat, to_json, unless_conflict};
use crate::{Error, log, random};

/// A derived document and its marker, e.g. the list of all packages.
///
/// Call [`Derived::changed`] after something was written that the document depends on, before
/// the client is answered. The document names the marker that lay there before it was made, and is
/// valid as long as that one lies there, and for `lifetime` at most: what an operator copies into
/// the bucket changes no marker. A document that is damaged or missing is made anew.
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
/// assert_eq!(names()?, ["ann", "bob"]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Derived<'a> {
    /// Of the document.
    pub key: &'a str,
    /// The key of the marker.
    pub marker: &'a str,
    /// Milliseconds, by the store's clock.
    pub lifetime: u64,
}

/// What is stored.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    /// The version of the marker before the document was made; none when there was none.
    mark: Option<String>,
    #[serde(flatten)]
    content: T,
}

impl Derived<'_> {
    /// The document, or what `make` makes, which is stored then. `T` is written as a JSON object,
    /// without a member `mark`. That it cannot be stored is only logged.
    pub fn read<T: Serialize + DeserializeOwned, E: From<Error>>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mark = stat(self.marker)?.map(|info| info.version);
        let stored = match get(self.key) {
            Err(Error::Damaged { .. }) => None,
            stored => stored?,
        };
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

    /// Something changed that the document depends on: the next one who reads it makes it anew.
    /// That this cannot be noted is only logged.
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
        // Somebody else was faster, which is as good.
        unless_conflict(put(self.key, &to_json(fresh)?, precondition, Some("application/json"))).map(drop)
    }
}
