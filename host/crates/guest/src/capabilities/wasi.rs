//! The part of WASI that a plugin gets: clocks, randomness, and a standard error that is logged.
//! There are no files, sockets, environment variables, arguments or standard output. A plugin logs
//! through `log`.
//!
//! The context is created at the first use, because most requests never use it.

use std::sync::LazyLock;

use wasmtime::component::Linker;
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksCtxView, WasiClocksView as _};
use wasmtime_wasi::p2::bindings::{clocks, random};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::random::{WasiRandom, WasiRandomCtx};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::capabilities::State;
use crate::inputs::Reason;

/// The most bytes of standard error that are kept of one request. After that the stream is closed
/// for the plugin.
const MOST_LAST_WORDS: usize = 64 << 10;
/// The most random bytes in one call.
const MOST_RANDOM: u64 = 64 << 10;
/// The most characters of standard error that are logged.
const MOST_LOGGED: usize = 1000;

/// The seed of hash maps, the same for all instances, so that it is no input of a reply. Clients cannot
/// know it, so they cannot choose names that collide.
static SEED: LazyLock<u128> = LazyLock::new(rand::random);

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
            .insecure_random_seed(*SEED)
            .stderr(errors.clone())
            .build();
        Self { context, errors }
    }
}

/// Lets plugins import WASI. Functions that return something else in each call record that.
pub fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(linker, recorded_clocks)?;
    // Its timers tell time too.
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(linker, recorded_clocks)?;
    random::random::add_to_linker::<_, WasiRandom>(linker, recorded_random)?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, recorded_random)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn recorded_clocks(state: &mut State) -> WasiClocksCtxView<'_> {
    state.forget(Reason::WasiClock);
    state.clocks()
}

fn recorded_random(state: &mut State) -> &mut WasiRandomCtx {
    state.forget(Reason::WasiRandom);
    state.ctx().ctx.random()
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
        let line = on_one_line(&String::from_utf8_lossy(&contents));
        (!line.is_empty()).then(|| self.without_secrets(&line))
    }
}

/// Without the note on `RUST_BACKTRACE` that Rust prints after a panic: no plugin has environment variables.
fn on_one_line(text: &str) -> String {
    let text: String = text.chars().take(MOST_LOGGED).collect();
    let lines = text.lines().filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE"));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_panic_is_one_line_without_the_note_on_backtraces() {
        let text = "\nthread '<unnamed>' panicked at src/lib.rs:7:5:\nas  asked\n\
                    note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        assert_eq!(on_one_line(text), "thread '<unnamed>' panicked at src/lib.rs:7:5: as asked");
        assert_eq!(on_one_line(&"x".repeat(MOST_LOGGED + 1)).len(), MOST_LOGGED);
    }
}
