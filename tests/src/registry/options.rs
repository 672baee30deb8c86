//! What a registry under test is configured with.

use crate::backend::Backend;

/// The default mount of npm.
pub const NPM: &str = "[mount.npm]\ngrants = [\"login\"]\n\
     features = { publish = true, unpublish = true, search = true }\n";

/// The default mount of Cargo.
pub const CARGO: &str = "[mount.cargo]\nfeatures = { publish = true, yank = true, search = true }\n";

/// The default mount of Maven.
pub const MAVEN: &str = "[mount.maven]\nfeatures = { upload = true, delete = true }\n";

/// The default mount of Composer.
pub const COMPOSER: &str = "[mount.composer]\nfeatures = { upload = true, delete = true }\n";

/// The default mount of OCI, with its alias at the root.
pub const OCI: &str = "[mount.oci]\ngrants = [\"login\", \"/v2\"]\n\
     features = { referrers = true, deletion = true }\n";

/// The same with manifests that may name what is not there.
pub const OCI_SPARSE: &str = "[mount.oci]\ngrants = [\"login\", \"/v2\"]\n\
     features = { referrers = true, deletion = true, sparse = true }\n";

/// The default mount of PyPI, with its aliases at the root.
pub const PYPI: &str = "[mount.pypi]\ngrants = [\"/simple\", \"/packages\", \"/legacy\"]\n\
     features = { upload = true, delete = true }\n";

/// The default mount of RubyGems.
pub const RUBYGEMS: &str =
    "[mount.rubygems]\ngrants = [\"login\"]\nfeatures = { push = true, yank = true }\n";

/// Written to `registry.toml` as it is given; nothing is checked here.
#[derive(Clone)]
pub struct Options {
    pub(crate) backend: Backend,
    pub(crate) listen: String,
    pub(crate) server: String,
    pub(crate) limits: String,
    pub(crate) anonymous: Vec<String>,
    pub(crate) auth: String,
    pub(crate) mounts: String,
    pub(crate) cache: String,
    pub(crate) plugins: Vec<String>,
    pub(crate) whole: Option<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) open_files: Option<u32>,
}

impl Options {
    /// The npm plugin, mounted at `/npm`, readable by everybody.
    pub fn npm() -> Self {
        Self::mounts(NPM)
    }

    /// The Cargo plugin, mounted at `/cargo`, readable by everybody.
    pub fn cargo() -> Self {
        Self { plugins: vec!["cargo".to_owned()], ..Self::mounts(CARGO) }
    }

    /// The Maven plugin, mounted at `/maven`, readable by everybody.
    pub fn maven() -> Self {
        Self { plugins: vec!["maven".to_owned()], ..Self::mounts(MAVEN) }
    }

    /// The Composer plugin, mounted at `/composer`, readable by everybody.
    pub fn composer() -> Self {
        Self { plugins: vec!["composer".to_owned()], ..Self::mounts(COMPOSER) }
    }

    /// The OCI plugin, mounted at `/oci` and `/v2`, readable by everybody.
    pub fn oci() -> Self {
        Self::oci_mounts(OCI)
    }

    /// As [`Options::oci`], and anybody may push and delete too.
    pub fn open_oci() -> Self {
        Self::oci().open()
    }

    /// Both of them, readable by everybody.
    pub fn npm_and_oci() -> Self {
        Self::oci_mounts(&format!("{NPM}{OCI}")).plugin("npm")
    }

    /// These `[mount.…]` tables, and the OCI plugin's file.
    pub fn oci_mounts(tables: &str) -> Self {
        let options = Self { plugins: vec!["oci".to_owned()], ..Self::mounts(tables) };
        options.anonymous(&["*:*:*:read", "*:*:*:pull"])
    }

    /// The PyPI plugin, mounted at `/pypi`, `/simple`, `/packages` and `/legacy`, readable by
    /// everybody.
    pub fn pypi() -> Self {
        Self { plugins: vec!["pypi".to_owned()], ..Self::mounts(PYPI) }
    }

    /// The RubyGems plugin, mounted at `/rubygems`, readable by everybody.
    pub fn rubygems() -> Self {
        Self { plugins: vec!["rubygems".to_owned()], ..Self::mounts(RUBYGEMS) }
    }

    /// Anybody may do everything with images.
    #[must_use]
    pub fn open(self) -> Self {
        self.anonymous(&["oci:repository:*:*"])
    }

    /// These `[mount.…]` tables, and the npm plugin's file.
    pub fn mounts(tables: &str) -> Self {
        Self {
            backend: Backend::FileSystem,
            listen: "127.0.0.1:0".to_owned(),
            server: String::new(),
            limits: String::new(),
            anonymous: vec!["*:*:*:read".to_owned()],
            auth: String::new(),
            mounts: tables.to_owned(),
            cache: super::home::shared_code_cache().display().to_string(),
            plugins: vec!["npm".to_owned()],
            whole: None,
            environment: Vec::new(),
            open_files: None,
        }
    }

    /// On this store.
    #[must_use]
    pub fn on(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// At this address instead of a free port.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// More lines for `[server]`.
    #[must_use]
    pub fn server(mut self, lines: &str) -> Self {
        self.server.push_str(lines);
        self
    }

    /// Lines for `[server.limits]`.
    #[must_use]
    pub fn limits(mut self, lines: &str) -> Self {
        self.limits.push_str(lines);
        self
    }

    /// What anybody may do, instead of reading everything.
    #[must_use]
    pub fn anonymous(mut self, scopes: &[&str]) -> Self {
        self.anonymous = scopes.iter().map(|&scope| scope.to_owned()).collect();
        self
    }

    /// More lines for `[auth]`, and tables below it.
    #[must_use]
    pub fn auth(mut self, lines: &str) -> Self {
        self.auth.push_str(lines);
        self
    }

    /// One more plugin or guest: `NAME.wasm`, from where they were built.
    #[must_use]
    pub fn plugin(mut self, name: &str) -> Self {
        self.plugins.push(name.to_owned());
        self
    }

    /// With a cache of compiled code of its own, `cache`, which is empty.
    #[must_use]
    pub fn own_code_cache(mut self) -> Self {
        "cache".clone_into(&mut self.cache);
        self
    }

    /// A variable in the environment of the process.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With no more open files than this.
    #[must_use]
    pub fn open_files(mut self, limit: u32) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// This text as the configuration, instead of all that was said. Where it says nothing else,
    /// it listens on a free port: the default one may be taken.
    #[must_use]
    pub fn whole(mut self, text: impl Into<String>) -> Self {
        self.whole = Some(text.into());
        self
    }

    /// The configuration's text.
    pub fn text(&self) -> String {
        if let Some(whole) = &self.whole {
            let free_port = if whole.contains("listen") { "" } else { "server.listen = \"127.0.0.1:0\"\n" };
            return format!("{free_port}{whole}");
        }
        let limits = if self.limits.is_empty() {
            String::new()
        } else {
            format!("[server.limits]\n{}\n", self.limits)
        };
        format!(
            "[server]\nlisten = \"{}\"\n{}\n{limits}{}[auth]\ndatabase = \"users/packhouse.sqlite\"\n\
             anonymous = {:?}\n{}\n[plugins]\ndir = \"plugins\"\ncache = \"{}\"\n{}\n",
            self.listen,
            self.server,
            self.backend.configuration(),
            self.anonymous,
            self.auth,
            self.cache,
            self.mounts,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configuration_listens_on_the_default_port() {
        for options in [Options::npm(), Options::npm().whole("[auth]\n"), Options::npm().whole("")] {
            assert!(options.text().contains("listen = \"127.0.0.1:0\""), "{}", options.text());
        }
    }
}
