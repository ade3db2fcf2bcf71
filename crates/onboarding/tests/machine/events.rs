//! Short names for events, so that a test reads as what happened.

use onboarding::{
    Call, DocumentType, Effect, Eligibility, Event, Evidence, Failure, FailureClass, LegalText,
    Ownership, Product, ProductStatus, Request, Revision, Section, Shown, Timestamp, WalletNumber,
};

/// Every test starts at this moment; nothing depends on today.
pub const START: Timestamp = Timestamp(1_700_000_000_000);

/// A profile of user details and KYC data, in which `changed` is new.
pub fn profile_set(revision: u32, changed: &[Section]) -> Event {
    Event::ProfileSet {
        revision: Revision(revision),
        present: [Section::UserDetails, Section::KycData].iter().chain(changed).cloned().collect(),
        changed: changed.iter().cloned().collect(),
        area: None,
        verified_on: None,
    }
}

pub fn wanted(products: &[Product]) -> Event {
    Event::WantedProductsSet { products: products.iter().cloned().collect() }
}

pub fn consent_given(revision: u32) -> Event {
    legal_text_accepted(LegalText::PrivacyPolicy, revision)
}

/// A consent of before the first.
pub fn older_consent_given(revision: u32) -> Event {
    consent_given_at(revision, START.minus_ms(1))
}

pub fn consent_given_at(revision: u32, at: Timestamp) -> Event {
    let mut event = consent_given(revision);
    if let Event::ConsentGiven { accepted_at, .. } = &mut event {
        *accepted_at = at;
    }
    event
}

pub fn terms_given(revision: u32) -> Event {
    legal_text_accepted(LegalText::TermsOfService, revision)
}

fn legal_text_accepted(text: LegalText, revision: u32) -> Event {
    Event::ConsentGiven {
        text,
        revision: Revision(revision),
        accepted_at: START.plus_ms(revision.into()),
        region: None,
        evidence: Evidence::default(),
    }
}

pub fn document_added(document_type: &DocumentType, revision: u32) -> Event {
    Event::DocumentAdded {
        document_type: document_type.clone(),
        revision: Revision(revision),
        expires_at: None,
        duplicates: Vec::new(),
    }
}

pub fn document_withdrawn(document_type: &DocumentType) -> Event {
    Event::DocumentWithdrawn { document_type: document_type.clone() }
}

pub fn accepted(revision: u32) -> Event {
    Event::PrivacyPolicyAccepted { revision: Revision(revision), epoch: None }
}

pub fn terms_accepted(revision: u32, epoch: u32) -> Event {
    Event::TermsAccepted { revision: Revision(revision), epoch }
}

/// The provider shows what it holds; `hidden` are the sections that it says it has not.
pub fn user_read(epoch: u32, hidden: &[Section]) -> Event {
    let sections = Section::KNOWN.iter().map(|it| (it.clone(), !hidden.contains(it))).collect();
    Event::UserRead { epoch, shown: Shown { sections, ..Shown::default() } }
}

pub fn waived(number: u32) -> Event {
    Event::TaskWaived { number, reason: "agreed by telephone".to_owned() }
}

pub fn reminded(number: u32, passed: u32) -> Event {
    Event::TaskReminded { number, passed }
}

pub fn renewal_opened(request: Request) -> Event {
    Event::RenewalOpened { request }
}

pub fn reopened() -> Event {
    Event::Reopened { reason: "the provider was wrong".to_owned() }
}

pub fn registered(revision: u32) -> Event {
    Event::UserRegistered { revision: Revision(revision), epoch: None }
}

pub fn uploaded(document_type: &DocumentType, revision: u32) -> Event {
    Event::DocumentUploaded {
        document_type: document_type.clone(),
        revision: Revision(revision),
        epoch: None,
        provider_document_id: "document-id".to_owned(),
    }
}

pub fn wallet_given(number: u32, revision: u32) -> Event {
    Event::WalletGiven { number: WalletNumber(number), revision: Revision(revision) }
}

pub fn wallet_withdrawn(number: u32) -> Event {
    Event::WalletWithdrawn { number: WalletNumber(number) }
}

pub fn linked(number: u32, revision: u32, epoch: u32, ownership: Ownership) -> Event {
    let (number, revision) = (WalletNumber(number), Revision(revision));
    Event::WalletLinked { number, revision, epoch, ownership }
}

/// The acknowledgement of what was sent in this epoch.
pub fn in_epoch(sent_in: u32, mut acknowledgement: Event) -> Event {
    if let Event::PrivacyPolicyAccepted { epoch, .. }
    | Event::UserRegistered { epoch, .. }
    | Event::DocumentUploaded { epoch, .. } = &mut acknowledgement
    {
        *epoch = Some(sent_in);
    }
    if let Event::TermsAccepted { epoch, .. } | Event::WalletLinked { epoch, .. } =
        &mut acknowledgement
    {
        *epoch = sent_in;
    }
    acknowledgement
}

pub fn begun(trigger: u32) -> Event {
    Event::TriggerBegun { trigger }
}

pub fn triggered(trigger: u32, eligibility: &[Eligibility]) -> Event {
    Event::VerificationTriggered { trigger, eligibility: eligibility.to_vec() }
}

pub fn checked(epoch: u32, eligibility: &[Eligibility]) -> Event {
    Event::StatusChecked { epoch, eligibility: eligibility.to_vec() }
}

pub fn failed(call: Call, class: FailureClass, effect: Effect) -> Event {
    Event::CallFailed { call, failure: failure(class, effect) }
}

pub fn failure(class: FailureClass, effect: Effect) -> Failure {
    Failure {
        class,
        message: format!("the provider said: {}", class.as_str()),
        http_status: None,
        retry_after_ms: None,
        effect,
    }
}

pub fn refused_alone(call: Call) -> Event {
    Event::RefusedAlone { call, reason: "the key may not".to_owned() }
}

pub fn held() -> Event {
    Event::Held { reason: "to be looked at".to_owned() }
}

pub fn resumed() -> Event {
    Event::Resumed { reason: "looked at".to_owned() }
}

pub fn retried() -> Event {
    Event::Retried { reason: "to be tried now".to_owned() }
}

pub fn cancelled() -> Event {
    Event::Cancelled { reason: "on request".to_owned() }
}

pub fn erased() -> Event {
    Event::Erased { reason: "on request".to_owned() }
}

/// The provider's word on `product`.
pub fn word(product: Product, status: ProductStatus) -> Eligibility {
    Eligibility { product, status, missing_data: Vec::new(), missing_documents: Vec::new() }
}

/// The provider's word that `product` lacks data and documents.
pub fn lacking(product: Product, data: &[Section], documents: &[&str]) -> Eligibility {
    Eligibility {
        missing_data: data.to_vec(),
        missing_documents: documents.iter().map(ToString::to_string).collect(),
        ..word(product, ProductStatus::RequiresData)
    }
}

/// One status for the product that most tests want.
pub fn onramp(status: ProductStatus) -> Vec<Eligibility> {
    vec![word(Product::Onramp, status)]
}

/// That product lacks this.
pub fn onramp_lacking(data: &[Section], documents: &[&str]) -> Vec<Eligibility> {
    vec![lacking(Product::Onramp, data, documents)]
}
