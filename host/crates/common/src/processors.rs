//! Shares the processors among clients. A task of the runtime asks for a time slice before each
//! step of its work, and gives it back after the step. If more tasks want to work than there are
//! processors, they wait, and the clients are served in turn.
//!
//! Of the tasks of one client, the one that began first works first. So a client with many requests has
//! few of them half done, each with its memory.
//!
//! Without this, the runtime would serve all tasks in turn, and a client with two hundred tasks
//! would get two hundred times as much time as a client with one.
//!
//! # Invariants
//! - **No processor is idle while a task waits.** One client alone can use all processors.
//! - **A client that is not working at the moment does not wait for one that is.** It gets a time
//!   slice beyond the number of processors, and the operating system divides the time. There are at
//!   most as many of these as processors. Only then does it wait, for its turn among the clients.
//! - A time slice is never held over an `await`. So holders never wait for each other.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::client::Client;
use crate::rota::Rota;

/// Clones share the processors.
#[derive(Clone, Debug)]
pub struct Processors(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    count: usize,
    /// The number of tasks so far.
    tasks: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    working: usize,
    /// The time slices of each client that has one.
    by: HashMap<Client, usize>,
    waiting: Rota<oneshot::Sender<TimeSlice>>,
}

/// The right to work until this is dropped.
#[must_use = "it is given back as soon as this is dropped"]
#[derive(Debug)]
pub struct TimeSlice {
    processors: Processors,
    client: Client,
}

impl Processors {
    pub fn new(count: usize) -> Self {
        Self(Arc::new(Shared { count: count.max(1), tasks: AtomicU64::new(0), state: Mutex::default() }))
    }

    /// Those of this machine that the process may use.
    pub fn of_machine() -> Self {
        Self::new(count())
    }

    /// How many threads a runtime needs, so that one is free for the network, and for asking, while
    /// all time slices are in use.
    pub fn threads() -> usize {
        count() * 2 + 1
    }

    /// The time slices that one task of a client uses, one after the other.
    pub fn slices(&self, client: Client) -> TimeSlices {
        let task = self.0.tasks.fetch_add(1, Ordering::Relaxed);
        TimeSlices { processors: self.clone(), client, task, waiting: None, waited: Duration::ZERO }
    }

    /// A future each of whose steps uses a time slice of this client.
    pub fn share<F: Future>(&self, client: Client, future: F) -> Sharing<F> {
        Sharing { future: Box::pin(future), slices: self.slices(client) }
    }

    /// Takes a time slice, or a place in the waiting list.
    fn ask(&self, client: Client, task: u64) -> Result<TimeSlice, Waiting> {
        let mut state = self.lock();
        if state.admits(self.0.count, client) {
            state.give(client);
            return Ok(TimeSlice { processors: self.clone(), client });
        }
        let (granted, turn) = oneshot::channel();
        let number = state.waiting.insert(client, task, granted);
        Err(Waiting { processors: self.clone(), client, number, turn, since: Instant::now() })
    }

    /// Gives what one task gave back to the task whose turn it is.
    fn pass_on(&self, from: Client) {
        let next = {
            let mut state = self.lock();
            state.take_back(from);
            let State { working, by, waiting } = &mut *state;
            let next = waiting.next(|client| admits(*working, by, self.0.count, client), |_, _| true);
            if let Some((client, _)) = &next {
                state.give(*client);
            }
            next
        };
        if let Some((client, granted)) = next {
            // A task that gave up meanwhile drops the slice, which passes it on.
            drop(granted.send(TimeSlice { processors: self.clone(), client }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn admits(working: usize, by: &HashMap<Client, usize>, count: usize, client: Client) -> bool {
    working < count || (working < count * 2 && !by.contains_key(&client))
}

impl State {
    fn admits(&self, count: usize, client: Client) -> bool {
        admits(self.working, &self.by, count, client)
    }

    fn give(&mut self, client: Client) {
        self.working += 1;
        *self.by.entry(client).or_insert(0) += 1;
    }

    fn take_back(&mut self, client: Client) {
        self.working = self.working.saturating_sub(1);
        if let Some(own) = self.by.get_mut(&client) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.by.remove(&client);
            }
        }
    }
}

impl Drop for TimeSlice {
    fn drop(&mut self) {
        self.processors.pass_on(self.client);
    }
}

/// A place in the waiting list, left when dropped.
#[derive(Debug)]
struct Waiting {
    processors: Processors,
    client: Client,
    number: u64,
    turn: oneshot::Receiver<TimeSlice>,
    since: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Dropped after the lock is released, as its drop may take the lock.
        let _granted = self.processors.lock().waiting.remove(self.client, self.number);
    }
}

/// The time slices of one task.
#[derive(Debug)]
pub struct TimeSlices {
    processors: Processors,
    client: Client,
    /// Earlier tasks have smaller numbers.
    task: u64,
    waiting: Option<Waiting>,
    /// In all.
    waited: Duration,
}

impl TimeSlices {
    /// The next time slice. The task is woken when it has its turn.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<TimeSlice> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                let turn = ready!(Pin::new(&mut waiting.turn).poll(context));
                self.waited += waiting.since.elapsed();
                self.waiting = None;
                if let Ok(slice) = turn {
                    return Poll::Ready(slice);
                }
            }
            match self.processors.ask(self.client, self.task) {
                Ok(slice) => return Poll::Ready(slice),
                Err(waiting) => self.waiting = Some(waiting),
            }
        }
    }
}

/// A future that works in time slices.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sharing<F> {
    future: Pin<Box<F>>,
    slices: TimeSlices,
}

impl<F: Future> Future for Sharing<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let _slice = ready!(self.slices.poll_next(context));
        let _told = Told::of(self.slices.waited);
        self.future.as_mut().poll(context)
    }
}

thread_local! {
    static WAITED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// How long the task that this thread works on has waited for time slices. Zero for a task that uses
/// none.
pub fn waited() -> Duration {
    WAITED.get()
}

/// What [`waited`] returns until this is dropped.
struct Told;

impl Told {
    fn of(waited: Duration) -> Self {
        WAITED.set(waited);
        Self
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        WAITED.set(Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::task::Waker;

    use super::*;

    fn client(last: u8) -> Client {
        Client::of([192, 0, 2, last].into())
    }

    /// One step of a task: its time slice, if it has its turn.
    fn step(task: &mut TimeSlices) -> Option<TimeSlice> {
        match task.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(slice) => Some(slice),
            Poll::Pending => None,
        }
    }

    /// The clients in the order in which their tasks get a time slice, when each task asks again
    /// at once, and one slice is given back at a time.
    fn order_of_service(processors: &Processors, tasks: &mut [(u8, TimeSlices)], steps: usize) -> Vec<u8> {
        let mut held = std::collections::VecDeque::new();
        let mut order = Vec::new();
        while order.len() < steps {
            for (last, task) in &mut *tasks {
                if let Some(slice) = step(task) {
                    order.push(*last);
                    held.push_back(slice);
                }
            }
            assert!(processors.lock().working <= processors.0.count * 2);
            drop(held.pop_front());
        }
        order
    }

    #[test]
    fn one_client_alone_has_all_processors() {
        let processors = Processors::new(4);
        let mut tasks: Vec<_> = (0..6).map(|_| processors.slices(client(1))).collect();
        let slices: Vec<_> = tasks.iter_mut().filter_map(step).collect();
        assert_eq!(slices.len(), 4);
        drop(slices);
        assert_eq!(tasks.iter_mut().filter_map(step).count(), 6, "one after the other");
    }

    #[test]
    fn a_client_that_does_not_work_is_not_stopped_by_one_that_uses_every_processor() {
        let processors = Processors::new(2);
        let mut busy: Vec<_> = (0..200).map(|_| processors.slices(client(1))).collect();
        let slices: Vec<_> = busy.iter_mut().filter_map(step).collect();
        assert_eq!(slices.len(), 2);
        let mut other = processors.slices(client(2));
        let mut others_second = processors.slices(client(2));
        let slice = step(&mut other).unwrap();
        assert!(step(&mut others_second).is_none(), "its second task waits");
        drop(slice);
        drop(step(&mut others_second).unwrap());
    }

    #[test]
    fn when_every_slice_is_taken_clients_are_served_in_turn() {
        let processors = Processors::new(1);
        let mut tasks: Vec<_> = (0..40).map(|_| (1, processors.slices(client(1)))).collect();
        tasks.extend((2..6).map(|last| (last, processors.slices(client(last)))));
        let order = order_of_service(&processors, &mut tasks, 60);
        // While one of the clients with one task has its slice, only the others wait.
        for round in order.windows(6) {
            assert!((2..6).all(|client| round.contains(&client)), "{round:?} in {order:?}");
            assert!(round.iter().filter(|client| matches!(client, 1)).count() <= 2, "{round:?} in {order:?}");
        }
    }

    #[test]
    fn a_task_that_gives_up_passes_its_turn_on() {
        let processors = Processors::new(1);
        let slice = step(&mut processors.slices(client(1))).unwrap();
        let mut waits: Vec<_> = (0..3).map(|_| processors.slices(client(1))).collect();
        assert!(waits.iter_mut().all(|task| step(task).is_none()));
        // The first gives up before its turn, the second after.
        let mut waits = waits.into_iter();
        drop(waits.next());
        drop(slice);
        drop(waits.next());
        drop(step(&mut waits.next().unwrap()).unwrap());
        let state = processors.lock();
        assert!(state.working == 0 && state.by.is_empty() && state.waiting.is_empty());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 3)]
    async fn tasks_of_many_clients_all_come_to_their_end() {
        let processors = Processors::new(1);
        let tasks: Vec<_> = (0..200)
            .map(|number: u8| {
                let work = async move {
                    for _ in 0..20 {
                        tokio::task::yield_now().await;
                    }
                    number
                };
                tokio::spawn(processors.share(client(number % 7), work))
            })
            .collect();
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(usize::from(task.await.unwrap()), number);
        }
        assert_eq!(processors.lock().working, 0);
    }
}
