//! The `packhouse` command: arguments and wiring.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use packhouse::admin::AdminCommand;
use packhouse::auth::FirstUser;
use packhouse::maintenance::command::{self, MaintenanceCommand};
use packhouse::ownership::OfConfig;
use packhouse::telemetry::{self, LogFormat};
use packhouse::text::{LONGEST_LINE, printable, printable_up_to};
use packhouse::{Config, Registry, admin, app, server};
use rustix::process::{Resource, getrlimit, setrlimit};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A request makes many short-lived values; this allocator hands them out faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What exits that found something damaged, or could not do all of it.
const NOT_WELL: u8 = 1;
/// What a failed start exits with.
const CANNOT_START: u8 = 2;

/// A registry server whose protocols are WASM components.
#[derive(Parser)]
#[command(name = "packhouse", version)]
struct Arguments {
    /// The configuration.
    #[arg(long, global = true, env = "PACKHOUSE_CONFIG", default_value = "registry.toml")]
    config: PathBuf,
    /// How log lines look.
    #[arg(long, global = true, env = "PACKHOUSE_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
    /// What is logged, e.g. `info` or `packhouse::plugins=debug,warn`.
    #[arg(long, global = true, env = "PACKHOUSE_LOG", default_value = "info")]
    log: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve what the configuration names (the default).
    Serve,
    #[command(flatten)]
    Admin(AdminCommand),
    #[command(flatten)]
    Maintenance(MaintenanceCommand),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    telemetry::start(arguments.log_format, &arguments.log);
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime does not start")
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(NOT_WELL),
        Err(error) => {
            // One sentence, causes included, and no backtrace.
            eprintln!("packhouse: {}", printable_up_to(&sentence(&error), LONGEST_LINE));
            ExitCode::from(CANNOT_START)
        }
    }
}

/// A connection and an object being read are an open file each, and the usual limit is
/// low: takes what the system allows.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(error = %error, "the limit of open files stays as it is: {error}");
    }
}

/// True when all is well.
async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let config = Config::load(&arguments.config)?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config).await?,
        Command::Admin(command) => {
            let auth = app::open_auth(&config).await?;
            return Ok(admin::run(command, &auth, &OfConfig::new(&config)).await?);
        }
        Command::Maintenance(command) => return command::run(command, &config).await,
    }
    Ok(true)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    raise_file_limit();
    let listener = server::listen(config.server.listen)
        .await
        .map_err(|error| config.error(format!("[server] listen: {}", sentence(&error.into()))))?;
    let address = listener.local_addr()?;
    let watch = config.plugins.watch;
    let registry = Registry::build(config).await?;
    let presence = registry.enter().await?;
    let _watching = watch.then(|| registry.watch());
    let _looking_after = registry.look_after();
    welcome(&registry, address).await?;
    let stop = CancellationToken::new();
    stop_on_signals(stop.clone())?;
    println!("packhouse is listening on http://{address}");
    tracing::info!(%address, "listening on http://{address}");
    let settings = registry.server_settings();
    let service = move |request, peer| {
        let registry = registry.clone();
        async move { registry.dispatch(request, peer).await }
    };
    tokio::select! {
        _ = server::serve(listener, settings, service, stop) => {}
        () = presence.lost() => anyhow::bail!("another host has taken over the storage"),
    }
    presence.leave().await;
    tracing::info!("stopped");
    Ok(())
}

/// On a first start: makes the user `admin` and shows how to go on.
async fn welcome(registry: &Registry, address: std::net::SocketAddr) -> anyhow::Result<()> {
    let given = std::env::var("PACKHOUSE_ADMIN_PASSWORD").ok().map(SecretString::from);
    match registry.auth().ensure_admin(given).await? {
        FirstUser::There => return Ok(()),
        FirstUser::Made => println!("The user `admin` was made, with the password that was given."),
        FirstUser::MadeWith(password) => {
            println!(
                "The user `admin` was made. Its password, shown this once: {}",
                password.expose_secret()
            );
        }
    }
    let origin = registry.config().server.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let mounts = registry.mounts();
    let mut shown: Vec<_> = mounts.iter().filter(|mount| mount.enabled && mount.host.is_none()).collect();
    shown.sort_by(|one, other| one.name.cmp(&other.name));
    for mount in shown {
        let Some(plugin) = registry.plugin(&mount.plugin) else { continue };
        if let Some(setup) = &plugin.description.setup {
            let base_url = format!("{origin}{}", mount.base_path);
            let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
            let setup = setup.replace("{base_url}", &base_url).replace("{host}", host);
            println!("\n{} at {base_url}:", printable(&plugin.description.title));
            for line in setup.trim_end().lines() {
                println!("{}", printable_up_to(line, LONGEST_LINE));
            }
        }
    }
    println!();
    Ok(())
}

fn stop_on_signals(stop: CancellationToken) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new connections, requests under way are finished");
        stop.cancel();
    });
    Ok(())
}

/// An error in one line, with what the system said, if it said something. Causes further
/// down are for the log of whoever debugs a library.
fn sentence(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    let system = error.chain().skip(1).filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    for cause in system.map(ToString::to_string) {
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said.replace('\n', " ")
}
