//! The `wasm32-wasip2` target that plugins are built for: there, or added, or a clear sentence.

use crate::command;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// What plugins are built for.
pub const WASM: &str = "wasm32-wasip2";

/// Adds the target through rustup when the toolchain lacks it.
pub fn ensure() -> Result<()> {
    if installed() {
        return Ok(());
    }
    if command::on_path("rustup").is_none() {
        bail!(
            "this Rust has no target {WASM} and there is no rustup to add it: install the target with \
             what Rust was installed with (e.g. a package like rust-std for {WASM}), or install rustup"
        );
    }
    command::run(Command::new("rustup").args(["target", "add", WASM]))
}

fn installed() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    command::answer(Command::new(rustc).args(["--print", "target-libdir", "--target", WASM]))
        .is_some_and(|folder| PathBuf::from(folder).is_dir())
}
