//! Looks for symbolic links in the storage of a mount, also where its plugin does not look. The
//! host follows none, so what lies behind a link is not served. It does not know what the plugin
//! stores.

use crate::maintenance::Pace;
use crate::maintenance::run::RunError;
use crate::storage::{ListOptions, Scope};
use packhouse_guest::upkeep::Run;

/// Keys of one listing.
const PAGE: usize = 1000;

/// Reports every link below `scope` as damage, once per run.
pub async fn report(scope: &Scope, run: &Run, pace: &Pace) -> Result<(), RunError> {
    if !scope.has_links() {
        return Ok(());
    }
    let mut after = None;
    loop {
        let options = ListOptions { prefix: String::new(), folders: false, after, limit: PAGE };
        let listed = pace.step(scope.list(&options)).await.ok_or(RunError::TakenOver)??;
        listed.odd.iter().filter_map(|key| run.link(key)).for_each(|finding| run.note(finding));
        match listed.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::storage::{Settings, Storage};
    use packhouse_guest::upkeep::Finding;

    /// The keys that are reported.
    async fn reported(scope: &Scope, run: &Run) -> Vec<String> {
        let pace = Pace { stop: CancellationToken::new(), gate: None };
        report(scope, run, &pace).await.unwrap();
        let keys = run.take_findings().into_iter().map(|finding| match finding {
            Finding::Damaged { key, .. } => key,
            other => format!("{other:?}"),
        });
        let mut keys: Vec<String> = keys.collect();
        keys.sort();
        keys
    }

    #[tokio::test]
    async fn every_link_of_a_mount_is_reported_once_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&Settings::Fs { root: folder.path().to_owned() }).await.unwrap();
        let mount = folder.path().join("demo");
        std::fs::create_dir_all(mount.join("deep/er")).unwrap();
        // More than one page.
        for number in 0..=PAGE {
            std::fs::write(mount.join(format!("object-{number:04}")), "").unwrap();
        }
        symlink("/nowhere", mount.join("link")).unwrap();
        symlink("..", mount.join("deep/er/folder")).unwrap();
        symlink("object-0000", mount.join("z")).unwrap();
        std::fs::create_dir_all(folder.path().join("other")).unwrap();
        symlink("/nowhere", folder.path().join("other/link")).unwrap();

        let scope = storage.scope("demo").unwrap();
        let run = Run::new(SystemTime::now(), Duration::ZERO, true, false);
        assert_eq!(reported(&scope, &run).await, ["deep/er/folder", "link", "z"]);
        assert!(!run.tally().is_well());
        assert_eq!(reported(&scope, &run).await, Vec::<String>::new(), "each once");
    }
}
