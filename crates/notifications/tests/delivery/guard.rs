//! Nothing is sent to this machine or into a private network, whatever a name says.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use notifications::{Client, Lookup, Message, Outcome, Problem, Secret, Settings};

use crate::receiver::{Answer, Receiver};
use crate::{NOW, SETTINGS};

/// Answers each lookup with the next list, and counts them.
fn lookup(answers: Vec<Vec<IpAddr>>) -> (Lookup, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let lookup: Lookup = Arc::new(move |_| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let answer = answers[number % answers.len()].clone();
        Box::pin(async move { Ok(answer) })
    });
    (lookup, count)
}

async fn send(client: &Client, url: &str) -> Outcome {
    let secrets = [Secret::Shared(vec![7; 32]).to_text()];
    client.send(url, &secrets, &Message::test(&[7; 32], NOW), NOW).await
}

#[tokio::test]
async fn a_name_that_leads_inside_is_blocked_each_time_it_is_looked_up() {
    let receiver = Receiver::start(Answer::Status(200)).await;
    let inside: Vec<Vec<IpAddr>> =
        ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"]
            .iter()
            .map(|address| vec![address.parse().unwrap()])
            .collect();
    let tries = inside.len();
    let (lookup, count) = lookup(inside);
    let strict = Settings { allow_loopback: false, ..SETTINGS };
    let client = Client::new(strict, &lookup).unwrap();
    let url = format!("https://hook.example.com:{}/", receiver.address.port());
    for _ in 0..tries {
        assert_eq!(send(&client, &url).await.problem, Some(Problem::Blocked));
    }
    assert_eq!(count.load(Ordering::SeqCst), tries, "it is looked up at each connection");
    assert!(receiver.arrived().is_empty());
}

#[tokio::test]
async fn of_a_name_with_several_addresses_those_inside_are_passed_over() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://hook.example.com:{}/", listener.local_addr().unwrap().port());
    let both: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    let (lookup, _) = lookup(vec![both]);
    let client = Client::new(SETTINGS, &lookup).unwrap();
    let (outcome, connected) = tokio::join!(send(&client, &url), listener.accept());
    assert!(connected.is_ok(), "the one that is left was connected to");
    // Nobody there speaks TLS.
    assert_eq!(outcome.problem, Some(Problem::TimedOut));
}

#[tokio::test]
async fn an_address_in_a_url_is_checked_as_a_name_is() {
    let receiver = Receiver::start(Answer::Status(200)).await;
    let port = receiver.address.port();
    let (lookup, count) = lookup(vec![vec![]]);
    let strict = Settings { allow_loopback: false, ..SETTINGS };
    let client = Client::new(strict, &lookup).unwrap();
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        format!("https://[::ffff:7f00:1]:{port}/"),
        format!("https://0x7f000001:{port}/"),
    ] {
        assert_eq!(send(&client, &url).await.problem, Some(Problem::Blocked), "{url}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert!(receiver.arrived().is_empty());
}

#[tokio::test]
async fn this_machine_is_told_where_a_setting_says_so() {
    let receiver = Receiver::start(Answer::Status(200)).await;
    let (lookup, _) = lookup(vec![vec!["10.0.0.1".parse().unwrap()]]);
    let client = Client::new(SETTINGS, &lookup).unwrap();
    let port = receiver.address.port();
    for host in ["127.0.0.1", "localhost"] {
        let outcome = send(&client, &format!("http://{host}:{port}/")).await;
        assert_eq!((outcome.problem, outcome.http_status), (None, Some(200)), "{host}");
    }
}
