//! Whether a plugin can use the settings of a mount. Its answer is remembered, because the settings of a
//! mount never change while the host runs.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// How long a plugin that could not be asked is left alone.
const POSTPONED: Duration = Duration::from_secs(2);

/// Why a plugin cannot be given the settings of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// The plugin refuses them; its sentence.
    Refused(String),
    /// The plugin could not be asked now. It is asked again later.
    Unknown(String),
}

/// The answers of one generation, by mount.
#[derive(Default)]
pub(super) struct Checked {
    answers: RwLock<BTreeMap<String, Result<(), String>>>,
    /// One question at a time: many requests may arrive before the first answer. Holds when a question
    /// failed last, and why.
    asking: Mutex<Option<(Instant, String)>>,
}

impl Checked {
    /// The remembered answer for a mount, or the one that `ask` gets.
    pub async fn get(
        &self,
        mount: &str,
        ask: impl AsyncFnOnce() -> Result<(), Unusable>,
    ) -> Result<(), Unusable> {
        if let Some(answer) = self.answer(mount) {
            return answer;
        }
        let mut failed = self.asking.lock().await;
        if let Some(answer) = self.answer(mount) {
            return answer;
        }
        if let Some((since, why)) = &*failed
            && since.elapsed() < POSTPONED
        {
            return Err(Unusable::Unknown(why.clone()));
        }
        let remembered = match ask().await {
            Ok(()) => Ok(()),
            Err(Unusable::Refused(sentence)) => Err(sentence),
            Err(Unusable::Unknown(why)) => {
                *failed = Some((Instant::now(), why.clone()));
                return Err(Unusable::Unknown(why));
            }
        };
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        answers.insert(mount.to_owned(), remembered.clone());
        remembered.map_err(Unusable::Refused)
    }

    fn answer(&self, mount: &str) -> Option<Result<(), Unusable>> {
        let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        Some(answers.get(mount)?.clone().map_err(Unusable::Refused))
    }
}
