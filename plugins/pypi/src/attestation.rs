//! Digital attestations (PEP 740): statements about a file that a publisher's tool has signed. The
//! registry checks that they belong to the file, stores them and serves them. Clients verify the
//! signatures, because they know whom they trust.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use packhouse_plugin::json::parse_of;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The largest form field of attestations, in bytes.
pub const LIMIT: u64 = 1 << 20;
/// The most attestations of one file.
const COUNT: usize = 16;

/// Why attestations are rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationError(String);

impl fmt::Display for AttestationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the attestations are rejected: {}", self.0)
    }
}

impl std::error::Error for AttestationError {}

fn bad(reason: impl Into<String>) -> AttestationError {
    AttestationError(reason.into())
}

#[derive(Deserialize)]
struct Attestation {
    version: u64,
    verification_material: Material,
    envelope: Envelope,
}

#[derive(Deserialize)]
struct Material {
    certificate: String,
    transparency_entries: Vec<Value>,
}

#[derive(Deserialize)]
struct Envelope {
    statement: String,
    signature: String,
}

/// An in-toto statement, version 1.
#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: Digests,
}

#[derive(Deserialize)]
struct Digests {
    sha256: Option<String>,
}

#[derive(Serialize)]
struct Provenance<'a> {
    version: u64,
    attestation_bundles: [Bundle<'a>; 1],
}

#[derive(Serialize)]
struct Bundle<'a> {
    publisher: Publisher,
    attestations: Vec<&'a RawValue>,
}

/// The publisher that the registry can confirm: only that the upload was allowed.
#[derive(Serialize)]
struct Publisher {
    kind: &'static str,
    claims: Option<Value>,
}

/// Makes the provenance object of a file from the `attestations` field of the upload.
pub fn provenance(field: &str, file: &str, sha256: &str) -> Result<Vec<u8>, AttestationError> {
    let attestations: Vec<&RawValue> =
        parse_of("the field", field.as_bytes()).map_err(|error| bad(error.to_string()))?;
    if attestations.is_empty() || attestations.len() > COUNT {
        return Err(bad(format!("a file has 1 to {COUNT} attestations")));
    }
    for attestation in &attestations {
        check(attestation.get(), file, sha256)?;
    }
    let publisher = Publisher { kind: "packhouse", claims: None };
    let provenance = Provenance { version: 1, attestation_bundles: [Bundle { publisher, attestations }] };
    serde_json::to_vec(&provenance).map_err(|error| bad(error.to_string()))
}

fn check(attestation: &str, file: &str, sha256: &str) -> Result<(), AttestationError> {
    let attestation: Attestation = parse_of("an attestation (PEP 740)", attestation.as_bytes())
        .map_err(|error| bad(error.to_string()))?;
    if attestation.version != 1 {
        return Err(bad(format!("one has the version {}, but must have 1", attestation.version)));
    }
    if attestation.verification_material.transparency_entries.is_empty() {
        return Err(bad("one has no transparency log entry"));
    }
    decode(&attestation.verification_material.certificate)?;
    decode(&attestation.envelope.signature)?;
    let statement = decode(&attestation.envelope.statement)?;
    let statement: Statement =
        parse_of("the in-toto statement of one", &statement).map_err(|error| bad(error.to_string()))?;
    if statement.kind != "https://in-toto.io/Statement/v1" {
        return Err(bad("one does not contain an in-toto statement of version 1"));
    }
    let [subject] = statement.subject.as_slice() else {
        return Err(bad("one is not for exactly one file"));
    };
    if subject.name != file {
        let name: String = subject.name.chars().take(200).collect();
        return Err(bad(format!("one is for the file {name:?}, not {file:?}")));
    }
    match &subject.digest.sha256 {
        Some(digest) if digest.eq_ignore_ascii_case(sha256) => Ok(()),
        _ => Err(bad(format!("one is for other bytes than those of {file}"))),
    }
}

fn decode(text: &str) -> Result<Vec<u8>, AttestationError> {
    STANDARD.decode(text).map_err(|error| bad(format!("one contains invalid base64: {error}")))
}

/// Whether these bytes can be a provenance object that was stored: a whole JSON object. Values of
/// members are only skipped: an attestation may hold a number that no value here can hold.
pub fn is_stored(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).ok();
    text.is_some_and(|text| serde_json::from_str::<BTreeMap<String, &RawValue>>(text).is_ok())
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]
    use super::*;
    use serde_json::json;

    /// An attestation about a file, as the form has it.
    pub fn field(file: &str, sha256: &str) -> String {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": file, "digest": { "sha256": sha256 } }],
            "predicateType": "https://docs.pypi.org/attestations/publish/v1",
            "predicate": null,
        });
        json!([{
            "version": 1,
            "verification_material": { "certificate": "AAAA", "transparency_entries": [{ "logIndex": "1" }] },
            "envelope": { "statement": STANDARD.encode(statement.to_string()), "signature": "AAAA" },
        }])
        .to_string()
    }

    #[test]
    fn attestations_are_kept_as_they_came() {
        let text = field("a-1.0.tar.gz", "AB01");
        let provenance = provenance(&text, "a-1.0.tar.gz", "ab01").unwrap();
        let provenance: Value = serde_json::from_slice(&provenance).unwrap();
        let attestations: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(provenance["version"], 1);
        assert_eq!(provenance["attestation_bundles"][0]["attestations"], attestations);
        assert_eq!(provenance["attestation_bundles"][0]["publisher"]["kind"], "packhouse");
    }

    #[test]
    fn what_was_accepted_is_not_damaged_when_it_is_stored() {
        let number = format!("\"version\":1,\"more\":1{}", "0".repeat(400));
        let deep = format!("\"version\":1,\"more\":{}{}", "[".repeat(200), "]".repeat(200));
        for more in [number, deep] {
            let text = field("a-1.0.tar.gz", "ab01").replace("\"version\":1", &more);
            assert!(is_stored(&provenance(&text, "a-1.0.tar.gz", "ab01").unwrap()), "{text}");
        }
        assert!(!is_stored(b"{\"version\":1"));
        assert!(!is_stored(b"[]"));
    }

    #[test]
    fn what_is_not_about_the_file_is_refused() {
        let right = field("a-1.0.tar.gz", "ab01");
        for (text, wanted) in [
            (field("b-1.0.tar.gz", "ab01"), "b-1.0.tar.gz"),
            (field("a-1.0.tar.gz", "ab02"), "other bytes"),
            ("[]".to_owned(), "1 to 16"),
            ("{}".to_owned(), "the field must be a list, and is an object"),
            (right.replace("\"version\":1", "\"version\":2"), "version"),
            (right.replace("[{\"logIndex\":\"1\"}]", "[]"), "transparency"),
            (right.replace("\"signature\":\"AAAA\"", "\"signature\":\"?\""), "base64"),
            (right.replace("\"envelope\"", "\"enveloped\""), "envelope"),
        ] {
            let error = provenance(&text, "a-1.0.tar.gz", "ab01").unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
