//! What is written in Python: the S3 engine moto, in an environment of its own.

use super::{Client, debian};
use crate::command;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What pip is asked for; also the stamp that says it is done. Only what an S3 server needs.
const REQUIREMENTS: &str = "moto[s3]==5.2.5\nflask==3.1.3\nflask-cors==6.0.5\n";

/// Installs them into `folder/python` unless they are there.
pub fn ensure(folder: &Path) -> Vec<Client> {
    let home = folder.join("python");
    let version = install(&home).and_then(|()| version(&home));
    vec![Client { name: "moto", version }]
}

fn install(home: &Path) -> Result<(), String> {
    let stamp = home.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|there| there == REQUIREMENTS) {
        return Ok(());
    }
    environment(home)?;
    let mut pip = Command::new(home.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).args(REQUIREMENTS.lines());
    if !command::succeeds(&mut pip).unwrap_or(false) {
        return Err("`pip install` of moto failed".to_owned());
    }
    fs::write(&stamp, REQUIREMENTS).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))
}

/// A fresh virtual environment. Debian splits off what it needs.
pub fn environment(home: &Path) -> Result<(), String> {
    if make(Path::new("python3"), home) {
        return Ok(());
    }
    debian::install(&["python3", "python3-venv"])?;
    if make(Path::new("/usr/bin/python3"), home) {
        Ok(())
    } else {
        Err("`python3 -m venv` failed".to_owned())
    }
}

fn make(python: &Path, home: &Path) -> bool {
    command::succeeds(Command::new(python).args(["-m", "venv", "--clear"]).arg(home)).unwrap_or(false)
}

fn version(home: &Path) -> Result<String, String> {
    const TELL: &str = "import moto.server, flask_cors; print(moto.__version__)";
    command::answer(Command::new(home.join("bin/python")).args(["-c", TELL]))
        .ok_or_else(|| "`import moto.server` fails".to_owned())
}
