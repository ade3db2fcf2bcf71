//! An operator's levers, and the lists.

use super::*;

#[test]
fn an_operator_holds_resumes_retries_cancels_reopens_and_waives() {
    let sandbox = Sandbox::start(&json!({ "defaults": { "hold": true },
        "users": { "userId:eve": { "hold": false, "verdict": { "regulated-transfer": "rejected" } },
                   "userId:edd": { "hold": false, "enhancedDueDiligence": true } } }));
    let gangway = listening(&sandbox.origin());
    let (worker, api) = served(&gangway);
    let register = |name: &str, product: &str| {
        let mut profile = complete_profile(name);
        profile["wantedProducts"] = json!([product]);
        profile["verify"] = json!(true);
        api.json("PUT", &format!("/v1/users/userId:{name}"), &profile).expect(201);
    };
    register("ada", "regulated-transfer");
    api.wait_for(ADA, "being reviewed", |status| status["state"] == "polling");
    for (lever, state) in [
        ("hold", "held"),
        ("resume", "polling"),
        ("retry", "polling"),
        ("cancel", "cancelled"),
        ("resume", "polling"),
    ] {
        let path = format!("{ADA}/{lever}");
        let told = api.json("POST", &path, &json!({ "reason": "as asked" })).expect(200);
        assert_eq!(told.value()["state"], state, "{lever}");
    }
    assert_eq!(api.ask("POST", &format!("{ADA}/resume")).problem(409), "not-now");
    let verification = format!("{ADA}/identity-verification");
    let under_way = json!({ "eligibility": [
        { "type": "regulated-transfer", "status": "pending-review" }] });
    assert_eq!(api.ask("PUT", &verification).expect(200).value(), under_way, "may be repeated");
    api.ask("POST", &format!("{ADA}/cancel")).expect(200);
    assert_eq!(api.ask("PUT", &verification).problem(409), "ended");
    let history = gangway.history("userId:ada");
    let told = history.iter().filter(|row| row["detail"]["reason"] == "as asked");
    assert_eq!(told.filter(|row| row["actor"] == "api").count(), 5);

    register("eve", "regulated-transfer");
    let eve = "/v1/users/userId:eve";
    api.wait_for(eve, "being refused", |status| status["state"] == "rejected");
    assert_eq!(api.ask("POST", &format!("{eve}/reopen")).problem(415), "unsupported-media-type");
    let why = json!({ "reason": "a mistake" });
    api.json("POST", &format!("{eve}/reopen"), &why).expect(200);

    register("edd", "onramp");
    let edd = "/v1/users/userId:edd";
    for slip in ["", "onramp,", "Ilse%20Brandt"] {
        let refused = api.get(&format!("{edd}/requirements?want={slip}"));
        assert_eq!(refused.problem(400), "bad-request", "{slip:?}");
    }
    let asked = api.get(&format!("{edd}/requirements?want=onramp,offramp&edd=true")).expect(200);
    let asked = asked.value();
    assert_eq!(
        (&asked["area"], &asked["wantedProducts"]),
        (&json!("eea"), &json!(["onramp", "offramp"]))
    );
    let needs = asked["now"].as_array().unwrap().iter();
    assert!(needs.clone().any(|need| need["name"] == "proof-of-income"), "{asked:#}");
    let asked = api.wait_for(edd, "being asked", |status| status["state"] == "requires-data");
    let number = &asked["pendingTasks"][0]["number"];
    let waive = format!("{edd}/tasks/{number}/waive");
    let waived = api.json("POST", &waive, &why).expect(200).value();
    assert_eq!(waived["pendingTasks"][0]["waived"], "a mistake");
    assert_eq!(api.json("POST", &waive, &why).problem(409), "not-now");
    worker.stop();
}

#[test]
fn lists_are_filtered_and_paged_without_gap_or_overlap() {
    let gangway = alone();
    let (worker, api) = served(&gangway);
    let began = jiff_now();
    for number in 0..7 {
        let mut profile = complete_profile("someone");
        let product = if number % 2 == 0 { "onramp" } else { "offramp" };
        profile["wantedProducts"] = json!([product]);
        api.json("PUT", &format!("/v1/users/userId:user-{number}"), &profile).expect(201);
    }
    api.ask("POST", "/v1/users/userId:user-3/hold").expect(200);
    let list = |query: &str| -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("/v1/users?limit=2&{query}{cursor}")).expect(200).value();
            let users = page["users"].as_array().unwrap();
            assert!(users.len() <= 2);
            found.extend(users.iter().map(|user| text(&user["user"]).replace("userId:user-", "")));
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    };
    assert_eq!(list(""), ["0", "1", "2", "3", "4", "5", "6"]);
    assert_eq!(list("state=held"), ["3"]);
    assert_eq!(list("product=offramp"), ["1", "3", "5"]);
    assert_eq!(list("waitingOn=operator"), ["3"]);
    assert_eq!(list("product=onramp&waitingOn=operator"), Vec::<String>::new());
    assert_eq!(list("stuck=true"), Vec::<String>::new());
    assert_eq!(list("stuck=false").len(), 7);
    assert_eq!(list(&format!("updatedAfter={began}")).len(), 7);
    assert_eq!(list("updatedAfter=2100-01-01T00:00:00Z"), Vec::<String>::new());
    worker.stop();
}

fn jiff_now() -> String {
    format!("{}T00:00:00Z", days_from_now(0))
}

#[test]
fn tasks_of_all_users_are_paged() {
    let sandbox = Sandbox::start(&json!({ "defaults": { "enhancedDueDiligence": true } }));
    let gangway = listening(&sandbox.origin());
    let (worker, api) = served(&gangway);
    for name in ["one", "two", "three"] {
        let mut profile = complete_profile(name);
        profile["wantedProducts"] = json!(["onramp"]);
        profile["verify"] = json!(true);
        let user = format!("/v1/users/userId:{name}");
        api.json("PUT", &user, &profile).expect(201);
        api.wait_for(&user, "being asked", |status| status["state"] == "requires-data");
    }
    let all = api.get("/v1/tasks").expect(200).value();
    let all = all["tasks"].as_array().unwrap();
    assert!(all.len() >= 9, "{all:#?}");
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/v1/tasks?limit=2{cursor}")).expect(200).value();
        paged.extend(page["tasks"].as_array().unwrap().clone());
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let ids =
        |tasks: &[Value]| -> Vec<String> { tasks.iter().map(|task| text(&task["id"])).collect() };
    assert_eq!(ids(&paged), ids(all));
    let of_two =
        api.get("/v1/tasks?user=userId:two&kind=document&overdue=false").expect(200).value();
    let of_two = of_two["tasks"].as_array().unwrap();
    assert!(!of_two.is_empty() && of_two.iter().all(|task| task["user"] == "userId:two"));
    assert_eq!(api.get("/v1/tasks?for=operator").value()["tasks"], json!([]));
    assert_eq!(api.get("/v1/tasks?product=offramp").value()["tasks"], json!([]));
    worker.stop();
}
