//! The commands of the workspace for developers and CI: `cargo xtask COMMAND`.
//!
//! Knows how the crates are built, tested and packed; knows nothing of what they do.

mod bench;
mod check;
mod clients;
mod command;
mod contract;
mod dist;
mod plugins;
mod serve;
mod target;
mod test;
mod tools;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use workspace::Workspace;

/// The workspace's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the plugins and the host, and serve `registry.toml`
    Serve(serve::Options),
    /// Build every plugin into `plugins/*.wasm`
    Plugins,
    /// Run the tests
    Test(test::Options),
    /// Formatting, clippy with warnings denied, licences and sources of dependencies,
    /// the contract compared with its releases
    Check,
    /// Measure against bare hyper (and nginx), as ratios
    Bench(bench::Options),
    /// Install the clients and servers that the tests drive
    Clients,
    /// Build a release with its plugins into `dist/`
    Dist(dist::Options),
}

fn main() -> ExitCode {
    let workspace = Workspace::find();
    let outcome = match Arguments::parse().command {
        Command::Serve(options) => serve::run(&workspace, &options),
        Command::Plugins => plugins::build(&workspace).map(|()| true),
        Command::Test(options) => test::run(&workspace, &options),
        Command::Check => check::run(&workspace),
        Command::Bench(options) => bench::run(&workspace, &options),
        Command::Clients => Ok(clients::run(&workspace)),
        Command::Dist(options) => dist::run(&workspace, &options),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
