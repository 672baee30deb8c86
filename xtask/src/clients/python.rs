//! What pip brings beside the clients of PyPI: the S3 engine moto, and componentize-py, which
//! makes a plugin of a Python module; in an environment of their own.

use super::{Client, debian};
use crate::command;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What pip is asked for; also the stamp that says it is done. Of moto only what an S3 server
/// needs.
const REQUIREMENTS: &str = "moto[s3]==5.2.5\nflask==3.1.3\nflask-cors==6.0.5\ncomponentize-py==0.25.1\n";

/// Installs them into `folder/python` unless they are there.
pub fn ensure(folder: &Path) -> Vec<Client> {
    let home = folder.join("python");
    let installed = install(&home);
    let moto = installed.clone().and_then(|()| moto(&home));
    let componentize = installed.and_then(|()| componentize(&home));
    vec![Client { name: "moto", version: moto }, Client { name: "componentize-py", version: componentize }]
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
        return Err("`pip install` of moto and componentize-py failed".to_owned());
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

fn moto(home: &Path) -> Result<String, String> {
    const TELL: &str = "import moto.server, flask_cors; print(moto.__version__)";
    command::answer(Command::new(home.join("bin/python")).args(["-c", TELL]))
        .ok_or_else(|| "`import moto.server` fails".to_owned())
}

fn componentize(home: &Path) -> Result<String, String> {
    command::answer(Command::new(home.join("bin/componentize-py")).arg("--version"))
        .ok_or_else(|| "`componentize-py --version` fails".to_owned())
}
