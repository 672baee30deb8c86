//! `log`: lines that a plugin writes to the host's log.
//!
//! A plugin sees the path of its request, which may contain a token, and the secrets of a sign-in.
//! The host removes the secrets that it knows from the plugin's lines.

use secrecy::{ExposeSecret as _, SecretString};

use crate::bindings::packhouse::plugin::log as wit;
use crate::capabilities::State;
use crate::inputs::Reason;
use packhouse_common::text::{LONGEST_LINE, printable, printable_up_to, secrets_of};

/// The most bytes that one request may log.
const MOST_BYTES: usize = 64 << 10;

/// Bytes that each line is charged with in addition to its text.
const LINE_OVERHEAD: usize = 256;

/// What one request has logged up to now.
#[derive(Debug, Default)]
pub struct Budget {
    used: usize,
    dropped: u64,
}

impl Budget {
    /// Whether this many more bytes may be logged. Counts those that may not.
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

impl State {
    /// A secret that the plugin received. None of its lines may contain it.
    pub(super) fn hide(&mut self, secret: &SecretString) {
        self.secrets.push(secret.clone());
    }

    /// The plugin's text without the secrets that the host knows.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let known = self.secrets.iter().map(|secret| secret.expose_secret().to_owned());
        let path = self.access.path().unwrap_or_default();
        let query = self.access.query().ok().flatten().unwrap_or_default();
        let sent = [secrets_of(path), secrets_of(query)].concat();
        let mut text = text.to_owned();
        let settings = self.access.mount().ok().map(|mount| mount.secrets.as_slice()).unwrap_or_default();
        let settings = settings.iter().map(|secret| secret.expose_secret().to_owned());
        for secret in known.chain(sent).chain(settings).filter(|secret| !secret.is_empty()) {
            if text.contains(&secret) {
                text = text.replace(&secret, "…");
            }
        }
        text
    }
}

impl wit::Host for State {
    fn write(
        &mut self,
        level: wit::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        if matches!(level, wit::Level::Warn | wit::Level::Error) {
            self.forget(Reason::Warning);
        }
        let size = fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + message.len();
        let size = size + LINE_OVERHEAD;
        if !self.log.take(size) {
            return Ok(());
        }
        let shown = |(name, value): &(String, String)| {
            format!("{}={:?}", printable(name), printable(&self.without_secrets(value)).to_string())
        };
        let fields = fields.iter().map(shown).collect::<Vec<_>>().join(" ");
        let message = self.without_secrets(&message).replace(char::is_control, " ");
        let message = printable_up_to(&message, LONGEST_LINE);
        match level {
            wit::Level::Debug => tracing::debug!(target: "packhouse::plugin", fields, "{message}"),
            wit::Level::Info => tracing::info!(target: "packhouse::plugin", fields, "{message}"),
            wit::Level::Warn => tracing::warn!(target: "packhouse::plugin", fields, "{message}"),
            wit::Level::Error => tracing::error!(target: "packhouse::plugin", fields, "{message}"),
        }
        Ok(())
    }
}
