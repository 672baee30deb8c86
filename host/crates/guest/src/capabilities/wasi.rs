//! What of WASI a plugin gets: clocks, randomness, a standard error that is kept for
//! the log, and nothing else. There are no files, no sockets, no environment, no
//! arguments and no standard output: a plugin logs through `log`.
//!
//! The context is made at the first use: most requests never ask for it.

use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::capabilities::State;

/// Bytes of standard error that are kept of one request; a plugin that writes more is
/// told that it is closed.
const MOST_LAST_WORDS: usize = 64 << 10;
/// Random bytes in one call.
const MOST_RANDOM: u64 = 64 << 10;
/// Characters of it that are logged.
const MOST_LOGGED: usize = 1000;

/// The little of WASI that one instance has.
pub struct Wasi {
    context: WasiCtx,
    errors: MemoryOutputPipe,
}

impl Wasi {
    fn new() -> Self {
        let errors = MemoryOutputPipe::new(MOST_LAST_WORDS);
        let context = WasiCtxBuilder::new()
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(MOST_RANDOM)
            .stderr(errors.clone())
            .build();
        Self { context, errors }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| Box::new(Wasi::new()));
        WasiCtxView { ctx: &mut wasi.context, table: &mut self.table }
    }
}

impl State {
    /// What the plugin wrote to standard error, e.g. why it panicked; in one line.
    pub fn last_words(&self) -> Option<String> {
        let contents = self.wasi.as_ref()?.errors.contents();
        let text: String = String::from_utf8_lossy(&contents).chars().take(MOST_LOGGED).collect();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!line.is_empty()).then(|| self.without_secrets(&line))
    }
}
