//! What one call of a plugin uses of the host: calls, bytes that the host keeps for it, and
//! bytes that the host reads, hashes, unpacks, copies or writes for it. A call that exceeds a limit ends.
//!
//! What the client sends does not count here: it has limits of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::capabilities::ground::DataLimits;
use packhouse_common::shares::Held;

/// Calls that may wait which one request may make.
const MOST_WAITING_CALLS: u32 = 100_000;
/// Bytes that the host may keep for a guest beside the reply.
const MOST_KEPT_BESIDE_REPLY: u64 = 16 << 20;
/// Objects that one request may have open at a time.
const MOST_OPEN_OBJECTS: usize = 64;
/// Upload sessions that one request may start.
const MOST_UPLOADS_STARTED: u32 = 8;
/// Upload sessions that one request may open.
const MOST_UPLOADS_OPENED: u32 = 64;

/// A call used more of the host than it may.
#[derive(Debug, thiserror::Error)]
#[error("the plugin exceeded a limit: {0}")]
pub struct LimitReached(String);

fn reached(what: impl Into<String>) -> wasmtime::Error {
    wasmtime::Error::from(LimitReached(what.into()))
}

/// The request holds so many resources, and may hold no more.
pub fn too_many_resources(most: usize) -> wasmtime::Error {
    reached(format!("more than {most} resources held in one request"))
}

/// Counts as one open object of its request, and of all requests, until it is dropped.
pub struct OpenObject {
    _of_request: Arc<()>,
    _of_host: Option<Held>,
}

impl OpenObject {
    #[must_use]
    pub fn with(self, of_host: Held) -> Self {
        Self { _of_host: Some(of_host), ..self }
    }
}

/// Bytes that count as kept until this is dropped.
pub struct Kept {
    all: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The account of one call.
pub struct Usage {
    most_kept: u64,
    most_work: u64,
    waiting_calls: u32,
    kept: Arc<AtomicU64>,
    work: u64,
    open_objects: Arc<()>,
    uploads_started: u32,
    uploads_opened: u32,
    has_finished_upload: bool,
    reached_uploads: Option<u64>,
}

impl Usage {
    /// Without limits of its own, as while a plugin describes itself, a call may have the
    /// least.
    pub fn new(limits: Option<DataLimits>) -> Self {
        let (reply, work) = limits.map_or((0, 0), |limits| (limits.reply, limits.work));
        Self {
            most_kept: reply.saturating_add(MOST_KEPT_BESIDE_REPLY),
            most_work: work,
            waiting_calls: 0,
            kept: Arc::default(),
            work: 0,
            open_objects: Arc::default(),
            uploads_started: 0,
            uploads_opened: 0,
            has_finished_upload: false,
            reached_uploads: None,
        }
    }

    /// One more call that may wait.
    pub fn call(&mut self) -> wasmtime::Result<()> {
        self.waiting_calls += 1;
        if self.waiting_calls > MOST_WAITING_CALLS {
            return Err(reached(format!("more than {MOST_WAITING_CALLS} calls in one request")));
        }
        Ok(())
    }

    /// Bytes that the host keeps until the call ends.
    pub fn keep(&self, bytes: usize) -> wasmtime::Result<()> {
        let bytes = bytes as u64;
        if self.kept.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > self.most_kept {
            return Err(reached(format!("more than {} bytes kept in one request", self.most_kept)));
        }
        Ok(())
    }

    /// Bytes that the host keeps as long as the result lives.
    pub fn keep_with(&self, bytes: usize) -> wasmtime::Result<Kept> {
        let kept = Kept { all: Arc::clone(&self.kept), bytes: bytes as u64 };
        self.keep(bytes)?;
        Ok(kept)
    }

    /// Bytes that the host is about to read, hash, unpack, copy or write.
    pub fn work(&mut self, bytes: u64) -> wasmtime::Result<()> {
        self.work = self.work.saturating_add(bytes);
        if self.work > self.most_work {
            return Err(reached(format!(
                "more than {} bytes read, hashed, unpacked, copied or written in one request; see [server.limits] guest_work",
                self.most_work
            )));
        }
        Ok(())
    }

    /// A token for one open object (a file, on a file system), to be kept with it.
    pub fn open_object(&self) -> wasmtime::Result<OpenObject> {
        let token = OpenObject { _of_request: Arc::clone(&self.open_objects), _of_host: None };
        // One is the account's own.
        if Arc::strong_count(&self.open_objects) > MOST_OPEN_OBJECTS + 1 {
            return Err(reached(format!("more than {MOST_OPEN_OBJECTS} objects open in one request")));
        }
        Ok(token)
    }

    pub fn start_upload(&mut self) -> wasmtime::Result<()> {
        self.uploads_started += 1;
        if self.uploads_started > MOST_UPLOADS_STARTED {
            return Err(reached(format!("more than {MOST_UPLOADS_STARTED} uploads started in one request")));
        }
        Ok(())
    }

    /// The caller has `most` uploads open and may not start another. None after an upload was started.
    pub fn reach_uploads(&mut self, most: Option<u64>) {
        self.reached_uploads = most;
    }

    pub fn reached_uploads(&self) -> Option<u64> {
        self.reached_uploads
    }

    pub fn open_upload(&mut self) -> wasmtime::Result<()> {
        self.uploads_opened += 1;
        if self.uploads_opened > MOST_UPLOADS_OPENED {
            return Err(reached(format!("more than {MOST_UPLOADS_OPENED} uploads opened in one request")));
        }
        Ok(())
    }

    /// An upload of so many bytes is about to be finished. The first one costs nothing:
    /// the client sent these bytes. Another, or the same again, is work.
    pub fn finish_upload(&mut self, bytes: u64) -> wasmtime::Result<()> {
        if std::mem::replace(&mut self.has_finished_upload, true) { self.work(bytes) } else { Ok(()) }
    }
}

/// What hashing these bytes costs: they are read, and pass every algorithm.
pub fn hashing(bytes: u64, algorithms: usize) -> u64 {
    bytes.saturating_mul(algorithms.max(1) as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn usage() -> Usage {
        Usage::new(Some(DataLimits { upload: 0, reply: 1 << 20, work: 100, open_uploads: 1 }))
    }

    #[test]
    fn what_is_kept_counts_until_it_is_dropped() {
        let usage = usage();
        for _ in 0..100 {
            drop(usage.keep_with(17 << 20).unwrap());
        }
        let _kept = usage.keep_with(16 << 20).unwrap();
        usage.keep(1 << 20).unwrap();
        assert!(usage.keep(1).is_err());
    }

    #[test]
    fn as_many_objects_are_open_at_once_as_the_contract_says() {
        let usage = usage();
        let mut open: Vec<_> = (0..64).map(|_| usage.open_object().unwrap()).collect();
        assert!(usage.open_object().is_err());
        open.pop();
        open.push(usage.open_object().unwrap());
    }

    #[test]
    fn work_has_an_end() {
        let mut usage = usage();
        usage.finish_upload(1000).unwrap();
        usage.work(hashing(50, 0)).unwrap();
        usage.work(hashing(25, 2)).unwrap();
        assert!(usage.work(1).is_err());
        assert!(self::usage().work(u64::MAX).is_err());
        let mut again = self::usage();
        again.finish_upload(1000).unwrap();
        assert!(again.finish_upload(1000).is_err());
    }
}
