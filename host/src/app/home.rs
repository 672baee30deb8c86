//! Brings users and store together: the store that is opened is the one that the users belong to.

use super::auth::token_store_kind;
use super::{BuildError, open_auth, storage_error, storage_settings};
use crate::auth::{Auth, AuthError, Home};
use crate::config::{Config, StorageKind};
use crate::storage::{Opening, Storage, StoreId, Wanted};

/// For a host: a first start makes the store and remembers it.
pub(super) async fn open(config: &Config, auth: &Auth) -> Result<Storage, BuildError> {
    let failed = |source| auth_error(config, source);
    let opening = Opening::to_serve(wanted(&auth.home().await.map_err(failed)?));
    let storage = open_as(config, &opening).await?;
    if !matches!(opening.wanted, Wanted::Known(_))
        && let Some(id) = storage.id().await
    {
        auth.set_home(id.as_str()).await.map_err(failed)?;
    }
    Ok(storage)
}

/// For a command: nothing is made, and a store that is away or is another one is an error.
pub(super) async fn find(config: &Config, only_reads: bool) -> Result<Storage, BuildError> {
    let home = Home::look(token_store_kind(config)?, &config.auth.database).await;
    let wanted = wanted(&home.map_err(|source| auth_error(config, source))?);
    open_as(config, &Opening { wanted, may_make: false, only_reads }).await
}

/// The configured store is the right one for the configured users from now on. A sentence that
/// says what was done.
pub async fn adopt(config: &Config) -> Result<String, BuildError> {
    if config.storage.kind == StorageKind::Memory {
        let sentence = "[storage] type = \"memory\" is made anew with every start: there is nothing to adopt";
        return Err(config.error(sentence).into());
    }
    let auth = open_auth(config).await?;
    if !auth.is_lasting() {
        let sentence = "[auth] token_store = \"memory\" remembers no store: there is nothing to adopt";
        return Err(config.error(sentence).into());
    }
    let storage = open_as(config, &Opening::to_serve(Wanted::Any { lasting: true })).await?;
    let Some(id) = storage.id().await else {
        let sentence = "[storage] is not there: nothing was adopted";
        return Err(config.error(sentence).into());
    };
    auth.set_home(id.as_str()).await.map_err(|source| auth_error(config, source))?;
    let (users, id) = (config.auth.database.display(), id.as_str());
    Ok(format!("The users in {users} belong to the store {id} now. Start the servers on them again."))
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
    let settings = storage_settings(&config.storage);
    Storage::open_as(&settings, opening).await.map_err(|source| storage_error(config, source))
}

fn auth_error(config: &Config, source: AuthError) -> BuildError {
    BuildError::Auth { file: config.file.display().to_string(), source }
}
