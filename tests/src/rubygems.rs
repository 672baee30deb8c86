//! Gems as RubyGems builds them, made by hand: a gemspec, an archive of archives.

use crate::npm::{gzip, tar};
use crate::{Actor, Answer};
use http::Method;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A version to be pushed.
#[derive(Clone)]
pub struct Gem {
    pub name: String,
    pub version: String,
    platform: String,
    dependencies: Vec<(String, String)>,
    files: Vec<(String, Vec<u8>)>,
}

impl Gem {
    /// For every platform, with a file that tells its version.
    pub fn new(name: &str, version: &str) -> Self {
        let code = format!("module {}\n  VERSION = {version:?}\nend\n", module(name));
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            platform: "ruby".to_owned(),
            dependencies: Vec::new(),
            files: vec![(format!("lib/{name}.rb"), code.into_bytes())],
        }
    }

    /// For this platform.
    #[must_use]
    pub fn platform(mut self, platform: &str) -> Self {
        platform.clone_into(&mut self.platform);
        self
    }

    /// It needs another gem, at least in this version.
    #[must_use]
    pub fn needs(mut self, name: &str, at_least: &str) -> Self {
        self.dependencies.push((name.to_owned(), at_least.to_owned()));
        self
    }

    /// One more file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), content.into()));
        self
    }

    /// `demo-1.0`, or `demo-1.0-java`.
    pub fn full_name(&self) -> String {
        let Self { name, version, platform, .. } = self;
        if platform == "ruby" { format!("{name}-{version}") } else { format!("{name}-{version}-{platform}") }
    }

    /// In YAML.
    pub fn gemspec(&self) -> String {
        let Self { name, version, platform, .. } = self;
        // As RubyGems writes it: a platform that YAML would read as a number is in quotes.
        let is_number = platform.bytes().all(|byte| byte.is_ascii_digit());
        let platform = if is_number { format!("'{platform}'") } else { platform.clone() };
        let needs: Vec<String> =
            self.dependencies.iter().map(|(name, version)| dependency(name, version)).collect();
        let needs = if needs.is_empty() { " []\n".to_owned() } else { format!("\n{}", needs.concat()) };
        let files: Vec<String> = self.files.iter().map(|(path, _)| format!("- {path}\n")).collect();
        format!(
            "--- !ruby/object:Gem::Specification\nname: {name}\nversion: !ruby/object:Gem::Version\n  version: \
             '{version}'\nplatform: {platform}\nauthors:\n- Ann\nbindir: bin\ncert_chain: []\ndate: 2026-01-01 \
             00:00:00.000000000 Z\ndependencies:{needs}email: ann@example.com\nexecutables: []\nextensions: \
             []\nextra_rdoc_files: []\nfiles:\n{files}homepage: https://example.com/{name}\nlicenses:\n- \
             MIT\nmetadata: {{}}\nrdoc_options: []\nrequire_paths:\n- lib\nrubygems_version: \
             3.3.15\nspecification_version: 4\nsummary: A gem called {name}\ntest_files: []\n",
            files = files.concat(),
        )
    }

    /// The `.gem`: the same bytes each time.
    pub fn file_content(&self) -> Vec<u8> {
        self.parts().gem()
    }

    /// What it is made of.
    pub fn parts(&self) -> Parts {
        let files: Vec<(&str, &[u8])> =
            self.files.iter().map(|(path, content)| (path.as_str(), content.as_slice())).collect();
        Parts { metadata: gzip(self.gemspec().as_bytes()), data: gzip(&tar(&files)) }
    }

    pub async fn push(&self, by: &Actor) -> Answer {
        push(by, self.file_content()).await
    }

    /// Where it is downloaded.
    pub fn path(&self) -> String {
        format!("/gems/{}.gem", self.full_name())
    }
}

/// The parts of a gem.
pub struct Parts {
    /// `metadata.gz`.
    pub metadata: Vec<u8>,
    /// `data.tar.gz`.
    pub data: Vec<u8>,
}

impl Parts {
    /// The gem of them, with their checksums.
    pub fn gem(&self) -> Vec<u8> {
        let Self { metadata, data } = self;
        let sums =
            format!("---\nSHA256:\n  metadata.gz: {}\n  data.tar.gz: {}\n", sha256(metadata), sha256(data));
        tar(&[
            ("metadata.gz", metadata),
            ("data.tar.gz", data),
            ("checksums.yaml.gz", &gzip(sums.as_bytes())),
        ])
    }
}

/// Pushes these bytes.
pub async fn push(by: &Actor, gem: Vec<u8>) -> Answer {
    by.send(Method::POST, "/api/v1/gems", gem).await
}

/// What `/versions` says of each gem: its versions without the yanked ones, and the MD5 of its page.
pub fn versions(text: &str) -> BTreeMap<String, (Vec<String>, String)> {
    let mut gems: BTreeMap<String, (Vec<String>, String)> = BTreeMap::new();
    for line in text.split_once("---\n").expect("a header").1.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, changes, md5] = words[..] else { panic!("{line:?} has three words") };
        let gem = gems.entry(name.to_owned()).or_default();
        for change in changes.split(',') {
            match change.strip_prefix('-') {
                Some(gone) => gem.0.retain(|version| version != gone),
                None => gem.0.push(change.to_owned()),
            }
        }
        md5.clone_into(&mut gem.1);
    }
    gems
}

/// The module of a gem: `left-pad` has `LeftPad`.
pub fn module(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// In hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// In hexadecimal.
pub fn md5(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("memory");
        text
    })
}

/// In the YAML of a gemspec, with an anchor and an alias, as RubyGems writes it.
fn dependency(name: &str, version: &str) -> String {
    format!(
        "- !ruby/object:Gem::Dependency\n  name: {name}\n  requirement: &id-{name} \
         !ruby/object:Gem::Requirement\n    requirements:\n    - - \">=\"\n      - !ruby/object:Gem::Version\n        \
         version: '{version}'\n  type: :runtime\n  prerelease: false\n  version_requirements: *id-{name}\n"
    )
}
