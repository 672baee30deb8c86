//! The sub-commands `gc`, `reindex` and `verify`: their arguments and what they print. It
//! must not know how a run goes.
//!
//! What was found and the counts go to the output; remarks and failures to the other.

use std::io::{self, Write};
use std::time::Duration;

use clap::Subcommand;

use crate::app;
use crate::config::Config;
use crate::maintenance::{Order, Task, Tone, Witness};
use crate::storage::Company;
use crate::text::{LONGEST_LINE, printable_up_to};

/// What the administrator orders.
#[derive(Debug, Clone, Subcommand)]
pub enum MaintenanceCommand {
    /// Remove what nothing names any more and what interrupted requests left behind
    ///
    /// Requests are served meanwhile, by this and other hosts. Exit code 1 when a mount could
    /// not be collected to its end, or when something stays because it is damaged, has no
    /// document, or is too much at once; 2 when nothing could be done.
    Gc {
        /// Only these mounts
        #[arg(value_name = "MOUNT")]
        mounts: Vec<String>,
        /// Change nothing, print what would be removed
        #[arg(long)]
        dry_run: bool,
        /// Keep what was written in so much time, since it may belong to a request that is
        /// under way; unless said, as `[maintenance] older_than` says. Uploads that were
        /// gone on with in the last five minutes stay even with `0s`
        #[arg(long, value_name = "TIME", value_parser = parse_span)]
        older_than: Option<Duration>,
        /// Remove files too whose document does not exist. Look at them first: if the document
        /// was lost, they are all that is left of the package
        #[arg(long)]
        orphans: bool,
        /// Remove as much as nothing names, even if it is more than 5 per cent of a mount's
        /// objects (and more than 20 of them). Look at a dry run first: so much may be the
        /// sign of a lost document
        #[arg(long)]
        many: bool,
    },
    /// Write every derived document that is missing or differs
    ///
    /// Removes nothing. Exit code 1 when a mount could not be done to its end, 2 when
    /// nothing could be done.
    Reindex {
        /// Only these mounts
        #[arg(value_name = "MOUNT")]
        mounts: Vec<String>,
        /// Change nothing, print what would be written
        #[arg(long)]
        dry_run: bool,
    },
    /// Read everything and report what does not match its digest, or is missing
    ///
    /// Changes nothing. Exit code 1 when something is damaged or a mount could not be read
    /// to its end, 2 when nothing could be done.
    Verify {
        /// Only these mounts
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

/// Does what was ordered. True when all went well and nothing is damaged.
///
/// # Errors
/// One sentence that says what to do, when nothing could be done.
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
        () = presence.lost() => Err(anyhow::anyhow!("a host has taken the storage over: order it again")),
    };
    presence.leave().await;
    done
}

/// Tells this process's terminal.
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
