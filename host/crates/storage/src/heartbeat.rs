//! Heartbeats. A host that holds something writes a document again and again. When that stops,
//! other hosts consider it dead. It does not know what is held or written.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The document of a heartbeat.
#[async_trait]
pub trait Pulse: Send + 'static {
    /// Writes one beat. The previous one was written at `last`.
    async fn beat(&mut self, last: Instant) -> Beat;
}

/// The result of one beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    Given,
    /// It failed. The next one may succeed.
    Missed,
    /// Another host has taken over. There will be no more beats.
    Lost,
}

/// Beats until it is stopped or dropped, or another host has taken over.
pub struct Heartbeat<P> {
    lost: CancellationToken,
    end: oneshot::Sender<()>,
    beating: AbortOnDropHandle<P>,
}

impl<P: Pulse> Heartbeat<P> {
    /// The caller has already written the first beat.
    pub fn start(every: Duration, pulse: P) -> Self {
        let (lost, (end, ended)) = (CancellationToken::new(), oneshot::channel());
        let beating = tokio::spawn(keep_beating(every, pulse, ended, lost.clone()));
        Self { lost, end, beating: AbortOnDropHandle::new(beating) }
    }

    /// Cancelled when another host has taken over.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Stops the beats before it returns. None if another host has taken over.
    pub async fn stop(self) -> Option<P> {
        // If another host has taken over, nothing receives this.
        let _ = self.end.send(());
        let pulse = self.beating.await.ok()?;
        (!self.lost.is_cancelled()).then_some(pulse)
    }
}

async fn keep_beating<P: Pulse>(
    every: Duration,
    mut pulse: P,
    mut ended: oneshot::Receiver<()>,
    lost: CancellationToken,
) -> P {
    let mut given = Instant::now();
    let mut beats = tokio::time::interval_at(given + every, every);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = &mut ended => return pulse,
            _ = beats.tick() => {}
        }
        match pulse.beat(given).await {
            Beat::Given => given = Instant::now(),
            Beat::Missed => {}
            Beat::Lost => {
                lost.cancel();
                return pulse;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use tokio::sync::mpsc;

    use super::*;

    const OFTEN: Duration = Duration::from_millis(1);

    /// Passes each beat the time of the previous one, and reacts to its result.
    struct Told {
        signs: mpsc::UnboundedSender<Instant>,
        then: Vec<Beat>,
    }

    #[async_trait]
    impl Pulse for Told {
        async fn beat(&mut self, last: Instant) -> Beat {
            let _ = self.signs.send(last);
            self.then.pop().unwrap_or(Beat::Given)
        }
    }

    #[tokio::test]
    async fn signs_are_given_until_it_is_stopped_and_one_that_is_missed_is_not_the_last() {
        let (signs, mut given) = mpsc::unbounded_channel();
        let began = Instant::now();
        let heart = Heartbeat::start(OFTEN, Told { signs, then: vec![Beat::Missed] });
        let (first, second) = (given.recv().await.unwrap(), given.recv().await.unwrap());
        assert_eq!(first, second, "nothing was given in between");
        assert!(given.recv().await.unwrap() > second && second >= began);
        assert!(!heart.lost().is_cancelled());
        drop(heart.stop().await.unwrap());
        while given.recv().await.is_some() {}
    }

    #[tokio::test]
    async fn what_is_lost_is_told_and_not_given_back() {
        let (signs, mut given) = mpsc::unbounded_channel();
        let heart = Heartbeat::start(OFTEN, Told { signs, then: vec![Beat::Lost] });
        heart.lost().cancelled().await;
        given.recv().await.unwrap();
        assert!(heart.stop().await.is_none());
        assert!(given.recv().await.is_none(), "it went on");
    }
}
