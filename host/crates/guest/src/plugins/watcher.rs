//! Looks for changes in the plugin folder: at once when the system tells of them, and
//! every second besides, since some file systems tell of nothing.

use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::plugins::Plugins;

/// Quiet time after a change before it is taken up: a copy comes in several writes.
const QUIET: Duration = Duration::from_millis(40);
/// Times that a change puts it off; a folder that never rests is looked at all the same.
const MOST_QUIET: u32 = 25;
/// Between two looks without a sign.
const PATROL: Duration = Duration::from_secs(1);

/// Watches until it is dropped.
pub struct Watcher {
    _task: AbortOnDropHandle<()>,
    _notifier: Option<notify::RecommendedWatcher>,
}

impl Watcher {
    pub fn start(plugins: Arc<Plugins>) -> Self {
        let (signs, mut changes) = mpsc::channel::<()>(1);
        let notifier = notifier(&plugins, signs);
        let task = tokio::spawn(async move {
            loop {
                if let Ok(None) = tokio::time::timeout(PATROL, changes.recv()).await {
                    tokio::time::sleep(PATROL).await;
                }
                for _ in 0..MOST_QUIET {
                    let Ok(Some(())) = tokio::time::timeout(QUIET, changes.recv()).await else { break };
                }
                // What is taken up runs on by itself.
                if let Err(error) = plugins.refresh() {
                    tracing::warn!(error = %error, "{error}");
                }
            }
        });
        Self { _task: AbortOnDropHandle::new(task), _notifier: notifier }
    }
}

fn notifier(plugins: &Plugins, signs: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel already holds a sign.
            let _ = signs.try_send(());
        }
    })
    .ok()?;
    match watcher.watch(plugins.folder(), RecursiveMode::NonRecursive) {
        Ok(()) => Some(watcher),
        Err(error) => {
            tracing::warn!(error = %error, "changes of the plugin folder are looked for every second: {error}");
            None
        }
    }
}
