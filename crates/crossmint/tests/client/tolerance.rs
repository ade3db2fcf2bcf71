//! What the provider leaves open, and what the client makes of each form.

use crossmint::{
    ApiForm, DocumentData, DocumentReference, DocumentUpload, LegalDocument, UserPresence,
};
use onboarding::{DocumentType, Eligibility, ProductStatus, Profile};
use serde_json::{Value, json};

use crate::server::{Reply, Server, answer, answer_with, line, user};

/// `onramp=requires-data[due-diligence][id]`, one product after the other.
fn words(eligibility: &[Eligibility]) -> String {
    let word = |one: &Eligibility| {
        let data: Vec<&str> = one.missing_data.iter().map(|section| section.as_str()).collect();
        let documents = one.missing_documents.join(",");
        format!("{}={}[{}][{documents}]", one.product, one.status, data.join(","))
    };
    eligibility.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_form_of_eligibility_is_read() {
    for (body, expected) in [
        (r#"{"eligibility":[]}"#, ""),
        (r#"{"eligibility":null}"#, ""),
        (r#"{"eligibility":[{"type":"onramp","status":"not-started"}]}"#, "onramp=not-started[][]"),
        // Lists that are absent, null or empty are alike.
        (
            r#"{"eligibility":[{"type":"a","status":"verified","missingData":null,"missingDocuments":null},
                {"type":"b","status":"verified","missingData":[],"missingDocuments":[]}]}"#,
            "a=verified[][] b=verified[][]",
        ),
        // Order, new products, statuses, sections, requirements and fields.
        (
            r#"{"next":1,"eligibility":[{"type":"offramp","status":"pending-review","since":{}},
                {"type":"card","status":"approved"},
                {"type":"onramp","status":"requires-data","missingData":["tax-data"],"missingDocuments":["selfie"]}]}"#,
            "offramp=pending-review[][] card=approved[][] onramp=requires-data[tax-data][selfie]",
        ),
        // Of duplicates the least favourable counts.
        (
            r#"{"eligibility":[{"type":"onramp","status":"verified"},{"type":"offramp","status":"rejected"},
                {"type":"onramp","status":"approved"},{"type":"offramp","status":"verified"},
                {"type":"onramp","status":"pending-review"}]}"#,
            "onramp=approved[][] offramp=rejected[][]",
        ),
        (
            r#"{"eligibility":[{"type":"onramp","status":"requires-data","missingDocuments":["id"]},
                {"type":"onramp","status":"requires-data","missingData":["kyc-data"],"missingDocuments":["id","x"]}]}"#,
            "onramp=requires-data[kyc-data][id,x]",
        ),
        // Entries that are no words are still asked for; each word is told once, in order.
        (
            r#"{"eligibility":[{"type":"onramp","status":"requires-data",
                "missingData":["kyc-data",{"type":"x"},7,"user-details","kyc-data"],
                "missingDocuments":["proof-of-income","id","id",null,""]}]}"#,
            "onramp=requires-data[kyc-data,unreadable,user-details][proof-of-income,id,unreadable]",
        ),
        (
            r#"{"eligibility":[{"type":"onramp","status":"requires-data","missingData":"kyc-data","missingDocuments":{"id":1}}]}"#,
            "onramp=requires-data[kyc-data][unreadable]",
        ),
        // Control characters go.
        (
            r#"{"eligibility":[{"type":"on\u001bramp","status":"veri\nfied","missingDocuments":["i\u0000d"]}]}"#,
            "onramp=verified[][id]",
        ),
    ] {
        let server = Server::start(vec![answer(200, body), answer(200, body)]).await;
        let client = server.client();
        assert_eq!(words(&client.verification(&user()).await.unwrap()), expected, "{body}");
        assert_eq!(words(&client.trigger_verification(&user()).await.unwrap()), expected, "{body}");
    }
}

#[tokio::test]
async fn what_is_no_eligibility_is_unreadable() {
    for (body, status) in [
        ("", 200),
        ("", 204),
        ("{}", 200),
        ("null", 200),
        ("[]", 200),
        ("<html>hello</html>", 200),
        (r#"{"eligibility":[{"type":"onramp""#, 200),
        (r#"{"eligibility":[{"type":"onramp"}]}"#, 200),
        (r#"{"eligibility":"later"}"#, 200),
        (r#"{"eligibility":[{"type":"onramp","status":7}]}"#, 200),
        (r#"{"eligibility":[{"type":"","status":"verified"}]}"#, 200),
        (r#"{"error":true,"message":"later"}"#, 202),
    ] {
        let server = Server::start(vec![answer(status, body)]).await;
        let failure = server.client().trigger_verification(&user()).await.unwrap_err();
        assert_eq!(line(&failure), format!("{status} transient Unknown"), "{body}");
        assert!(failure.message.contains("not what was expected"), "{}", failure.message);
    }
}

fn one_product(product: &str, status: &str, documents: &[String]) -> Value {
    json!({"type": product, "status": status, "missingDocuments": documents})
}

#[tokio::test]
async fn what_the_provider_asks_for_is_kept_within_limits() {
    let names: Vec<String> = (0..200).map(|n| format!("document-{n}")).collect();
    let many: Vec<Value> = names.iter().map(|name| one_product(name, "verified", &[])).collect();
    let (word, long) = ("é".repeat(64), "é".repeat(65));
    // Beyond the limit no new product is taken, but of a known one the worst word still counts.
    let late = one_product("document-0", "rejected", &[]);
    for (eligibility, expected) in [
        (vec![one_product("a", "requires-data", &names)], (1, 32, "document-31")),
        (
            vec![
                one_product("a", "requires-data", &names[..20]),
                one_product("a", "requires-data", &names[10..]),
            ],
            (1, 32, "document-31"),
        ),
        (vec![one_product("a", "requires-data", std::slice::from_ref(&word))], (1, 1, &*word)),
        (
            vec![one_product("a", "requires-data", std::slice::from_ref(&long))],
            (1, 1, "unreadable"),
        ),
        ([many, vec![late]].concat(), (32, 0, "")),
    ] {
        let body = json!({ "eligibility": eligibility }).to_string();
        let server = Server::start(vec![answer(200, &body)]).await;
        let read = server.client().verification(&user()).await.unwrap();
        let asked = &read[0].missing_documents;
        let last = asked.last().map(String::as_str).unwrap_or_default();
        assert_eq!((read.len(), asked.len(), last), expected, "{body}");
        if asked.is_empty() {
            assert_eq!(read[0].status, ProductStatus::Rejected);
        }
    }
    for (product, status, readable) in
        [(&*word, &*word, true), (&*long, "verified", false), ("onramp", &*long, false)]
    {
        let body = json!({ "eligibility": [one_product(product, status, &[])] }).to_string();
        let server = Server::start(vec![answer(200, &body)]).await;
        assert_eq!(server.client().verification(&user()).await.is_ok(), readable, "{body}");
    }
}

#[tokio::test]
async fn every_form_of_an_uploaded_document_is_read() {
    let (id, long) = ("x".repeat(256), "x".repeat(257));
    for (body, expected) in [
        (json!({"id": "doc_1"}), Some("doc_1 - -")),
        (json!({"id": 7, "createdAt": 1_777_713_000_000_i64}), Some("7 - -")),
        (
            json!({"id": "doc\n_1", "documentType": {"a": 1}, "expiresAt": null, "size": {}}),
            Some("doc_1 - -"),
        ),
        (
            json!({"id": "doc_1", "documentType": "id-passport", "expiresAt": "2030-03-31"}),
            Some("doc_1 id-passport 2030-03-31"),
        ),
        (json!({"id": &id}), Some(&*format!("{id} - -"))),
        (json!({"id": &long}), None),
        (json!({"id": ""}), None),
        (json!({"id": {}}), None),
        (json!({"documentType": "id-passport"}), None),
    ] {
        let body = body.to_string();
        let server = Server::start(vec![answer(201, &body)]).await;
        let read = server.client().upload_document(&user(), upload()).await.ok().map(|document| {
            let kind = document.document_type.map_or("-".to_owned(), |kind| kind.to_string());
            format!("{} {kind} {}", document.id, document.expires_at.as_deref().unwrap_or("-"))
        });
        assert_eq!(read.as_deref(), expected, "{body}");
    }
}

#[tokio::test]
async fn every_form_of_a_linked_wallet_is_read() {
    for (body, expected) in [
        (r#"{"address":"0xA"}"#, Some((None, None))),
        (
            r#"{"address":"0xA","chainType":"base","ownership":{"verified":true}}"#,
            Some((Some("base"), Some(true))),
        ),
        (r#"{"address":"0xA","chain":{"id":1},"ownership":"yes"}"#, Some((None, None))),
        (r#"{"chain":"base"}"#, None),
    ] {
        let server = Server::start(vec![answer(200, body)]).await;
        let wallet = server.client().linked_wallet(&user(), "0xA").await.ok();
        let read = wallet.as_ref().map(|wallet| {
            (wallet.chain.as_deref(), wallet.ownership.as_ref().and_then(|owner| owner.verified))
        });
        assert_eq!(read, expected, "{body}");
    }
}

#[tokio::test]
async fn every_form_of_a_user_is_read() {
    let (yes, no) = (Some(true), Some(false));
    for (body, flags, legal) in [
        ("{}", [None; 4], vec![]),
        (r#"{"userId":"usr_1","userDetails":true,"kycData":false}"#, [yes, no, None, None], vec![]),
        (r#"{"userId":7,"userDetails":{"firstName":"x"},"kycData":null}"#, [None; 4], vec![]),
        (
            r#"{"dueDiligence":true,"verificationHistory":false,"tier":{"level":2},
                "legalDocuments":[{"type":"crossmint-privacy-policy","acceptedAt":"x","isValidVersion":true},
                {"type":"crossmint-terms-of-service"},{"odd":1}]}"#,
            [None, None, yes, no],
            vec![("crossmint-privacy-policy", yes), ("crossmint-terms-of-service", None)],
        ),
        (
            r#"{"legalDocuments":{"type":"crossmint-cookies","isValidVersion":false}}"#,
            [None; 4],
            vec![("crossmint-cookies", no)],
        ),
        (r#"{"legalDocuments":null}"#, [None; 4], vec![]),
    ] {
        let server = Server::start(vec![answer(200, body), answer(201, body)]).await;
        let client = server.client();
        let read = client.user(&user()).await.unwrap();
        assert_eq!(read, client.upsert_user(&user(), &Profile::default()).await.unwrap());
        let UserPresence { user_details, kyc_data, due_diligence, verification_history, .. } = read;
        assert_eq!([user_details, kyc_data, due_diligence, verification_history], flags, "{body}");
        let states: Vec<_> =
            read.legal_documents.iter().map(|s| (word(&s.document), s.is_valid_version)).collect();
        assert_eq!(states, legal, "{body}");
    }
}

#[tokio::test]
async fn what_is_shown_of_a_user_is_what_was_said_and_no_more() {
    let policy =
        |valid: &str| format!(r#"{{"type":"crossmint-privacy-policy","acceptedAt":"x"{valid}}}"#);
    let (valid, invalid) =
        (policy(r#","isValidVersion":true"#), policy(r#","isValidVersion":false"#));
    for (body, expected) in [
        ("{}".to_owned(), "{}"),
        (
            r#"{"userDetails":true,"kycData":false,"dueDiligence":"yes"}"#.to_owned(),
            r#"{"sections":{"user-details":true,"kyc-data":false}}"#,
        ),
        (format!(r#"{{"legalDocuments":{valid}}}"#), r#"{"privacyPolicy":true}"#),
        (format!(r#"{{"legalDocuments":[{invalid}]}}"#), r#"{"privacyPolicy":false}"#),
        (format!(r#"{{"legalDocuments":[{}]}}"#, policy("")), "{}"),
        // An acceptance of an older text does not undo that of the one in force.
        (format!(r#"{{"legalDocuments":[{valid},{invalid}]}}"#), r#"{"privacyPolicy":true}"#),
        (
            r#"{"legalDocuments":[{"type":"crossmint-terms-of-service","isValidVersion":true}]}"#
                .to_owned(),
            r#"{"terms":true}"#,
        ),
    ] {
        let server = Server::start(vec![answer(200, &body)]).await;
        let shown = server.client().user(&user()).await.unwrap().shown();
        assert_eq!(serde_json::to_string(&shown).unwrap(), expected, "{body}");
    }
}

fn word(document: &LegalDocument) -> &str {
    match document {
        LegalDocument::CrossmintPrivacyPolicy => "crossmint-privacy-policy",
        LegalDocument::CrossmintTermsOfService => "crossmint-terms-of-service",
        LegalDocument::Other(word) => word,
    }
}

#[tokio::test]
async fn an_empty_2xx_is_enough_where_nothing_has_to_be_read() {
    for status in [200, 201, 202, 204] {
        let server =
            Server::start(vec![answer_with(status, "x-a: b", ""), answer(status, "\n")]).await;
        let client = server.client();
        let presence = client.upsert_user(&user(), &Profile::default()).await;
        assert_eq!(presence, Ok(UserPresence::default()), "{status}");
        assert_eq!(
            client.user(&user()).await.map_err(|f| line(&f)),
            Err(format!("{status} transient Unknown"))
        );
    }
    let server = Server::start(vec![answer(200, "<html>hello</html>")]).await;
    let page = server.client().upsert_user(&user(), &Profile::default()).await.unwrap_err();
    assert_eq!(line(&page), "200 transient Unknown");
}

fn upload() -> DocumentUpload<'static> {
    DocumentUpload {
        document_type: DocumentType::ProofOfAddress,
        media_type: "application/pdf",
        content: "%PDF-".into(),
        expires_at: None,
    }
}

const TOP: &str =
    r#"{"userLocator":"userId:johnd-123","documentType":"proof-of-address","data":"JVBERi0="}"#;
const NESTED: &str = r#"{"reference":{"userLocator":"userId:johnd-123"},"documentType":"proof-of-address","data":"JVBERi0="}"#;
const DONE: &str = r#"{"id":"doc_1"}"#;

fn refused(message: &str) -> Reply {
    answer(400, &format!(r#"{{"error":true,"message":"{message}"}}"#))
}

fn bodies(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| request.body).collect()
}

#[tokio::test]
async fn the_form_that_worked_is_remembered() {
    for (start, first, then) in
        [(DocumentReference::UserLocator, TOP, NESTED), (DocumentReference::Reference, NESTED, TOP)]
    {
        let replies = vec![refused("a"), answer(200, DONE), answer(201, DONE), refused("b")];
        let server = Server::start(replies).await;
        let settings = server.settings();
        let settings = crossmint::Settings { document_reference: Some(start), ..settings };
        let client = crossmint::Client::new(settings).unwrap();
        let failure = client.upload_document(&user(), upload()).await.unwrap_err();
        assert_eq!(line(&failure), "400 transient None");
        assert_eq!(failure.message, "a; the other form of the user reference is tried next");
        assert_eq!(client.upload_document(&user(), upload()).await.unwrap().id, "doc_1");
        client.upload_document(&user(), upload()).await.unwrap();
        let failure = client.upload_document(&user(), upload()).await.unwrap_err();
        assert_eq!((line(&failure), &*failure.message), ("400 refused None".into(), "b"));
        assert_eq!(bodies(&server), [first, then, then, then]);
    }
}

#[tokio::test]
async fn an_upload_is_never_more_than_one_call() {
    let server = Server::start(vec![refused("one"), answer(200, DONE)]).await;
    server.client().upload_document(&user(), upload()).await.unwrap_err();
    assert_eq!(bodies(&server), [TOP]);
}

#[tokio::test]
async fn what_is_refused_in_both_forms_is_refused_with_both_messages_and_begins_anew() {
    let replies = ["one", "two", "same", "same", "five"].map(refused);
    let server = Server::start(replies.into()).await;
    let client = server.client();
    for (expected, message) in [
        ("400 transient None", "one; the other form of the user reference is tried next"),
        ("400 refused None", "one; in the other form of the user reference: two"),
        ("400 transient None", "same; the other form of the user reference is tried next"),
        ("400 refused None", "same"),
        ("400 transient None", "five; the other form of the user reference is tried next"),
    ] {
        let failure = client.upload_document(&user(), upload()).await.unwrap_err();
        assert_eq!((line(&failure).as_str(), failure.message.as_str()), (expected, message));
    }
    assert_eq!(bodies(&server), [TOP, NESTED, TOP, NESTED, TOP]);
}

#[tokio::test]
async fn a_corrected_document_and_another_users_begin_with_the_configured_form() {
    let server = Server::start((0..4).map(|_| refused("bad")).collect()).await;
    let client = server.client();
    let other = "userId:other".parse().unwrap();
    let corrected = DocumentUpload { content: "%PDF-2".into(), ..upload() };
    client.upload_document(&user(), upload()).await.unwrap_err();
    client.upload_document(&other, upload()).await.unwrap_err();
    client.upload_document(&user(), corrected).await.unwrap_err();
    client.upload_document(&user(), upload()).await.unwrap_err();
    let forms: Vec<bool> =
        bodies(&server).iter().map(|body| body.starts_with(r#"{"reference""#)).collect();
    assert_eq!(forms, [false, false, false, true]);
}

#[tokio::test]
async fn a_form_that_was_not_judged_is_tried_again() {
    let replies = vec![refused("one"), answer(503, ""), answer(201, DONE)];
    let server = Server::start(replies).await;
    let client = server.client();
    client.upload_document(&user(), upload()).await.unwrap_err();
    let failure = client.upload_document(&user(), upload()).await.unwrap_err();
    assert_eq!(line(&failure), "503 transient Unknown");
    client.upload_document(&user(), upload()).await.unwrap();
    assert_eq!(bodies(&server), [TOP, NESTED, NESTED]);
}

#[tokio::test]
async fn only_a_plain_400_says_anything_about_the_form() {
    for (reply, expected) in [
        (answer(200, "<html>hello</html>"), "200 transient Unknown"),
        (answer(413, ""), "413 refused None"),
        (answer(422, ""), "422 refused None"),
        (answer(404, ""), "404 not-found None"),
        (
            refused("Project not configured to support the users KYC endpoints"),
            "400 provider-closed None",
        ),
        (refused("User KYC is in progress, retry in a few seconds"), "400 transient Unknown"),
    ] {
        let server = Server::start(vec![reply, refused("bad")]).await;
        let client = server.client();
        let failure = client.upload_document(&user(), upload()).await.unwrap_err();
        assert_eq!(line(&failure), expected);
        // Neither proven nor doubted: the next 400 is the first word on the form.
        let failure = client.upload_document(&user(), upload()).await.unwrap_err();
        assert_eq!(line(&failure), "400 transient None");
        assert_eq!(bodies(&server), [TOP, TOP]);
    }
}

#[tokio::test]
async fn an_upload_has_the_form_of_the_api_unless_its_parts_are_set_apart() {
    use {DocumentData as Data, DocumentReference as Named};
    let url = |body: &str| body.replace("JVBERi0=", "data:application/pdf;base64,JVBERi0=");
    for (api, named, data, expected) in [
        (ApiForm::Quickstart, None, None, TOP.to_owned()),
        (ApiForm::Current, None, None, url(NESTED)),
        (ApiForm::Quickstart, Some(Named::Reference), None, NESTED.to_owned()),
        (ApiForm::Quickstart, None, Some(Data::DataUrl), url(TOP)),
        (ApiForm::Current, Some(Named::UserLocator), None, url(TOP)),
        (ApiForm::Current, None, Some(Data::Base64), NESTED.to_owned()),
    ] {
        let server = Server::start(vec![answer(201, DONE)]).await;
        let settings = crossmint::Settings {
            api,
            document_reference: named,
            document_data: data,
            ..server.settings()
        };
        let client = crossmint::Client::new(settings).unwrap();
        client.upload_document(&user(), upload()).await.unwrap();
        assert_eq!(bodies(&server), [expected], "{api:?} {named:?} {data:?}");
    }
}

#[tokio::test]
async fn a_file_goes_as_a_data_url_when_set_so() {
    let server = Server::start(vec![answer(201, DONE)]).await;
    let settings =
        crossmint::Settings { document_data: Some(DocumentData::DataUrl), ..server.settings() };
    crossmint::Client::new(settings).unwrap().upload_document(&user(), upload()).await.unwrap();
    let expected = TOP.replace("JVBERi0=", "data:application/pdf;base64,JVBERi0=");
    assert_eq!(bodies(&server), [expected]);
}

#[tokio::test]
async fn an_answer_in_chunks_is_read() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                   9\r\n{\"eligibi\r\n9\r\nlity\":[]}\r\n0\r\n\r\n";
    let server = Server::start(vec![Reply::Bytes(chunked.into())]).await;
    assert_eq!(server.client().verification(&user()).await, Ok(vec![]));
}
