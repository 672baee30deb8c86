//! Why a file is not a plugin for this host, in words for operators: what the file is instead, or
//! which functions of it this host does not have.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::loader::{LoadError, first_line};

/// The export that every plugin must have, without its version.
const HANDLER: &str = "packhouse:plugin/handler";
const CONTRACT: &str = "packhouse:plugin/";
/// The line of the contract that this host supports.
const LINE: &str = "0.1.";
/// The export of a command-line program.
const COMMAND: &str = "wasi:cli/run@";

/// Why a file is not a plugin; one sentence each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("it is empty: copy it again")]
    Empty,
    #[error(
        "it is not WebAssembly: a plugin is a WASM component, as compilers make it for the target `wasm32-wasip2`"
    )]
    NotWebAssembly,
    #[error(
        "it is a core module and not a component: build it for `wasm32-wasip2`, or make a component of it with \
         `wasm-tools component new`"
    )]
    CoreModule,
    #[error("it is damaged, or was not copied to its end: {0}")]
    Damaged(String),
    #[error(
        "it is a command (it exports {0}) and not a plugin: build a library (`crate-type = [\"cdylib\"]`) that \
         exports a plugin with `packhouse_plugin::export!`"
    )]
    Command(String),
    #[error(
        "it is a component and not a plugin: it does not export `packhouse:plugin/handler`, which the contract requires{0}"
    )]
    NoPlugin(String),
    #[error(
        "it is built for {0}, but this host supports packhouse:plugin 0.1: use a build for 0.1, or a newer host"
    )]
    OtherContract(String),
    #[error(
        "it needs the interface `{0}`, which the contract of this host does not have: use a newer host, or build \
         the plugin against an older contract"
    )]
    NoInterface(String),
    #[error(
        "it needs the {kind} `{name}` of `{interface}`, which the contract of this host does not have: use a newer \
         host, or build the plugin against an older contract"
    )]
    NoItem { kind: &'static str, name: String, interface: String },
    #[error(
        "it calls `{name}` of `{interface}` with a type that differs from the contract of this host ({why}): build \
         it against a released contract"
    )]
    OtherForm { name: String, interface: String, why: String },
    #[error("it does not fit the contract of this host: {0}")]
    Other(String),
}

/// Classifies a file by its first bytes. Text is the WebAssembly text format if it looks like it.
pub fn check_content(content: &[u8]) -> Result<(), Misfit> {
    let text = content.trim_ascii_start();
    match content {
        [] => Err(Misfit::Empty),
        // Magic number, version, and the layer: a module or a component.
        [0, b'a', b's', b'm', _, _, 0, 0, ..] => Err(Misfit::CoreModule),
        [0, b'a', b's', b'm', ..] => Ok(()),
        _ if text.starts_with(b"(module") => Err(Misfit::CoreModule),
        _ if text.starts_with(b"(") || text.starts_with(b";;") => Ok(()),
        _ => Err(Misfit::NotWebAssembly),
    }
}

/// The compiler's error about a file that looked like a component.
pub fn unreadable(error: &wasmtime::Error) -> LoadError {
    Misfit::Damaged(first_line(&format!("{error:#}"))).into()
}

/// Whether it is built for this line of the contract.
pub fn check_line(component: &Component, engine: &Engine) -> Result<(), Misfit> {
    let kind = component.component_type();
    let names = kind.imports(engine).map(|(name, _)| name).chain(kind.exports(engine).map(|(name, _)| name));
    let is_ours = |name: &str| name.rsplit_once('@').is_some_and(|(_, version)| version.starts_with(LINE));
    let mut of_contract = names.filter(|name| name.starts_with(CONTRACT));
    match of_contract.find(|name| !is_ours(name)) {
        Some(other) => Err(Misfit::OtherContract(other.to_owned())),
        None => Ok(()),
    }
}

/// Whether it exports what makes a component a plugin.
pub fn check_exports(component: &Component, engine: &Engine) -> Result<(), Misfit> {
    let kind = component.component_type();
    let exports: Vec<_> = kind.exports(engine).map(|(name, _)| name.to_owned()).collect();
    if exports.iter().any(|name| name.split('@').next() == Some(HANDLER)) {
        return Ok(());
    }
    match exports.iter().find(|name| name.starts_with(COMMAND)) {
        Some(command) => Err(Misfit::Command(command.clone())),
        None if exports.is_empty() => Err(Misfit::NoPlugin(String::new())),
        None => Err(Misfit::NoPlugin(format!(", but {}", first_line(&exports.join(", "))))),
    }
}

/// The functions that a component needs and the host does not have, taken from wasmtime's message,
/// for which wasmtime has no type. `has_interface` says whether the host has an interface of this
/// name.
pub fn unmet(error: &wasmtime::Error, has_interface: impl Fn(&str) -> bool) -> Misfit {
    let said: Vec<String> = error.chain().map(ToString::to_string).collect();
    let quoted = |text: &String| text.split('`').nth(1).map(str::to_owned);
    let interface = said.iter().find(|text| text.starts_with("component imports")).and_then(quoted);
    let name = said.iter().find(|text| text.starts_with("instance export")).and_then(quoted);
    let (Some(interface), Some(name), Some(why)) = (interface, name, said.last()) else {
        return Misfit::Other(first_line(&format!("{error:#}")));
    };
    if !has_interface(&interface) {
        return Misfit::NoInterface(interface);
    }
    match why.as_str() {
        "function implementation is missing" => Misfit::NoItem { kind: "function", name, interface },
        "resource implementation is missing" => Misfit::NoItem { kind: "resource", name, interface },
        why => Misfit::OtherForm { name, interface, why: first_line(why) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_what_a_file_is() {
        for (content, verdict) in [
            (&b""[..], Err(Misfit::Empty)),
            (b"<!DOCTYPE html>", Err(Misfit::NotWebAssembly)),
            (b"\x7fELF\x02\x01", Err(Misfit::NotWebAssembly)),
            (b"\0asm\x01\0\0\0", Err(Misfit::CoreModule)),
            (b"\0asm\x0d\0\x01\0", Ok(())),
            (b"\n  (module)", Err(Misfit::CoreModule)),
            (b";; text\n(component)", Ok(())),
        ] {
            assert_eq!(check_content(content), verdict, "{content:?}");
        }
    }
}
