//! `cargo xtask bench`: builds the programs, runs the bench program, and prints its lines.
//!
//! The bench program decides what is measured and how the results are printed.

use crate::workspace::Workspace;
use crate::{command, plugins};
use anyhow::Result;
use std::process::Command;

/// The bench program's own arguments.
#[derive(clap::Args)]
pub struct Options {
    /// Passed on as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Prints one line a ratio, e.g. `fresh-get / bare-hyper = 0.31`.
pub fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    plugins::build(workspace)?;
    plugins::build_guests(workspace)?;
    command::run(
        command::cargo(&workspace.root)
            .args(["build", "--workspace", "--bins"])
            .env("CARGO_TARGET_DIR", &workspace.target),
    )?;
    let mut bench = Command::new(workspace.program("packhouse-bench"));
    bench.args(&options.arguments).current_dir(&workspace.root);
    bench.env("PACKHOUSE_BIN", workspace.program("packhouse"));
    bench.env("PACKHOUSE_PLUGINS", workspace.plugins()).env("PACKHOUSE_GUESTS", workspace.guests());
    command::succeeds(&mut bench)
}
