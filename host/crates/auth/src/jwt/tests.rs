//! Forging, confusing and rotating: what a verifier of tokens is known to get wrong. The
//! keys in `test_keys` open nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::keys::KeyFile;
use super::*;

const HERE: Expected<'_> = Expected { audience: "here", issuer: Some("us") };
const SECRET: &str = "a shared secret of more than 32 bytes";

pub fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/jwt/test_keys").join(file)
}

pub fn key(kid: &str, algorithm: &str, file: &str) -> KeyFile {
    KeyFile {
        kid: kid.to_owned(),
        algorithm: algorithm.to_owned(),
        path: path(file),
        private: !file.contains(".pub."),
    }
}

fn keys(files: &[KeyFile]) -> Keys {
    Keys::read(files, None).unwrap()
}

fn shared(secret: &str) -> Keys {
    Keys::read(&[], Some(&secret.into())).unwrap()
}

fn claims() -> Value {
    json!({ "iss": "us", "aud": "here", "exp": 2_000_000_000, "sub": "ann" })
}

fn read(keys: &Keys, token: &SecretString) -> Result<Value, Flaw> {
    keys.verify(token, &HERE)
}

/// With a header and a signature that no library would make.
fn hand_made(header: &Value, signature: &[u8]) -> SecretString {
    let parts = [header.to_string().into_bytes(), claims().to_string().into_bytes(), signature.to_vec()];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".").into()
}

/// Signed with this key, whatever its header says.
fn signed(header: &Header, private: &EncodingKey) -> SecretString {
    jsonwebtoken::encode(header, &claims(), private).unwrap().into()
}

#[test]
fn each_algorithm_reads_what_it_signed_also_by_the_public_file_alone() {
    for (algorithm, file) in [("RS256", "rsa"), ("ES256", "p256"), ("EdDSA", "ed25519")] {
        let private = keys(&[key("one", algorithm, &format!("{file}.pem"))]);
        let public = keys(&[key("one", algorithm, &format!("{file}.pub.pem"))]);
        let token = private.sign(&claims()).unwrap();
        assert!(has_form(token.expose_secret()), "{algorithm}");
        assert_eq!(read(&private, &token).unwrap()["sub"], "ann", "{algorithm}");
        assert_eq!(read(&public, &token).unwrap()["sub"], "ann", "{algorithm}");
        assert!(public.sign(&claims()).is_err(), "a public key signs nothing");
    }
    let token = shared(SECRET).sign(&claims()).unwrap();
    assert_eq!(read(&shared(SECRET), &token).unwrap()["sub"], "ann");
}

#[test]
fn a_token_of_another_key_counts_for_nothing() {
    let token = shared("another secret that has enough bytes").sign(&claims()).unwrap();
    assert_eq!(read(&shared(SECRET), &token), Err(Flaw::Forged));
    let token = keys(&[key("one", "EdDSA", "ed25519.pem")]).sign(&claims()).unwrap();
    assert_eq!(read(&keys(&[key("one", "ES256", "p256.pem")]), &token), Err(Flaw::Forged));
}

#[test]
fn a_token_without_a_signature_counts_for_nothing() {
    let all = Keys::read(&[key("one", "RS256", "rsa.pub.pem")], Some(&SECRET.into())).unwrap();
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        for signature in [&b""[..], b"x"] {
            let token = hand_made(&json!({ "typ": "JWT", "alg": algorithm }), signature);
            assert_eq!(read(&all, &token), Err(Flaw::Forged), "{algorithm}");
        }
    }
    assert_eq!(read(&all, &hand_made(&json!({ "alg": "HS256" }), b"")), Err(Flaw::Forged));
    assert_eq!(read(&all, &hand_made(&json!({ "alg": "RS256", "kid": "one" }), b"")), Err(Flaw::Forged));
}

#[test]
fn a_public_key_is_never_taken_for_a_shared_secret() {
    let public = keys(&[key("one", "RS256", "rsa.pub.pem")]);
    let text = std::fs::read(path("rsa.pub.pem")).unwrap();
    let der =
        text.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"-")).collect::<Vec<_>>().concat();
    let der = base64::engine::general_purpose::STANDARD.decode(der).unwrap();
    for secret in [text, der] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let header = Header { kid: Some("one".to_owned()), ..Header::new(algorithm) };
            let token = signed(&header, &EncodingKey::from_secret(&secret));
            assert_eq!(read(&public, &token), Err(Flaw::Forged), "{algorithm:?}");
        }
    }
}

#[test]
fn a_key_reads_its_own_algorithm_and_no_sister_of_it() {
    let pem = std::fs::read(path("rsa.pem")).unwrap();
    let public = keys(&[key("one", "RS256", "rsa.pub.pem")]);
    let private = EncodingKey::from_rsa_pem(&pem).unwrap();
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        assert_eq!(read(&public, &signed(&Header::new(algorithm), &private)), Err(Flaw::Forged));
    }
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    assert_eq!(read(&shared(SECRET), &signed(&Header::new(Algorithm::HS512), &secret)), Err(Flaw::Forged));
    assert!(read(&public, &signed(&Header::new(Algorithm::RS256), &private)).is_ok());
}

#[test]
fn a_key_that_the_token_brings_along_is_not_read() {
    let pem = std::fs::read(path("rsa.pem")).unwrap();
    let private = EncodingKey::from_rsa_pem(&pem).unwrap();
    let own = jsonwebtoken::jwk::Jwk::from_encoding_key(&private, Algorithm::RS256).unwrap();
    let header = Header { jwk: Some(own), ..Header::new(Algorithm::RS256) };
    assert_eq!(
        read(&keys(&[key("one", "ES256", "p256.pem")]), &signed(&header, &private)),
        Err(Flaw::Forged)
    );
}

#[test]
fn what_must_be_understood_and_is_not_ends_it() {
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let header = Header { crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::HS256) };
    assert_eq!(read(&shared(SECRET), &signed(&header, &secret)), Err(Flaw::Forged));
}

#[test]
fn one_changed_letter_counts_for_nothing() {
    let keys = shared(SECRET);
    let token = keys.sign(&claims()).unwrap().expose_secret().to_owned();
    for at in (0..token.len()).step_by(7) {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        // The last bits of the last letter of a part stand for nothing.
        assert!(
            !(changed != token && read(&keys, &changed.clone().into()).is_ok()),
            "changed at {at}: {changed}"
        );
    }
}

#[test]
fn the_first_private_key_signs_and_all_read_so_that_keys_can_be_replaced() {
    let old = keys(&[key("old", "RS256", "rsa.pem")]);
    let before = old.sign(&claims()).unwrap();
    let both = keys(&[
        key("given", "EdDSA", "ed25519.pub.pem"),
        key("new", "ES256", "p256.pem"),
        key("old", "RS256", "rsa.pem"),
    ]);
    let after = both.sign(&claims()).unwrap();
    let header = jsonwebtoken::decode_header(after.expose_secret()).unwrap();
    assert_eq!((header.alg, header.kid.as_deref()), (Algorithm::ES256, Some("new")));
    assert!(read(&both, &before).is_ok() && read(&both, &after).is_ok());
    assert_eq!(read(&old, &after), Err(Flaw::Forged));
    assert_eq!(
        read(&keys(&[key("new", "ES256", "p256.pem")]), &before),
        Err(Flaw::Forged),
        "the old one is gone"
    );
}

#[test]
fn a_token_that_names_a_key_is_read_by_that_one_only() {
    let token = keys(&[key("one", "EdDSA", "ed25519.pem")]).sign(&claims()).unwrap();
    assert_eq!(read(&keys(&[key("two", "EdDSA", "ed25519.pub.pem")]), &token), Err(Flaw::Forged));
    let unnamed = std::fs::read(path("ed25519.pem")).unwrap();
    let unnamed = signed(&Header::new(Algorithm::EdDSA), &EncodingKey::from_ed_pem(&unnamed).unwrap());
    assert!(read(&keys(&[key("two", "EdDSA", "ed25519.pub.pem")]), &unnamed).is_ok());
}

#[test]
fn it_must_be_for_the_audience_from_the_issuer_and_have_an_end() {
    let keys = shared(SECRET);
    let with = |change: Value| {
        let mut claims = claims();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        read(&keys, &keys.sign(&claims).unwrap())
    };
    assert!(with(json!({})).is_ok());
    assert!(with(json!({ "aud": ["elsewhere", "here"] })).is_ok());
    for change in [
        json!({ "aud": "elsewhere" }),
        json!({ "aud": null }),
        json!({ "aud": [] }),
        json!({ "iss": "them" }),
        json!({ "iss": null }),
        json!({ "exp": null }),
        json!({ "exp": "tomorrow" }),
    ] {
        assert_eq!(with(change.clone()), Err(Flaw::Foreign), "{change}");
    }
    let anybody = Expected { issuer: None, ..HERE };
    let mut unsaid = claims();
    unsaid["iss"] = Value::Null;
    assert!(keys.verify::<Value>(&keys.sign(&unsaid).unwrap(), &anybody).is_ok());
}

#[test]
fn a_text_without_end_is_not_looked_at() {
    let keys = shared(SECRET);
    let mut long = claims();
    long["more"] = "x".repeat(20_000).into();
    assert_eq!(read(&keys, &keys.sign(&long).unwrap()), Err(Flaw::Forged));
}

#[test]
fn only_three_parts_of_the_right_letters_have_the_form() {
    assert!(has_form("eyJh.eyJi.c-_0"));
    for text in [
        "",
        "eyJh",
        "eyJh.eyJi",
        "eyJh.eyJi.",
        ".eyJi.c",
        "eyJh.eyJi.c.d",
        "eyJh.eyJi.c d",
        "abc.eyJi.c",
        "9f0c3a52-7e0c-4f0a-9f7e-0a6a3a3f1b2c",
    ] {
        assert!(!has_form(text), "{text}");
    }
}

#[test]
fn a_key_file_that_does_not_fit_is_told_with_what_would() {
    let cases = [
        (key("k", "RS256", "absent.pem"), "absent.pem cannot be read"),
        (key("k", "RS256", "p256.pem"), "an RSA key"),
        (key("k", "RS256", "rsa_1024.pub.pem"), "2048"),
        (key("k", "ES256", "rsa.pem"), "P-256"),
        (key("k", "ES256", "p384.pub.pem"), "P-256"),
        (key("k", "ES256", "p256.sec1.pem"), "PKCS #8"),
        (key("k", "EdDSA", "p256.pem"), "Ed25519"),
        (key("k", "HS256", "rsa.pem"), "`RS256`, `ES256`, `EdDSA`"),
        (key("k", "none", "rsa.pem"), "`none`"),
        (KeyFile { private: true, ..key("k", "RS256", "rsa.pub.pem") }, "BEGIN PRIVATE KEY"),
        (KeyFile { private: false, ..key("k", "RS256", "rsa.pem") }, "BEGIN PUBLIC KEY"),
        (KeyFile { private: false, ..key("k", "EdDSA", "ed25519.pem") }, "BEGIN PUBLIC KEY"),
        (key("k", "RS256", "../tests.rs"), "does not contain a key"),
    ];
    for (file, words) in cases {
        let AuthError::Invalid(why) = Keys::read(std::slice::from_ref(&file), None).unwrap_err() else {
            panic!("{file:?}")
        };
        assert!(why.contains("`k`") && why.contains(words) && !why.contains('\n'), "{why}");
    }
}

#[test]
fn nothing_printed_shows_a_secret() {
    let keys = Keys::read(&[key("one", "EdDSA", "ed25519.pem")], Some(&SECRET.into())).unwrap();
    let printed = format!("{keys:?}");
    assert!(!printed.contains(SECRET) && !printed.contains(&format!("{:?}", SECRET.as_bytes())), "{printed}");
}
