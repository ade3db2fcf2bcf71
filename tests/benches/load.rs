//! The HTTP API under load: 200 clients that keep their connections read and write for a minute
//! beside 5,000 onboardings in flight, which the worker polls at the provider's own limits; as fast
//! as they are answered, then at half that rate.
//! Measured, never asserted: `cargo bench -p gangway-tests --bench load`.

#![allow(clippy::unwrap_used, reason = "a measurement that can't be made ends the benchmark")]

mod measured;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gangway_tests::{Gangway, Sandbox, Worker};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use measured::{bring_into_review, kib, machine, mib, register};

const ONBOARDINGS: u64 = 5_000;
const CLIENTS: u64 = 200;
const MEASURED_FOR: Duration = Duration::from_secs(60);
const SAMPLED_EVERY: Duration = Duration::from_millis(500);
/// One request in so many changes a user's data; the others read a user's status.
const ONE_WRITE_IN: u64 = 10;

fn main() {
    println!("machine: {}", machine());
    let sandbox = Sandbox::start(&json!({ "defaults": { "hold": true } }));
    let gangway = Gangway::patient(&sandbox.origin())
        .with("CROSSMINT__WRITES_PER_MINUTE", "0")
        .with("CROSSMINT__READS_PER_MINUTE", "0")
        .with("HTTP__LISTEN", "127.0.0.1:0")
        .with("HTTP__REQUESTS_PER_MINUTE", "0")
        .with("LOG__FILTER", "warn,gangway=info");
    let runtime = Runtime::new().unwrap();
    let url = format!("sqlite:{}", gangway.folder().join("gangway.db").display());
    let store = runtime.block_on(register(&url, ONBOARDINGS));
    let made = gangway.done(&["key", "create", "load", "--scope", "read,write", "--json"]).json();
    bring_into_review(&gangway, &runtime, &store, ONBOARDINGS).stop();
    drop(store);
    // From here on the worker keeps to what the provider allows, as it does in earnest.
    let gangway =
        gangway.without("CROSSMINT__WRITES_PER_MINUTE").without("CROSSMINT__READS_PER_MINUTE");
    let worker = gangway.serve();
    let authority = worker.origin().strip_prefix("http://").unwrap().to_owned();
    let target = Arc::new(Target { authority, key: made["key"].as_str().unwrap().to_owned() });
    println!("{ONBOARDINGS} onboardings in flight, {CLIENTS} clients, one write in {ONE_WRITE_IN}");

    let mut full = runtime.block_on(load(&target, &worker, None));
    full.print("as fast as they are answered");
    let mut half = runtime.block_on(load(&target, &worker, Some(full.per_second() / 2.0)));
    half.print("at half that rate");
    println!("resident, ever         {}", mib(kib(&worker, "status", "VmHWM:")));
    worker.stop();
}

struct Target {
    authority: String,
    key: String,
}

/// What came of a load.
#[derive(Default)]
struct Measured {
    reads_us: Vec<u64>,
    writes_us: Vec<u64>,
    errors: Vec<String>,
    took: Duration,
    resident_kib: u64,
}

impl Measured {
    fn per_second(&self) -> f64 {
        (self.reads_us.len() + self.writes_us.len()) as f64 / self.took.as_secs_f64()
    }

    fn print(&mut self, how: &str) {
        println!("{how}: {:.0} requests a second for {:.0?}", self.per_second(), self.took);
        let (reads, writes) = (&mut self.reads_us, &mut self.writes_us);
        for (name, all) in [("GET", reads), ("PATCH", writes)] {
            all.sort_unstable();
            let at = |share: f64| all[((all.len() - 1) as f64 * share) as usize] as f64 / 1_000.0;
            println!(
                "  {name:<6} {:>8}   p50 {:.1} ms   p99 {:.1} ms   longest {:.1} ms",
                all.len(),
                at(0.5),
                at(0.99),
                at(1.0)
            );
        }
        println!("  errors {:>8}   {}", self.errors.len(), self.errors.join(", "));
        println!("  resident, highest {}", mib(self.resident_kib));
    }
}

/// Every client asks until the time is over: when it was answered, or, at a rate for all
/// together, at its time, whether the answer before came late or not.
async fn load(target: &Arc<Target>, worker: &Worker, rate: Option<f64>) -> Measured {
    let began = Instant::now();
    let pause = rate.map(|rate| Duration::from_secs_f64(CLIENTS as f64 / rate));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let target = Arc::clone(target);
        let begins = began
            + pause.map_or(Duration::ZERO, |pause| pause.mul_f64(number as f64 / CLIENTS as f64));
        clients.spawn(async move { client(&target, number, begins, began, pause).await });
    }
    let mut measured = Measured::default();
    while began.elapsed() < MEASURED_FOR {
        tokio::time::sleep(SAMPLED_EVERY).await;
        measured.resident_kib = measured.resident_kib.max(kib(worker, "status", "VmRSS:"));
    }
    while let Some(one) = clients.join_next().await {
        let one = one.unwrap();
        measured.reads_us.extend(one.reads_us);
        measured.writes_us.extend(one.writes_us);
        measured.errors.extend(one.errors);
    }
    measured.took = began.elapsed();
    measured
}

async fn client(
    target: &Target,
    number: u64,
    mut begins: Instant,
    began: Instant,
    pause: Option<Duration>,
) -> Measured {
    let mut measured = Measured::default();
    let mut connection = BufReader::new(TcpStream::connect(&target.authority).await.unwrap());
    connection.get_ref().set_nodelay(true).unwrap();
    // Each client goes round through the users, from a place of its own.
    for count in 0.. {
        let user = (number * 7_919 + count * 31) % ONBOARDINGS;
        let writes = (number + count).is_multiple_of(ONE_WRITE_IN);
        match pause {
            Some(pause) => {
                sleep_until(begins.into()).await;
                begins += pause;
            }
            None => begins = Instant::now(),
        }
        if began.elapsed() >= MEASURED_FOR {
            return measured;
        }
        let asked_at = pause.map_or(begins, |pause| begins - pause);
        let body = format!(r#"{{"userDetails":{{"lastName":"Name {count}"}}}}"#);
        let request = if writes { target.patch(user, &body) } else { target.get(user) };
        let answered = ask(&mut connection, &request).await;
        let took_us = u64::try_from(asked_at.elapsed().as_micros()).unwrap();
        match answered {
            Ok(200) if writes => measured.writes_us.push(took_us),
            Ok(200) => measured.reads_us.push(took_us),
            Ok(status) => measured.errors.push(format!("HTTP {status}")),
            Err(error) => {
                measured.errors.push(error.to_string());
                return measured;
            }
        }
    }
    measured
}

impl Target {
    fn get(&self, user: u64) -> String {
        let Self { authority, key } = self;
        format!(
            "GET /v1/users/userId:many-{user} HTTP/1.1\r\nHost: {authority}\r\n\
             X-API-KEY: {key}\r\n\r\n"
        )
    }

    fn patch(&self, user: u64, body: &str) -> String {
        let Self { authority, key } = self;
        format!(
            "PATCH /v1/users/userId:many-{user} HTTP/1.1\r\nHost: {authority}\r\n\
             X-API-KEY: {key}\r\nContent-Type: application/merge-patch+json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

/// The status of the answer, which is read to its end.
async fn ask(connection: &mut BufReader<TcpStream>, request: &str) -> io::Result<u16> {
    connection.get_mut().write_all(request.as_bytes()).await?;
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().and_then(|status| status.parse().ok()).unwrap();
        } else if let Some(given) = line.strip_prefix("content-length: ") {
            length = given.parse().unwrap();
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await?;
    Ok(status)
}
