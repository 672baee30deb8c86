//! Watches the plugin folder. It reacts to notifications of the operating system, and also looks
//! every second, because some file systems send none.

use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::plugins::Plugins;

/// How long the folder must be quiet after a change: a copy consists of several writes.
const QUIET: Duration = Duration::from_millis(40);
/// How often a further change can delay the look. A folder that never rests is looked at too.
const MOST_QUIET: u32 = 25;
/// The time between two looks without a notification.
const PATROL: Duration = Duration::from_secs(1);

/// Watches until this is dropped.
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
                // Loading continues in its own tasks.
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
            // If the channel is full, a notification is waiting already.
            let _ = signs.try_send(());
        }
    })
    .ok()?;
    match watcher.watch(plugins.folder(), RecursiveMode::NonRecursive) {
        Ok(()) => Some(watcher),
        Err(error) => {
            tracing::warn!(error = %error, "the plugin folder cannot be watched, so the host checks it every second: {error}");
            None
        }
    }
}
