//! Every road through the binary, with a worker that nobody kills.

use gangway_tests::roads::{Company, Road, products_of, roads, scenario};
use gangway_tests::{Gangway, PASSPORT, PATIENCE, Sandbox, complete_profile, wait_until};
use sandbox::Call;
use serde_json::{Value, json};

#[test]
fn every_road_ends_as_it_should() {
    let roads = roads("a");
    let sandbox = Sandbox::start(&scenario(&roads));
    let gangway = Gangway::quick(&sandbox.origin()).with("POLICY__UNCLEAR_POLLS_MAX", "3");
    let mut company = Company::new(&gangway, &sandbox);
    company.register(roads);
    let worker = gangway.serve();
    company.see_through();
    worker.stop();
    for road in &company.roads {
        check(road, &gangway, &sandbox);
    }
}

fn check(road: &Road, gangway: &Gangway, sandbox: &Sandbox) {
    let user = &road.user;
    let (exit, status) = gangway.status(user);
    assert_eq!((exit, &status["state"]), (road.end.exit, &json!(road.end.state)), "{status:#}");
    assert_eq!(products_of(&status), road.end.products, "{user}");
    assert_eq!(gangway.done(&["tasks", user, "--json"]).json(), json!([]), "{user}");
    let held = sandbox.user(user);
    assert_eq!(held.triggers_effective, road.end.rounds, "{user}: {:#?}", sandbox.calls_of(user));

    let history = gangway.history(user);
    assert_eq!(json!(history.len()), status["version"], "{user}");
    for pair in history.windows(2) {
        assert_eq!(pair[0]["to"], pair[1]["from"], "{user}: {pair:?}");
    }
    let last = history.last().unwrap();
    assert_eq!((&last["to"], &last["at"]), (&status["state"], &status["updatedAt"]), "{user}");
}

#[test]
fn a_429_is_waited_out_as_long_as_it_says() {
    let sandbox = Sandbox::start(&json!({ "defaults": { "answers": [
        { "call": "register-user", "status": 429, "headers": { "Retry-After": "1" } }
    ] } }));
    let gangway = Gangway::quick(&sandbox.origin());
    gangway.set_user("userId:limited", &complete_profile("limited"), &[]);
    let worker = gangway.serve();
    gangway.wait_for(PATIENCE, "userId:limited", "being registered", |status| {
        status["acknowledgedRevision"] == 1
    });
    worker.stop();
    let calls = sandbox.calls(Call::RegisterUser);
    let [limited, registered] = calls.as_slice() else { panic!("{calls:#?}") };
    assert_eq!((limited.status, registered.status), (Some(429), Some(201)));
    assert!(registered.at - limited.at >= 1_000, "{} ms", registered.at - limited.at);
}

#[test]
fn a_consent_that_is_missing_or_outdated_is_asked_for_and_never_given_by_gangway() {
    let user = "email:ilse@example.org";
    let sandbox = Sandbox::start_current(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin()).with("CROSSMINT__API", "current");
    let passport = gangway.write("passport.png", PASSPORT);
    gangway.set_user(user, &complete_profile("ilse"), &["--want", "onramp-light,onramp"]);
    gangway.done(&["document", "add", user, "--type", "id-passport", "--file", &passport]);
    gangway.done(&["verify", user]);
    let worker = gangway.serve();

    let status = gangway.wait_for_state(user, "requires-data");
    assert_eq!(open_tasks(&status), json!([["consent", ["onramp-light", "onramp"]]]));
    assert_eq!(products_of(&status)["onramp"], "pending-privacy-policy");
    assert!(sandbox.calls(Call::AcceptLegalDocument).is_empty());
    consent(&gangway, user);
    gangway.wait_for_state(user, "verified");

    sandbox.change(user, &json!({ "policyVersion": 2 }));
    gangway.done(&["retry", user]);
    let status = gangway.wait_for_state(user, "requires-data");
    assert_eq!(open_tasks(&status), json!([["consent", ["onramp-light", "onramp"]]]));
    consent(&gangway, user);
    gangway.wait_for_state(user, "verified");
    worker.stop();
    assert_eq!(sandbox.calls(Call::AcceptLegalDocument).len(), 2);
}

fn consent(gangway: &Gangway, user: &str) {
    let now = jiff::Timestamp::now().to_string();
    gangway.patch_user(user, &json!({ "privacyPolicyAcceptedAt": now }));
}

fn open_tasks(status: &Value) -> Value {
    let tasks = status["pendingTasks"].as_array().unwrap().iter();
    let open = tasks.filter(|task| task["state"] == "open");
    open.map(|task| json!([task["kind"], task["products"]])).collect()
}

#[test]
fn a_provider_that_refuses_everyone_costs_nobody_an_attempt_and_is_found_open_again() {
    let sandbox = Sandbox::start(&json!({ "providerClosed": { "status": 401 } }));
    let gangway = Gangway::quick(&sandbox.origin());
    let users = ["userId:one", "userId:two", "userId:three"];
    for user in users {
        gangway.set_user(
            user,
            &complete_profile("closed"),
            &["--want", "regulated-transfer", "--verify"],
        );
    }
    let worker = gangway.serve();
    wait_until(PATIENCE, "the worker to say so loudly", || {
        worker.said().contains("ERROR").then_some(())
    });
    let calls = sandbox.all_calls().len();
    assert!(calls <= users.len(), "{calls} calls to a closed provider");
    for user in users {
        let (exit, status) = gangway.status(user);
        assert_eq!((exit, &status["attempt"]), (11, &json!(0)), "{status:#}");
    }
    sandbox.close(None);
    for user in users {
        gangway.wait_for_state(user, "verified");
        assert_eq!(sandbox.user(user).triggers_effective, 1);
    }
    worker.stop();
}

#[test]
fn a_user_whose_calls_alone_are_refused_is_held_while_others_go_on() {
    let sandbox = Sandbox::start(&json!({ "users": { "userId:poison": { "answers": [
        { "call": "register-user", "times": 1000, "status": 403 }
    ] } } }));
    let gangway = Gangway::quick(&sandbox.origin());
    let wanted = ["--want", "regulated-transfer", "--verify"];
    let worker = gangway.serve();
    gangway.set_user("userId:poison", &complete_profile("poison"), &wanted);
    gangway.wait_for(PATIENCE, "userId:poison", "an error", |status| {
        status["lastError"]["class"] == "provider-closed"
    });
    for other in ["userId:other", "userId:later"] {
        gangway.set_user(other, &complete_profile("other"), &wanted);
        gangway.wait_for_state(other, "verified");
    }
    let status = gangway.wait_for_state("userId:poison", "held");
    assert_eq!(status["hold"]["cause"], "refused", "{status:#}");
    assert_eq!(gangway.status("userId:poison").0, 13);
    gangway.set_user("userId:last", &complete_profile("last"), &wanted);
    gangway.wait_for_state("userId:last", "verified");
    worker.stop();
    let refused = sandbox.calls_of("userId:poison").len();
    assert_eq!(refused, 2, "once to be doubted, and once more while others' calls succeed");
}

#[test]
fn a_verified_user_is_looked_at_again_and_a_verdict_that_was_withdrawn_is_seen() {
    let user = "userId:drifting";
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin()).with("POLICY__RECHECK", "300ms");
    gangway.set_user(
        user,
        &complete_profile("drifting"),
        &["--want", "regulated-transfer", "--verify"],
    );
    let worker = gangway.serve();
    gangway.wait_for_state(user, "verified");
    sandbox.change(user, &json!({ "eligibility": [
        { "type": "regulated-transfer", "status": "requires-data", "missingDocuments": ["proof-of-address"] }
    ] }));
    let status = gangway.wait_for_state(user, "requires-data");
    assert_eq!(open_tasks(&status), json!([["document", ["regulated-transfer"]]]));
    worker.stop();
}

#[test]
fn whoever_waits_for_a_user_is_told_by_exit_code_where_the_user_stands() {
    let sandbox = Sandbox::start(&json!({
        "defaults": { "verdictDelayMs": 200 },
        "users": { "userId:refused": { "verdict": { "regulated-transfer": "rejected" } } }
    }));
    let gangway = Gangway::quick(&sandbox.origin());
    let worker = gangway.serve();
    for (user, want, exit, state) in [
        ("userId:fine", "regulated-transfer", 0, "verified"),
        ("userId:refused", "regulated-transfer", 12, "rejected"),
        ("userId:bare", "onramp", 10, "requires-data"),
    ] {
        gangway.set_user(user, &complete_profile("waited-for"), &["--want", want]);
        gangway.wait_for_state(user, "documents-uploaded");
        assert_eq!(gangway.status(user).0, 10, "nobody has asked for verification yet");
        let waited = gangway.run(&["verify", user, "--wait", "--timeout", "30s", "--json"]);
        assert_eq!(waited.code, Some(exit), "{user}: {}", waited.stderr);
        let watched = gangway.run(&["status", user, "--watch", "--json"]);
        assert_eq!(watched.code, Some(exit), "{user}: {}", watched.stderr);
        let last: Value = serde_json::from_str(watched.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(last["state"], state);
    }
    worker.stop();
}
