//! What others are told of, asked for: as pages, and as a stream.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use super::*;

/// How many streams may be open at once.
const STREAMS_MAX: usize = 64;
const STREAMS_PER_KEY: usize = 16;

/// An open stream of events.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(api: &Api, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = TcpStream::connect(api.authority()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: text/event-stream\r\n",
            api.authority()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        Self(BufReader::new(stream))
    }

    /// The next line; nothing at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// The headers of the answer, with its status.
    fn head(&mut self) -> String {
        let mut head = String::new();
        while let Some(line) = self.line().filter(|line| !line.is_empty()) {
            head.push_str(&line.to_lowercase());
            head.push('\n');
        }
        head
    }

    /// The next event: its id, its name, its data; nothing at the end.
    fn event(&mut self) -> Option<(String, String, Value)> {
        let (mut id, mut name) = (String::new(), String::new());
        loop {
            let line = self.line()?;
            if let Some(given) = line.strip_prefix("id: ") {
                id = given.to_owned();
            } else if let Some(given) = line.strip_prefix("event: ") {
                name = given.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((id, name, serde_json::from_str(data).unwrap()));
            }
        }
    }
}

fn add(gangway: &Gangway, user: &str) {
    gangway.set_user(user, &json!({ "wantedProducts": ["onramp"] }), &[]);
}

#[test]
fn events_are_read_in_pages_by_id_or_number() {
    let gangway = alone();
    add(&gangway, "userId:ada");
    add(&gangway, "email:canary@example.org");
    gangway.done(&["hold", "userId:ada"]);
    let (worker, api) = served(&gangway);
    let page = api.get("/v1/events?limit=2").expect(200).value();
    let events = page["events"].as_array().unwrap();
    assert_eq!((events.len(), &page["next"]), (2, &json!(2)), "{page:#}");
    let id = events[1]["id"].as_str().unwrap();
    for after in ["2", id] {
        let rest = api.get(&format!("/v1/events?after={after}")).expect(200).value();
        assert_eq!(rest["events"][0]["type"], "user.state.changed", "{rest:#}");
        assert_eq!(rest["events"][0]["data"]["to"], "held");
        assert_eq!((rest["events"].as_array().unwrap().len(), &rest["next"]), (1, &json!(3)));
    }
    let nothing = api.get("/v1/events?after=3").expect(200).value();
    assert_eq!(nothing, json!({ "events": [], "next": 3 }), "there may be more later");
    let all = api.get("/v1/events").expect(200);
    assert!(!all.text().contains("canary"), "{}", all.text());
    for bad in ["after=x", "after=-1", "after=99999999999999999999", "limit=0", "since=1"] {
        assert_eq!(api.get(&format!("/v1/events?{bad}")).problem(400), "bad-request", "{bad}");
    }
    worker.stop();
}

#[test]
fn a_stream_goes_on_and_begins_again_where_it_stopped() {
    let gangway = alone();
    add(&gangway, "userId:ada");
    let (worker, api) = served(&gangway);
    let mut stream = Stream::open(&api, "/v1/events", &[("Accept-Encoding", "gzip")]);
    let head = stream.head();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(!head.contains("content-encoding"), "an event waits for nothing: {head}");
    let (first, name, data) = stream.event().unwrap();
    assert_eq!(
        (name.as_str(), &data["data"]["user"]),
        ("user.state.changed", &json!("userId:ada"))
    );
    assert_eq!(data["id"], json!(first));
    // What happens later comes by itself.
    api.ask("POST", &format!("{ADA}/hold")).expect(200);
    let (second, _, data) = stream.event().unwrap();
    assert_eq!(data["data"]["to"], "held");
    drop(stream);
    for headers in [vec![("Last-Event-ID", first.as_str())], Vec::new()] {
        let path = if headers.is_empty() { "/v1/events?after=1" } else { "/v1/events" };
        let mut again = Stream::open(&api, path, &headers);
        again.head();
        assert_eq!(again.event().unwrap().0, second);
    }
    let head = Stream::open(&api, "/v1/events", &[("Last-Event-ID", "none")]).head();
    assert!(head.starts_with("http/1.1 400"), "{head}");
    // At the end the streams end, and hold nothing up.
    let mut open = Stream::open(&api, "/v1/events?after=2", &[]);
    open.head();
    worker.stop();
    assert_eq!(open.event(), None);
}

#[test]
fn a_stream_ends_when_its_key_is_revoked() {
    let gangway = alone();
    add(&gangway, "userId:ada");
    let secret = key(&gangway, "read");
    let (worker, api) = served(&gangway);
    let mut stream = Stream::open(&api, "/v1/events?after=1", &[("X-API-KEY", &secret)]);
    assert!(stream.head().starts_with("http/1.1 200"));
    let prefix = secret.split('_').nth(1).unwrap();
    gangway.done(&["key", "revoke", prefix]);
    gangway.done(&["hold", "userId:ada"]);
    let mut rest = String::new();
    // A stream that goes on would not end.
    while !rest.contains("held")
        && let Some(line) = stream.line()
    {
        rest.push_str(&line);
    }
    assert!(!rest.contains("held"), "nothing is told after the key is revoked: {rest}");
    worker.stop();
}

#[test]
fn so_many_streams_of_a_key_are_open_at_once_and_so_many_in_all() {
    let gangway = alone();
    let keys: Vec<String> =
        (0..=STREAMS_MAX / STREAMS_PER_KEY).map(|_| key(&gangway, "read")).collect();
    let (worker, api) = served(&gangway);
    let open = |key: &str| {
        let mut stream = Stream::open(&api, "/v1/events", &[("X-API-KEY", key)]);
        (stream.head(), stream)
    };
    let (last, keys) = keys.split_last().unwrap();
    let mut streams = Vec::new();
    for key in keys {
        for _ in 0..STREAMS_PER_KEY {
            let (head, stream) = open(key);
            assert!(head.starts_with("http/1.1 200"), "{head}");
            streams.push(stream);
        }
        assert!(open(key).0.starts_with("http/1.1 429"));
        if streams.len() < STREAMS_MAX {
            assert!(open(last).0.starts_with("http/1.1 200"), "one key leaves the others theirs");
        }
    }
    let with_last = api.with_key(last);
    let refused = with_last.with("Accept", "text/event-stream").get("/v1/events");
    assert!(refused.text().contains("64 streams are open"), "{}", refused.text());
    assert_eq!(refused.problem(429), "too-many-requests");
    with_last.get("/v1/events").expect(200);
    streams.pop();
    wait_until(PATIENCE, "room for a stream", || {
        open(last).0.starts_with("http/1.1 200").then_some(())
    });
    drop(streams);
    worker.stop();
}
