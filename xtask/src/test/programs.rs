//! The test programs that one build of the workspace makes, as cargo reports them.

use crate::command;
use anyhow::{Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crate whose tests meet the registry from outside only.
const BLACK_BOX: &str = "packhouse-tests";

/// One executable full of tests.
pub struct Program {
    package_folder: PathBuf,
    package: String,
    /// Of the target: a library's, a binary's, or a test file's, e.g. `clients_npm`.
    name: String,
    /// Tests of a library, beside a program of the same name.
    is_library: bool,
    executable: PathBuf,
}

/// The crate whose suite also runs on stores that are started outside of it.
const STORAGE: &str = "packhouse-storage";

impl Program {
    /// The suite that every store must pass.
    pub fn is_storage_suite(&self) -> bool {
        self.package == STORAGE && self.is_library
    }

    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// From the crate of black-box tests.
    pub fn is_black_box(&self) -> bool {
        self.package == BLACK_BOX
    }

    /// A black-box test of this family: its file's name begins with it and `_`.
    pub fn is_of(&self, family: &str) -> bool {
        self.is_black_box() && self.name.strip_prefix(family).is_some_and(|rest| rest.starts_with('_'))
    }

    /// Runs it as `cargo test` would.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.executable);
        command.current_dir(&self.package_folder).env("CARGO_MANIFEST_DIR", &self.package_folder);
        command
    }
}

/// Builds, showing cargo's messages, and lists the tests in a steady order.
pub fn build(cargo: &mut Command) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    let built = command::read(cargo.arg("--message-format=json-render-diagnostics"), |line| {
        programs.extend(serde_json::from_str(line).ok().as_ref().and_then(test_program));
    })?;
    if !built {
        bail!("the build failed, see above");
    }
    programs.sort_by(|left, right| (&left.package, &left.name).cmp(&(&right.package, &right.name)));
    Ok(programs)
}

fn test_program(message: &Value) -> Option<Program> {
    let manifest = Path::new(message.get("manifest_path")?.as_str()?);
    let is_test = message.get("profile")?.get("test")?.as_bool()?;
    let executable = message.get("executable")?.as_str()?;
    is_test.then_some(())?;
    Some(Program {
        package_folder: manifest.parent()?.to_path_buf(),
        package: package_name(message.get("package_id")?.as_str()?)?,
        name: message.get("target")?.get("name")?.as_str()?.to_owned(),
        is_library: message.get("target")?.get("kind")?.as_array()?.iter().any(|kind| kind == "lib"),
        executable: PathBuf::from(executable),
    })
}

/// `path+file:///…/tests#packhouse-tests@0.1.0`, or `…/xtask#0.1.0` where the folder is the name.
fn package_name(id: &str) -> Option<String> {
    let (path, fragment) = id.rsplit_once('#')?;
    let name = fragment.split_once('@').map(|(name, _)| name);
    name.or_else(|| path.rsplit('/').next()).map(str::to_owned)
}
