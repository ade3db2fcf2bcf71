//! What the provider leaves open, and what the client makes of each form.

use crossmint::{DocumentData, DocumentReference, DocumentUpload, LegalDocument, UserPresence};
use onboarding::{DocumentType, Eligibility, Profile};

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
        (r#"{"error":true,"message":"later"}"#, 202),
    ] {
        let server = Server::start(vec![answer(status, body)]).await;
        let failure = server.client().trigger_verification(&user()).await.unwrap_err();
        assert_eq!(line(&failure), format!("{status} transient Unknown"), "{body}");
        assert!(failure.message.contains("not what was expected"), "{}", failure.message);
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
        let replies = vec![refused("a"), answer(200, DONE), answer(201, DONE)];
        let server = Server::start(replies).await;
        let settings = server.settings();
        let settings = crossmint::Settings { document_reference: start, ..settings };
        let client = crossmint::Client::new(settings).unwrap();
        assert_eq!(client.upload_document(&user(), upload()).await.unwrap().id, "doc_1");
        client.upload_document(&user(), upload()).await.unwrap();
        assert_eq!(bodies(&server), [first, then, then]);
    }
}

#[tokio::test]
async fn of_two_refused_forms_the_first_is_told_and_nothing_is_remembered() {
    let server =
        Server::start(vec![refused("one"), refused("two"), refused("three"), refused("four")])
            .await;
    let client = server.client();
    for message in ["one", "three"] {
        let failure = client.upload_document(&user(), upload()).await.unwrap_err();
        assert_eq!((line(&failure), &*failure.message), ("400 refused None".into(), message));
    }
    assert_eq!(bodies(&server), [TOP, NESTED, TOP, NESTED]);
}

#[tokio::test]
async fn a_second_form_that_was_not_judged_decides_what_is_next() {
    let server = Server::start(vec![refused("one"), answer(503, "")]).await;
    let failure = server.client().upload_document(&user(), upload()).await.unwrap_err();
    assert_eq!(line(&failure), "503 transient Unknown");
}

#[tokio::test]
async fn the_other_form_is_tried_only_after_a_plain_400() {
    for (reply, expected) in [
        (answer(413, ""), "413 refused None"),
        (answer(422, ""), "422 refused None"),
        (answer(404, ""), "404 not-found None"),
        (
            refused("Project not configured to support the users KYC endpoints"),
            "400 provider-closed None",
        ),
        (refused("User KYC is in progress, retry in a few seconds"), "400 transient None"),
    ] {
        let server = Server::start(vec![reply, answer(200, DONE)]).await;
        let failure = server.client().upload_document(&user(), upload()).await.unwrap_err();
        assert_eq!((line(&failure).as_str(), server.requests().len()), (expected, 1));
    }
}

#[tokio::test]
async fn a_file_goes_as_a_data_url_when_set_so() {
    let server = Server::start(vec![answer(201, DONE)]).await;
    let settings =
        crossmint::Settings { document_data: DocumentData::DataUrl, ..server.settings() };
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
