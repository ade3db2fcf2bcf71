//! A receiver that answers as a test says, and remembers what it took.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use notifications::Headers;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This status, without a body.
    Status(u16),
    /// 503, and when to come again.
    RetryAfter(u32),
    /// Somewhere else, which would take it.
    Redirect,
    /// Nothing, and the connection stays.
    Hang,
    /// Nothing, and the connection is closed.
    HangUp,
    /// 200, and a body that never ends.
    EndlessBody,
    /// It takes the message, and closes the connection before it says so.
    TakeAndHangUp,
}

/// A message that arrived, whatever was answered.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub headers: Headers,
    pub body: Vec<u8>,
    pub path: String,
    /// Whether the receiver took it.
    pub taken: bool,
}

impl Arrived {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    serving: Arc<Mutex<JoinSet<()>>>,
}

impl Receiver {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            answer: Arc::new(Mutex::new(answer)),
            arrived: Arc::default(),
            serving: Arc::default(),
        };
        receiver.serve(listener);
        receiver
    }

    fn serve(&self, listener: TcpListener) {
        let (answer, arrived) = (Arc::clone(&self.answer), Arc::clone(&self.arrived));
        self.serving.lock().unwrap().spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(converse(stream, Arc::clone(&answer), Arc::clone(&arrived)));
            }
        });
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Nobody listens any more.
    pub async fn die(&self) {
        let mut serving = std::mem::take(&mut *self.serving.lock().unwrap());
        serving.shutdown().await;
    }

    /// It listens again, where it did.
    pub async fn rise(&self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serve(listener);
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// The ids of what it took, with the bodies, each once, in the order in which it first did.
    pub fn taken(&self) -> Vec<(String, Value)> {
        let mut taken: Vec<(String, Value)> = Vec::new();
        for arrived in self.arrived().iter().filter(|arrived| arrived.taken) {
            if taken.iter().all(|(id, _)| *id != arrived.headers.id) {
                taken.push((arrived.headers.id.clone(), arrived.json()));
            }
        }
        taken
    }

    /// The versions that it took of each onboarding, in order.
    pub fn versions(&self) -> BTreeMap<String, Vec<u64>> {
        let mut versions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (_, body) in self.taken() {
            let id = body["data"]["onboardingId"].as_str().unwrap().to_owned();
            versions.entry(id).or_default().push(body["data"]["version"].as_u64().unwrap());
        }
        versions
    }
}

async fn converse(
    mut stream: TcpStream,
    answer: Arc<Mutex<Answer>>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
) {
    let Some(mut message) = read(&mut stream).await else { return };
    let answer = *answer.lock().unwrap();
    message.taken =
        matches!(answer, Answer::Status(200..=299) | Answer::EndlessBody | Answer::TakeAndHangUp);
    arrived.lock().unwrap().push(message);
    let head = match answer {
        Answer::Status(status) => {
            format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        Answer::RetryAfter(seconds) => format!(
            "HTTP/1.1 503 X\r\nretry-after: {seconds}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ),
        Answer::Redirect => {
            "HTTP/1.1 307 X\r\nlocation: /taken\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                .to_owned()
        }
        Answer::Hang => {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            return;
        }
        Answer::HangUp | Answer::TakeAndHangUp => return,
        Answer::EndlessBody => "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
    };
    let mut sent = stream.write_all(head.as_bytes()).await;
    while answer == Answer::EndlessBody && sent.is_ok() {
        sent = stream.write_all(&[b"400\r\n", &[b'x'; 0x400][..], b"\r\n"].concat()).await;
    }
}

async fn read(stream: &mut TcpStream) -> Option<Arrived> {
    let mut bytes = Vec::new();
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let header = |name: &str| {
                let lines = head.lines().filter_map(|line| line.split_once(": "));
                let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
                found.next().map_or(String::new(), |(_, value)| value.to_owned())
            };
            let length: usize = header("content-length").parse().unwrap();
            let body = &bytes[end + 4..];
            if body.len() >= length {
                return Some(Arrived {
                    headers: Headers {
                        id: header("webhook-id"),
                        timestamp: header("webhook-timestamp"),
                        signature: header("webhook-signature"),
                    },
                    body: body[..length].to_vec(),
                    path: head.split(' ').nth(1).unwrap().to_owned(),
                    taken: false,
                });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
