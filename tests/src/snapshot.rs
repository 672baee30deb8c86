//! Whole HTTP answers against text files under `tests/snapshots/`, one file a story: status,
//! headers and body as a client gets them, so that a change of any of them is seen in review.
//!
//! What differs from run to run is written in one form: addresses, dates, versions of objects,
//! and what a test hides itself. `PACKHOUSE_BLESS=1` writes the files anew.

mod plain;

use crate::{Answer, Registry};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Says that the files are to be written, not compared.
const BLESS: &str = "PACKHOUSE_BLESS";
/// What is of this server and this moment, and of no protocol.
const LEFT_OUT: [&str; 3] = ["date", "connection", "transfer-encoding"];

/// The answers of one story, in order.
pub struct Snapshot {
    file: PathBuf,
    hidden: Vec<(String, String)>,
    text: String,
}

impl Snapshot {
    /// Of `tests/snapshots/{story}.http`, e.g. `cargo/publish`; the registry is called
    /// `http://registry` in it.
    pub fn new(story: &str, registry: &Registry) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
        let file = folder.join(format!("{story}.http"));
        Self { file, hidden: Vec::new(), text: String::new() }.hide(&registry.address(), "registry")
    }

    /// Writes `name` for this text wherever it stands: a token, a password, a number.
    #[must_use]
    pub fn hide(mut self, text: &str, name: &str) -> Self {
        self.hidden.push((text.to_owned(), name.to_owned()));
        self
    }

    /// Adds an answer to the snapshot, with a few words about the request. Returns the answer.
    pub fn add(&mut self, what: &str, answer: Answer) -> Answer {
        let body = self.body(&answer);
        // The length of an address is the port's.
        let same = body.as_bytes() == answer.body || std::str::from_utf8(&answer.body).is_err();
        let mut told = format!("### {what}\n{}\n\nHTTP {}\n", answer.request(), answer.status.as_u16());
        let mut headers: Vec<_> = answer.headers.iter().collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        for (name, value) in headers {
            if LEFT_OUT.contains(&name.as_str()) || (name == "content-length" && !same) {
                continue;
            }
            let value = plain::header(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
            writeln!(told, "{name}: {value}").expect("memory");
        }
        self.text.push_str(&self.without_hidden(told));
        write!(self.text, "\n{body}\n\n").expect("memory");
        answer
    }

    /// Panics, showing what differs, unless the file says the same.
    #[track_caller]
    pub fn check(self) {
        let file = self.file.display();
        if std::env::var_os(BLESS).is_some() {
            fs::create_dir_all(self.file.parent().expect("a folder")).expect("a folder of ours");
            fs::write(&self.file, &self.text).expect("a file of ours");
            return;
        }
        let expected = fs::read_to_string(&self.file)
            .unwrap_or_else(|error| panic!("{file}: {error}; {BLESS}=1 writes it"));
        if let Some(difference) = plain::difference(&expected, &self.text) {
            panic!(
                "{file} says something else; {BLESS}=1 writes it anew\n{difference}\nall of it:\n{}",
                self.text
            );
        }
    }

    fn body(&self, answer: &Answer) -> String {
        match std::str::from_utf8(&answer.body) {
            Ok(text) => self.without_hidden(plain::times(&plain::unstamped(text))),
            Err(_) => {
                format!("({} bytes, SHA-256 {})", answer.body.len(), crate::cargo::checksum(&answer.body))
            }
        }
    }

    fn without_hidden(&self, text: String) -> String {
        self.hidden.iter().fold(text, |text, (hidden, name)| text.replace(hidden, name))
    }
}
