//! A provider that only records: raw HTTP in, canned answers out.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A request, as its bytes came.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it had come whole.
    pub at: Instant,
    /// Method and path, such as `GET /api/…`.
    pub target: String,
    /// Its header lines.
    pub headers: Vec<String>,
    /// Its body.
    pub body: String,
}

/// A status and a JSON body.
pub type Answer = (u16, String);

/// Serves until the process ends.
pub struct Recorder {
    origin: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Request {
    /// A header's value, if it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter().filter_map(|line| line.split_once(": "));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Recorder {
    /// Answers each request as `answer` says.
    pub fn start(mut answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                // A caller that is killed leaves half a request; what matters is who came through.
                let _ = serve(&connection.unwrap(), &kept, &mut answer);
            }
        });
        Self { origin, requests }
    }

    /// What goes into Gangway's settings.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Every request so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }
}

fn serve(
    mut connection: &TcpStream,
    requests: &Mutex<Vec<Request>>,
    answer: &mut impl FnMut(&Request) -> Answer,
) -> std::io::Result<()> {
    let request = read(&mut BufReader::new(connection))?;
    lock(requests).push(request.clone());
    let (status, body) = answer(&request);
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status} Whatever\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

fn read(connection: &mut impl BufRead) -> std::io::Result<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line)?;
        match line.trim_end_matches("\r\n") {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    if lines.is_empty() {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let target = lines.remove(0).trim_end_matches(" HTTP/1.1").to_owned();
    let mut request = Request { at: Instant::now(), target, headers: lines, body: String::new() };
    let length: u64 = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    connection.take(length).read_to_string(&mut request.body)?;
    request.at = Instant::now();
    Ok(request)
}

fn lock(requests: &Mutex<Vec<Request>>) -> MutexGuard<'_, Vec<Request>> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}
