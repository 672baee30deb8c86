//! Digests of byte streams, and their state between two requests. It does not know stores, and does no
//! input or output.
//!
//! The contract passes algorithms as strings, so a new one needs no new contract. Besides this file, it
//! needs its name in the comment of `wit/types.wit` and in `sdk/src/digests.rs`, its strength in
//! `sdk/src/storage/claim.rs`, and an implementation for the test host in `sdk/src/testing/hash.rs`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blake2::Blake2b256;
use digest::Digest as _;
use digest::common::hazmat::{SerializableState, SerializedState};
use serde::{Deserialize, Serialize};

/// Characters of an unknown algorithm's name that are shown.
const LONGEST_SHOWN: usize = 50;

/// This host does not have an algorithm with this name.
#[derive(Debug, thiserror::Error)]
#[error("this host does not support the digest algorithm `{0}`")]
pub struct UnknownAlgorithm(String);

/// The digests that registries ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Blake2b256,
}

impl Algorithm {
    pub const ALL: [Self; 5] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512, Self::Blake2b256];

    /// The names of `wit/types.wit`.
    pub fn parse(text: &str) -> Result<Self, UnknownAlgorithm> {
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text);
        found.ok_or_else(|| UnknownAlgorithm(text.chars().take(LONGEST_SHOWN).collect()))
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Blake2b256 => "blake2b256",
        }
    }
}

/// A digest and what it was computed with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    pub algorithm: Algorithm,
    /// Lower case when computed here; compared without regard to case.
    pub hex: String,
}

impl Digest {
    /// Are they the same algorithm and bytes?
    pub fn matches(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && self.hex.eq_ignore_ascii_case(&other.hex)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.algorithm.as_str(), self.hex)
    }
}

#[derive(Clone)]
enum State {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
    Blake2b256(Box<Blake2b256>),
}

impl State {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
            Algorithm::Blake2b256 => Self::Blake2b256(Box::new(Blake2b256::new())),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(state) => state.update(bytes),
            Self::Sha1(state) => state.update(bytes),
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
            Self::Blake2b256(state) => state.update(bytes),
        }
    }

    fn finish(self) -> Digest {
        match self {
            Self::Md5(state) => digest_of(Algorithm::Md5, &state.finalize()),
            Self::Sha1(state) => digest_of(Algorithm::Sha1, &state.finalize()),
            Self::Sha256(state) => digest_of(Algorithm::Sha256, &state.finalize()),
            Self::Sha512(state) => digest_of(Algorithm::Sha512, &state.finalize()),
            Self::Blake2b256(state) => digest_of(Algorithm::Blake2b256, &state.finalize()),
        }
    }

    fn save(&self) -> SavedState {
        let (algorithm, state) = match self {
            Self::Md5(state) => (Algorithm::Md5, Some(STANDARD.encode(state.serialize()))),
            Self::Sha1(state) => (Algorithm::Sha1, Some(STANDARD.encode(state.serialize()))),
            Self::Sha256(state) => (Algorithm::Sha256, Some(STANDARD.encode(state.serialize()))),
            Self::Sha512(state) => (Algorithm::Sha512, Some(STANDARD.encode(state.serialize()))),
            Self::Blake2b256(_) => (Algorithm::Blake2b256, None),
        };
        SavedState { algorithm, state }
    }
}

fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    Digest { algorithm, hex: hex(bytes) }
}

/// One digest's state between two requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedState {
    pub algorithm: Algorithm,
    /// Base64 of the library's own form (stable within its minor version). None
    /// for an algorithm whose library cannot give its state (BLAKE2b): that
    /// digest is computed by reading the bytes again at the end.
    pub state: Option<String>,
}

/// Several digests in the making, side by side.
#[derive(Clone, Default)]
pub struct DigestState(Vec<State>);

impl std::fmt::Debug for DigestState {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("DigestState").field(&self.0.len()).finish()
    }
}

impl DigestState {
    /// Each algorithm once, in this order.
    pub fn new(algorithms: &[Algorithm]) -> Self {
        Self(unique(algorithms).into_iter().map(State::new).collect())
    }

    /// Goes on from saved states, leaving out those that cannot be restored: a
    /// library may have changed its form since.
    pub(super) fn restore(saved: &[SavedState]) -> Self {
        Self(saved.iter().filter_map(restore_state).collect())
    }

    pub(super) fn save(&self) -> Vec<SavedState> {
        self.0.iter().map(State::save).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next bytes. Takes the processor for as long as they are many.
    pub fn update(&mut self, bytes: &[u8]) {
        for state in &mut self.0 {
            state.update(bytes);
        }
    }

    /// Of all bytes so far.
    pub fn digests(&self) -> Vec<Digest> {
        self.clone().finish()
    }

    /// In the order of the algorithms, each once.
    pub fn finish(self) -> Vec<Digest> {
        self.0.into_iter().map(State::finish).collect()
    }
}

fn restore_state(saved: &SavedState) -> Option<State> {
    let bytes = STANDARD.decode(saved.state.as_ref()?).ok()?;
    Some(match saved.algorithm {
        Algorithm::Md5 => State::Md5(deserialize(&bytes)?),
        Algorithm::Sha1 => State::Sha1(deserialize(&bytes)?),
        Algorithm::Sha256 => State::Sha256(deserialize(&bytes)?),
        Algorithm::Sha512 => State::Sha512(deserialize(&bytes)?),
        Algorithm::Blake2b256 => return None,
    })
}

fn deserialize<T: SerializableState>(bytes: &[u8]) -> Option<T> {
    let state = <&SerializedState<T>>::try_from(bytes).ok()?;
    T::deserialize(state).ok()
}

/// In the same order, each once.
pub(super) fn unique(algorithms: &[Algorithm]) -> Vec<Algorithm> {
    let mut seen = Vec::with_capacity(algorithms.len());
    for algorithm in algorithms {
        if !seen.contains(algorithm) {
            seen.push(*algorithm);
        }
    }
    seen
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
