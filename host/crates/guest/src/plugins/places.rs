//! Where plugins are compiled: at most two at a time, each in its own threads. A small plugin never
//! waits for two large ones.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Files up to this size, in bytes, compile within a few seconds.
const SMALL: usize = 2 << 20;

/// One place for any file, and one for small files only. While a large file compiles, other large
/// files wait, and small ones do not.
#[derive(Debug)]
pub(super) struct Places {
    any: Arc<Semaphore>,
    small: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self { any: Arc::new(Semaphore::new(1)), small: Arc::new(Semaphore::new(1)) }
    }
}

impl Places {
    /// Waits for a place for a file of this size. None only when the program ends.
    pub async fn enter(&self, size: usize) -> Option<OwnedSemaphorePermit> {
        let any = Arc::clone(&self.any).acquire_owned();
        if size > SMALL {
            return any.await.ok();
        }
        tokio::select! {
            biased;
            place = Arc::clone(&self.small).acquire_owned() => place.ok(),
            place = any => place.ok(),
        }
    }
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    #[error("no thread can be started: {0}")]
    NoThread(std::io::Error),
    #[error("the compiler broke down")]
    Panicked,
}

/// Runs the work in its own thread and its parallel parts in their own pool. In a shared pool, a
/// short compilation would wait for the parts of a long one.
pub(super) async fn apart<T, W>(work: W) -> Result<T, NotDone>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let (done, result) = oneshot::channel();
    let work = move || {
        let threads = rayon::ThreadPoolBuilder::new().thread_name(|_| "compile".to_owned()).build();
        // If no pool can be created, the work uses the shared one.
        let worked = match threads {
            Ok(threads) => threads.install(work),
            Err(_) => work(),
        };
        let _ = done.send(worked);
    };
    let thread = std::thread::Builder::new().name("compile".to_owned()).spawn(work);
    thread.map_err(NotDone::NoThread)?;
    result.await.map_err(|_| NotDone::Panicked)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[tokio::test]
    async fn two_large_files_leave_a_place_for_small_ones() {
        let places = Places::default();
        let _large = places.enter(SMALL + 1).await.unwrap();
        let mut second = std::pin::pin!(places.enter(SMALL + 1));
        assert!(futures_util::poll!(&mut second).is_pending(), "one large file at a time");
        let small = places.enter(SMALL).await.unwrap();
        let mut third = std::pin::pin!(places.enter(1));
        assert!(futures_util::poll!(&mut third).is_pending(), "two files at a time");
        drop(small);
        assert!(third.await.is_some());
        assert!(futures_util::poll!(&mut second).is_pending(), "the place for small ones is not for it");
    }

    #[tokio::test]
    async fn two_small_files_compile_at_a_time() {
        let places = Places::default();
        let _both = (places.enter(1).await.unwrap(), places.enter(1).await.unwrap());
        assert!(futures_util::poll!(std::pin::pin!(places.enter(1))).is_pending());
    }

    #[tokio::test]
    async fn work_that_breaks_down_is_an_error_of_its_own() {
        assert!(matches!(apart(|| 7).await, Ok(7)));
        let broken = apart(|| assert!(std::hint::black_box(false), "as asked")).await;
        assert!(matches!(broken, Err(NotDone::Panicked)));
    }
}
