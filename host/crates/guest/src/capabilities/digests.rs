//! `digests`: hashing done by the host.

use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::{digests as wit, types};
use crate::capabilities::body::piece;
use crate::capabilities::error::told;
use crate::capabilities::storage::algorithms;
use crate::capabilities::usage::Kept;
use crate::capabilities::{HostError, State};
use packhouse_storage::{Digest, DigestState};

/// Bytes of host memory that one hasher is charged with.
const HASHER: usize = 2 << 10;

/// The digests being computed, or why there are none. An unknown algorithm is reported at the first
/// use.
pub struct Hasher {
    state: Result<DigestState, types::Error>,
    _kept: Kept,
}

impl Hasher {
    fn state(&mut self) -> Result<&mut DigestState, HostError> {
        self.state.as_mut().map_err(|error| HostError::Told(error.clone()))
    }
}

impl wit::Host for State {
    fn of_bytes(&mut self, bytes: Vec<u8>, wanted: Vec<String>) -> Result<Vec<types::Digest>, HostError> {
        piece(bytes.len())?;
        let mut state = DigestState::new(&algorithms(&wanted)?);
        state.update(&bytes);
        Ok(finished(&state))
    }
}

impl wit::HostHasher for State {
    fn new(&mut self, wanted: Vec<String>) -> wasmtime::Result<Resource<Hasher>> {
        let kept = self.usage.keep_with(HASHER)?;
        let state = told(algorithms(&wanted))?.map(|algorithms| DigestState::new(&algorithms));
        self.push(Hasher { state, _kept: kept })
    }

    fn update(&mut self, handle: Resource<Hasher>, bytes: Vec<u8>) -> Result<(), HostError> {
        piece(bytes.len())?;
        self.table.get_mut(&handle)?.state()?.update(&bytes);
        Ok(())
    }

    fn digests(&mut self, handle: Resource<Hasher>) -> Result<Vec<types::Digest>, HostError> {
        Ok(finished(self.table.get_mut(&handle)?.state()?))
    }

    fn drop(&mut self, handle: Resource<Hasher>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

fn finished(state: &DigestState) -> Vec<types::Digest> {
    state.digests().into_iter().map(|digest: Digest| digest.into()).collect()
}
