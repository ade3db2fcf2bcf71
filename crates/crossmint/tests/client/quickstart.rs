//! The provider's quickstart page, replayed: each of its calls, and each of its answers.

use crossmint::{DocumentUpload, LegalAcceptance, LegalDocument};
use onboarding::{
    Date, DocumentType, Eligibility, Product, ProductStatus, Profile, Region, Section, Timestamp,
};

use crate::server::{Request, Server, answer, user};

const REGISTER: &str = concat!(
    r#"{"userDetails":{"firstName":"John","lastName":"Doe","dateOfBirth":"1995-01-01","#,
    r#""countryOfResidence":"DE"},"kycData":{"addressOfResidence":{"line1":"123 Hauptstrasse","#,
    r#""line2":"Apt 5","city":"Berlin","postalCode":"10115"},"email":"[email protected]","#,
    r#""identityDocument":{"type":"passport","number":"AS12321"}}}"#
);
const UPDATE: &str = concat!(
    r#"{"userDetails":{"firstName":"John","lastName":"Doe","dateOfBirth":"1995-01-01","#,
    r#""countryOfResidence":"DE"},"kycData":{"addressOfResidence":{"line1":"123 Hauptstrasse","#,
    r#""line2":"Apt 5","city":"Berlin","postalCode":"10115"},"email":"[email protected]","#,
    r#""identityDocument":{"type":"passport","number":"AS12321"}},"#,
    r#""dueDiligence":{"employmentStatus":"full-time","sourceOfFunds":"employment-income","#,
    r#""industry":"finance-insurance"},"#,
    r#""verificationHistory":{"idVerificationTimestamp":"2024-01-15T10:30:00Z","#,
    r#""livenessVerificationTimestamp":"2024-01-15T10:32:00Z"}}"#
);
const TRIGGERED: &str = r#"{
    "eligibility": [
        {
            "type": "regulated-transfer",
            "status": "verified"
        },
        {
            "type": "onramp",
            "status": "requires-data",
            "missingData": ["due-diligence", "verification-history"],
            "missingDocuments": ["proof-of-address", "proof-of-income"]
        },
        {
            "type": "offramp",
            "status": "requires-data",
            "missingData": ["due-diligence", "verification-history"],
            "missingDocuments": ["proof-of-address", "proof-of-income"]
        }
    ]
}"#;
const PRESENT: &str =
    r#"{"userDetails":true,"kycData":true,"dueDiligence":false,"verificationHistory":false}"#;
const UPLOADED: &str = r#"{"id":"doc_19ab","documentType":"id-passport","createdAt":"2026-05-02T09:20:00.000Z","expiresAt":"2026-05-30"}"#;

fn check_request(request: &Request, target: &str, body: Option<&str>) {
    assert_eq!(request.target(), target);
    assert_eq!(request.header("X-API-KEY"), Some("sk_staging_test"), "{target}");
    assert_eq!(request.header("Content-Type"), body.map(|_| "application/json"), "{target}");
    assert_eq!(request.body, body.unwrap_or_default(), "{target}");
}

fn passport() -> DocumentUpload<'static> {
    DocumentUpload {
        document_type: DocumentType::IdPassport,
        media_type: "image/png",
        content: "any bytes\u{0}".into(),
        expires_at: Date::parse("2026-05-30").ok(),
    }
}

fn of_the_page() -> Vec<Eligibility> {
    let asked = |product| Eligibility {
        product,
        status: ProductStatus::RequiresData,
        missing_data: vec![Section::DueDiligence, Section::VerificationHistory],
        missing_documents: vec!["proof-of-address".into(), "proof-of-income".into()],
    };
    let verified = Eligibility {
        product: Product::RegulatedTransfer,
        status: ProductStatus::Verified,
        missing_data: vec![],
        missing_documents: vec![],
    };
    vec![verified, asked(Product::Onramp), asked(Product::Offramp)]
}

#[tokio::test]
async fn each_call_of_the_page_is_sent_byte_for_byte_and_its_answer_read() {
    let server = Server::start(vec![
        answer(201, PRESENT),
        answer(201, UPLOADED),
        answer(200, TRIGGERED),
        answer(200, PRESENT),
        answer(200, TRIGGERED),
        answer(200, TRIGGERED),
    ])
    .await;
    let (client, user) = (server.client(), user());

    let register: Profile = serde_json::from_str(REGISTER).unwrap();
    let presence = client.upsert_user(&user, &register).await.unwrap();
    assert_eq!((presence.kyc_data, presence.due_diligence), (Some(true), Some(false)));
    let document = client.upload_document(&user, passport()).await.unwrap();
    assert_eq!(document.id, "doc_19ab");
    assert_eq!(document.document_type, Some(DocumentType::IdPassport));
    assert_eq!(document.expires_at.as_deref(), Some("2026-05-30"));
    assert_eq!(client.trigger_verification(&user).await.unwrap(), of_the_page());
    let update: Profile = serde_json::from_str(UPDATE).unwrap();
    client.upsert_user(&user, &update).await.unwrap();
    assert_eq!(client.trigger_verification(&user).await.unwrap(), of_the_page());
    assert_eq!(client.verification(&user).await.unwrap(), of_the_page());

    let put_user = "PUT /api/2025-06-09/users/userId%3Ajohnd-123";
    let trigger = "PUT /api/2025-06-09/users/userId%3Ajohnd-123/identity-verification";
    let read = "GET /api/2025-06-09/users/userId%3Ajohnd-123/identity-verification";
    let upload = r#"{"userLocator":"userId:johnd-123","documentType":"id-passport","data":"YW55IGJ5dGVzAA==","expiresAt":"2026-05-30"}"#;
    let requests = server.requests();
    assert_eq!(requests.len(), 6);
    check_request(&requests[0], put_user, Some(REGISTER));
    check_request(&requests[1], "POST /api/2025-06-09/documents", Some(upload));
    check_request(&requests[2], trigger, None);
    check_request(&requests[3], put_user, Some(UPDATE));
    check_request(&requests[4], trigger, None);
    check_request(&requests[5], read, None);
}

#[tokio::test]
async fn the_calls_beside_the_page_are_sent_as_the_reference_has_them() {
    let wallet = r#"{"address":"0xAbC","chain":"base","type":"external-wallet","ownership":{"verified":false,"verificationChallenge":"sign me"}}"#;
    let server = Server::start(vec![
        answer(200, PRESENT),
        answer(200, r#"{"acceptedAt":"2026-05-02T09:10:00.000Z"}"#),
        answer(204, ""),
        answer(200, UPLOADED),
        answer(200, wallet),
        answer(200, wallet),
    ])
    .await;
    let client = server.client();
    let user = "email:a+b@example.org".parse().unwrap();
    let accepted = |document, region| LegalAcceptance {
        document,
        accepted_at: Timestamp(1_777_713_000_000),
        region,
    };

    client.user(&user).await.unwrap();
    let policy = accepted(LegalDocument::CrossmintPrivacyPolicy, None);
    client.accept_legal_document(&user, policy).await.unwrap();
    let terms = accepted(LegalDocument::Other("new-terms".into()), Some(Region::Worldwide));
    client.accept_legal_document(&user, terms).await.unwrap();
    client.document("doc/19").await.unwrap();
    let external = crossmint::ExternalWallet {
        address: "0xAbC".into(),
        chain: "base".into(),
        proof: Some("signed".into()),
    };
    let linked = client.link_wallet(&user, external).await.unwrap();
    assert_eq!(linked.ownership.unwrap().verified, Some(false));
    assert_eq!(client.linked_wallet(&user, "0xAbC").await.unwrap().chain.as_deref(), Some("base"));

    let path = "/api/2025-06-09/users/email%3Aa%2Bb%40example.org";
    let requests = server.requests();
    check_request(&requests[0], &format!("GET {path}"), None);
    check_request(
        &requests[1],
        &format!("PUT {path}/legal-documents"),
        Some(r#"{"type":"crossmint-privacy-policy","acceptedAt":"2026-05-02T09:10:00.000Z"}"#),
    );
    check_request(
        &requests[2],
        &format!("PUT {path}/legal-documents"),
        Some(
            r#"{"type":"new-terms","acceptedAt":"2026-05-02T09:10:00.000Z","region":"worldwide"}"#,
        ),
    );
    check_request(&requests[3], "GET /api/2025-06-09/documents/doc%2F19", None);
    check_request(
        &requests[4],
        &format!("PUT {path}/linked-wallets/0xAbC"),
        Some(r#"{"chain":"base","proof":"signed"}"#),
    );
    check_request(&requests[5], &format!("GET {path}/linked-wallets/0xAbC"), None);
}
