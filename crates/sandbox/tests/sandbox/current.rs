//! What the newest documentation has beyond the quickstart page.

use sandbox::Profile;
use serde_json::{Value, json};

use crate::support::{Sandbox, current_body, start, status_of};

const USER: &str = "userId:ada";

async fn scripted(script: Value) -> Sandbox {
    start(Profile::Current, json!({"users": {USER: script}})).await
}

async fn shown(sandbox: &Sandbox) -> Value {
    sandbox.call("GET", &format!("/users/{USER}"), None).await.json()
}

async fn accept(sandbox: &Sandbox, body: Value) -> u16 {
    sandbox.call("PUT", &format!("/users/{USER}/legal-documents"), Some(body)).await.status()
}

fn missing(answer: &Value, product: &str) -> Value {
    let entries = answer["eligibility"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["type"] == product).unwrap();
    entry.get("missingDocuments").cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_selfie_is_asked_for_by_the_word_of_the_script() {
    let sandbox = scripted(json!({"selfie": "liveness-photo"})).await;
    sandbox.register(USER, current_body()).await;
    sandbox.accept(USER).await;
    sandbox.upload(USER, "id-passport").await;
    let asked = sandbox.trigger(USER).await.json();
    assert_eq!(missing(&asked, "onramp"), json!(["liveness-photo"]));
    assert_eq!(status_of(&asked, "onramp-light"), "verified");
    for side in ["selfie-left", "selfie-right", "selfie-front"] {
        assert_eq!(sandbox.upload(USER, side).await.status(), 201, "{side}");
    }
    assert_eq!(status_of(&sandbox.trigger(USER).await.json(), "onramp"), "verified");
}

#[tokio::test]
async fn a_residence_permit_is_an_id_in_spain_alone() {
    for (country, expected) in [("ES", Value::Null), ("PT", json!(["id"]))] {
        let sandbox = start(Profile::Current, json!({})).await;
        let mut body = current_body();
        body["userDetails"]["countryOfResidence"] = json!(country);
        sandbox.register(USER, body).await;
        sandbox.accept(USER).await;
        assert_eq!(sandbox.upload(USER, "id-residency-permit").await.status(), 201);
        assert_eq!(missing(&sandbox.trigger(USER).await.json(), "offramp"), expected, "{country}");
    }
}

#[tokio::test]
async fn the_terms_of_service_need_a_region_and_hold_nothing_up() {
    let sandbox = scripted(json!({})).await;
    let at = "2026-05-02T09:00:00.000Z";
    let terms = "crossmint-terms-of-service";
    for (body, status) in [
        (json!({"type": terms, "acceptedAt": at}), 400),
        (json!({"type": terms, "acceptedAt": at, "region": "mars"}), 400),
        (json!({"type": terms, "acceptedAt": "2026-05-02T09:00:00", "region": "eu"}), 400),
        (json!({"type": "cookies", "acceptedAt": at, "region": "eu"}), 400),
        (json!({"type": terms, "acceptedAt": at, "region": "eu"}), 200),
        (json!({"type": "crossmint-privacy-policy", "acceptedAt": at}), 200),
    ] {
        assert_eq!(accept(&sandbox, body.clone()).await, status, "{body}");
    }
    let change = json!({"termsVersion": 2});
    sandbox.admin("PATCH", &format!("/users/{USER}"), Some(change)).await;
    let legal = shown(&sandbox).await["legalDocuments"].clone();
    let valid = |kind: &str| {
        let of_it = legal.as_array().unwrap().iter().find(|document| document["type"] == kind);
        of_it.map(|document| document["isValidVersion"].clone())
    };
    assert_eq!(valid(terms), Some(json!(false)));
    assert_eq!(valid("crossmint-privacy-policy"), Some(json!(true)));
    sandbox.register(USER, current_body()).await;
    assert_eq!(status_of(&sandbox.trigger(USER).await.json(), "onramp-light"), "verified");
}

#[tokio::test]
async fn legal_documents_are_written_as_the_script_says() {
    let policy = json!({"type": "crossmint-privacy-policy",
        "acceptedAt": "2026-05-02T09:00:00.000Z", "isValidVersion": true});
    for (form, before, after) in [
        ("list", Some(json!([])), Some(json!([policy]))),
        ("object", None, Some(policy.clone())),
        ("absent", None, None),
    ] {
        let sandbox = scripted(json!({"legalDocuments": form})).await;
        sandbox.register(USER, current_body()).await;
        assert_eq!(shown(&sandbox).await.get("legalDocuments"), before.as_ref(), "{form}");
        sandbox.accept(USER).await;
        assert_eq!(shown(&sandbox).await.get("legalDocuments"), after.as_ref(), "{form}");
    }
}

#[tokio::test]
async fn a_section_is_lost_as_often_as_the_script_says() {
    let sandbox = scripted(json!({"loses": {"kycData": 2}})).await;
    let mut without = current_body();
    without.as_object_mut().unwrap().remove("kycData");
    // A registration that does not hold the section loses none.
    for (body, held) in
        [(current_body(), false), (without, false), (current_body(), false), (current_body(), true)]
    {
        let answer = sandbox.register(USER, body).await.json();
        assert_eq!(answer["kycData"], held);
        assert_eq!(answer["userDetails"], true);
        assert_eq!(shown(&sandbox).await["kycData"], held);
    }
    let again = json!({"loses": {"kycData": 1}});
    sandbox.admin("PATCH", &format!("/users/{USER}"), Some(again)).await;
    assert_eq!(sandbox.register(USER, current_body()).await.json()["kycData"], false);
    let asked = sandbox.trigger(USER).await.json();
    assert_eq!(status_of(&asked, "regulated-transfer"), "verified");
    sandbox.accept(USER).await;
    let asked = sandbox.trigger(USER).await.json();
    assert_eq!(asked["eligibility"][1]["missingData"], json!(["kyc-data"]));
}

#[tokio::test]
async fn a_document_that_is_replaced_keeps_its_id_unless_the_script_says_otherwise() {
    for (new_ids, status_of_the_first) in [(false, 200), (true, 404)] {
        let sandbox = scripted(json!({"newDocumentIds": new_ids})).await;
        sandbox.register(USER, current_body()).await;
        let first = sandbox.upload(USER, "id-passport").await;
        let second = sandbox.upload(USER, "id-passport").await;
        assert_eq!((first.status(), second.status()), (201, 200));
        let [first, second] = [first, second].map(|seen| seen.json()["id"].clone());
        assert_eq!(first != second, new_ids);
        let look = async |id: &Value| {
            let path = format!("/documents/{}", id.as_str().unwrap());
            sandbox.call("GET", &path, None).await.status()
        };
        assert_eq!(look(&first).await, status_of_the_first);
        assert_eq!(look(&second).await, 200);
    }
}
