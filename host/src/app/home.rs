//! Opens the users and the store, and checks that the users belong to this store.

use std::time::Duration;

use super::auth::{open_auth, user_store, without_users};
use super::{BuildError, store};
use crate::auth::home::is_there;
use crate::auth::{Auth, AuthError, Home, StoreKind};
use crate::config::{Config, Hosts};
use crate::storage::{Company, Opening, Storage, StorageError, StoreId, Wanted};

/// How long a command waits for the store before it continues without it.
const PATIENCE: Duration = Duration::from_secs(5);

/// For a host. A first start creates the user database and the store, and records the store in the
/// database. If the store belongs to a user database that does not exist any more, no other one is
/// created.
pub(super) async fn open(config: &Config) -> Result<(Auth, Storage), BuildError> {
    let failed = |source| auth_error(config, source);
    if let Some(why) = users_are_gone(config).await? {
        let storage = open_as(config, &to_serve(config, Wanted::New(StoreId::fresh()))).await?;
        return Ok((without_users(config, &why)?, storage));
    }
    let auth = open_auth(config).await?;
    let home = auth.home().await.map_err(failed)?;
    let opening = to_serve(config, wanted(&home));
    let storage = open_as(config, &opening).await?;
    match (home, storage.id().await) {
        (Home::Known(_), _) | (Home::Fleeting | Home::Unknown, None) => {}
        // The start will fail.
        (Home::New(_), None) if opening.must_be_shareable && !storage.is_safe_to_share() => {}
        (_, Some(id)) => auth.set_home(id.as_str()).await.map_err(failed)?,
        (Home::New(_), None) => {
            if let Err(error) = storage.probe().await {
                let database = config.auth.database.display();
                auth.refuse_users(&format!("the users in `{database}` are new, and {error}"));
            }
        }
    }
    Ok((auth, storage))
}

fn to_serve(config: &Config, wanted: Wanted) -> Opening {
    Opening { must_be_shareable: config.server.hosts == Hosts::Many, ..Opening::to_serve(wanted) }
}

/// The user database for a command. The first command creates it, unless the store belongs to a
/// database that does not exist any more. The database of another store is not opened.
pub async fn open_users(config: &Config) -> Result<Auth, BuildError> {
    let why = match users_are_gone(config).await? {
        Some(why) => Some(why),
        None => users_are_of_another_store(config).await?,
    };
    match why {
        Some(why) => Err(config.error(format!("[auth] database: {why}")).into()),
        None => open_auth(config).await,
    }
}

/// Why the user database is not the right one: the configured store is not the store that the users
/// belong to. If the store does not answer, the command continues, because an administrator must be
/// able to revoke a token then too.
async fn users_are_of_another_store(config: &Config) -> Result<Option<String>, BuildError> {
    let kind = user_store(config)?;
    if kind != StoreKind::Database || !config.storage.is_lasting() {
        return Ok(None);
    }
    let database = &config.auth.database;
    let home = Home::look(kind, database).await.map_err(|source| auth_error(config, source))?;
    let settings = store::settings(config)?;
    let open = async |wanted| {
        let opening = Opening { wanted, may_make: false, only_reads: true, must_be_shareable: false };
        tokio::time::timeout(PATIENCE, Storage::open_as(&settings, &opening)).await.ok()
    };
    let found = match open(Wanted::Any { lasting: true }).await {
        Some(Ok(storage)) => storage.id().await,
        Some(Err(_)) | None => None,
    };
    if found.is_none() {
        if matches!(home, Home::Known(_)) {
            tracing::warn!(
                "the storage does not answer, or is not the one that was used: the host cannot verify that the users in `{}` belong to it",
                database.display()
            );
        }
        return Ok(None);
    }
    let is_wrong = matches!(open(wanted(&home)).await, Some(Err(_)));
    Ok(is_wrong.then(|| {
        format!(
            "the users in `{}` do not belong to the storage that [storage] names, and nothing was changed: put the right \
             database back; if this one is right, stop every server and run `packhouse store adopt`",
            database.display()
        )
    }))
}

/// Why a user database that is missing or empty must not be created: the store has users.
async fn users_are_gone(config: &Config) -> Result<Option<String>, BuildError> {
    let database = &config.auth.database;
    let is_file = user_store(config)? == StoreKind::Database;
    // Without a store, this is the first start.
    let has_store = match config.storage.folder() {
        Some(folder) => folder.exists(),
        None => config.storage.is_lasting(),
    };
    if !is_file || is_there(database) || !has_store {
        return Ok(None);
    }
    let settings = store::settings(config)?;
    let opening = Opening {
        wanted: Wanted::New(StoreId::fresh()),
        may_make: false,
        only_reads: true,
        must_be_shareable: false,
    };
    match Storage::open_as(&settings, &opening).await {
        Ok(_) => Ok(None),
        Err(StorageError::Unavailable(reason)) if config.storage.folder().is_some() => Ok(Some(format!(
            "the user database `{}` is {}, and the host does not create a new one: {reason}{}",
            database.display(),
            if database.exists() { "empty" } else { "gone" },
            of_memory(config)
        ))),
        Err(error) => Err(store::error(config, error)),
    }
}

/// Before 0.1.1, `token_store = "memory"` kept the users in memory too.
fn of_memory(config: &Config) -> &'static str {
    if config.auth.token_store == "memory" {
        "; if the users were kept in memory before, set [auth] user_store = \"memory\""
    } else {
        ""
    }
}

/// For a command. Nothing is created, and it is an error if the store does not answer or is another
/// one.
pub(super) async fn find(config: &Config, only_reads: bool) -> Result<Storage, BuildError> {
    let home = Home::look(user_store(config)?, &config.auth.database).await;
    let wanted = wanted(&home.map_err(|source| auth_error(config, source))?);
    let opening = Opening { wanted, may_make: false, only_reads, must_be_shareable: false };
    let storage = open_as(config, &opening).await?;
    if config.storage.is_lasting() && storage.id().await.is_none() {
        storage.probe().await.map_err(|source| store::error(config, source))?;
        let (key, place) = store::place(config);
        let sentence = format!(
            "[storage] {key}: `{place}` contains no registry, because no host was ever started on it: correct `{key}`, or \
             start the host once"
        );
        return Err(config.error(sentence).into());
    }
    Ok(storage)
}

/// Records that the configured store is the right one for the configured users. Returns a sentence
/// that says what was done.
pub async fn adopt(config: &Config) -> Result<String, BuildError> {
    if !config.storage.is_lasting() {
        let sentence = "[storage] type = \"memory\" is empty after every start: there is nothing to adopt";
        return Err(config.error(sentence).into());
    }
    let auth = open_auth(config).await?;
    if !auth.has_lasting_users() {
        let sentence = "[auth] user_store = \"memory\" remembers no store: there is nothing to adopt";
        return Err(config.error(sentence).into());
    }
    let storage = open_as(config, &Opening::to_serve(Wanted::Any { lasting: true })).await?;
    // A running server continues with the store and the users with which it was started.
    let presence = storage.enter(Company::One).await.map_err(|source| match source {
        StorageError::Invalid(_) => config.error(BUSY).into(),
        source => store::error(config, source),
    })?;
    let adopted = adopt_as(config, &auth, &storage).await;
    presence.leave().await;
    adopted
}

const BUSY: &str = "a server uses this storage now: stop every server that uses this storage or these users, and run the command again";

async fn adopt_as(config: &Config, auth: &Auth, storage: &Storage) -> Result<String, BuildError> {
    let Some(id) = storage.id().await else {
        let sentence = "[storage] does not answer, so nothing was adopted: correct [storage], or try again when it answers";
        return Err(config.error(sentence).into());
    };
    auth.set_home(id.as_str()).await.map_err(|source| auth_error(config, source))?;
    let (users, id) = (config.auth.database.display(), id.as_str());
    Ok(format!("The user database {users} now belongs to the store {id}. Start the servers again."))
}

fn wanted(home: &Home) -> Wanted {
    match home {
        Home::Known(id) => StoreId::parse(id).map_or(Wanted::Any { lasting: true }, Wanted::Known),
        Home::New(id) => StoreId::parse(id).map_or(Wanted::Any { lasting: true }, Wanted::New),
        Home::Unknown => Wanted::Any { lasting: true },
        Home::Fleeting => Wanted::Any { lasting: false },
    }
}

async fn open_as(config: &Config, opening: &Opening) -> Result<Storage, BuildError> {
    let settings = store::settings(config)?;
    Storage::open_as(&settings, opening).await.map_err(|source| store::error(config, source))
}

fn auth_error(config: &Config, source: AuthError) -> BuildError {
    BuildError::Auth { file: config.file.display().to_string(), source }
}
