//! `cargo xtask test`: builds everything once, runs the tiers stage by stage, and tells at the
//! end what ran, how long it took, and what could not run and why.

mod programs;
mod report;
mod side_by_side;

use crate::clients::Clients;
use crate::workspace::Workspace;
use crate::{command, plugins};
use anyhow::Result;
use programs::Program;
use report::Report;
use std::process::Command;

/// Which tests.
#[derive(clap::Args)]
pub struct Options {
    /// Which tests; by default those of `quick`, `races` and `clients`
    #[arg(long, value_enum)]
    tier: Option<Tier>,
    /// Only tests whose name contains this
    filter: Option<String>,
}

/// The name of a test's file decides its tier: `clients_*`, `soak_*`, and all others are quick;
/// `soak_*` is of the races as a sample, `clients_large_*` of the clients, and both are of the
/// soak in full. So are the fuzz targets, of which a sample is quick.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Tier {
    /// Unit and protocol tests; needs no network
    Quick,
    /// A sample of the races and kills; needs no network
    Races,
    /// The package managers themselves
    Clients,
    /// Long races and kills, in full; fuzz targets
    Soak,
    All,
}

impl Options {
    fn wants(&self, tier: Tier) -> bool {
        match self.tier {
            None => tier != Tier::Soak,
            Some(chosen) => chosen == tier || chosen == Tier::All,
        }
    }
}

/// True when nothing failed, and under `CI=true` nothing was missing.
pub fn run(workspace: &Workspace, options: &Options) -> Result<bool> {
    let mut report = Report::default();
    // The long races run on the S3 servers of others too.
    let clients = (options.wants(Tier::Clients) || options.wants(Tier::Soak))
        .then(|| report.timed("clients to be had", || Clients::ensure(workspace)));
    if let Some(programs) = build(workspace, &mut report) {
        let folder = clients
            .as_ref()
            .map_or_else(|| workspace.cache.join("clients"), |clients| clients.folder.clone());
        let suite = programs.iter().find(|program| program.is_storage_suite());
        let suite = suite.map(|program| program.executable().to_owned());
        for stage in stages(options) {
            let commands = programs.iter().filter(|program| (stage.takes)(program)).map(|program| {
                let mut command = program.command();
                prepare(&mut command, workspace, stage.in_full);
                if let Some(suite) = &suite {
                    command.env("PACKHOUSE_STORAGE_TESTS", suite);
                }
                if let Some(seconds) = stage.fuzz_seconds {
                    command.env("PACKHOUSE_FUZZ_SECONDS", seconds.to_string());
                }
                let filter = stage.filter.or(options.filter.as_deref());
                command.env("PACKHOUSE_CLIENTS", &folder).args(filter);
                command
            });
            report.stage(stage.name, || side_by_side::run(commands.collect(), stage.side_by_side))?;
        }
        if options.wants(Tier::Quick) {
            let mut documents =
                cargo(workspace, &["test", "--workspace", "--doc", "--no-fail-fast", "--quiet", "--"]);
            documents.args(&options.filter);
            report.stage("examples in documents", || report::watch(&mut documents))?;
        }
    }
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    let missing = clients.map(|clients| clients.missing()).unwrap_or_default();
    Ok(report.close(&missing, strict))
}

/// Tests and programs in one build, so that nothing is compiled twice. None when it failed.
fn build(workspace: &Workspace, report: &mut Report) -> Option<Vec<Program>> {
    let mut build = cargo(workspace, &["build", "--workspace", "--all-targets"]);
    let programs = report.step("build", || programs::build(&mut build));
    let plugins = report.step("build of plugins", || {
        plugins::build(workspace)?;
        plugins::build_guests(workspace)
    });
    plugins.and(programs)
}

struct Stage {
    name: &'static str,
    takes: fn(&Program) -> bool,
    in_full: bool,
    /// Programs at one time: most of a black-box test is waiting for a process.
    side_by_side: usize,
    /// In place of the one that was given.
    filter: Option<&'static str>,
    /// How long each fuzz target runs; none for a sample.
    fuzz_seconds: Option<u32>,
}

/// The names of all fuzz targets begin with it.
const FUZZ: &str = "fuzz_";

fn stages(options: &Options) -> Vec<Stage> {
    let stage = |name, takes| Stage {
        name,
        takes,
        in_full: false,
        side_by_side: 1,
        filter: None,
        fuzz_seconds: None,
    };
    let soak = |in_full, name| Stage { in_full, ..stage(name, |program: &Program| program.is_of("soak")) };
    let mut stages = Vec::new();
    if options.wants(Tier::Quick) {
        stages.push(stage("inside", |program| !program.is_black_box()));
        stages.push(Stage { side_by_side: 4, ..stage("outside", is_quick) });
    }
    if options.wants(Tier::Soak) {
        stages.push(soak(true, "races and kills"));
        stages.push(Stage { in_full: true, ..stage("large blobs", is_large) });
        // A filter that names other tests leaves nothing to fuzz.
        if options.filter.as_ref().is_none_or(|filter| filter.contains(FUZZ)) {
            let filter = options.filter.is_none().then_some(FUZZ);
            let inside = stage("fuzz targets, a minute each", |program| !program.is_black_box());
            stages.push(Stage { filter, fuzz_seconds: Some(60), ..inside });
        }
    } else if options.wants(Tier::Races) {
        stages.push(soak(false, "races and kills, a sample"));
    }
    if options.wants(Tier::Clients) {
        stages.push(stage("clients", is_client));
        if !options.wants(Tier::Soak) {
            stages.push(stage("large blobs, a sample", is_large));
        }
    }
    stages
}

/// Real clients at work on blobs that take long in full.
fn is_large(program: &Program) -> bool {
    program.is_of("clients_large")
}

fn is_client(program: &Program) -> bool {
    program.is_of("clients") && !is_large(program)
}

fn is_quick(program: &Program) -> bool {
    program.is_black_box() && !program.is_of("soak") && !program.is_of("clients")
}

fn prepare(command: &mut Command, workspace: &Workspace, in_full: bool) {
    command.env("PACKHOUSE_BIN", workspace.program("packhouse"));
    command.env("PACKHOUSE_PLUGINS", workspace.plugins());
    command.env("PACKHOUSE_GUESTS", workspace.guests());
    if in_full {
        command.env("PACKHOUSE_SOAK", "1");
    }
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut cargo = command::cargo(&workspace.root);
    cargo.args(arguments).env("CARGO_TARGET_DIR", &workspace.target);
    cargo
}
