//! Faults below HTTP. A handler may take over its connection: whatever the
//! HTTP library would write, other bytes go out instead, or none, and then the
//! connection is closed. So a caller meets what a broken network shows it.

use std::future::Future as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::http::StatusCode;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Sleep, sleep};

use crate::wire::Answer;

/// In how many pieces a slow answer comes.
const PIECES: u32 = 10;

/// What goes out instead of the answer, before the connection is closed.
pub(crate) struct Takeover {
    bytes: Vec<u8>,
    sent: usize,
    piece: usize,
    pause: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Takeover {
    /// Nothing at all.
    pub(crate) const fn silence() -> Self {
        Self { bytes: Vec::new(), sent: 0, piece: 1, pause: Duration::ZERO, timer: None }
    }

    /// The head with the whole length, and half of the body.
    pub(crate) fn half_of(answer: &Answer) -> Self {
        let (mut bytes, body) = (head(answer), answer.body.bytes());
        bytes.extend_from_slice(&body[..body.len() / 2]);
        let piece = bytes.len();
        Self { bytes, sent: 0, piece, pause: Duration::ZERO, timer: None }
    }

    /// The whole answer, in pieces that are spread over the time.
    pub(crate) fn slowly(answer: &Answer, over: Duration) -> Self {
        let mut bytes = head(answer);
        bytes.extend_from_slice(&answer.body.bytes());
        let piece = bytes.len().div_ceil(PIECES as usize);
        Self { bytes, sent: 0, piece, pause: over / PIECES, timer: None }
    }

    /// Writes on until all is sent; ends with the error that makes the HTTP
    /// library let go of the connection.
    fn poll(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
                self.timer = None;
            }
            if self.sent == self.bytes.len() {
                return Poll::Ready(io::ErrorKind::ConnectionReset.into());
            }
            let piece_end = self.bytes.len().min(self.sent - self.sent % self.piece + self.piece);
            match ready!(Pin::new(&mut *stream).poll_write(cx, &self.bytes[self.sent..piece_end])) {
                Ok(written) => self.sent += written,
                Err(error) => return Poll::Ready(error),
            }
            if self.sent == piece_end && !self.pause.is_zero() {
                self.timer = Some(Box::pin(sleep(self.pause)));
            }
        }
    }
}

fn head(answer: &Answer) -> Vec<u8> {
    let status = StatusCode::from_u16(answer.status).expect("a script's status is from 200 to 599");
    let mut head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n",
        answer.body.content_type(),
        answer.body.bytes().len(),
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// The handler's end of one connection.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<Mutex<Option<Takeover>>>);

impl Line {
    /// From now on nothing else is written to the connection.
    pub(crate) fn take_over(&self, takeover: Takeover) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(takeover);
    }
}

impl Connected<IncomingStream<'_, Lines>> for Line {
    fn connect_info(incoming: IncomingStream<'_, Lines>) -> Self {
        incoming.io().line.clone()
    }
}

/// A TCP listener whose connections can be taken over.
pub(crate) struct Lines(pub TcpListener);

impl Listener for Lines {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Without it small answers wait for the other side's acknowledgement;
        // where it fails they are merely later.
        let _ = stream.set_nodelay(true);
        (Connection { stream, line: Line::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

pub(crate) struct Connection {
    stream: TcpStream,
    line: Line,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, line } = self.get_mut();
        let mut takeover = line.0.lock().unwrap_or_else(PoisonError::into_inner);
        match takeover.as_mut() {
            Some(takeover) => takeover.poll(stream, cx).map(Err),
            None => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
