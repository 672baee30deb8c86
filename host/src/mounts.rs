//! Which mount a request is for: host name and path prefix → mount.
//!
//! Paths are compared as the client sent them, percent-encoded. Only the plugin reads the part of
//! the path below the mount. It does not know what a plugin does.

use std::sync::Arc;

use packhouse_guest::mount::below;
pub use packhouse_guest::mount::{Mount, is_reserved};

/// Why a set of mounts cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    #[error("[mount.{0}] and [mount.{1}] both claim the path {2}: {3}")]
    SamePath(String, String, String, &'static str),
    #[error("[mount.{0}] has the path {1}, which the host reserves: choose another `base_path`")]
    Reserved(String, String),
    #[error(
        "[mount.{0}] and [mount.{1}] share the storage below {2:?}: give one of them another `prefix`, or they would see each other's packages"
    )]
    SamePrefix(String, String, String),
}

const OF_PATHS: &str = "give one of them another `base_path` or `host`";
const OF_ALIASES: &str = "take it out of the `grants` of one of them, or give one of them a `host` of its own, where it has the path alone";

/// A path under which a mount is reached.
#[derive(Debug)]
struct Route {
    host: Option<String>,
    path: String,
    alias: bool,
    mount: Arc<Mount>,
}

/// All mounts, in the order in which their paths are tried.
#[derive(Debug, Default)]
pub struct Mounts {
    routes: Vec<Route>,
}

/// Where a request goes.
pub struct Found<'a> {
    pub mount: &'a Arc<Mount>,
    /// Below the mount, beginning with `/`.
    pub path: &'a str,
    /// The root alias that was used, if one was.
    pub alias: Option<&'a str>,
    /// Whether another host name could lead to another mount.
    pub by_host: bool,
}

impl Mounts {
    /// Lays out the routes; the longest paths are tried first, those of a host name
    /// before those of any.
    pub fn new(mounts: impl IntoIterator<Item = Mount>) -> Result<Self, MountError> {
        let mut routes: Vec<Route> = Vec::new();
        let mut prefixes: Vec<(String, String)> = Vec::new();
        for mount in mounts {
            let mount = Arc::new(mount);
            claim_prefix(&mut prefixes, &mount)?;
            claim(&mut routes, &mount, mount.host.clone(), mount.base_path.clone(), false)?;
            for alias in mount.root_aliases() {
                claim(&mut routes, &mount, mount.host.clone(), alias.to_owned(), true)?;
            }
        }
        routes.sort_by_key(|route| (route.host.is_none(), std::cmp::Reverse(route.path.len())));
        Ok(Self { routes })
    }

    /// The mount for a request's host name (with or without port) and raw path.
    pub fn resolve<'a>(&'a self, host: Option<&str>, path: &'a str) -> Option<Found<'a>> {
        let host = host.map(without_port);
        self.routes.iter().find_map(|route| {
            let here = match &route.host {
                None => true,
                Some(wanted) => host.is_some_and(|host| host.eq_ignore_ascii_case(wanted)),
            };
            let rest = if here { below(path, &route.path)? } else { return None };
            let alias = route.alias.then_some(route.path.as_str());
            let path = if rest.is_empty() { "/" } else { rest };
            Some(Found { mount: &route.mount, path, alias, by_host: self.have_host() })
        })
    }

    /// Whether any mount is served under one host name only.
    fn have_host(&self) -> bool {
        self.routes.iter().any(|route| route.host.is_some())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.routes.iter().filter(|route| !route.alias).map(|route| &route.mount)
    }
}

fn claim(
    routes: &mut Vec<Route>,
    mount: &Arc<Mount>,
    host: Option<String>,
    path: String,
    alias: bool,
) -> Result<(), MountError> {
    if is_reserved(&path) {
        return Err(MountError::Reserved(mount.name.clone(), path));
    }
    if let Some(other) = routes.iter().find(|route| route.host == host && route.path == path) {
        let path = if path.is_empty() { "/".to_owned() } else { path };
        let place = host.map_or(path.clone(), |host| format!("{path} of the host {host}"));
        let advice = if alias || other.alias { OF_ALIASES } else { OF_PATHS };
        return Err(MountError::SamePath(other.mount.name.clone(), mount.name.clone(), place, advice));
    }
    routes.push(Route { host, path, alias, mount: Arc::clone(mount) });
    Ok(())
}

fn claim_prefix(prefixes: &mut Vec<(String, String)>, mount: &Mount) -> Result<(), MountError> {
    let overlaps =
        |other: &str| below(other, &mount.prefix).is_some() || below(&mount.prefix, other).is_some();
    if let Some((name, prefix)) = prefixes.iter().find(|(_, prefix)| overlaps(prefix)) {
        return Err(MountError::SamePrefix(name.clone(), mount.name.clone(), prefix.clone()));
    }
    prefixes.push((mount.name.clone(), mount.prefix.clone()));
    Ok(())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;
