//! Linked wallets, through the real binary against the sandbox: linked, another user's, proved;
//! and neither an address nor a proof nor a challenge where it does not belong.

use gangway_tests::{
    Api, Gangway, PATIENCE, Recorder, Sandbox, Worker, complete_profile, wait_until,
};
use serde_json::{Value, json};

use crate::database::{execute, kept_answers};

const ILSE: &str = "userId:ilse";
const OTTO: &str = "userId:otto";
const ADDRESS: &str = "0x52908400098527886E0F7030069857D2E4169EE7";
const OTHER: &str = "0x8617E340B3D01FA5F11F306F4090FD50E238070D";
const PROOF: &str = "canary-signature-3391";

fn installation() -> (Sandbox, Gangway) {
    let sandbox = Sandbox::start_current(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin())
        .with("CROSSMINT__API", "current")
        .with("HTTP__LISTEN", "127.0.0.1:0")
        .with("HTTP__REQUESTS_PER_MINUTE", "0")
        .with("LOG__FILTER", "trace");
    (sandbox, gangway)
}

/// A user's whole data, with whatever else.
fn file(name: &str, more: &Value) -> Value {
    let mut file = complete_profile(name);
    let accepted = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    file["privacyPolicyAcceptedAt"] = json!(accepted.to_string());
    file.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    file
}

/// Answers the file that the user was given by.
fn verified_user(gangway: &Gangway, user: &str, more: &Value) -> Value {
    let file = file(user.trim_start_matches("userId:"), more);
    gangway.set_user(user, &file, &["--want", "onramp-light", "--verify"]);
    gangway.wait_for_state(user, "verified");
    file
}

/// Waits until the user's wallets stand so, in order.
fn wait_for(gangway: &Gangway, user: &str, standings: &[&str]) -> Value {
    gangway.wait_for(PATIENCE, user, &format!("{standings:?}"), |status| {
        let wallets = status["wallets"].as_array().unwrap().iter();
        wallets.map(|wallet| wallet["standing"].as_str().unwrap()).eq(standings.iter().copied())
    })
}

fn tasks(status: &Value) -> Vec<(&str, &str, &str)> {
    let tasks = status["pendingTasks"].as_array().unwrap().iter();
    tasks
        .map(|task| {
            let word = |field: &str| task[field].as_str().unwrap();
            (word("kind"), word("name"), word("state"))
        })
        .collect()
}

fn listed(gangway: &Gangway, user: &str) -> Vec<Value> {
    let listed = gangway.done(&["wallet", "list", user, "--json"]).json();
    listed["linkedWallets"].as_array().unwrap().clone()
}

/// No log, no history, no status and nothing that others are told has any of this.
fn assert_nowhere(gangway: &Gangway, user: &str, planted: &[&str]) {
    for (place, said) in [
        ("the log", gangway.logs()),
        ("history", json!(gangway.history(user)).to_string()),
        ("status", gangway.status(user).1.to_string()),
        ("status in words", gangway.run(&["status", user]).stdout),
        ("explain", gangway.run(&["explain", user, "--json"]).stdout),
        ("events", gangway.done(&["events", "--json"]).stdout),
        ("tasks", gangway.done(&["tasks", "--json"]).stdout),
    ] {
        let said = said.to_lowercase();
        for value in planted {
            assert!(!said.contains(&value.to_lowercase()), "{value} in {place}:\n{said}");
        }
    }
}

#[test]
fn a_wallet_of_the_users_file_is_linked_and_proved_and_no_verdict_waits_for_it() {
    let (sandbox, gangway) = installation();
    let worker = gangway.serve();
    let wallets = json!({ "linkedWallets": [{ "address": ADDRESS, "chain": "base" }] });
    let file = verified_user(&gangway, ILSE, &wallets);
    let status = wait_for(&gangway, ILSE, &["to-prove"]);
    assert_eq!(status["state"], "verified");
    assert_eq!(tasks(&status), [("wallet-proof", "1", "open")]);
    let registered = sandbox.calls(sandbox::Call::RegisterUser);
    assert_eq!(registered.len(), 1, "a wallet is no part of the profile");

    let wallet = &listed(&gangway, ILSE)[0];
    assert_eq!((&wallet["address"], &wallet["chain"]), (&json!(ADDRESS), &json!("base")));
    assert_eq!(
        (&wallet["type"], &wallet["ownership"]["verified"]),
        (&json!("external-wallet"), &json!(false))
    );
    let challenge = wallet["ownership"]["verificationChallenge"].as_str().unwrap();
    let in_words = gangway.done(&["wallet", "list", ILSE]).stdout;
    assert!(in_words.contains(challenge) && in_words.contains(ADDRESS), "{in_words}");
    let text = status["pendingTasks"][0]["text"].to_string();
    assert!(text.contains("sign a message"), "{text}");

    let proof = gangway.write("proof.txt", format!("{PROOF}\n"));
    gangway.done(&["wallet", "link", ILSE, ADDRESS, "--chain", "base", "--proof", &proof]);
    let status = wait_for(&gangway, ILSE, &["verified"]);
    assert_eq!(tasks(&status), []);
    let held = &sandbox.user(ILSE).linked_wallets[0];
    assert_eq!(held["ownership"], json!({ "verified": true }));
    assert!(!listed(&gangway, ILSE)[0].to_string().contains(PROOF), "the proof is never shown");

    // The same file again gives the same wallet, and takes none away.
    let again = gangway.set_user(ILSE, &file, &[]);
    assert!(again.stderr.contains("unchanged"), "{}", again.stderr);
    gangway.patch_user(ILSE, &json!({ "linkedWallets": [] }));
    wait_for(&gangway, ILSE, &["verified"]);
    assert_nowhere(&gangway, ILSE, &[ADDRESS, PROOF, challenge]);

    // While a worker reads, the log may be emptied a minute later.
    worker.stop();
    gangway.done(&["erase", ILSE, "--yes"]);
    for entry in std::fs::read_dir(gangway.folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("gangway.db") {
            let bytes = std::fs::read(&path).unwrap();
            let is_there =
                |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!is_there(ADDRESS) && !is_there(PROOF) && !is_there(challenge), "{name}");
        }
    }
}

#[test]
fn a_wallet_of_another_user_is_refused_alone_and_another_one_takes_its_place() {
    let (sandbox, gangway) = installation();
    let worker = gangway.serve();
    verified_user(&gangway, OTTO, &json!({}));
    gangway.done(&["wallet", "link", OTTO, ADDRESS, "--chain", "base"]);
    wait_for(&gangway, OTTO, &["to-prove"]);

    verified_user(&gangway, ILSE, &json!({}));
    gangway.done(&["wallet", "link", ILSE, ADDRESS, "--chain", "base"]);
    let status = wait_for(&gangway, ILSE, &["other-users"]);
    assert_eq!((&status["state"], &status["hold"]), (&json!("verified"), &Value::Null));
    assert_eq!(tasks(&status), [("wallet", "1", "open")]);
    assert_eq!(
        status["pendingTasks"][0]["command"],
        format!("gangway wallet link {ILSE} --chain CHAIN ADDRESS")
    );
    let said = json!([status["pendingTasks"][0]["text"], status["wallets"]]).to_string();
    assert!(!said.contains("otto") && said.contains("give another wallet"), "{said}");
    for (language, title) in [
        ("de", "Andere Wallet angeben"),
        ("es", "Indique otra cartera"),
        ("fr", "Indiquez un autre portefeuille"),
    ] {
        let tasks = gangway.done(&["tasks", ILSE, "--lang", language, "--json"]).stdout;
        assert!(tasks.contains(title), "{tasks}");
    }

    gangway.done(&["wallet", "link", ILSE, OTHER, "--chain", "base"]);
    let status = wait_for(&gangway, ILSE, &["other-users", "to-prove"]);
    assert_eq!(tasks(&status), [("wallet-proof", "2", "open")]);
    let removed = gangway.run(&["wallet", "remove", ILSE, OTHER]);
    assert_eq!(removed.code, Some(5), "the provider has linked it: {}", removed.stderr);
    gangway.done(&["wallet", "remove", ILSE, ADDRESS]);
    wait_for(&gangway, ILSE, &["to-prove"]);
    let unknown = gangway.run(&["wallet", "remove", ILSE, ADDRESS]);
    assert_eq!(unknown.code, Some(5), "{}", unknown.stderr);
    assert_eq!(gangway.run(&["wallet", "link", ILSE, "0xCANARY", "--chain", "base"]).code, Some(1));

    let links = sandbox.calls_of(ILSE);
    let links = links.iter().filter(|call| call.call == Some(sandbox::Call::LinkWallet));
    let statuses: Vec<Option<u16>> = links.map(|call| call.status).collect();
    assert_eq!(statuses, [Some(409), Some(200)]);
    assert_nowhere(&gangway, ILSE, &[ADDRESS, OTHER]);
    worker.stop();
}

fn served(gangway: &Gangway) -> (Worker, Api) {
    let worker = gangway.serve();
    let api = Api::at(&worker.origin());
    (worker, api)
}

#[test]
fn the_api_has_the_providers_paths_and_form_for_wallets() {
    let (_sandbox, gangway) = installation();
    let (worker, api) = served(&gangway);
    let ours = format!("/v1/users/{ILSE}/linked-wallets/{ADDRESS}");
    let theirs =
        format!("/api/2025-06-09/users/userId%3Ailse/linked-wallets/{}", ADDRESS.to_lowercase());
    let body = json!({ "chain": "base" });
    assert_eq!(api.json("PUT", &ours, &body).problem(404), "no-such-user");
    verified_user(&gangway, ILSE, &json!({}));
    assert_eq!(api.get(&ours).problem(404), "no-such-wallet");

    let repeatable = api.with("Idempotency-Key", "one");
    let made = repeatable.json("PUT", &ours, &body).expect(201);
    let wallet = made.value();
    assert_eq!(
        (&wallet["address"], &wallet["chain"], &wallet["type"]),
        (&json!(ADDRESS), &json!("base"), &json!("external-wallet"))
    );
    assert_eq!(
        (&wallet["standing"], &wallet["ownership"]),
        (&json!("waiting"), &json!({ "verified": false }))
    );
    let replayed = repeatable.json("PUT", &ours, &body).expect(201);
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(replayed.value(), wallet);

    let proves = api.wait_for(&theirs, "a challenge", |wallet| wallet["standing"] == "to-prove");
    assert!(proves["ownership"]["verificationChallenge"].is_string(), "{proves}");
    let repeatable = api.with("Idempotency-Key", "two");
    let again = repeatable.json("PUT", &theirs, &body).expect(200).value();
    assert_eq!(
        (&again["address"], &again["ownership"]),
        (&json!(ADDRESS.to_lowercase()), &json!({ "verified": false })),
        "as this request writes it"
    );
    assert_eq!(repeatable.json("PUT", &theirs, &body).expect(200).value(), again);
    assert_eq!(api.get(&theirs).expect(200).value()["address"], ADDRESS);
    let proof = json!({ "chain": "base", "proof": { "signature": PROOF } });
    api.json("PUT", &theirs, &proof).expect(200);
    api.wait_for(&ours, "a verified wallet", |wallet| {
        wallet["ownership"] == json!({ "verified": true }) && wallet["acknowledged"] == true
    });
    let all = api.get(&format!("/v1/users/{ILSE}/linked-wallets")).expect(200).value();
    assert_eq!(all["linkedWallets"].as_array().unwrap().len(), 1);

    assert_eq!(api.ask("DELETE", &ours).problem(409), "not-now");
    let mistake = format!("/v1/users/{ILSE}/linked-wallets/0xCANARYADDRESS");
    for (path, body) in [
        (&mistake, json!({ "chain": "base" })),
        (&ours, json!({ "chain": "CANARY" })),
        (&ours, json!({ "chian": "CANARY" })),
    ] {
        let refused = api.json("PUT", path, &body).expect(422);
        assert!(!refused.text().contains("CANARY"), "{}", refused.text());
    }
    assert_nowhere(&gangway, ILSE, &[ADDRESS, PROOF, "0xCANARY"]);
    worker.stop();
    let kept = kept_answers(&gangway);
    assert!(kept.contains("external-wallet"), "{kept}");
    assert!(!kept.contains(ADDRESS) && !kept.contains(PROOF), "{kept}");
}

/// The provider silently lost a user who was verified. To link a wallet makes a user there, so
/// that every later look would find one; all that is known of the user would never be sent again.
#[test]
fn a_wallet_given_of_a_user_whom_the_provider_lost_does_not_hide_the_loss() {
    let (sandbox, gangway) = installation();
    let worker = gangway.serve();
    verified_user(&gangway, ILSE, &json!({}));
    sandbox.forget(ILSE);
    gangway.done(&["wallet", "link", ILSE, ADDRESS, "--chain", "base"]);
    wait_for(&gangway, ILSE, &["to-prove"]);
    gangway.wait_for_state(ILSE, "verified");
    assert_eq!(sandbox.calls(sandbox::Call::RegisterUser).len(), 2);
    assert_eq!(sandbox.user(ILSE).linked_wallets.len(), 1);
    worker.stop();
}

#[test]
fn a_wallet_whose_row_is_damaged_is_in_nobodys_way_and_is_given_again() {
    let (_sandbox, gangway) = installation();
    let worker = gangway.serve();
    verified_user(&gangway, ILSE, &json!({}));
    gangway.done(&["wallet", "link", ILSE, ADDRESS, "--chain", "base"]);
    wait_for(&gangway, ILSE, &["to-prove"]);
    worker.stop();
    execute(&gangway, "pragma ignore_check_constraints = on; update wallets set proof = '{'");
    let damages = gangway.damages();
    assert!(damages[0].contains("its wallet 1 is not stored as it was given"), "{damages:?}");
    assert!(listed(&gangway, ILSE).is_empty(), "nothing is shown that can't be read");

    let worker = gangway.serve();
    gangway.patch_user(ILSE, &json!({ "userDetails": { "lastName": "Sommer" } }));
    gangway.done(&["wallet", "link", ILSE, ADDRESS, "--chain", "base"]);
    let status = wait_for(&gangway, ILSE, &["to-prove", "to-prove"]);
    assert_eq!(status["state"], "verified");
    worker.stop();
}

/// A provider that repeats what it was sent, as bad providers do.
#[test]
fn what_the_provider_repeats_of_a_wallet_is_kept_nowhere() {
    let provider = Recorder::start(|request| {
        let target = request.target.as_str();
        let eligibility =
            json!({ "eligibility": [{ "type": "onramp-light", "status": "verified" }] });
        if target.contains("linked-wallets") {
            let echo = format!("can't take {target} {}: it is userId:otto's", request.body);
            return (422, json!({ "error": true, "message": echo }).to_string());
        }
        if target.ends_with("identity-verification") {
            return (200, eligibility.to_string());
        }
        (200, json!({ "userDetails": true }).to_string())
    });
    let gangway = Gangway::quick(provider.origin()).with("LOG__FILTER", "trace");
    let worker = gangway.serve();
    verified_user(&gangway, ILSE, &json!({}));
    let proof = gangway.write("proof.txt", PROOF);
    gangway.done(&["wallet", "link", ILSE, ADDRESS, "--chain", "base", "--proof", &proof]);
    let status = wait_for(&gangway, ILSE, &["refused"]);
    let said = status["wallets"][0]["lastError"]["message"].as_str().unwrap();
    assert!(said.contains("can't take"), "{said}");
    let sent = || provider.requests().into_iter().any(|request| request.body.contains(PROOF));
    wait_until(PATIENCE, "the call", || sent().then_some(()));
    assert_nowhere(&gangway, ILSE, &[ADDRESS, PROOF]);
    worker.stop();
}
