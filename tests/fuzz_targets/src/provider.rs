//! The provider's answers: what the client makes of any status, headers and body.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use crossmint::{
    ApiKey, Client, DocumentUpload, ExternalWallet, LegalAcceptance, LegalDocument, Settings,
    UploadedDocument,
};
use onboarding::{
    DocumentType, Eligibility, Failure, FailureClass, Product, ProductStatus, Profile, Timestamp,
    UserLocator,
};
use serde::Deserialize;

use crate::answer::Answer;
use crate::canary::assert_hidden;

/// The longest text that a failure may carry: the provider's words and our own around them.
const MESSAGE_CHARS_MAX: usize = 600;
/// The longest wait that a provider can ask for.
const RETRY_AFTER_MAX_MS: u64 = 3_600_000;

pub(crate) const NOW: Timestamp = Timestamp(1_777_713_000_000);

/// What is sent, and must not come back in a message.
const PERSONAL: [&str; 6] = [
    "Quixotilla",
    "Zanarelligo",
    "Vlamingstraat 7c",
    "quix.zana@example.org",
    "X77QZ0006H",
    "Oosterwolde",
];
const WALLET: &str = "0x7a16fF8270133F063aAb6C9977183D9e72835428";
/// What is kept of a list.
const ENTRIES_MAX: usize = 32;
/// What is kept of a word.
const WORD_CHARS_MAX: usize = 64;
/// What is kept of an id.
const ID_CHARS_MAX: usize = 256;

/// The user of every call; the value is one of the texts that must not come back.
pub(crate) static USER: LazyLock<UserLocator> =
    LazyLock::new(|| format!("email:{}", PERSONAL[3]).parse().unwrap());

/// The profile of that user.
pub(crate) static PROFILE: LazyLock<Profile> = LazyLock::new(|| {
    let json = format!(
        r#"{{"userDetails":{{"firstName":"{}","lastName":"{}","dateOfBirth":"1988-11-04",
            "countryOfResidence":"NL"}},
        "kycData":{{"addressOfResidence":{{"line1":"{}","city":"{}","postalCode":"8431"}},
            "email":"{}","identityDocument":{{"type":"passport","number":"{}"}}}}}}"#,
        PERSONAL[0], PERSONAL[1], PERSONAL[2], PERSONAL[5], PERSONAL[3], PERSONAL[4]
    );
    Profile::parse(json.as_bytes(), NOW.date()).unwrap().value
});

thread_local! {
    static CLIENT: RefCell<Client> = RefCell::new(client());
}

fn client() -> Client {
    // The port is never connected to: each call is given its answer.
    Client::new(Settings::new("http://127.0.0.1:9", ApiKey::new("sk_staging_any"))).unwrap()
}

/// What a call that gets this answer comes to; `None` if HTTP has no such answer.
pub(crate) fn called<T>(
    answer: &Answer<'_>,
    call: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
) -> Option<Result<T, Failure>> {
    CLIENT.with_borrow_mut(|client| {
        client.answer_with(answer.status, &answer.headers, answer.body.to_vec()).ok()?;
        Some(at_once(call(client)))
    })
}

/// The outcome of what waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("a call without a network waits for something"),
    }
}

/// One answer to one of the nine calls.
pub(crate) fn answer(data: &[u8]) {
    let Some(answer) = Answer::parse(data) else { return };
    if let Some(outcome) = outcome(&answer) {
        check_outcome(&answer, &outcome);
    }
}

/// Makes the call that the answer names, and checks what was read.
fn outcome(answer: &Answer<'_>) -> Option<Result<(), Failure>> {
    let user = &*USER;
    match answer.word {
        "register-user" => called(answer, async |client| {
            let registered = client.upsert_user(user, &PROFILE).await;
            registered.map(|_| ()).inspect_err(check_repeats_nothing_sent)
        }),
        "get-user" => called(answer, async |client| client.user(user).await.map(|_| ())),
        "accept-legal-document" => called(answer, async |client| {
            let document = LegalDocument::CrossmintPrivacyPolicy;
            let acceptance = LegalAcceptance { document, accepted_at: NOW, region: None };
            client.accept_legal_document(user, acceptance).await
        }),
        "upload-document" => called(answer, async |client| {
            client.upload_document(user, upload()).await.map(check_document)
        }),
        "get-document" => {
            called(answer, async |client| client.document("doc-1").await.map(check_document))
        }
        "trigger-verification" => called(answer, async |client| {
            let eligibility = client.trigger_verification(user).await?;
            check_eligibility(&eligibility, answer.body);
            Ok(())
        }),
        "check-status" => called(answer, async |client| {
            let eligibility = client.verification(user).await?;
            check_eligibility(&eligibility, answer.body);
            Ok(())
        }),
        "link-wallet" => called(answer, async |client| {
            let linked = client.link_wallet(user, wallet()).await.map(|_| ());
            linked.inspect_err(|failure| assert_hidden(&failure.message, WALLET))
        }),
        _ => called(answer, async |client| {
            let linked = client.linked_wallet(user, WALLET).await.map(|_| ());
            linked.inspect_err(|failure| assert_hidden(&failure.message, WALLET))
        }),
    }
}

pub(crate) fn upload() -> DocumentUpload<'static> {
    DocumentUpload {
        document_type: DocumentType::IdPassport,
        media_type: "image/png",
        content: b"\x89PNG".to_vec().into(),
        expires_at: None,
    }
}

fn check_outcome(answer: &Answer<'_>, outcome: &Result<(), Failure>) {
    let Err(failure) = outcome else {
        assert!((200..300).contains(&answer.status), "{} is no success", answer.status);
        return;
    };
    assert_eq!(failure.http_status, Some(answer.status));
    check_failure(failure);
    let may_wait = matches!(answer.status, 429 | 503);
    assert!(failure.retry_after_ms.is_none_or(|ms| may_wait && ms <= RETRY_AFTER_MAX_MS));
    if answer.status >= 500 || (200..300).contains(&answer.status) {
        assert_eq!(failure.class, FailureClass::Transient, "it says nothing about the user");
    }
    if matches!(answer.status, 401 | 403) {
        assert_ne!(failure.class, FailureClass::Refused, "it is not this user's fault");
    }
}

/// What holds of the text of every failure.
pub(crate) fn check_failure(failure: &Failure) {
    let message = &failure.message;
    assert!(message.chars().count() <= MESSAGE_CHARS_MAX, "{} characters", message.len());
    assert!(!message.chars().any(char::is_control), "control characters in {message:?}");
    assert!(!message.trim().is_empty(), "a failure without a word");
    assert_hidden(message, USER.value());
    // As the engine does, whatever the call was.
    let scrubbed = crossmint::scrub(message, &*PROFILE, &());
    PERSONAL.iter().for_each(|personal| assert_hidden(&scrubbed, personal));
}

fn check_repeats_nothing_sent(failure: &Failure) {
    PERSONAL.iter().for_each(|personal| assert_hidden(&failure.message, personal));
}

fn check_document(document: UploadedDocument) {
    let id = document.id;
    assert!(
        !id.is_empty() && id.chars().count() <= ID_CHARS_MAX && !id.chars().any(char::is_control)
    );
}

/// What holds of what was read out of `body`.
pub(crate) fn check_eligibility(eligibility: &[Eligibility], body: &[u8]) {
    let products: BTreeSet<&Product> = eligibility.iter().map(|word| &word.product).collect();
    assert_eq!(products.len(), eligibility.len(), "a product twice");
    assert!(eligibility.len() <= ENTRIES_MAX);
    for word in eligibility {
        check_word(word.product.as_str());
        check_word(word.status.as_str());
        assert!(word.missing_data.len() <= ENTRIES_MAX);
        assert!(word.missing_documents.len() <= ENTRIES_MAX);
        word.missing_data.iter().for_each(|section| check_word(section.as_str()));
        word.missing_documents.iter().for_each(|name| check_word(name));
        let json = serde_json::to_string(word).unwrap();
        assert_eq!(serde_json::from_str::<Eligibility>(&json).unwrap(), *word);
        if word.status == ProductStatus::Verified {
            assert!(says_verified(body, &word.product), "{} was never verified", word.product);
        }
    }
}

fn check_word(word: &str) {
    let chars = word.chars().count();
    assert!((1..=WORD_CHARS_MAX).contains(&chars), "a word of {chars} characters");
    assert!(!word.chars().any(char::is_control), "control characters in {word:?}");
}

/// Whether an answer says of a product that it is verified and nothing else, read without the
/// client's code.
pub(crate) fn says_verified(body: &[u8], product: &Product) -> bool {
    #[derive(Deserialize)]
    struct Said {
        eligibility: Vec<Word>,
    }
    #[derive(Deserialize)]
    struct Word {
        #[serde(rename = "type")]
        product: String,
        status: String,
    }
    let Ok(said) = serde_json::from_slice::<Said>(body) else { return false };
    let is = |word: &str, text: &str| word.chars().filter(|c| !c.is_control()).eq(text.chars());
    let about = said.eligibility.iter().filter(|word| is(&word.product, product.as_str()));
    let statuses: Vec<&str> = about.map(|word| word.status.as_str()).collect();
    !statuses.is_empty() && statuses.iter().all(|status| is(status, "verified"))
}

/// The one wallet.
pub(crate) fn wallet() -> ExternalWallet {
    ExternalWallet { address: WALLET.to_owned(), chain: "base".into(), proof: None }
}
