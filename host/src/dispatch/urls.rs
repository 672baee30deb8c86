//! The URL at which clients reach a mount, with which plugins begin their links.

use http::HeaderName;

use super::{Asked, Dispatcher};
use crate::mounts::Mount;

impl Dispatcher {
    pub(super) fn base_url(&self, mount: &Mount, asked: &Asked<'_>) -> String {
        match &self.settings.public_url {
            Some(url) if mount.host.is_none() => format!("{url}{}", mount.base_path),
            _ => {
                let host = asked.host().unwrap_or("localhost");
                format!("{}://{host}{}", asked.peer.scheme, mount.base_path)
            }
        }
    }

    /// The path of [`Self::base_url`].
    pub(super) fn base_path(&self, mount: &Mount) -> String {
        let public = self.settings.public_url.as_deref().filter(|_| mount.host.is_none());
        let behind_scheme = public.and_then(|url| url.split_once("://")).map_or("", |(_, rest)| rest);
        let above = behind_scheme.find('/').and_then(|slash| behind_scheme.get(slash..)).unwrap_or_default();
        format!("{above}{}", mount.base_path)
    }

    /// The headers of a proxy that choose [`Self::base_url`].
    pub(super) fn base_url_vary(&self, mount: &Mount, asked: &Asked<'_>) -> Vec<HeaderName> {
        if self.settings.public_url.is_some() && mount.host.is_none() {
            return Vec::new();
        }
        asked.peer.scheme_from.iter().chain(&asked.peer.host_from).cloned().collect()
    }
}
