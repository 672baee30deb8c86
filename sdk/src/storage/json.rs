//! Documents of one type, as JSON: the small ones that a plugin keeps about its packages.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::storage::update::Kind;
use crate::storage::{
    Before, Change, Document, Proof, Update, get, put, retry, stamp, to_json, unless_conflict,
};
use crate::types::{ObjectInfo, Precondition};

/// The content type of the document.
const CONTENT_TYPE: &str = "application/json";

/// A document at a key that contains a `T`. A missing document is `None`, a damaged one is
/// [`Error::Damaged`].
///
/// A document outlives the version of the plugin that wrote it. Give a member that comes later
/// `#[serde(default)]`, and never change what a member means.
///
/// ```
/// use packhouse_plugin::Error;
/// use packhouse_plugin::storage::Json;
/// # let host = packhouse_plugin::testing::Host::new();
///
/// #[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
/// struct Owners {
///     names: Vec<String>,
/// }
/// let owners = Json::<Owners>::at("owners/soup.json");
/// assert_eq!(owners.read()?, None);
/// assert!(owners.create(&Owners { names: vec!["ann".to_owned()] })?);
/// owners.update(|there| {
///     let mut owners = there.unwrap_or_default();
///     owners.names.push("bob".to_owned());
///     Ok::<_, Error>(Some(owners))
/// })?;
/// assert_eq!(owners.read()?.unwrap_or_default().names, ["ann", "bob"]);
///
/// host.insert("owners/soup.json", "{torn")?;
/// assert!(matches!(owners.read(), Err(Error::Damaged { .. })));
/// # Ok::<(), Error>(())
/// ```
pub struct Json<T> {
    key: String,
    kind: Kind,
    check: fn(&str, &T) -> Result<(), String>,
    content: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Json<T> {
    /// The document at this key.
    pub fn at(key: impl Into<String>) -> Json<T> {
        Json { key: key.into(), kind: Kind::Plain, check: |_, _| Ok(()), content: PhantomData }
    }

    /// [`Json::update`] leaves a proof of the document, and refuses to change an older copy of it or
    /// to begin anew in the place of one that was lost; see [`Update::proven`].
    #[must_use]
    pub fn proven(self) -> Json<T> {
        Json { kind: Kind::Proven, ..self }
    }

    /// The same for a document that decides who may do what: reading and parsing it refuse an older copy
    /// too. See [`Update::strict`]. Reading costs one more call of the store.
    ///
    /// ```
    /// use packhouse_plugin::Error;
    /// use packhouse_plugin::storage::{self, Json};
    /// # let host = packhouse_plugin::testing::Host::new();
    ///
    /// let owners = Json::<Vec<String>>::at("owners/soup.json").strict();
    /// owners.update(|_| Ok::<_, Error>(Some(vec!["ann".to_owned(), "bob".to_owned()])))?;
    /// let older = storage::get("owners/soup.json")?.expect("it was written");
    /// owners.update(|_| Ok::<_, Error>(Some(vec!["ann".to_owned()])))?;
    ///
    /// // Somebody restores an older copy: bob owns nothing by it.
    /// host.insert("owners/soup.json", &older.bytes)?;
    /// assert!(matches!(owners.read(), Err(Error::Damaged { .. })));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn strict(self) -> Json<T> {
        Json { kind: Kind::Strict, ..self }
    }

    /// [`Json::update`] gives the document a stamp and leaves no proof; see [`Update::stamped`].
    #[must_use]
    pub fn stamped(self) -> Json<T> {
        Json { kind: Kind::Stamped, ..self }
    }

    /// `check` gets the key and the parsed document, and returns why the document is damaged although
    /// it parses, e.g. because it belongs to another package than the key.
    ///
    /// ```
    /// use packhouse_plugin::storage::Json;
    /// # let host = packhouse_plugin::testing::Host::new();
    /// # host.insert("names/ann", "\"bob\"")?;
    ///
    /// let name = Json::<String>::at("names/ann").checked(|key, name| {
    ///     if key.ends_with(name.as_str()) { Ok(()) } else { Err(format!("it is about {name}")) }
    /// });
    /// assert!(name.read().is_err_and(|error| error.to_string().ends_with("it is about bob")));
    /// # Ok::<(), packhouse_plugin::Error>(())
    /// ```
    #[must_use]
    pub fn checked(self, check: fn(&str, &T) -> Result<(), String>) -> Json<T> {
        Json { check, ..self }
    }

    pub fn key(&self) -> &str {
        &self.key
    }

    /// None when nothing is there; `Damaged` when it is not a `T`.
    pub fn read(&self) -> Result<Option<T>, Error> {
        retry(&self.key, |_| {
            let Some(document) = get(&self.key)? else { return Ok(Some(None)) };
            Ok(unless_conflict(self.parse(&document))?.map(Some))
        })
    }

    /// What a document holds that was read another way, e.g. by
    /// [`get_each`](crate::storage::get_each).
    pub fn parse(&self, document: &Document) -> Result<T, Error> {
        if self.kind == Kind::Strict {
            Proof::of(&document.info.key)?.check(&Before::strict(document))?;
        }
        self.parse_any(document)
    }

    /// Also an older copy.
    fn parse_any(&self, document: &Document) -> Result<T, Error> {
        if stamp::is_foreign(&document.info.key, &document.bytes) {
            return Err(document.damaged(stamp::WHY_FOREIGN));
        }
        let value = document.json()?;
        (self.check)(&document.info.key, &value).map_err(|why| document.damaged(why))?;
        Ok(value)
    }

    /// Writes it if nothing is there. False when something is, which stays.
    pub fn create(&self, value: &T) -> Result<bool, Error> {
        Ok(unless_conflict(self.put(value, Precondition::Absent))?.is_some())
    }

    /// Writes it, whatever is there.
    pub fn write(&self, value: &T) -> Result<ObjectInfo, Error> {
        self.put(value, Precondition::Any)
    }

    /// Writes it if the precondition holds; else `Conflict`.
    pub fn put(&self, value: &T, precondition: Precondition<'_>) -> Result<ObjectInfo, Error> {
        put(&self.key, &to_json(value)?, precondition, Some(CONTENT_TYPE))
    }

    /// Changes the document by compare-and-swap: see [`crate::storage::update`]. `change` gets the
    /// stored value, and returns the new value, or `None` to keep the stored one. If the document is
    /// not a `T`, nothing is written and the error is `Damaged`.
    pub fn update<E: From<Error>>(
        &self,
        mut change: impl FnMut(Option<T>) -> Result<Option<T>, E>,
    ) -> Result<Option<ObjectInfo>, E> {
        self.update_telling(|there, _| change(there))
    }

    /// Like [`Update::run_telling`]: the second argument says whether this update has tried to write
    /// before.
    pub fn update_telling<E: From<Error>>(
        &self,
        mut change: impl FnMut(Option<T>, bool) -> Result<Option<T>, E>,
    ) -> Result<Option<ObjectInfo>, E> {
        let update = Update::new(&self.key).content_type(CONTENT_TYPE).of_kind(self.kind);
        update.run_telling(|document, has_tried| {
            let there = document.map(|document| self.parse_any(document)).transpose()?;
            Ok(match change(there, has_tried)? {
                Some(value) => Change::json(&value)?,
                None => Change::Keep,
            })
        })
    }
}
