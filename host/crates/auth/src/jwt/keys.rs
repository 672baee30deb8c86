//! The keys that sign and verify tokens. They are read from files or a shared secret, and tried
//! before the host serves. It does not know what is signed.

use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use secrecy::{ExposeSecret as _, SecretString};

use crate::AuthError;

/// The shortest shared secret, in bytes: the size of an HS256 signature (RFC 7518 section 3.2).
pub const SHORTEST_SECRET: usize = 32;

/// The algorithms that a key file may be for, as RFC 7518 and RFC 8037 name them.
const ALGORITHMS: [(&str, Algorithm); 3] =
    [("RS256", Algorithm::RS256), ("ES256", Algorithm::ES256), ("EdDSA", Algorithm::EdDSA)];

/// One key of the configuration.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// The name (`kid`) with which a token identifies its key.
    pub kid: String,
    /// `RS256`, `ES256` or `EdDSA`.
    pub algorithm: String,
    /// A file in PEM.
    pub path: PathBuf,
    /// Whether it is a private key, which can also sign.
    pub private: bool,
}

/// All keys. The first one that can sign signs.
#[derive(Debug)]
pub struct Keys(Vec<Key>);

/// One key, for one algorithm.
#[derive(Debug)]
pub(super) struct Key {
    /// None for the shared secret.
    pub kid: Option<String>,
    pub algorithm: Algorithm,
    pub public: DecodingKey,
    private: Option<EncodingKey>,
}

impl Keys {
    /// The keys of the files in their order, then the shared secret.
    ///
    /// # Errors
    /// `Invalid` with a sentence that names the key and the problem with its file.
    pub fn read(files: &[KeyFile], secret: Option<&SecretString>) -> Result<Self, AuthError> {
        let mut keys = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        keys.extend(secret.map(shared));
        Ok(Self(keys))
    }

    pub(super) fn signer(&self) -> Option<(&Key, &EncodingKey)> {
        self.0.iter().find_map(|key| key.private.as_ref().map(|private| (key, private)))
    }

    /// The keys that may have signed a token with this header.
    pub(super) fn fitting<'a>(&'a self, header: &'a Header) -> impl Iterator<Item = &'a Key> {
        let is_named = |key: &Key| match (&key.kid, &header.kid) {
            (Some(own), Some(named)) => own == named,
            _ => true,
        };
        self.0.iter().filter(move |key| key.algorithm == header.alg && is_named(key))
    }
}

fn shared(secret: &SecretString) -> Key {
    let bytes = secret.expose_secret().as_bytes();
    Key {
        kid: None,
        algorithm: Algorithm::HS256,
        public: DecodingKey::from_secret(bytes),
        private: Some(EncodingKey::from_secret(bytes)),
    }
}

fn read(file: &KeyFile) -> Result<Key, AuthError> {
    let KeyFile { kid, path, private, .. } = file;
    let refuse = |what: String| {
        AuthError::Invalid(format!("the key `{}` for access tokens: {what}", kid.escape_debug()))
    };
    let known = || ALGORITHMS.map(|(name, _)| format!("`{name}`")).join(", ");
    let algorithm = ALGORITHMS.iter().find(|(name, _)| *name == file.algorithm);
    let (name, algorithm) = *algorithm.ok_or_else(|| {
        refuse(format!(
            "the algorithm `{}` is not supported: write one of {}",
            file.algorithm.escape_debug(),
            known()
        ))
    })?;
    let pem = std::fs::read_to_string(path).map(SecretString::from);
    let pem = pem.map_err(|error| refuse(format!("{} cannot be read: {error}", path.display())))?;
    let pem = pem.expose_secret();
    let made = if *private { from_private(algorithm, pem) } else { from_public(algorithm, pem) };
    let (public, private) = made.ok_or_else(|| refuse(unfit(path, name, *private)))?;
    Ok(Key { kid: Some(kid.clone()), algorithm, public, private })
}

fn unfit(path: &Path, algorithm: &str, private: bool) -> String {
    let wanted = match (private, algorithm) {
        (true, "RS256") => {
            "an RSA key of 2048 to 8192 bits between `BEGIN PRIVATE KEY` and `END PRIVATE KEY`"
        }
        (true, "ES256") => {
            "a key of the curve P-256 in PKCS #8, between `BEGIN PRIVATE KEY` and `END PRIVATE KEY`"
        }
        (true, _) => "an Ed25519 key in PKCS #8, between `BEGIN PRIVATE KEY` and `END PRIVATE KEY`",
        (false, "RS256") => "an RSA key of 2048 to 8192 bits between `BEGIN PUBLIC KEY` and `END PUBLIC KEY`",
        (false, "ES256") => "a key of the curve P-256 between `BEGIN PUBLIC KEY` and `END PUBLIC KEY`",
        (false, _) => "an Ed25519 key between `BEGIN PUBLIC KEY` and `END PUBLIC KEY`",
    };
    format!("{} does not contain a key for {algorithm}: write {wanted} into it", path.display())
}

/// A private key and its public key; none unless the one verifies what the other signs.
fn from_private(algorithm: Algorithm, pem: &str) -> Option<(DecodingKey, Option<EncodingKey>)> {
    let bytes = pem.as_bytes();
    let private = match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_pem(bytes),
        Algorithm::ES256 => EncodingKey::from_ec_pem(bytes),
        _ => EncodingKey::from_ed_pem(bytes),
    };
    let private = private.ok()?;
    let public = DecodingKey::from_jwk(&Jwk::from_encoding_key(&private, algorithm).ok()?).ok()?;
    let message = b"a trial";
    let signature = jsonwebtoken::crypto::sign(message, &private, algorithm).ok()?;
    let fits = jsonwebtoken::crypto::verify(&signature, message, &public, algorithm).ok()?;
    fits.then_some((public, Some(private)))
}

fn from_public(algorithm: Algorithm, pem: &str) -> Option<(DecodingKey, Option<EncodingKey>)> {
    // The library would accept a private key or a certificate, and then verify nothing.
    let (is_public, bytes) = (pem.contains("PUBLIC KEY-----"), pem.as_bytes());
    let public = match algorithm {
        Algorithm::RS256 => DecodingKey::from_rsa_pem(bytes),
        Algorithm::ES256 => DecodingKey::from_ec_pem(bytes),
        _ => DecodingKey::from_ed_pem(bytes),
    };
    let public = public.ok()?;
    let length = public.try_get_as_bytes().ok()?.len();
    let fits = match algorithm {
        // A modulus of 2048 bits and its encoding.
        Algorithm::RS256 => length > 256,
        // An uncompressed point. Compressed points are not supported.
        Algorithm::ES256 => length == 65,
        _ => length == 32,
    };
    (is_public && fits).then_some((public, None))
}
