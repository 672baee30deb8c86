//! `log`: what a plugin writes into the host's log.

use crate::bindings::packhouse::plugin::log as wit;
use crate::capabilities::State;

/// Bytes that one request may log.
const MOST_BYTES: usize = 64 << 10;

/// What a line costs beside its words.
const LINE_OVERHEAD: usize = 256;

/// What one request has logged so far.
#[derive(Debug, Default)]
pub struct Budget {
    used: usize,
    dropped: u64,
}

impl Budget {
    /// Whether `bytes` more may be logged; counts those that may not.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.used.saturating_add(bytes) <= MOST_BYTES;
        if fits {
            self.used += bytes;
        } else {
            self.dropped += 1;
        }
        fits
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        if self.dropped > 0 {
            tracing::warn!(target: "packhouse::plugin", dropped = self.dropped, "the plugin logged too much in one request, {} lines were dropped", self.dropped);
        }
    }
}

impl wit::Host for State {
    fn write(
        &mut self,
        level: wit::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let size = fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + message.len();
        let size = size + LINE_OVERHEAD;
        if !self.log.take(size) {
            return Ok(());
        }
        let fields =
            fields.iter().map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(" ");
        let message = message.replace(char::is_control, " ");
        match level {
            wit::Level::Debug => tracing::debug!(target: "packhouse::plugin", fields, "{message}"),
            wit::Level::Info => tracing::info!(target: "packhouse::plugin", fields, "{message}"),
            wit::Level::Warn => tracing::warn!(target: "packhouse::plugin", fields, "{message}"),
            wit::Level::Error => tracing::error!(target: "packhouse::plugin", fields, "{message}"),
        }
        Ok(())
    }
}
