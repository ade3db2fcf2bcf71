//! A client of the API that does nothing by itself: one connection a request, and the answer as
//! it came.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::{PATIENCE, wait_until};

/// The API of a running `serve`, as one client sees it.
#[derive(Clone)]
pub struct Api {
    authority: String,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Api {
    /// The API at an origin such as `http://127.0.0.1:8080`, without a key.
    pub fn at(origin: &str) -> Self {
        let authority = origin.strip_prefix("http://").unwrap().to_owned();
        Self { authority, headers: Vec::new() }
    }

    /// The same, with a key.
    pub fn with_key(&self, key: &str) -> Self {
        self.with("X-API-KEY", key)
    }

    /// The same, with a header in every request.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut api = self.clone();
        api.headers.push((name.to_owned(), value.to_owned()));
        api
    }

    /// Its host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Makes a request without a body.
    pub fn ask(&self, method: &str, path: &str) -> Response {
        self.send(method, path, "", b"")
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Response {
        self.ask("GET", path)
    }

    /// Makes a request with a JSON body.
    pub fn json(&self, method: &str, path: &str, body: &Value) -> Response {
        self.send(method, path, "application/json", body.to_string().as_bytes())
    }

    /// Makes a request with any body.
    pub fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Response {
        self.try_send(method, path, media_type, body)
            .unwrap_or_else(|| panic!("no answer to {method} {path}"))
    }

    /// The same; nothing if the connection ends without an answer.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> Option<Response> {
        let mut stream = self.begun(method, path, media_type, body)?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Response::read(&answer)
    }

    /// Makes a request with a JSON body, and goes away after a time.
    pub fn ask_and_leave(&self, method: &str, path: &str, body: &Value, after: Duration) {
        let body = body.to_string();
        let stream = self.begun(method, path, "application/json", body.as_bytes());
        std::thread::sleep(after);
        drop(stream);
    }

    /// A connection on which a request was sent.
    fn begun(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(&self.authority).ok()?;
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.authority,
            body.len()
        );
        if !media_type.is_empty() {
            head.push_str(&format!("Content-Type: {media_type}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // A body that is refused by its length is not read to its end.
        let _ = stream.write_all(format!("{head}\r\n").as_bytes());
        let _ = stream.write_all(body);
        Some(stream)
    }

    /// Waits until a `GET` is answered as `wanted`, and answers it.
    pub fn wait_for(&self, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_until(PATIENCE, what, || {
            let answer = self.get(path);
            (answer.status == 200).then(|| answer.value()).filter(|value| wanted(value))
        })
    }
}

impl Response {
    fn read(answer: &[u8]) -> Option<Self> {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&answer[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers: Vec<(String, String)> =
            headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        Some(Self { status, headers, body: answer[end + 4..].to_vec() })
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The same answer, which has to have this status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// The stable code of a problem, which has to have this status.
    pub fn problem(self, status: u16) -> String {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem = answer.value();
        assert_eq!(problem["status"], status, "{problem}");
        let instance = problem["instance"].as_str().unwrap();
        assert_eq!(instance.strip_prefix("urn:uuid:"), answer.header("x-request-id"));
        problem["code"].as_str().unwrap().to_owned()
    }
}
