//! A stream whose other side has to read: an answer that is not taken in time ends the connection.

use std::future::{Future, Pending, pending};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Timeout;

/// Counts from the first write that has to wait until everything that was written is gone.
pub(super) struct Patient<S> {
    stream: S,
    within: Duration,
    waiting: Option<Pin<Box<Timeout<Pending<()>>>>>,
}

impl<S> Patient<S> {
    pub fn new(stream: S, within: Duration) -> Patient<S> {
        Patient {
            stream,
            within,
            waiting: None,
        }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, found: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if found.is_ready() {
            return found;
        }
        let within = self.within;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::timeout(within, pending())));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let found = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, found)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let found = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(found, Poll::Ready(Ok(()))) {
            self.waiting = None;
        }
        self.judge(cx, found)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let found = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.judge(cx, found)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let found = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge(cx, found)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
