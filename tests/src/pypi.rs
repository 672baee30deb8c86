//! Distributions as Python tools make and upload them, made by hand.

mod archive;
pub mod many;

pub use archive::{zip, zip_deflated};

use crate::npm::archive_below;
use crate::{Actor, Answer};
use bytes::Bytes;
use http::Method;
use reqwest::Body;
use serde_json::{Value, json};
use sha2::Digest as _;
use std::fmt::Write as _;

/// Between the parts of a form.
const BOUNDARY: &str = "----------------packhouse-test";

/// What lies in the fixture `pypi-bucket`, in the order of their bytes.
pub const KEYS_OF_THE_FIXTURE: [&str; 7] = [
    "pypi/metadata/old-tools/metadata.json",
    "pypi/packages/old-base/old_base-0.1-py3-none-any.whl",
    "pypi/packages/old-tools/old_tools-1.0-py3-none-any.whl",
    "pypi/packages/old-tools/old_tools-1.0.tar.gz",
    "pypi/packages/old-tools/old_tools-1.1-py3-none-any.whl",
    "pypi/simple/index.html",
    "pypi/simple/old-tools/index.html",
];

/// A file to be uploaded.
#[derive(Clone)]
pub struct Distribution {
    pub name: String,
    pub version: String,
    pub filename: String,
    pub filetype: &'static str,
    pub content: Bytes,
    fields: Vec<(String, String)>,
}

impl Distribution {
    /// `{name}-{version}-py3-none-any.whl`, with a module that prints its version.
    pub fn wheel(name: &str, version: &str) -> Self {
        Self::wheel_with(name, version, "", &[])
    }

    /// The same with more lines in its `METADATA`, and more files.
    pub fn wheel_with(name: &str, version: &str, lines: &str, more: &[(&str, &[u8])]) -> Self {
        let module = name.replace(['-', '.'], "_");
        let info = format!("{module}-{version}.dist-info");
        let code = format!("print(\"{name} {version}\")\n");
        let metadata = metadata(name, version, lines);
        let wheel = "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        let (code_path, metadata_path) = (format!("{module}.py"), format!("{info}/METADATA"));
        let (wheel_path, record_path) = (format!("{info}/WHEEL"), format!("{info}/RECORD"));
        let mut files: Vec<(&str, &[u8])> = more.to_vec();
        files.extend([
            (code_path.as_str(), code.as_bytes()),
            (metadata_path.as_str(), metadata.as_bytes()),
            (wheel_path.as_str(), wheel.as_bytes()),
        ]);
        let mut record: String = files.iter().flat_map(|(path, _)| [*path, ",,\n"]).collect();
        let _ = writeln!(record, "{record_path},,");
        files.push((&record_path, record.as_bytes()));
        Self::of(name, version, "bdist_wheel", &format!("{module}-{version}-py3-none-any.whl"), zip(&files))
    }

    /// `{name}-{version}.tar.gz`, which builds itself with nothing but Python.
    pub fn sdist(name: &str, version: &str) -> Self {
        let module = name.replace(['-', '.'], "_");
        let wheel = Self::wheel(name, version);
        let backend = format!(
            "import base64, os\n\
             NAME = {:?}\nWHEEL = {:?}\n\
             def build_wheel(folder, settings=None, metadata=None):\n    \
                 open(os.path.join(folder, NAME), 'wb').write(base64.b64decode(WHEEL))\n    \
                 return NAME\n",
            wheel.filename,
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &wheel.content),
        );
        let project = format!(
            "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n\
             [project]\nname = \"{name}\"\nversion = \"{version}\"\n"
        );
        let metadata = metadata(name, version, "");
        let files: [(&str, &[u8]); 3] = [
            ("PKG-INFO", metadata.as_bytes()),
            ("pyproject.toml", project.as_bytes()),
            ("backend.py", backend.as_bytes()),
        ];
        let content = archive_below(&format!("{module}-{version}"), &files);
        Self::of(name, version, "sdist", &format!("{module}-{version}.tar.gz"), content)
    }

    /// Any bytes under any name.
    pub fn of(
        name: &str,
        version: &str,
        filetype: &'static str,
        filename: &str,
        content: impl Into<Bytes>,
    ) -> Self {
        let content = content.into();
        let fields = [
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.1"),
            ("name", name),
            ("version", version),
            ("filetype", filetype),
            ("sha256_digest", &sha256(&content)),
        ];
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            filename: filename.to_owned(),
            filetype,
            content,
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        }
    }

    /// Replaces a field of the form.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(field, _)| field != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with [`Distribution::attestation`].
    #[must_use]
    pub fn attested(self) -> Self {
        let attestations = json!([self.attestation()]);
        self.field("attestations", &attestations.to_string())
    }

    /// An attestation about it (PEP 740) without a valid signature.
    pub fn attestation(&self) -> Value {
        let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": self.filename, "digest": {"sha256": self.sha256()}}],
            "predicateType": "https://example.com/attestations/v1",
            "predicate": null,
        });
        json!({
            "version": 1,
            "verification_material": {
                "certificate": encode("a certificate"),
                "transparency_entries": [{"logIndex": "1"}],
            },
            "envelope": {"statement": encode(&statement.to_string()), "signature": encode("a signature")},
        })
    }

    /// The same bytes under another file name.
    #[must_use]
    pub fn called(mut self, filename: &str) -> Self {
        filename.clone_into(&mut self.filename);
        self
    }

    /// The normalised name of the project.
    pub fn project(&self) -> String {
        self.name.to_lowercase().replace(['_', '.'], "-")
    }

    /// Where it is read, below the mount.
    pub fn path(&self) -> String {
        format!("/packages/{}/{}", self.project(), self.filename)
    }

    /// Its key in the bucket, on the mount `pypi`.
    pub fn key(&self) -> String {
        format!("pypi{}", self.path())
    }

    /// SHA-256 in hexadecimal digits.
    pub fn sha256(&self) -> String {
        sha256(&self.content)
    }

    /// The body of its upload, whole.
    pub fn form(&self) -> Vec<u8> {
        let mut body = self.form_head();
        body.extend_from_slice(&self.content);
        body.extend_from_slice(form_tail().as_bytes());
        body
    }

    fn form_head(&self) -> Vec<u8> {
        let mut head = String::new();
        for (name, value) in &self.fields {
            let _ = write!(
                head,
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        let _ = write!(
            head,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n",
            self.filename
        );
        head.into_bytes()
    }

    /// Uploads it to `/legacy/` below the actor's base.
    pub async fn upload(&self, by: &Actor) -> Answer {
        self.upload_to(by, "/legacy/").await
    }

    /// Uploads it there.
    pub async fn upload_to(&self, by: &Actor, path: &str) -> Answer {
        send_form(by, path, self.form()).await
    }
}

/// Any body that says that it is a form.
pub async fn send_form(by: &Actor, path: &str, body: impl Into<Body>) -> Answer {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    by.clone().with_header("content-type", &content_type).send(Method::POST, path, body).await
}

fn form_tail() -> String {
    format!("\r\n--{BOUNDARY}--\r\n")
}

/// `METADATA` or `PKG-INFO` of a version with these lines too; it needs Python 3.8 unless they
/// say otherwise.
pub fn metadata(name: &str, version: &str, lines: &str) -> String {
    let python = if lines.contains("Requires-Python:") { "" } else { "Requires-Python: >=3.8\n" };
    format!(
        "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: The project {name}\n\
         {python}{lines}\nAbout {name}.\n"
    )
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
