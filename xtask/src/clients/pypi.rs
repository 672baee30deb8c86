//! The clients that speak PyPI: pinned, in one virtual environment of their own.

use super::{Client, python};
use crate::command;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What pip is asked for; also the stamp that says it is done.
const REQUIREMENTS: &str = "pip==26.3\npoetry==2.5.1\ntwine==7.0.0\nuv==0.13.9\n";

/// Each by its name, which is also its program's.
const PROGRAMS: [&str; 4] = ["pip", "poetry", "twine", "uv"];

/// Installs them into `folder/pypi` unless they are there; tells what then runs.
pub fn ensure(folder: &Path) -> Vec<Client> {
    let home = folder.join("pypi");
    let installed = install(&home);
    PROGRAMS
        .iter()
        .map(|name| {
            let version = installed.clone().and_then(|()| version(&home, name));
            Client { name, version }
        })
        .collect()
}

fn install(home: &Path) -> Result<(), String> {
    let stamp = home.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == REQUIREMENTS) {
        return Ok(());
    }
    python::environment(home)?;
    let mut pip = Command::new(home.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(REQUIREMENTS.lines());
    if !command::succeeds(&mut pip).unwrap_or(false) {
        return Err("`pip install` of the clients failed".to_owned());
    }
    fs::write(&stamp, REQUIREMENTS).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}

fn version(home: &Path, name: &str) -> Result<String, String> {
    let program = home.join("bin").join(name);
    command::answer(Command::new(&program).arg("--version"))
        .and_then(|said| said.lines().next().map(str::to_owned))
        .ok_or_else(|| format!("`{} --version` fails", program.display()))
}
