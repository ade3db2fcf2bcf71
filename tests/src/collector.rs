//! A collector of traces that only keeps what it is sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// Serves until the process ends.
pub struct Collector {
    origin: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Collector {
    /// Takes what is posted to `/v1/traces`, and refuses all else.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let bodies: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let kept = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut stream = connection.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
                for line in head.to_lowercase().lines() {
                    if let Some(given) = line.strip_prefix("content-length: ") {
                        length = given.parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                let taken = head.starts_with("POST /v1/traces HTTP/1.1\r\n")
                    && head.to_lowercase().contains("content-type: application/x-protobuf\r\n")
                    && reader.read_exact(&mut body).is_ok();
                if taken {
                    kept.lock().unwrap().push(body);
                }
                let status = if taken { "200 OK" } else { "400 Bad Request" };
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                );
            }
        });
        Self { origin, bodies }
    }

    /// What goes into Gangway's settings.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The bodies of every export so far, in order.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().unwrap().clone()
    }
}
