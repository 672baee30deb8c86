//! The file: shared by several, away, locked, of another version, and its mode.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use uuid::Uuid;

use super::tables::STEPS;
use super::*;
use crate::token_store::tests::token;
use crate::token_store::{SecretHash, Token, TokenStore};
use crate::users::{PasswordHash, User, UserName, UserStore};
use crate::{Grant, Scope};

const SHORT: Duration = Duration::from_millis(50);

fn user(name: &str) -> User {
    User {
        id: Uuid::new_v4(),
        name: UserName::parse(name).unwrap(),
        email: None,
        password: PasswordHash::new("x".to_owned()),
        grants: vec![Grant::parse("*:*:*:*").unwrap()],
        created: 1,
        owns_by_name: false,
    }
}

/// The two sides of one file: their traits share the names of functions.
fn users(database: &Database) -> &dyn UserStore {
    database
}

fn tokens(database: &Database) -> &dyn TokenStore {
    database
}

#[tokio::test]
async fn the_file_and_what_lies_beside_it_are_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/data/users.sqlite");
    let database = Database::open(&path, PATIENCE).await.unwrap();
    let _under_way = database.write().await.unwrap();
    let files: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(files.len(), 2, "the file and its journal: {files:?}");
    for file in files {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_open_a_new_file_at_once_and_all_their_writes_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let hosts = (0..4).map(|host| {
        let path = path.clone();
        tokio::spawn(async move {
            let database = Database::open(&path, PATIENCE).await.unwrap();
            let first = users(&database).add_first(&user("admin")).await.unwrap();
            for number in 0..25 {
                users(&database).add(&user(&format!("user-{host}-{number}"))).await.unwrap();
            }
            first
        })
    });
    let firsts = futures_util::future::join_all(hosts).await;
    assert!(firsts.into_iter().filter(|first| *first.as_ref().unwrap()).count() <= 1);
    let database = Database::open(&path, PATIENCE).await.unwrap();
    let others =
        users(&database).list().await.unwrap().into_iter().filter(|user| user.name.as_str() != "admin");
    assert_eq!(others.count(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_first_starts_exactly_one_makes_the_first_user() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.sqlite");
        let starts = (0..3).map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let database = Database::open(&path, PATIENCE).await.unwrap();
                users(&database).add_first(&user("admin")).await.unwrap()
            })
        });
        let made = futures_util::future::join_all(starts).await;
        assert_eq!(made.into_iter().filter(|made| *made.as_ref().unwrap()).count(), 1);
    }
}

#[tokio::test]
async fn what_one_host_writes_the_other_reads_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let (here, there) =
        (Database::open(&path, PATIENCE).await.unwrap(), Database::open(&path, PATIENCE).await.unwrap());
    let ann = user("ann");
    users(&here).add(&ann).await.unwrap();
    assert!(users(&there).find("ann").await.unwrap().is_some());
    let secret = SecretHash::of("secret");
    let token = token(ann.id, 1);
    tokens(&there).add(&token, secret, None).await.unwrap();
    assert_eq!(tokens(&here).find(secret).await.unwrap(), Some(token.clone()));
    tokens(&here).remove(token.id, None).await.unwrap();
    assert_eq!(tokens(&there).find(secret).await.unwrap(), None);
}

#[tokio::test]
async fn a_locked_file_is_read_but_a_write_to_it_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let (here, there) =
        (Database::open(&path, SHORT).await.unwrap(), Database::open(&path, SHORT).await.unwrap());
    let lock = there.write().await.unwrap();
    let refusal = users(&here).add(&user("ann")).await.unwrap_err();
    assert!(
        matches!(&refusal, AuthError::Unavailable { reason, .. } if reason.contains("locked")),
        "{refusal}"
    );
    assert!(users(&here).find("ann").await.unwrap().is_none());
    drop(lock);
    users(&here).add(&user("ann")).await.unwrap();
}

#[tokio::test]
async fn a_closed_database_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("users.sqlite"), SHORT).await.unwrap();
    database.readers.close().await;
    let refusal = users(&database).list().await.unwrap_err();
    assert!(matches!(refusal, AuthError::Unavailable { .. }), "{refusal}");
}

#[tokio::test]
async fn a_file_that_can_t_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let no_database = folder.path().join("text");
    std::fs::write(&no_database, "this is no database, however long one looks at it. ".repeat(100)).unwrap();
    for path in [folder.path().to_owned(), no_database, PathBuf::from("/proc/none/users.sqlite")] {
        let refusal = Database::open(&path, SHORT).await.unwrap_err();
        assert!(matches!(refusal, AuthError::Open { .. } | AuthError::Damaged { .. }), "{refusal}");
        assert!(refusal.to_string().contains(path.to_str().unwrap()), "{refusal}");
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let database = Database::open(&path, SHORT).await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 1000").execute(&database.writer).await.unwrap();
    let refusal = Database::open(&path, SHORT).await.unwrap_err().to_string();
    assert!(refusal.contains("newer version"), "{refusal}");
}

#[tokio::test]
async fn a_damaged_narrowing_never_widens_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("users.sqlite"), SHORT).await.unwrap();
    let secret = SecretHash::of("secret");
    let token = Token { scopes: vec![Scope::parse("a:b:c:d").unwrap()], ..token(Uuid::new_v4(), 1) };
    tokens(&database).add(&token, secret, None).await.unwrap();
    sqlx::raw_sql("UPDATE tokens SET scopes = 'nonsense'").execute(&database.writer).await.unwrap();
    let refusal = tokens(&database).find(secret).await.unwrap_err();
    assert!(matches!(refusal, AuthError::Unavailable { .. }), "{refusal}");
}

#[tokio::test]
async fn a_file_of_an_earlier_version_keeps_its_tokens_valid_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let earlier = SqlitePool::connect_with(options).await.unwrap();
    for step in STEPS.into_iter().take(2) {
        sqlx::raw_sql(step).execute(&earlier).await.unwrap();
    }
    let secret = SecretHash::of("secret");
    let add = sqlx::query(
        "INSERT INTO tokens (id, owner, secret, hint, created, read_only, scopes, cidr)
         VALUES (?1, ?1, ?2, 'hint', 7, 0, '', '')",
    );
    let id = Uuid::new_v4();
    add.bind(id.as_bytes().to_vec()).bind(secret.0.to_vec()).execute(&earlier).await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 2").execute(&earlier).await.unwrap();
    earlier.close().await;

    let database = Database::open(&path, PATIENCE).await.unwrap();
    let token = tokens(&database).find(secret).await.unwrap().unwrap();
    assert_eq!((token.id, token.created, token.end()), (id, 7, None));
    assert!(token.is_for("any") && token.is_for("other"));
}

/// A file as a version before the third step left it.
async fn of_an_earlier_version(path: &Path, with_user: bool) {
    create(path).unwrap();
    let options = SqliteConnectOptions::new().filename(path);
    let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    for step in &STEPS[..2] {
        sqlx::raw_sql(*step).execute(&pool).await.unwrap();
    }
    if with_user {
        let add = "INSERT INTO users VALUES (x'000102030405060708090a0b0c0d0e0f', 'ann', NULL, 'x', 1)";
        sqlx::raw_sql(add).execute(&pool).await.unwrap();
    }
    sqlx::raw_sql("PRAGMA user_version = 2").execute(&pool).await.unwrap();
    pool.close().await;
}

#[tokio::test]
async fn who_had_a_name_before_removals_were_remembered_is_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    of_an_earlier_version(&path, true).await;
    let database = Database::open(&path, PATIENCE).await.unwrap();
    users(&database).add(&user("bob")).await.unwrap();
    let owns = async |name: &str| users(&database).find(name).await.unwrap().unwrap().owns_by_name;
    assert!(owns("ann").await, "who was there then");
    assert!(!owns("bob").await, "somebody else of this name may have been removed");
}

#[tokio::test]
async fn a_file_without_users_has_no_past() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    of_an_earlier_version(&path, false).await;
    let database = Database::open(&path, PATIENCE).await.unwrap();
    users(&database).add(&user("bob")).await.unwrap();
    assert!(users(&database).find("bob").await.unwrap().unwrap().owns_by_name);
}

#[tokio::test]
async fn a_file_that_was_deleted_or_replaced_is_not_used_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("users.sqlite"), folder.path().join("aside"));
    let database = Database::open(&path, PATIENCE).await.unwrap();
    users(&database).add(&user("ann")).await.unwrap();
    std::fs::rename(&path, &aside).unwrap();
    let gone = users(&database).find("ann").await.unwrap_err();
    assert!(matches!(&gone, AuthError::Gone(why) if why.contains("users.sqlite")), "{gone}");
    assert!(matches!(users(&database).add(&user("bob")).await, Err(AuthError::Gone(_))));
    assert!(!path.exists(), "nobody makes it again");
    std::fs::copy(&aside, &path).unwrap();
    assert!(matches!(users(&database).find("ann").await, Err(AuthError::Gone(_))), "another file");
    std::fs::rename(&aside, &path).unwrap();
    assert!(users(&database).find("ann").await.unwrap().is_some());
    // A copy takes its place in one step, while it is kept under another name.
    let (copy, kept) = (folder.path().join("copy"), folder.path().join("kept"));
    std::fs::copy(&path, &copy).unwrap();
    std::fs::hard_link(&path, &kept).unwrap();
    std::fs::rename(&copy, &path).unwrap();
    let replaced = users(&database).find("ann").await.unwrap_err();
    assert!(matches!(&replaced, AuthError::Gone(why) if why.contains("restart the server")), "{replaced}");
    assert!(matches!(users(&database).add(&user("bob")).await, Err(AuthError::Gone(_))));
    std::fs::rename(&kept, &path).unwrap();
    assert!(users(&database).find("ann").await.unwrap().is_some());
    database.refuse("it is not to be used");
    assert!(matches!(users(&database).find("ann").await, Err(AuthError::Gone(_))));
}

#[tokio::test]
async fn what_is_gone_from_the_start_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let database = Database::gone(&path, "it is gone");
    assert!(matches!(users(&database).find("ann").await, Err(AuthError::Gone(_))));
    assert!(matches!(users(&database).add(&user("ann")).await, Err(AuthError::Gone(_))));
    assert!(!path.exists());
}

/// Writes over the content, and keeps the inode.
fn overwrite(path: &Path, content: &[u8]) {
    std::fs::write(path, content).unwrap();
}

async fn expect_gone(database: &Database, words: &str) {
    let gone = users(database).find("ann").await.unwrap_err();
    assert!(matches!(&gone, AuthError::Gone(why) if why.contains(words)), "{gone}");
    assert!(matches!(users(database).add(&user("bob")).await, Err(AuthError::Gone(_))));
    assert!(matches!(database.probe().await, Err(AuthError::Gone(_))));
}

#[tokio::test]
async fn a_file_that_is_overwritten_with_an_earlier_state_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let database = Database::open(&path, PATIENCE).await.unwrap();
    users(&database).add(&user("ann")).await.unwrap();
    let backup = std::fs::read(&path).unwrap();
    users(&database).remove("ann").await.unwrap();
    overwrite(&path, &backup);
    expect_gone(&database, "an earlier state of itself").await;
    assert!(std::fs::read(&path).unwrap() == backup, "nothing is written to it");
    let restarted = Database::open(&path, PATIENCE).await.unwrap();
    assert!(users(&restarted).find("ann").await.unwrap().is_some(), "the operator restored it");
}

#[tokio::test]
async fn a_write_that_is_undone_leaves_the_database_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(&folder.path().join("users"), PATIENCE).await.unwrap();
    drop(database.write().await.unwrap());
    // Readiness tries a write and undoes it.
    database.probe().await.unwrap();
    database.look().await.unwrap();
    users(&database).add(&user("ann")).await.unwrap();
    assert!(users(&database).find("ann").await.unwrap().is_some());
}

#[tokio::test]
async fn a_write_notices_an_overwritten_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let database = Database::open(&path, PATIENCE).await.unwrap();
    let backup = std::fs::read(&path).unwrap();
    users(&database).add(&user("ann")).await.unwrap();
    overwrite(&path, &backup);
    assert!(matches!(users(&database).add(&user("bob")).await, Err(AuthError::Gone(_))));
    assert!(std::fs::read(&path).unwrap() == backup, "nothing is written to it");
}

#[tokio::test]
async fn a_file_that_is_overwritten_with_another_database_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("users.sqlite"), folder.path().join("other.sqlite"));
    for is_earlier in [false, true] {
        let database = Database::open(&path, PATIENCE).await.unwrap();
        users(&database).find("ann").await.unwrap();
        if is_earlier {
            of_an_earlier_version(&other, true).await;
        } else {
            let other = Database::open(&other, PATIENCE).await.unwrap();
            for name in ["one", "two", "three"] {
                users(&other).add(&user(name)).await.unwrap();
            }
        }
        overwrite(&path, &std::fs::read(&other).unwrap());
        expect_gone(&database, "the content of another one").await;
        std::fs::remove_file(&other).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_cut_or_damaged_is_not_ready_and_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.sqlite");
    let database = Database::open(&path, PATIENCE).await.unwrap();
    for number in 0..200 {
        users(&database).add(&user(&format!("user-{number}"))).await.unwrap();
    }
    let whole = std::fs::read(&path).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();

    // Most of the pages are in the memory of the connections.
    let middle = u64::try_from(whole.len() / 2 / 4096 * 4096).unwrap();
    file.write_all_at(&[0x5a; 4096], middle).unwrap();
    let damaged = database.probe().await.unwrap_err();
    assert!(matches!(damaged, AuthError::Damaged { .. }), "{damaged}");
    let sentence = damaged.to_string();
    assert!(sentence.contains("users.sqlite") && sentence.contains("backup"), "{sentence}");
    assert!(matches!(users(&database).find("user-1").await, Err(AuthError::Gone(_))), "nor is it used");
    let refusal = Database::open(&path, PATIENCE).await.map(|_| ()).unwrap_err();
    assert!(matches!(refusal, AuthError::Damaged { .. }), "{refusal}");

    overwrite(&path, &whole);
    let database = Database::open(&path, PATIENCE).await.unwrap();
    database.probe().await.unwrap();
    file.set_len(middle).unwrap();
    let damaged = database.probe().await.unwrap_err();
    assert!(matches!(damaged, AuthError::Damaged { .. }), "{damaged}");
    assert!(matches!(users(&database).find("ann").await, Err(AuthError::Gone(_))), "nor is it used");
    let refusal = Database::open(&path, PATIENCE).await.map(|_| ()).unwrap_err();
    assert!(matches!(refusal, AuthError::Damaged { .. }), "{refusal}");
}

#[tokio::test]
async fn the_tables_of_another_program_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.sqlite");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let other = SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql("CREATE TABLE songs (title TEXT)").execute(&other).await.unwrap();
    other.close().await;
    let before = std::fs::read(&path).unwrap();
    let refusal = Database::open(&path, PATIENCE).await.map(|_| ()).unwrap_err();
    assert!(
        matches!(&refusal, AuthError::Open { reason, .. } if reason.contains("another program")),
        "{refusal}"
    );
    assert!(before == std::fs::read(&path).unwrap());
}
