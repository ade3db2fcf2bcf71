//! A server that answers with the bytes that a test gives it, and keeps what it was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossmint::{ApiForm, ApiKey, Client, Settings};
use onboarding::{Failure, UserLocator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with one connection.
pub enum Reply {
    /// Reads the request, writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Reads no more than the request's head, writes these bytes, and lets the rest run out.
    Early(Vec<u8>),
    /// Writes these bytes before anything is read, and lets the rest run out.
    Greeting(Vec<u8>),
    /// Reads the request, writes these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Resets the connection at once.
    ResetUnread,
    /// Reads the request and says nothing until the client hangs up.
    Silence,
    /// Reads the request, writes these bytes and then a byte at a time, without end.
    Drip(Vec<u8>),
}

/// An answer with a body and its length.
pub fn answer(status: u16, body: &str) -> Reply {
    answer_with(status, "content-type: application/json", body)
}

/// An answer with header lines of its own.
pub fn answer_with(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(
        format!(
            "HTTP/1.1 {status} Whatever\r\nconnection: close\r\n{headers}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes(),
    )
}

/// One request as it came.
#[derive(Clone)]
pub struct Request {
    /// `PUT /path HTTP/1.1`, and a header a line.
    pub head: String,
    pub body: String,
}

impl Request {
    /// Method and path.
    pub fn target(&self) -> &str {
        self.head.lines().next().unwrap().strip_suffix(" HTTP/1.1").unwrap()
    }

    /// A header's value, if it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

pub struct Server {
    pub origin: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves one connection a reply, one after the other.
    pub async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            for reply in replies {
                let (stream, _) = listener.accept().await.unwrap();
                serve(stream, reply, &kept).await;
            }
        });
        Self { origin, requests, task }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Settings for this server, for the quickstart's form of the API.
    pub fn settings(&self) -> Settings {
        settings(&self.origin)
    }

    pub fn client(&self) -> Client {
        Client::new(self.settings()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Settings for the quickstart's form of the API, with time-outs that no test waits long for.
pub fn settings(origin: &str) -> Settings {
    let mut settings = Settings::new(origin, ApiKey::new("sk_staging_test"));
    settings.api = ApiForm::Quickstart;
    settings.call_timeout_ms = 10_000;
    settings
}

pub fn user() -> UserLocator {
    "userId:johnd-123".parse().unwrap()
}

/// A failure without its message, in one line.
pub fn line(failure: &Failure) -> String {
    let Failure { class, http_status, retry_after_ms, effect, message: _ } = failure;
    let status = http_status.map_or("-".to_owned(), |status| status.to_string());
    let retry = retry_after_ms.map_or(String::new(), |ms| format!(" after {ms}"));
    format!("{status} {} {effect:?}{retry}", class.as_str())
}

async fn serve(mut stream: TcpStream, reply: Reply, requests: &Mutex<Vec<Request>>) {
    match reply {
        Reply::Bytes(bytes) => {
            keep(&mut stream, requests).await;
            // The client may have gone as soon as it had enough.
            let _ = stream.write_all(&bytes).await;
        }
        Reply::Early(bytes) => {
            read_head(&mut stream).await;
            run_out(stream, &bytes).await;
        }
        Reply::Greeting(bytes) => run_out(stream, &bytes).await,
        Reply::Reset(bytes) => {
            keep(&mut stream, requests).await;
            stream.write_all(&bytes).await.unwrap();
            stream.set_zero_linger().unwrap();
        }
        Reply::ResetUnread => stream.set_zero_linger().unwrap(),
        Reply::Silence => {
            keep(&mut stream, requests).await;
            assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "the client said more");
        }
        Reply::Drip(bytes) => {
            keep(&mut stream, requests).await;
            stream.write_all(&bytes).await.unwrap();
            let mut drip = tokio::time::interval(Duration::from_millis(5));
            while stream.write_all(b" ").await.is_ok() {
                drip.tick().await;
            }
        }
    }
}

async fn run_out(mut stream: TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    // However the client hangs up is its own affair.
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

async fn keep(stream: &mut TcpStream, requests: &Mutex<Vec<Request>>) {
    let (head, mut body) = read_head(stream).await;
    let request = Request { head, body: String::new() };
    let length: usize = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    let mut rest = vec![0; length - body.len()];
    stream.read_exact(&mut rest).await.unwrap();
    body.extend(rest);
    requests.lock().unwrap().push(Request { body: String::from_utf8(body).unwrap(), ..request });
}

/// The head, and what of the body came with it.
async fn read_head(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = read.split_off(end + 4);
            return (String::from_utf8(read).unwrap(), body);
        }
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "the client hung up early");
    }
}
