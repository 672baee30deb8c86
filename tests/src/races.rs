//! Many at the same moment, and how often.

use crate::{Answer, Registry};
use futures_util::future::join_all;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio::task::{JoinHandle, yield_now};

/// Runs `count` of them, each in a task of its own, let go at one moment; results in order.
pub async fn at_once<T, F>(count: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let tasks = (0..count).map(|number| {
        let (barrier, work) = (Arc::clone(&barrier), work(number));
        tokio::spawn(async move {
            barrier.wait().await;
            work.await
        })
    });
    join_all(tasks).await.into_iter().map(|result| result.expect("no task panics")).collect()
}

/// Lets six clients send fifteen requests each, one after the other, to the same document: some publish,
/// some delete. `send` gets the number of the client and of its request. Each of them succeeds, or finds
/// that somebody else was faster; none finds anything damaged.
pub async fn contend<F>(send: impl Fn(usize, usize) -> F + Clone + Send + Sync + 'static)
where
    F: Future<Output = Answer> + Send,
{
    let answers = at_once(6, |number| {
        let send = send.clone();
        async move {
            let mut answers = Vec::new();
            for turn in 0..15 {
                answers.push(send(number, turn).await);
            }
            answers
        }
    });
    for answer in answers.await.concat() {
        let status = answer.status.as_u16();
        assert!([200, 201, 202, 204, 404, 409, 503].contains(&status), "{answer:?}");
    }
}

/// Is this the long run (`--tier soak`), or the sample that every run has?
pub fn in_full() -> bool {
    std::env::var_os("PACKHOUSE_SOAK").is_some()
}

/// How many rounds: all of them in the long run, a sample otherwise.
pub fn rounds(all: u64, sample: u64) -> u64 {
    if in_full() { all } else { sample }
}

/// Kills the registry during an attempt and starts it again; gives what the attempt was told. The
/// moment differs with the round: as soon as it is sent, when something of it has a key, when it has
/// an answer. `before` is how many keys there were when it was sent.
pub async fn kill_during<T>(round: u64, registry: &mut Registry, before: usize, attempt: JoinHandle<T>) -> T {
    match round % 3 {
        0 => yield_now().await,
        1 => {
            while registry.keys().len() == before && !attempt.is_finished() {
                yield_now().await;
            }
        }
        _ => {
            while !attempt.is_finished() {
                yield_now().await;
            }
        }
    }
    registry.kill().await;
    let told = attempt.await.expect("the task does not panic");
    registry.start_again().await;
    told
}
