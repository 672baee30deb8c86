//! The part of WASI that a plugin gets: clocks, randomness, and a standard error that is logged.
//! There are no files, sockets, environment variables, arguments or standard output. A plugin logs
//! through `log`.
//!
//! The context is created at the first use, because most requests never use it.

use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::capabilities::State;

/// The most bytes of standard error that are kept of one request. After that the stream is closed
/// for the plugin.
const MOST_LAST_WORDS: usize = 64 << 10;
/// The most random bytes in one call.
const MOST_RANDOM: u64 = 64 << 10;
/// The most characters of standard error that are logged.
const MOST_LOGGED: usize = 1000;

/// The WASI context of one instance.
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
    /// The plugin's standard error on one line, for example the message of a panic.
    pub fn last_words(&self) -> Option<String> {
        let contents = self.wasi.as_ref()?.errors.contents();
        let text: String = String::from_utf8_lossy(&contents).chars().take(MOST_LOGGED).collect();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!line.is_empty()).then(|| self.without_secrets(&line))
    }
}
