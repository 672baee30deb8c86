//! Staging in a service without renames. Few bytes stay in memory until they get their key. More
//! bytes become part objects, of which several are sent at a time.
//!
//! # Invariants
//! - **All bytes in memory are reserved in the process's budget.** If the next bytes of an upload
//!   do not come, and others wait for memory, the upload sends what it has and releases its memory.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::budget::Reservation;
use super::join::LEAST_COPIED;
use super::parts::{PART, Parts, PrivateObjects};
use super::remote::RemoteContent;
use super::{Bucket, Contents};
use crate::error::{Result, StorageError};
use crate::store::{Content, Material, Sink};

/// A part whose next bytes take longer makes room for others who wait.
const MOMENT: Duration = Duration::from_millis(500);

pub(super) struct BucketSink(State);

enum State {
    /// The first pieces: there may be no more.
    Small(Arc<Bucket>, String, Gathered),
    Large(Collector),
}

/// Bytes of one part, and the room they take.
#[derive(Default)]
struct Gathered {
    pieces: Vec<Bytes>,
    size: u64,
    room: Option<Reservation>,
}

impl BucketSink {
    /// Part objects go into `folder`, a private one that ends with `/`.
    pub fn new(store: Arc<Bucket>, folder: String) -> Self {
        Self(State::Small(store, folder, Gathered::default()))
    }
}

#[async_trait]
impl Sink for BucketSink {
    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        if let State::Small(store, folder, gathered) = &mut self.0 {
            if gathered.pieces.is_empty() {
                return gathered.add(store, pieces).await;
            }
            let first = std::mem::take(gathered);
            self.0 = State::Large(Collector::start(Arc::clone(store), std::mem::take(folder), first));
        }
        match &mut self.0 {
            State::Large(collector) => collector.send(Message::Pieces(pieces)).await,
            State::Small(..) => Ok(()),
        }
    }

    /// Can the service copy this object as a part?
    fn can_copy(&self, content: &Content) -> bool {
        let store = match &self.0 {
            State::Small(store, ..) => store,
            State::Large(collector) => &collector.store,
        };
        let is_remote = content.form::<RemoteContent>().is_some();
        is_remote && store.honoured.copy_version && content.size() >= LEAST_COPIED
    }

    /// The service copies the bytes in the commit.
    async fn copy(&mut self, content: &Content) -> Result<()> {
        if let State::Small(store, folder, gathered) = &mut self.0 {
            let first = std::mem::take(gathered);
            self.0 = State::Large(Collector::start(Arc::clone(store), std::mem::take(folder), first));
        }
        match &mut self.0 {
            State::Large(collector) => collector.send(Message::Object(content.clone())).await,
            State::Small(..) => Ok(()),
        }
    }

    async fn close(self: Box<Self>) -> Result<(Material, Content)> {
        match self.0 {
            State::Small(_, _, gathered) => Ok(gathered.into_material()),
            State::Large(collector) => collector.close().await,
        }
    }
}

impl Gathered {
    /// The first pieces: there may be no more, so no more room is taken than they need.
    async fn add(&mut self, store: &Bucket, pieces: Vec<Bytes>) -> Result<()> {
        self.size += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.pieces.extend(pieces);
        if self.room.is_none() {
            self.room = Some(store.budget.reserve(self.size).await?);
        }
        Ok(())
    }

    fn into_material(mut self) -> (Material, Content) {
        if let Some(room) = &mut self.room {
            room.shrink(self.size);
        }
        let content = Content::Memory(joined(self.pieces));
        let parts = vec![content.clone()];
        (Material::new(Contents { parts, objects: None, _room: self.room }), content)
    }
}

enum Message {
    Pieces(Vec<Bytes>),
    /// A stored object, which stays where it is.
    Object(Content),
    End,
}

/// The task that makes parts of what comes. It ends by itself when nobody is left who
/// could send more, and removes what it has written then.
struct Collector {
    store: Arc<Bucket>,
    to: mpsc::Sender<Message>,
    task: JoinHandle<Result<(Material, Content)>>,
}

impl Collector {
    fn start(store: Arc<Bucket>, folder: String, first: Gathered) -> Self {
        let (to, from) = mpsc::channel(1);
        Self { store: Arc::clone(&store), to, task: tokio::spawn(collect(store, folder, first, from)) }
    }

    async fn send(&mut self, message: Message) -> Result<()> {
        match self.to.send(message).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.failure().await),
        }
    }

    async fn close(self) -> Result<(Material, Content)> {
        // Its end says why, if it has ended early.
        drop(self.to.send(Message::End).await);
        self.task.await?
    }

    /// It does not listen any more: why?
    async fn failure(&mut self) -> StorageError {
        match (&mut self.task).await {
            Ok(Err(error)) => error,
            Ok(Ok(_)) => StorageError::other("written after its end"),
            Err(error) => error.into(),
        }
    }
}

async fn collect(
    store: Arc<Bucket>,
    folder: String,
    first: Gathered,
    mut from: mpsc::Receiver<Message>,
) -> Result<(Material, Content)> {
    let mut parts = Parts::new(Arc::clone(&store), folder.clone());
    let mut part = first;
    let gathered = gather(&store, &mut parts, &mut part, &mut from).await;
    let settled = match gathered {
        Ok(()) if parts.is_empty() => return Ok(part.into_material()),
        Ok(()) => finish(&mut parts, part).await,
        Err(error) => Err(error),
    };
    match settled {
        Ok(contents) => Ok(of_parts(&store, contents, &folder)),
        Err(error) => {
            // Whoever waits for the reason hears it before the tidying.
            tokio::spawn(parts.discard());
            Err(error)
        }
    }
}

/// Until the end; `Truncated` when nobody is left who could say that it was all.
async fn gather(
    store: &Bucket,
    parts: &mut Parts,
    part: &mut Gathered,
    from: &mut mpsc::Receiver<Message>,
) -> Result<()> {
    if part.size > 0 && !part.room.as_mut().is_some_and(|room| room.grow(PART)) {
        send(parts, part).await?;
    }
    loop {
        let message = if part.size == 0 {
            from.recv().await
        } else {
            tokio::select! {
                message = from.recv() => message,
                () = others_wait(store) => {
                    send(parts, part).await?;
                    continue;
                }
            }
        };
        match message {
            Some(Message::Pieces(pieces)) => take(store, parts, part, pieces).await?,
            Some(Message::Object(content)) => {
                if part.size > 0 {
                    send(parts, part).await?;
                }
                parts.put_between(content);
            }
            Some(Message::End) => return Ok(()),
            None => return Err(StorageError::Truncated),
        }
    }
}

/// Ends after a moment without bytes, as soon as others wait for room.
async fn others_wait(store: &Bucket) {
    let mut moments = tokio::time::interval_at(Instant::now() + MOMENT, MOMENT);
    loop {
        moments.tick().await;
        if store.budget.is_waited_for() {
            return;
        }
    }
}

/// Fills the part, sends it when it is full, and goes on with the next.
async fn take(store: &Bucket, parts: &mut Parts, part: &mut Gathered, pieces: Vec<Bytes>) -> Result<()> {
    for mut piece in pieces {
        while !piece.is_empty() {
            if part.room.is_none() {
                part.room = Some(store.budget.reserve(PART).await?);
            }
            let left = usize::try_from(PART - part.size).unwrap_or(usize::MAX);
            let fitting = piece.split_to(piece.len().min(left));
            part.size += fitting.len() as u64;
            part.pieces.push(fitting);
            if part.size >= PART {
                send(parts, part).await?;
            }
        }
    }
    Ok(())
}

async fn send(parts: &mut Parts, part: &mut Gathered) -> Result<()> {
    let Gathered { pieces, room, .. } = std::mem::take(part);
    parts.send(pieces, room).await
}

async fn finish(parts: &mut Parts, mut part: Gathered) -> Result<Vec<Content>> {
    if part.size > 0 {
        send(parts, &mut part).await?;
    }
    parts.settle().await
}

fn of_parts(store: &Bucket, contents: Vec<Content>, folder: &str) -> (Material, Content) {
    let objects = Some(PrivateObjects::of(&store.operator, &contents, folder));
    let content = Content::chain(contents.clone());
    (Material::new(Contents { parts: contents, objects, _room: None }), content)
}

fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() <= 1 {
        return pieces.pop().unwrap_or_default();
    }
    pieces.concat().into()
}
