//! Follows a page of documentation: writes its files, runs its commands, and compares their output
//! with the output that the page shows.
//!
//! A block of `toml` or `rust` after a line that is a path and a colon is that file. In a block
//! of `console`, a line that begins with `$ ` is a command and the others are what it prints;
//! `…` stands for any text in that line. Every such block starts in the same folder.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Marks the beginning of the output of each command.
const MARK: &str = "\u{1}";

enum Block<'page> {
    File { path: &'page str, text: String },
    Commands(Vec<(&'page str, Vec<&'page str>)>),
}

/// A page of this repository, e.g. `docs/operating.md`.
pub fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Follows the page in this folder, in one shell. `environment` is added to the environment of this
/// process. Panics at the first command that fails, and if a command printed another output than the
/// page shows.
pub fn follow(page: &str, folder: &Path, environment: &[(&str, &str)]) {
    let blocks = blocks(page);
    let mut shown = Vec::new();
    let mut script =
        String::from("set -e -o pipefail; top=$PWD; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n");
    for (number, block) in blocks.iter().enumerate() {
        match block {
            Block::File { path, text } => {
                let kept = format!(".page-{number}");
                std::fs::write(folder.join(&kept), text).expect("a file of the page is written");
                writeln!(script, "cd \"$top\"; mkdir -p \"$(dirname {path})\"; cp {kept} {path}")
                    .expect("text");
            }
            Block::Commands(commands) => {
                writeln!(script, "cd \"$top\"").expect("text");
                for (command, output) in commands {
                    writeln!(script, "echo '{MARK}'\necho '$' {} >&2\n{command}", quoted(command))
                        .expect("text");
                    shown.push((*command, output));
                }
            }
        }
    }
    let ran = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder)
        .env_remove("CARGO_TARGET_DIR")
        .envs(environment.iter().copied())
        .output()
        .expect("bash runs");
    let printed = String::from_utf8_lossy(&ran.stdout);
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "the page cannot be followed:\n{told}\nprinted:\n{printed}");
    let printed: Vec<&str> = printed.split(MARK).skip(1).map(str::trim).collect();
    assert_eq!(printed.len(), shown.len(), "each command prints once:\n{told}");
    for ((command, expected), printed) in shown.iter().zip(printed) {
        let lines: Vec<&str> = printed.lines().collect();
        let same = lines.len() == expected.len()
            && lines.iter().zip(expected.iter()).all(|(line, pattern)| fits(line, pattern));
        assert!(same, "$ {command}\nprints\n{printed}\nand the page shows\n{}", expected.join("\n"));
    }
}

/// The page, where its examples listen on another port than 8080.
pub fn at_port(page: &str, port: u16) -> String {
    page.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    let mut path = None;
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            if !line.is_empty() {
                path = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:"));
            }
            continue;
        };
        let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match (kind, path.take()) {
            ("console", _) => blocks.push(Block::Commands(commands(&inside))),
            (_, Some(path)) => blocks.push(Block::File { path, text: inside.join("\n") + "\n" }),
            (_, None) => (),
        }
    }
    blocks
}

fn commands<'page>(lines: &[&'page str]) -> Vec<(&'page str, Vec<&'page str>)> {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, Vec::new())),
            (None, Some((_, output))) => output.push(line),
            (None, None) => panic!("a block of commands begins with `{line}`"),
        }
    }
    commands
}

/// `…` stands for anything.
fn fits(line: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('…') else {
        return line == pattern;
    };
    line.strip_prefix(before).is_some_and(|rest| rest.ends_with(after))
}

fn quoted(command: &str) -> String {
    format!("'{}'", command.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{at_port, follow};

    const PAGE: &str =
        "`notes/a.toml`:\n\n```toml\nkey = 1\n```\n\ntext\n\n```console\n$ cat notes/a.toml\nkey = …\n```\n";

    #[test]
    fn a_page_that_shows_the_real_output_passes() {
        let folder = tempfile::tempdir().expect("a folder");
        follow(PAGE, folder.path(), &[]);
    }

    #[test]
    #[should_panic(expected = "and the page shows")]
    fn a_page_that_shows_another_output_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        follow(&PAGE.replace("key = …", "other = …"), folder.path(), &[]);
    }

    #[test]
    #[should_panic(expected = "cannot be followed")]
    fn a_page_whose_command_fails_is_found_out() {
        let folder = tempfile::tempdir().expect("a folder");
        follow(&PAGE.replace("cat notes", "cat nothing"), folder.path(), &[]);
    }

    #[test]
    fn examples_listen_on_another_port() {
        assert_eq!(at_port("http://127.0.0.1:8080/", 9), "http://127.0.0.1:9/");
    }
}
