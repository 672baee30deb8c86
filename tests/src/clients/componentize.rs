//! componentize-py, which makes a plugin of a Python module.

use super::{Run, installed};
use crate::oci::sha256;
use crate::registry::{files_below, guests};
use crate::skip;
use std::fs;
use std::path::Path;
use tokio::process::Command;

/// Builds `python.wasm` from `guests/python` and the contract, unless it is there already: no two
/// builds have the same bytes, and the host would compile each. None when it is not installed.
pub async fn build() -> Option<()> {
    let program = skip::unless_installed(installed("python/bin/componentize-py"))?;
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (app, contract) = (tests.join("guests/python/app.py"), tests.join("../wit"));
    let (guest, stamp) = (guests().join("python.wasm"), guests().join("python.from"));
    let version = Run::of(command(&program, &["--version"])).await.ok();
    let from = digest_of(&version, &app, &contract);
    if guest.is_file() && fs::read_to_string(&stamp).is_ok_and(|built| built == from) {
        return Some(());
    }
    // It leaves its own files beside what it reads.
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(&app, folder.path().join("app.py")).expect("the guest's source");
    fs::create_dir_all(guests()).expect("a folder for guests");
    let beside = guests().join(format!("python.{}", std::process::id()));
    let mut build = command(&program, &["--world", "caretaker", "--wit-path"]);
    build.arg(contract).args(["componentize", "app", "--output"]).arg(&beside);
    build.arg("--python-path").arg(folder.path());
    Run::of(build).await.ok();
    fs::rename(&beside, &guest).expect("the guest takes its place");
    fs::write(&stamp, from).expect("the stamp");
    Some(())
}

fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", program.parent().expect("a folder"));
    command
}

fn digest_of(version: &str, app: &Path, contract: &Path) -> String {
    let mut all = version.as_bytes().to_vec();
    all.extend(fs::read(app).expect("the guest's source"));
    for file in files_below(contract) {
        all.extend(fs::read(contract.join(file)).expect("a file of the contract"));
    }
    sha256(&all)
}
