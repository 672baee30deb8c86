//! The sentences about mounts and plugins in the log, each of which is logged once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::layout::Unmounted;
use super::{Absence, PATIENCE, Serving, targets};
use crate::mounts::Mount;
use crate::plugins::Generation;
use crate::prefixes::PrefixError;
use packhouse_guest::description::Description;

/// What the log said last of each mount and plugin.
#[derive(Default)]
pub(super) struct Said(Mutex<BTreeMap<String, Vec<String>>>);

/// How a line is logged.
#[derive(Debug, Clone, Copy)]
enum Weight {
    Warning,
    Error,
}

impl Said {
    fn note(&self, subject: &str, lines: Vec<String>, weight: Weight) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = said.get(subject).cloned().unwrap_or_default();
        for line in lines.iter().filter(|line| !before.contains(line)) {
            match weight {
                Weight::Warning => tracing::warn!("{subject}: {line}"),
                Weight::Error => tracing::error!("{subject}: {line}"),
            }
        }
        if lines.is_empty() && !before.is_empty() {
            tracing::info!("{subject} is well again");
        }
        said.insert(subject.to_owned(), lines);
    }
}

/// Where the configuration grants what the plugin does not ask for, a sentence each.
pub fn remarks(mount: &Mount, description: &Description) -> Vec<String> {
    let wishes = description.all_wishes();
    let useless = mount.grants.iter().filter(|grant| !wishes.contains_key(grant.as_str()));
    useless.map(|grant| format!("`grants` gives `{grant}`, which its plugin does not request")).collect()
}

/// How the log names a mount.
fn title(mount: &Mount) -> String {
    format!("[mount.{}]", mount.name)
}

impl Serving {
    /// Logs which mounts are not served, or do not fit their plugin, where that has changed.
    pub async fn review(&self) {
        let mounts = self.mounts();
        let look = async {
            for mount in mounts.iter().filter(|mount| mount.enabled) {
                let _ = self.look_at(mount).await;
            }
            self.said.note("[plugins]", self.gaps(), Weight::Warning);
            for (key, remarks) in targets::of_anonymous(&self.anonymous, &mounts, self.plugins()) {
                self.said.note(&key, remarks, Weight::Warning);
            }
            for (plugin, _) in self.plugins().all_serving() {
                let why = self.unmounted().remove(&plugin);
                let why = why.filter(|why| !matches!(why, Unmounted::Disabled(_)));
                let lines = why.iter().map(|why| format!("it is not mounted: {why}")).collect();
                self.said.note(&format!("plugin {plugin}"), lines, Weight::Warning);
            }
        };
        if tokio::time::timeout(PATIENCE, look).await.is_err() {
            tracing::warn!(
                "the host cannot find out yet which mounts it can serve: the storage is slow to answer"
            );
        }
    }

    /// As [`Serving::standing`], and logs what is to be said of the mount.
    pub async fn look_at(&self, mount: &Mount) -> Result<Arc<Generation>, Absence> {
        let standing = self.standing(mount).await;
        match &standing {
            Ok(generation) => {
                self.said.note(&title(mount), remarks(mount, &generation.description), Weight::Warning);
            }
            // It will be asked again by the first request.
            Err(Absence::Prefix(PrefixError::Storage(_))) => {}
            Err(absence) => self.note_absence(mount, absence),
        }
        standing
    }

    pub fn note_absence(&self, mount: &Mount, absence: &Absence) {
        let weight = if absence.is_passing() { Weight::Warning } else { Weight::Error };
        self.said.note(&title(mount), vec![format!("it answers 503, {absence}")], weight);
    }
}
