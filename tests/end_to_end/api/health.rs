//! Whether it lives, and whether it can do its work.

use std::time::{Duration, Instant};

use gangway_tests::free_address;

use super::*;
use crate::service::Blocked;

#[test]
fn it_is_ready_while_the_store_takes_writes_the_worker_turns_and_the_provider_is_open() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = listening(&sandbox.origin());
    let (worker, api) = served(&gangway);
    for path in ["/health/live", "/health/startup"] {
        assert_eq!(api.get(path).expect(200).value()["status"], "ok");
    }
    let becomes = |status: u16, what: &str| {
        wait_until(PATIENCE, what, || {
            let answer = api.get("/health/ready");
            (answer.status == status).then_some(answer)
        })
    };
    becomes(200, "ready");

    sandbox.close(Some(401));
    gangway.set_user("userId:ada", &complete_profile("ada"), &["--want", "onramp"]);
    let closed = becomes(503, "closed");
    assert!(closed.text().contains("the provider refuses every call"), "{}", closed.text());
    assert_eq!(closed.problem(503), "not-ready");
    api.get("/health/live").expect(200);
    sandbox.close(None);
    becomes(200, "open again");
    worker.stop();
}

#[test]
fn it_is_not_ready_where_nothing_can_be_written() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let database = gangway.database();
    std::fs::rename(&database, database.with_extension("gone")).unwrap();
    let answer = wait_until(PATIENCE, "the lost file is noticed", || {
        let answer = api.get("/health/ready");
        (answer.status == 503).then_some(answer)
    });
    assert!(answer.text().contains("takes no write"), "{}", answer.text());
    api.get("/health/live").expect(200);
    drop(worker);
}

#[test]
fn it_says_in_time_that_another_process_is_in_the_way_of_every_write() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    wait_until(PATIENCE, "ready", || (api.get("/health/ready").status == 200).then_some(()));
    let blocked = Blocked::of(&gangway.database());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let answer = api.get("/health/ready");
                assert!(answer.text().contains("takes no write in time"), "{}", answer.text());
                assert_eq!(answer.problem(503), "not-ready");
            });
        }
    });
    assert_eq!(api.get("/health/ready").problem(503), "not-ready");
    let took = began.elapsed();
    assert!(took < Duration::from_millis(3_500), "two checks took {took:?}");
    blocked.end();
    wait_until(PATIENCE, "ready again", || (api.get("/health/ready").status == 200).then_some(()));
    worker.stop();
}

#[test]
fn doctor_asks_the_worker_that_runs_and_says_what_is_in_its_way() {
    let address = free_address();
    let sandbox = Sandbox::start(&json!({}));
    let gangway = listening(&sandbox.origin()).with("HTTP__LISTEN", &address.to_string());
    let check = |gangway: &Gangway| {
        let report = gangway.run(&["doctor", "--json"]).json();
        let checks = report["checks"].as_array().unwrap().iter();
        checks.clone().find(|check| check["check"] == "ready").cloned()
    };
    let worker = gangway.serve();
    assert_eq!(check(&gangway).unwrap()["result"], "ok");

    sandbox.close(Some(401));
    gangway.set_user("userId:ada", &complete_profile("ada"), &["--want", "onramp"]);
    let told = wait_until(PATIENCE, "what is in the way", || {
        check(&gangway).filter(|check| check["result"] == "fail")
    });
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("the provider refuses every call since"), "{message}");

    let elsewhere = gangway.with("HTTP__LISTEN", &free_address().to_string());
    let told = check(&elsewhere).unwrap();
    assert!(told["message"].as_str().unwrap().contains("nothing answers at"), "{told}");
    let elsewhere = elsewhere.with("HTTP__LISTEN", sandbox.origin().trim_start_matches("http://"));
    let told = check(&elsewhere).unwrap();
    assert!(told["message"].as_str().unwrap().contains("something else answers"), "{told}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let elsewhere = elsewhere.with("HTTP__LISTEN", &silent.local_addr().unwrap().to_string());
    let told = check(&elsewhere).unwrap();
    assert!(told["message"].as_str().unwrap().contains("takes the connection at"), "{told}");
    worker.stop();
    assert_eq!(check(&elsewhere), None, "nobody runs");
}
