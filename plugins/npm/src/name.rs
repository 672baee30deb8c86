//! The names of packages, versions and tags. A name is parsed once, when a request arrives. It cannot
//! contain `..`, a NUL, a misplaced `/`, or the key of another package. It knows no storage and no
//! HTTP, except how clients write a package's name into a path.
//!
//! # Invariants
//! - A [`PackageName`] holds only characters that need no escape in a URL, and `/` only
//!   between scope and name.
//! - Names that npm no longer allows for new packages (capitals, `~'!()*`) can still be
//!   read; [`PackageName::check_new`] says what is wrong with them.

use std::fmt;

pub use tag::{Tag, TagError};
pub use version::{Version, VersionError, same_release};

mod tag;
mod version;

/// The longest name that npm allows for a new package, with its scope.
const NEW_NAME_LENGTH: usize = 214;
/// The longest segment of a key on every backend, minus the longest ending of a file name.
const READABLE_LENGTH: usize = 240;

/// Modules that node has built in; npm refuses new packages of these names.
const CORE_MODULES: &str = " assert async_hooks buffer child_process cluster console constants \
    crypto dgram diagnostics_channel dns domain events fs http http2 https inspector module net os \
    path perf_hooks process punycode querystring readline repl stream string_decoder sys timers tls \
    trace_events tty url util v8 vm wasi worker_threads zlib ";

/// `name` or `@scope/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackageName {
    full: String,
    /// The start of the name after the scope; 0 without a scope.
    base: usize,
}

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    name: String,
    reason: &'static str,
    /// Old packages may have this name, and a mount can accept it for new ones.
    is_old: bool,
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.name.chars().take(NEW_NAME_LENGTH).collect();
        write!(formatter, "{shown:?} is not a valid package name: {}", self.reason)?;
        if self.is_old {
            formatter.write_str("; to publish old packages, turn on the feature `old_names` of the mount")?;
        }
        Ok(())
    }
}

impl std::error::Error for NameError {}

impl PackageName {
    /// A name as it is written in documents: `name` or `@scope/name`. Accepts every name that
    /// `validate-npm-package-name` calls valid for old packages.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let refuse = |reason| Err(NameError { name: name.to_owned(), reason, is_old: false });
        if name.len() > READABLE_LENGTH {
            return refuse("it is too long");
        }
        let (scope, base) = match name.strip_prefix('@') {
            Some(scoped) => match scoped.split_once('/') {
                Some((scope, base)) => (Some(scope), base),
                None => return refuse("a name with a scope is written @scope/name"),
            },
            None => (None, name),
        };
        for part in scope.iter().chain([&base]) {
            if let Some(reason) = fault(part) {
                return refuse(reason);
            }
        }
        if scope.is_none() && base.starts_with('_') {
            return refuse("name cannot start with an underscore");
        }
        if scope.is_none() && is_reserved(base) {
            return refuse("this name is reserved");
        }
        Ok(Self { full: name.to_owned(), base: name.len() - base.len() })
    }

    /// `name` or `@scope/name`.
    pub fn as_str(&self) -> &str {
        &self.full
    }

    /// The name without its scope; files are named after it.
    pub fn base(&self) -> &str {
        self.full.get(self.base..).unwrap_or_default()
    }

    /// The scope, without `@`.
    pub fn scope(&self) -> Option<&str> {
        self.full.strip_prefix('@')?.split_once('/').map(|(scope, _)| scope)
    }

    /// Whether a new package may have this name, by the rules of `validate-npm-package-name`.
    pub fn check_new(&self) -> Result<(), NameError> {
        let refuse = |reason| Err(NameError { name: self.full.clone(), reason, is_old: true });
        if self.full.len() > NEW_NAME_LENGTH {
            return refuse("name can no longer contain more than 214 characters");
        }
        if self.full.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return refuse("name can no longer contain capital letters");
        }
        if self.base().contains(['~', '\'', '!', '(', ')', '*']) {
            return refuse("name can no longer contain special characters (\"~'!()*\")");
        }
        if self.base == 0 && is_core_module(&self.full) {
            return refuse("it is the name of a core module of node");
        }
        Ok(())
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.full)
    }
}

/// What is wrong with a scope, or with a name without its scope.
fn fault(part: &str) -> Option<&'static str> {
    if part.is_empty() {
        Some("name length must be greater than zero")
    } else if part.starts_with('.') {
        Some("name cannot start with a period")
    } else if part.starts_with('-') {
        Some("name cannot start with a hyphen")
    } else if !part.bytes().all(is_url_friendly) {
        Some("name can only contain URL-friendly characters")
    } else {
        None
    }
}

fn is_reserved(name: &str) -> bool {
    name.eq_ignore_ascii_case("node_modules") || name.eq_ignore_ascii_case("favicon.ico")
}

fn is_core_module(name: &str) -> bool {
    CORE_MODULES.split(' ').any(|module| module == name)
}

/// The characters that `encodeURIComponent` leaves alone.
pub(crate) fn is_url_friendly(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte)
}

/// A request's raw path in which every package name is one segment: `/@scope/name/1.0.0`,
/// `/%40scope%2Fname/1.0.0` and `/@scope%2fname/1.0.0` become the last. Nothing else
/// changes; a path that is not about a package comes back as it is.
pub fn normalise_path(path: &str) -> String {
    const BEFORE_A_NAME: [&str; 3] = ["/-/package/", "/-/npm/v1/attestations/", "/"];
    let (before, rest) = BEFORE_A_NAME
        .iter()
        .find_map(|before| Some((*before, path.strip_prefix(before)?)))
        .unwrap_or(("/", path));
    let Some(scoped) = rest.strip_prefix('@').or_else(|| rest.strip_prefix("%40")) else {
        return path.to_owned();
    };
    let (scope, name) = split_at_slash(scoped);
    match name {
        Some(name) => format!("{before}@{scope}%2f{name}"),
        None => format!("{before}@{scope}"),
    }
}

/// Splits at the first `/`, plain or percent-encoded.
fn split_at_slash(text: &str) -> (&str, Option<&str>) {
    let encoded =
        text.as_bytes().windows(3).position(|window| window.eq_ignore_ascii_case(b"%2f")).map(|at| (at, 3));
    let plain = text.find('/').map(|at| (at, 1));
    match encoded.into_iter().chain(plain).min() {
        Some((at, length)) => {
            (text.get(..at).unwrap_or_default(), text.get(at + length..).filter(|name| !name.is_empty()))
        }
        None => (text, None),
    }
}

#[cfg(test)]
mod tests;
