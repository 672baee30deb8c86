//! The zip of a module (<https://go.dev/ref/mod#zip-files>): what the Go tool refuses after the
//! download is refused here.

use packhouse_plugin::storage::Staged;
use packhouse_plugin::zip::{Archive, Error};
use semver::Version;

use crate::name::{Module, is_portable};

/// Checks a zip and gives its `go.mod`. One is made up for a module without.
pub fn go_mod(staged: &Staged, module: &Module, version: &Version) -> Result<String, Error> {
    let prefix = format!("{}@v{version}/", module.0);
    let read = |offset, max| staged.read_at(offset, max);
    let mut go_mod = None;
    let archive = Archive::open(&read, staged.size(), |entry| {
        match entry.name.strip_prefix(&prefix).filter(|name| entry.is_folder || is_portable(name)) {
            Some("go.mod") => go_mod = Some(entry.member),
            Some(_) if !entry.name.to_lowercase().ends_with("/go.mod") => {}
            _ => return Err(Error::refused(format!("{} must not be in {prefix}", entry.name))),
        }
        Ok(())
    })?;
    archive.verify(&|parts| staged.unpack(parts))?;
    let made_up = format!("module {}\n", module.0).into_bytes();
    // The index of a module holds all of them, so none is larger than 64 KiB.
    let text = go_mod.map_or(Ok(made_up), |go_mod| archive.read(go_mod, 64 << 10))?;
    let text = String::from_utf8(text).map_err(|_| Error::refused("its go.mod is not UTF-8"))?;
    // From v2 on a module has one, or else its version ends with +incompatible.
    let is_free = go_mod.is_some() == version.build.is_empty() || version.major < 2;
    let is_own = is_free && declared(&text) == Some(module.0.as_str());
    is_own.then_some(text).ok_or_else(|| Error::refused(format!("it has no go.mod of {}", module.0)))
}

/// The path behind the word `module`.
fn declared(go_mod: &str) -> Option<&str> {
    let mut code = go_mod.lines().filter_map(|line| line.split("//").next());
    let rest = code.find_map(|line| line.trim().strip_prefix("module"))?;
    Some(rest.trim().trim_matches(['"', '`']))
}
