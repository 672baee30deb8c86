//! Child processes: their output is shown as it comes, and a failure names the command.
//!
//! Knows nothing about which programs these are.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The cargo that runs us.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Runs to the end; anything but success is an error that names the command.
pub fn run(command: &mut Command) -> Result<()> {
    if succeeds(command)? { Ok(()) } else { bail!("`{}` failed, see above", shown(command)) }
}

/// Runs to the end; true for exit code 0. An error when it cannot even start.
pub fn succeeds(command: &mut Command) -> Result<bool> {
    announce(command);
    let status = command.status().with_context(|| format!("`{}` does not start", shown(command)))?;
    Ok(status.success())
}

/// As [`succeeds`], and `watch` sees each line of standard output as it is shown.
pub fn watched(command: &mut Command, mut watch: impl FnMut(&str)) -> Result<bool> {
    read(command, |line| {
        println!("{line}");
        watch(line);
    })
}

/// As [`succeeds`], for standard output that is not meant for people: only `line` sees it.
pub fn read(command: &mut Command, mut line: impl FnMut(&str)) -> Result<bool> {
    announce(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("`{}` does not start", shown(command)))?;
    if let Some(output) = child.stdout.take() {
        for bytes in BufReader::new(output).split(b'\n') {
            line(&String::from_utf8_lossy(&bytes.context("its output cannot be read")?));
        }
    }
    Ok(child.wait()?.success())
}

/// Runs to the end; whether it succeeded, and all that it printed, below its name.
pub fn captured(command: &mut Command) -> Result<(bool, String)> {
    let name = shown(command);
    let output = command.output().with_context(|| format!("`{name}` does not start"))?;
    let printed = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat();
    Ok((output.status.success(), format!("+ {name}\n{printed}")))
}

/// What a quick question answers on standard output, trimmed; none when it fails.
pub fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where a program of this name is found on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

fn announce(command: &Command) {
    eprintln!("+ {}", shown(command));
}

fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
