//! One response on its way to the client: how many of its bytes hyper holds, and whether the client
//! receives them fast enough.
//!
//! hyper takes pieces of a body when its buffers have room and writes them later, so the body does
//! not know what the client has received. Each piece is a buffer that counts the bytes that hyper
//! writes to the socket.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::{Buf, Bytes};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::progress::InFlight;
use crate::pace::{Pace, PaceSettings};
use crate::respond::Keep;

/// Shared by the body and by the pieces of it that hyper holds.
pub(super) struct Transfer {
    state: Mutex<State>,
    /// Ends the stream. For HTTP/1.1, this is the connection.
    cut: CancellationToken,
    _flight: InFlight,
    _keep: Option<Keep>,
}

struct State {
    pace: Pace,
    /// The number of bytes that hyper holds.
    held: usize,
    /// The body has no bytes at the moment, or has ended.
    starved: bool,
    /// Wakes the body when the held bytes are written.
    waker: Option<Waker>,
}

impl Transfer {
    pub fn new(pace: PaceSettings, cut: CancellationToken, flight: InFlight, keep: Option<Keep>) -> Self {
        let mut pace = Pace::new(pace);
        pace.start(Instant::now());
        let state = State { pace, held: 0, starved: false, waker: None };
        Self { state: Mutex::new(state), cut, _flight: flight, _keep: keep }
    }

    /// Makes a piece for hyper.
    pub fn give(self: &Arc<Self>, bytes: Bytes) -> Piece {
        let mut state = self.lock();
        state.held += bytes.len();
        state.starved = false;
        state.pace.start(Instant::now());
        drop(state);
        Piece { bytes, transfer: Arc::clone(self) }
    }

    /// The body waits for its source.
    pub fn starve(&self) {
        let mut state = self.lock();
        state.starved = true;
        state.settle();
    }

    /// Whether hyper has written all bytes. If not, it wakes `waker` when it has.
    pub fn is_written(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if state.held > 0 {
            state.waker = Some(waker.clone());
        }
        state.held == 0
    }

    /// Ends the stream if its client is too slow. False if that happened before and the stream
    /// still exists after another grace period.
    pub fn cut_if_late(&self, pace: PaceSettings, now: Instant) -> bool {
        let mut state = self.lock();
        if !state.pace.left(now).is_zero() {
            return true;
        }
        if self.cut.is_cancelled() {
            return false;
        }
        tracing::debug!("the client reads its response too slowly: the host ends the stream");
        state.pace = Pace::new(pace);
        state.pace.start(now);
        self.cut.cancel();
        true
    }

    fn wrote(&self, bytes: usize) {
        let mut state = self.lock();
        state.pace.moved(bytes as u64, Instant::now());
        state.release(bytes);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
        if self.held == 0 {
            self.settle();
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }

    /// A client cannot be late without a byte to receive.
    fn settle(&mut self) {
        if self.starved && self.held == 0 {
            self.pace.stop(Instant::now());
        }
    }
}

/// A piece of a response that hyper holds.
pub(super) struct Piece {
    bytes: Bytes,
    transfer: Arc<Transfer>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.transfer.wrote(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            self.transfer.lock().release(self.bytes.len());
        }
    }
}
