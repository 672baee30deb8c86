//! Module paths and versions (<https://go.dev/ref/mod#module-path>). They are stored as clients
//! write them, with `!b` for `B`: a file system may not tell the two apart.

use semver::Version;

/// Everything lies below it.
pub const MODULES: &str = "modules/";

/// The path as people write it.
pub struct Module(pub String);

impl Module {
    /// As clients write it.
    pub fn parse(escaped: &str) -> Option<Module> {
        let path = unescape(escaped)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let host = path.split('/').next().filter(|host| host.contains('.') && !host.starts_with('-'))?;
        let is_host = !host.bytes().any(|byte| byte.is_ascii_uppercase() || b"_~".contains(&byte));
        let is_path = !path.split('/').any(|part| part.starts_with('.')) && path.bytes().all(allowed);
        (is_host && is_path && is_portable(&path) && escaped.len() <= 500).then_some(Module(path))
    }

    /// As clients write it; none unless it is canonical and of the major version at the path's end.
    pub fn version(&self, escaped: &str) -> Option<Version> {
        let version = Version::parse(unescape(escaped)?.strip_prefix('v')?).ok()?;
        let (major, build) = (version.major.to_string(), if version.major > 1 { "incompatible" } else { "" });
        let end = self.0.rsplit_once("/v").map(|(_, end)| end).filter(|end| end.parse::<u64>().is_ok());
        let is_own = |end| end == major && version.major > 1 && version.build.is_empty();
        let fits = end.map_or(version.build.as_str() == build, is_own);
        fits.then_some(version)
    }

    /// The key of a file of this module: the index, or a zip.
    pub fn file(&self, name: &str) -> String {
        format!("{MODULES}{}/@v/{}", escape(&self.0), escape(name))
    }
}

/// Whether it is made of a commit, as `v1.2.4-0.20260102030405-abcdefabcdef` is.
pub fn is_pseudo(version: &Version) -> bool {
    let stamp = version.pre.rsplit_once('-').and_then(|(head, _commit)| head.rsplit('.').next());
    stamp.is_some_and(|stamp| stamp.len() == 14 && stamp.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether every system can have a file at this path.
pub fn is_portable(path: &str) -> bool {
    let allowed = |c: char| if c.is_ascii() { !"\"'*:;<>?\\`|".contains(c) } else { c.is_alphabetic() };
    path.chars().all(allowed) && !path.split('/').any(|part| part.is_empty() || part.ends_with('.'))
}

fn unescape(escaped: &str) -> Option<String> {
    let raise = |(at, part): (usize, &str)| match part.split_at_checked(1) {
        Some((first, rest)) if at > 0 => first.to_ascii_uppercase() + rest,
        _ => part.to_owned(),
    };
    let plain: String = escaped.split('!').enumerate().map(raise).collect();
    (escape(&plain) == escaped).then_some(plain)
}

fn escape(plain: &str) -> String {
    let mark = |c: char| if c.is_ascii_uppercase() { "!" } else { "" };
    plain.chars().map(|c| format!("{}{}", mark(c), c.to_ascii_lowercase())).collect()
}
