//! What of WASI a plugin gets: clocks, randomness and nothing else. There are no
//! files, no sockets, no environment and no arguments, and standard output and
//! error lead nowhere: a plugin logs through `log`.
//!
//! The context is made at the first use: most requests never ask for it.

use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::capabilities::State;

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.get_or_insert_with(empty), table: &mut self.table }
    }
}

fn empty() -> WasiCtx {
    WasiCtxBuilder::new().allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).build()
}
