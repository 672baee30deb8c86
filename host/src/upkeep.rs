//! The sub-commands `gc`, `reindex` and `verify`: their arguments and their output. It does not know the
//! steps of a run.
//!
//! Findings and counts go to standard output. Remarks and failures go to standard error.

use std::io::{self, Write};
use std::time::Duration;

use clap::Subcommand;

use crate::app;
use crate::config::Config;
use crate::maintenance::{Order, Task, Tone, Witness};
use crate::storage::Company;
use crate::text::{LONGEST_LINE, printable_up_to};

/// A command of the administrator.
#[derive(Debug, Clone, Subcommand)]
pub enum MaintenanceCommand {
    /// Remove what nothing references any more, and what interrupted requests left behind
    ///
    /// Hosts can serve requests meanwhile. The exit code is 1 if the run on a mount did not finish, or
    /// if something stays because it is damaged, has no document, or is too much at once. It is 2 if
    /// the command could not start.
    Gc {
        /// Only these mounts; by default all
        #[arg(value_name = "MOUNT")]
        mounts: Vec<String>,
        /// Change nothing, and print what would be removed
        #[arg(long)]
        dry_run: bool,
        /// Keep what is younger, because it may belong to a running request. By default
        /// `older_than` of `[maintenance]`. Uploads that grew in the last five minutes stay even
        /// with `0s`
        #[arg(long, value_name = "TIME", value_parser = parse_span)]
        older_than: Option<Duration>,
        /// Also remove files whose document does not exist. Look at them first: if the document
        /// was lost, they are all that is left of the package
        #[arg(long)]
        orphans: bool,
        /// Remove everything that nothing references, even if it is more than 20 objects and more
        /// than 5 per cent of a mount. Look at a dry run first: so many objects may mean that a
        /// document was lost
        #[arg(long)]
        many: bool,
    },
    /// Write every derived document that is missing or out of date
    ///
    /// Removes nothing. The exit code is 1 if the run on a mount did not finish, and 2 if the
    /// command could not start.
    Reindex {
        /// Only these mounts; by default all
        #[arg(value_name = "MOUNT")]
        mounts: Vec<String>,
        /// Change nothing, and print what would be written
        #[arg(long)]
        dry_run: bool,
    },
    /// Read everything, and report what is missing or does not match its digest
    ///
    /// Changes nothing. The exit code is 1 if something is damaged, or if the run on a mount did not
    /// finish. It is 2 if the command could not start.
    Verify {
        /// Only these mounts; by default all
        #[arg(value_name = "MOUNT")]
        mounts: Vec<String>,
    },
}

impl MaintenanceCommand {
    fn order(self, config: &Config) -> Order {
        let default = config.maintenance.older_than.0;
        match self {
            Self::Gc { mounts, dry_run, older_than, orphans, many } => {
                let older_than = older_than.unwrap_or(default);
                Order { dry_run, older_than, orphans, many, mounts, ..Order::new(Task::Collect) }
            }
            Self::Reindex { mounts, dry_run } => {
                Order { dry_run, older_than: default, mounts, ..Order::new(Task::Reindex) }
            }
            Self::Verify { mounts } => Order { older_than: default, mounts, ..Order::new(Task::Verify) },
        }
    }
}

/// Runs the command. True if it did everything, and nothing is damaged.
///
/// # Errors
/// If the command cannot start: one sentence that says what to do.
pub async fn run(command: MaintenanceCommand, config: &Config) -> anyhow::Result<bool> {
    if !config.storage.is_lasting() {
        return Err(config
            .error("[storage] type = \"memory\" keeps everything in the server's own memory: there is nothing to look after from here")
            .into());
    }
    let order = command.order(config);
    let only_reads = order.task == Task::Verify || order.dry_run;
    let caretaker = app::open_caretaker(config, only_reads).await?;
    if only_reads {
        return Ok(caretaker.perform(&order, &mut Printed).await?);
    }
    // Beside hosts only where the store keeps changes of several processes apart.
    let storage = |error| config.error(format!("[storage] {error}"));
    let presence = caretaker.storage.enter(Company::Guest).await.map_err(storage)?;
    let mut printed = Printed;
    let done = tokio::select! {
        done = caretaker.perform(&order, &mut printed) => done.map_err(anyhow::Error::from),
        () = presence.lost() => Err(anyhow::anyhow!("a host has taken over the storage: run the command again")),
    };
    presence.leave().await;
    done
}

/// Prints to the terminal of this process.
struct Printed;

impl Witness for Printed {
    /// Keys and reasons may contain what a client chose. A closed output is not an error.
    fn tell(&mut self, tone: Tone, line: &str) {
        let line = printable_up_to(line, LONGEST_LINE);
        let _ = match tone {
            Tone::Finding | Tone::Damage | Tone::Summary => writeln!(io::stdout(), "{line}"),
            Tone::Failure | Tone::Remark => writeln!(io::stderr(), "packhouse: {line}"),
        };
    }
}

fn parse_span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("{text:?} is not a length of time: write it like `24h`, `30m` or `0s`"))
}
