//! The `packhouse` command: arguments and wiring.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};
use packhouse::admin::AdminCommand;
use packhouse::auth::{Auth, FirstUser};
use packhouse::ownership::OfConfig;
use packhouse::processors::Processors;
use packhouse::server::Ending;
use packhouse::telemetry::{self, LogFormat};
use packhouse::text::{LONGEST_LINE, printable, printable_up_to};
use packhouse::upkeep::{self, MaintenanceCommand};
use packhouse::{Config, Registry, admin, app, descriptors, server};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};

/// A request creates many short-lived values, and this allocator is faster for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code of a command that found damage, or could not do everything.
const NOT_WELL: u8 = 1;
/// How long calls to the file system may take after everything else has ended.
const LAST_CALLS: Duration = Duration::from_secs(2);
/// The exit code of a failed start.
const CANNOT_START: u8 = 2;
/// The longest part of an argument that a message repeats, in bytes.
const LONGEST_VALUE: usize = 200;

/// A registry server whose protocols are WASM components.
#[derive(Parser)]
#[command(name = "packhouse", version)]
struct Arguments {
    /// The file with the configuration.
    #[arg(long, global = true, env = "PACKHOUSE_CONFIG", default_value = "registry.toml")]
    config: PathBuf,
    /// The format of log lines.
    #[arg(long, global = true, env = "PACKHOUSE_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Which lines are logged: a level, e.g. `info`, or levels of parts, e.g. `packhouse_guest=debug,warn`.
    #[arg(long, global = true, env = "PACKHOUSE_LOG", default_value = "info")]
    log: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the registry (the default).
    Serve,
    #[command(flatten)]
    Admin(AdminCommand),
    #[command(flatten)]
    Maintenance(MaintenanceCommand),
    /// Record decisions about the storage
    #[command(subcommand)]
    Store(StoreCommand),
}

#[derive(Subcommand)]
enum StoreCommand {
    /// Record that the storage and the user database belong together
    ///
    /// Stop every server that uses either of them first, because a running server continues with
    /// the storage and the users with which it was started.
    ///
    /// A host uses only the storage that its user database belongs to. Run this command after you
    /// have moved to another bucket or folder, or have lost the user database. It gives a new
    /// storage an identity, and creates a user database if there is none.
    Adopt,
    /// Record that the present content of a mount is the right one
    ///
    /// A host does not serve a mount if its objects have disappeared, or belong to another mount. Run
    /// this command if you have emptied the mount, or restored it from a backup without `.packhouse`:
    /// the host then serves it again. If nothing is stored for the mount, the next plugin that serves
    /// it may have another protocol. Servers may run meanwhile.
    Accept {
        /// The prefix of each mount, which is its name unless `prefix` is set; or its name
        #[arg(required = true, value_name = "MOUNT")]
        mounts: Vec<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|error| refuse(&error));
    telemetry::start(arguments.log_format, &arguments.log);
    let limit = descriptors::raise_limit();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(Processors::threads())
        .max_blocking_threads(descriptors::threads(limit))
        .build()
        .context("the runtime does not start")
        .and_then(|runtime| {
            let done = runtime.block_on(run(arguments));
            runtime.shutdown_timeout(LAST_CALLS);
            done
        });
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

/// Prints the help, or what is wrong with the arguments, and ends the process. A value that is very
/// long, or has characters that a terminal obeys, is printed as in all other messages.
fn refuse(error: &clap::Error) -> ! {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else { error.exit() };
    let shown = printable_up_to(value, LONGEST_VALUE).to_string();
    if shown == *value {
        error.exit();
    }
    eprint!("{}", error.to_string().replace(value, &shown));
    std::process::exit(error.exit_code());
}

/// True when all is well.
async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let config = Config::load(&arguments.config)?;
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(config).await?,
        Command::Admin(command) => {
            let auth = app::open_users(&config).await?;
            let done = admin::run(command, &auth, &OfConfig::new(&config)).await;
            close(&auth).await;
            return Ok(done?);
        }
        Command::Maintenance(command) => return upkeep::run(command, &config).await,
        Command::Store(StoreCommand::Adopt) => println!("{}", app::adopt(&config).await?),
        Command::Store(StoreCommand::Accept { mounts }) => {
            for sentence in app::accept(&config, &mounts).await? {
                println!("{sentence}");
            }
        }
    }
    Ok(true)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    ignore_hangup()?;
    let listener = server::listen(config.server.listen)
        .await
        .map_err(|error| config.error(format!("[server] listen: {}", sentence(&error.into()))))?;
    let address = listener.local_addr()?;
    let watch = config.plugins.watch;
    let registry = Registry::build(config).await?;
    let presence = registry.enter().await?;
    let _watching = watch.then(|| registry.watch());
    let _looking_after = registry.look_after();
    // Users are not made beside a store that may belong to others.
    if registry.storage().probe().await.is_ok() {
        welcome(&registry, address).await?;
    }
    let ending = Ending::default();
    end_on_signals(ending.clone())?;
    println!("packhouse is listening on http://{address}");
    tracing::info!(%address, "listening on http://{address}");
    let settings = registry.server_settings();
    let auth = registry.auth().clone();
    let service = move |request, peer| {
        let registry = registry.clone();
        async move { registry.dispatch(request, peer).await }
    };
    tokio::select! {
        _ = server::serve(listener, settings, service, ending.clone()) => {}
        () = presence.lost() => anyhow::bail!("another host has taken over the storage"),
    }
    tokio::select! {
        () = presence.leave() => {}
        () = ending.now.cancelled() => {}
    }
    close(&auth).await;
    tracing::info!("stopped");
    Ok(())
}

/// Closes the user database, unless a call in it takes too long.
async fn close(auth: &Auth) {
    if tokio::time::timeout(LAST_CALLS, auth.close()).await.is_err() {
        tracing::warn!("the user database is still in use: if `-journal` lies beside it, copy that with it");
    }
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
    let mut shown: Vec<_> = mounts.iter().filter(|mount| mount.enabled).collect();
    shown.sort_by(|one, other| one.name.cmp(&other.name));
    for mount in shown {
        let Some(plugin) = registry.served(mount).await else { continue };
        let base_url = mount.address(&origin);
        let setup = plugin.description.setup_lines(&base_url, |wish| mount.has(wish));
        if setup.is_empty() {
            continue;
        }
        println!("\n{} at {base_url}:", printable(&plugin.description.title));
        for line in setup {
            println!("{}", printable_up_to(&line, LONGEST_LINE));
        }
        for (wish, reason) in plugin.description.all_wishes() {
            if !mount.has(wish) {
                let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                let line = format!("# not in `grants` of [mount.{}]: {wish}{reason}", mount.name);
                println!("{}", printable_up_to(&line, LONGEST_LINE));
            }
        }
    }
    println!();
    Ok(())
}

/// The first SIGTERM or SIGINT lets requests finish, the second one ends them.
fn end_on_signals(ending: Ending) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tracing::info!("stopping: the host accepts no new connections and finishes the requests in flight");
        ending.graceful.cancel();
        next().await;
        tracing::warn!("a second signal: the host ends the requests in flight and stops now");
        ending.now.cancel();
    });
    Ok(())
}

/// A terminal that closes, or a supervisor that asks for a reload, does not end the host.
fn ignore_hangup() -> anyhow::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP: nothing to do; restart the host to read its configuration again");
        }
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
