//! Whether it lives, and whether it can do its work.

use super::*;

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
