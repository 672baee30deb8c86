//! The socket as hyper sees it. It records progress for the limits of time. A socket that is closed
//! before its client has sent everything lingers: it is shut down for writing, and the host drops
//! further bytes for a while, so that the kernel does not send a reset that overtakes the last
//! response (RFC 9112 §9.6). It also adds a sentence to hyper's answer to a head that cannot be
//! read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::progress::Progress;
use super::unreadable;

/// How long a closed socket lingers in all, and without a byte from its client.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_SILENCE: Duration = Duration::from_secs(5);

pub(super) struct Socket {
    /// None only while it is dropped.
    stream: Option<TcpStream>,
    progress: Arc<Progress>,
    instead: Option<Instead>,
}

/// What is sent in the place of hyper's bytes.
struct Instead {
    answer: Vec<u8>,
    sent: usize,
    /// How many bytes of hyper's it stands for.
    replaces: usize,
}

impl Socket {
    pub fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self { stream: Some(stream), progress, instead: None }
    }

    /// Sends these bytes, or others in their place, and then says that all of these are sent.
    fn poll_send(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.instead.is_none() && !self.progress.has_request() {
            let answer = unreadable::explained(bytes);
            self.instead = answer.map(|answer| Instead { answer, sent: 0, replaces: bytes.len() });
        }
        let Some(mut instead) = self.instead.take() else {
            return self.stream()?.poll_write(context, bytes);
        };
        while let Some(rest) = instead.answer.get(instead.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream()?.poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(more)) => instead.sent += more,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.instead = Some(instead);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(instead.replaces))
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn note_written<Written>(&self, polled: &Poll<io::Result<Written>>) {
        match polled {
            Poll::Ready(_) => self.progress.note_write(),
            Poll::Pending => self.progress.note_blocked(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = self.stream()?.poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.progress.note_read();
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = self.poll_send(context, bytes);
        self.note_written(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = match buffers {
            [bytes] => self.poll_send(context, bytes),
            [bytes, ..] if self.instead.is_some() => self.poll_send(context, bytes),
            buffers => self.stream()?.poll_write_vectored(context, buffers),
        };
        self.note_written(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_shutdown(context)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.progress.lingers() {
            return;
        }
        let stream = self.stream.take();
        if let (Some(stream), Ok(runtime)) = (stream, tokio::runtime::Handle::try_current()) {
            runtime.spawn(linger(stream, Arc::clone(&self.progress)));
        }
    }
}

/// Holds the connection's place among those allowed until it is really closed.
async fn linger(mut stream: TcpStream, progress: Arc<Progress>) {
    let all = async {
        // Done before when hyper ended well; failing means that nobody listens.
        let _ = stream.shutdown().await;
        let mut waste = vec![0; 16 << 10];
        while let Ok(Ok(1..)) = tokio::time::timeout(LINGER_SILENCE, stream.read(&mut waste)).await {}
    };
    tokio::select! {
        _ = tokio::time::timeout(LINGER, all) => {}
        // Somebody needs the place.
        () = progress.cut().cancelled() => {}
    }
}
