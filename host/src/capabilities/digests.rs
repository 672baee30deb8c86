//! `digests`: hashing done by the host.

use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::{digests as wit, types};
use crate::capabilities::body::piece;
use crate::capabilities::storage::algorithms;
use crate::capabilities::{HostError, State};
use crate::storage::{Digest, DigestState};

/// Digests in the making. Unknown algorithms show at the first use.
pub struct Hasher {
    algorithms: Vec<String>,
    state: Option<DigestState>,
}

impl Hasher {
    fn state(&mut self) -> Result<&mut DigestState, HostError> {
        if self.state.is_none() {
            self.state = Some(DigestState::new(&algorithms(&self.algorithms)?));
        }
        self.state.as_mut().ok_or_else(|| HostError::invalid("no digest was begun"))
    }
}

impl wit::Host for State {
    fn of_bytes(&mut self, bytes: Vec<u8>, wanted: Vec<String>) -> Result<Vec<types::Digest>, HostError> {
        let mut hasher = Hasher { algorithms: wanted, state: None };
        update(&mut hasher, &bytes)?;
        Ok(finished(hasher.state()?))
    }
}

impl wit::HostHasher for State {
    fn new(&mut self, algorithms: Vec<String>) -> wasmtime::Result<Resource<Hasher>> {
        self.push(Hasher { algorithms, state: None })
    }

    fn update(&mut self, handle: Resource<Hasher>, bytes: Vec<u8>) -> Result<(), HostError> {
        update(self.table.get_mut(&handle)?, &bytes)
    }

    fn digests(&mut self, handle: Resource<Hasher>) -> Result<Vec<types::Digest>, HostError> {
        Ok(finished(self.table.get_mut(&handle)?.state()?))
    }

    fn drop(&mut self, handle: Resource<Hasher>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn update(hasher: &mut Hasher, bytes: &[u8]) -> Result<(), HostError> {
    piece(bytes.len())?;
    hasher.state()?.update(bytes);
    Ok(())
}

fn finished(state: &DigestState) -> Vec<types::Digest> {
    state.digests().into_iter().map(|digest: Digest| digest.into()).collect()
}
