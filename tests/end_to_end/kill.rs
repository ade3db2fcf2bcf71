//! The worker killed at random moments, again and again: it ends as if nothing had happened.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use gangway_tests::roads::{Company, ending, roads, scenario};
use gangway_tests::{Chance, Gangway, Sandbox};
use serde_json::{Value, json};

/// How many kills have to hit onboardings on their way.
const KILLS_MIN: u32 = 50;
/// How long after a start the kill comes, at most.
const KILL_WITHIN_MS: u64 = 60;

/// How many users take each road at the same time.
const AT_ONCE: usize = 3;

#[test]
fn a_worker_killed_again_and_again_ends_as_one_that_was_left_alone() {
    let (seed, mut chance) = Chance::seeded();
    println!("rerun: GANGWAY_TEST_SEED={seed} cargo test -p gangway-tests kill -- --nocapture");
    let mut copies: VecDeque<_> = (1..=30).map(|copy| roads(&format!("k{copy}"))).collect();
    let sandbox = Sandbox::start(&scenario(copies.iter().flatten()));
    let gangway = gangway(&sandbox);
    let mut company = Company::new(&gangway, &sandbox);
    let (mut kills, mut hits) = (0, 0);

    let mut statuses = BTreeMap::new();
    while hits < KILLS_MIN {
        if company.in_flight(&statuses).is_empty() {
            assert!(copies.len() >= AT_ONCE, "only {hits} of {kills} kills hit anyone");
            company.register(copies.drain(..AT_ONCE).flatten().collect());
        }
        let mut worker = gangway.serve_unready();
        if chance.below(5) > 0 {
            worker.wait_until_ready();
        }
        // Not to wait for anything: the moment of the kill is drawn.
        std::thread::sleep(Duration::from_millis(chance.below(KILL_WITHIN_MS)));
        worker.kill();
        kills += 1;
        statuses = gangway.statuses();
        hits += u32::from(!company.in_flight(&statuses).is_empty());
        company.supply(&statuses);
    }

    let worker = gangway.serve();
    let statuses = company.see_through();
    worker.stop();
    let users = company.roads.len();
    println!(
        "{kills} kills, {hits} of them with onboardings on their way; {users} users came to their ends"
    );
    println!(
        "{} answers of {} calls were lost",
        lost_answers(&gangway, &sandbox, &company),
        sandbox.all_calls().len()
    );
    assert_as_left_alone(&gangway, &sandbox, &company, &statuses);
}

fn gangway(sandbox: &Sandbox) -> Gangway {
    Gangway::quick(&sandbox.origin()).with("POLICY__UNCLEAR_POLLS_MAX", "3")
}

/// How many calls arrived whose answer no history tells of.
fn lost_answers(gangway: &Gangway, sandbox: &Sandbox, company: &Company<'_>) -> usize {
    let is_answer = |row: &&Value| row["actor"] == "worker" && row["event"] != "trigger-begun";
    let answers = |user: &str| gangway.history(user).iter().filter(is_answer).count();
    let recorded: usize = company.roads.iter().map(|road| answers(&road.user)).sum();
    sandbox.all_calls().len().saturating_sub(recorded)
}

fn assert_as_left_alone(
    gangway: &Gangway,
    sandbox: &Sandbox,
    killed: &Company<'_>,
    statuses: &BTreeMap<String, Value>,
) {
    let roads = roads("left-alone");
    let calm_sandbox = Sandbox::start(&scenario(&roads));
    let calm = self::gangway(&calm_sandbox);
    let mut company = Company::new(&calm, &calm_sandbox);
    company.register(roads);
    let worker = calm.serve();
    let calm_statuses = company.see_through();
    worker.stop();

    for (index, road) in killed.roads.iter().enumerate() {
        let alone = &company.roads[index % company.roads.len()];
        let expected = ending(&calm_statuses[&alone.user], &calm_sandbox);
        assert_eq!(ending(&statuses[&road.user], sandbox), expected, "{}", road.user);
        let triggers = sandbox.user(&road.user).triggers_effective;
        assert!(triggers <= road.end.rounds, "{}: {triggers} triggers took effect", road.user);
        assert_eq!(json!(gangway.history(&road.user).len()), statuses[&road.user]["version"]);
    }
}
