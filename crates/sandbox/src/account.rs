//! One user as the provider holds them: sections, documents, consents, wallets,
//! and what became of the verification.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::locator::Locator;
use crate::profile::{Product, Profile};
use crate::record::{Record, Section};
use crate::request::{PRIVACY_POLICY, Upload};
use crate::rules::{Facts, Missing};
use crate::script::{EligibilityEntry, LegalDocumentsForm, Script};
use crate::wire::{self, Answer};

pub(crate) struct Account {
    /// Makes the provider's own id for a user.
    number: u64,
    pub record: Record,
    pub documents: BTreeMap<&'static str, Document>,
    acceptances: BTreeMap<&'static str, Acceptance>,
    wallets: BTreeMap<String, Wallet>,
    verification: Option<Verification>,
}

pub(crate) struct Document {
    pub id: String,
    pub created_at: i64,
    pub expires_at: Option<String>,
    pub bytes: u64,
    pub uploads: u64,
}

struct Acceptance {
    accepted_at: String,
    version: u32,
}

struct Wallet {
    chain: String,
    proved: bool,
}

struct Verification {
    first_at: i64,
    last_at: i64,
    policy_version: u32,
    findings: BTreeMap<Product, Finding>,
}

/// What a trigger found for one product.
#[derive(Clone)]
enum Finding {
    PrivacyPolicyMissing,
    Lacking(Missing),
    Complete { since: i64 },
}

/// The circumstances under which an account is looked at.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub profile: Profile,
    pub script: Script<'a>,
    pub at: i64,
}

impl Account {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            record: Record::default(),
            documents: BTreeMap::new(),
            acceptances: BTreeMap::new(),
            wallets: BTreeMap::new(),
            verification: None,
        }
    }

    /// `UserResponseDto`: which sections are held, never what is in them.
    pub(crate) fn response(&self, user: &Locator, view: View<'_>) -> Value {
        let held = self.record.sections();
        let own_id = user.user_id().map(str::to_owned);
        let mut body =
            json!({ "userId": own_id.unwrap_or_else(|| format!("usr_{}", self.number)) });
        for section in Section::ALL.map(Section::as_str) {
            body[section] = json!(held.contains(&section));
        }
        if let Some(kyc) = &self.record.kyc {
            body["email"] = json!(kyc.email);
            if let Some(phone) = &kyc.phone {
                body["phoneNumber"] = json!(phone);
            }
        }
        if view.profile == Profile::Current {
            match view.script.legal_documents() {
                LegalDocumentsForm::List => {
                    body["legalDocuments"] = self.legal_documents(view.script);
                }
                LegalDocumentsForm::Object => {
                    if let Some(acceptance) = self.acceptances.get(PRIVACY_POLICY) {
                        body["legalDocuments"] = acceptance.response(PRIVACY_POLICY, view.script);
                    }
                }
                LegalDocumentsForm::Absent => {}
            }
        }
        body
    }

    /// Takes a registration in place of the last. Sections of it may be lost on the way;
    /// `lost` counts how often each was.
    pub(crate) fn register(
        &mut self,
        mut record: Record,
        script: Script<'_>,
        lost: &mut BTreeMap<Section, u32>,
    ) {
        for section in Section::ALL {
            let times = lost.entry(section).or_default();
            if record.has(section) && *times < script.loses(section) {
                *times += 1;
                record.lose(section);
            }
        }
        self.record = record;
    }

    pub(crate) fn accept(&mut self, kind: &'static str, accepted_at: String, script: Script<'_>) {
        let version = version_in_force(kind, script);
        self.acceptances.insert(kind, Acceptance { accepted_at, version });
    }

    pub(crate) fn legal_documents(&self, script: Script<'_>) -> Value {
        self.acceptances
            .iter()
            .map(|(kind, acceptance)| acceptance.response(kind, script))
            .collect()
    }

    /// Takes a document, in place of an earlier one of its type, which keeps its id unless
    /// the script says otherwise.
    pub(crate) fn upload(
        &mut self,
        upload: Upload,
        id: String,
        View { script, at, .. }: View<'_>,
    ) -> (u16, &Document) {
        if let Some(earlier) = self.documents.get_mut(upload.document_type)
            && script.new_document_ids()
        {
            earlier.id.clone_from(&id);
        }
        let document = self.documents.entry(upload.document_type).or_insert_with(|| Document {
            id,
            created_at: at,
            expires_at: None,
            bytes: 0,
            uploads: 0,
        });
        document.created_at = at;
        document.expires_at = upload.expires_at;
        document.bytes = upload.bytes;
        document.uploads += 1;
        (if document.uploads == 1 { 201 } else { 200 }, document)
    }

    pub(crate) fn document_response(&self, id: &str) -> Option<Value> {
        let found = self.documents.iter().find(|(_, document)| document.id == id);
        found.map(|(document_type, document)| document.response(document_type))
    }

    pub(crate) fn has_wallet(&self, address: &str) -> bool {
        self.wallets.contains_key(address)
    }

    pub(crate) fn link_wallet(&mut self, address: String, chain: String, proved: bool) -> Value {
        let proved = proved || self.wallets.get(&address).is_some_and(|wallet| wallet.proved);
        let wallet = Wallet { chain, proved };
        let response = wallet.response(&address);
        self.wallets.insert(address, wallet);
        response
    }

    pub(crate) fn linked_wallets(&self) -> Vec<Value> {
        self.wallets.iter().map(|(address, wallet)| wallet.response(address)).collect()
    }

    pub(crate) fn wallet_response(&self, address: &str) -> Option<Value> {
        self.wallets.get(address).map(|wallet| wallet.response(address))
    }

    /// Runs the verification over what is held now. A review that is under way,
    /// or done, for a product that still lacks nothing is not begun anew.
    pub(crate) fn trigger(&mut self, view: View<'_>) {
        let document_types: Vec<&'static str> = self.documents.keys().copied().collect();
        let facts = Facts {
            profile: view.profile,
            record: &self.record,
            document_types: &document_types,
            enhanced_due_diligence: view.script.enhanced_due_diligence(),
            selfie: view.script.selfie(),
        };
        let policy_version = view.script.policy_version();
        let accepted = self
            .acceptances
            .get(PRIVACY_POLICY)
            .is_some_and(|acceptance| acceptance.version == policy_version);
        let earlier = self.verification.take();
        let find = |product: Product| {
            let missing = facts.missing(product);
            if needs_privacy_policy(view.profile, product) && !accepted {
                Finding::PrivacyPolicyMissing
            } else if !missing.is_empty() {
                Finding::Lacking(missing)
            } else {
                let since = earlier.as_ref().and_then(|earlier| earlier.complete_since(product));
                Finding::Complete { since: since.unwrap_or(view.at) }
            }
        };
        let findings =
            view.profile.products().iter().map(|&product| (product, find(product))).collect();
        self.verification = Some(Verification {
            first_at: earlier.as_ref().map_or(view.at, |earlier| earlier.first_at),
            last_at: view.at,
            policy_version,
            findings,
        });
    }

    /// The eligibility list as of now. What is scripted is asked anew at each
    /// reading, so that a changed script shows at once.
    pub(crate) fn eligibility(&self, view: View<'_>) -> Vec<EligibilityEntry> {
        let mut entries: Vec<EligibilityEntry> =
            view.profile.products().iter().map(|&product| self.entry(product, view)).collect();
        if let Some(verification) = &self.verification {
            overlay(&mut entries, view.script.eligibility());
            for later in view.script.later() {
                if verification.is_overtaken(later.after_ms, view.at) {
                    overlay(&mut entries, &later.eligibility);
                }
            }
        }
        entries
    }

    fn entry(&self, product: Product, view: View<'_>) -> EligibilityEntry {
        let missing = self.verification.as_ref().and_then(|verification| {
            match verification.findings.get(&product)? {
                Finding::Lacking(missing) => Some(missing.clone()),
                Finding::PrivacyPolicyMissing | Finding::Complete { .. } => None,
            }
        });
        let status = self.status(product, view);
        let missing = missing.filter(|_| status == "requires-data").unwrap_or_default();
        let mut entry = Map::new();
        entry.insert("type".to_owned(), json!(product.as_str()));
        entry.insert("status".to_owned(), json!(status));
        let lists = [
            ("missingData", json!(missing.data), missing.data.is_empty()),
            ("missingDocuments", json!(missing.documents), missing.documents.is_empty()),
        ];
        for (name, list, is_empty) in lists {
            if view.script.empty_lists() || !is_empty {
                entry.insert(name.to_owned(), list);
            }
        }
        entry
    }

    fn status<'a>(&self, product: Product, view: View<'a>) -> &'a str {
        let Some(verification) = &self.verification else { return "not-started" };
        let is_stale = verification.policy_version != view.script.policy_version();
        if is_stale && needs_privacy_policy(view.profile, product) {
            return "pending-privacy-policy";
        }
        match verification.findings.get(&product) {
            None => "not-started",
            Some(Finding::PrivacyPolicyMissing) => "pending-privacy-policy",
            Some(Finding::Lacking(_)) => "requires-data",
            Some(Finding::Complete { since }) => {
                let delay_ms = view.script.verdict_delay_ms(product);
                let is_due = has_passed(*since, delay_ms, view.at);
                if is_due && !view.script.hold() {
                    view.script.verdict(product)
                } else {
                    "pending-review"
                }
            }
        }
    }
}

impl Document {
    /// `UserDocumentResponseDto`: what is known of a file, never its bytes.
    pub(crate) fn response(&self, document_type: &str) -> Value {
        let mut body = json!({
            "id": self.id,
            "documentType": document_type,
            "createdAt": wire::timestamp(self.created_at),
        });
        if let Some(expires_at) = &self.expires_at {
            body["expiresAt"] = json!(expires_at);
        }
        body
    }
}

impl Acceptance {
    fn response(&self, kind: &str, script: Script<'_>) -> Value {
        json!({
            "type": kind,
            "acceptedAt": self.accepted_at,
            "isValidVersion": self.version == version_in_force(kind, script),
        })
    }
}

impl Wallet {
    fn response(&self, address: &str) -> Value {
        let mut ownership = json!({ "verified": self.proved });
        if !self.proved {
            let challenge = format!("Sign to prove that you own {address} on {}", self.chain);
            ownership["verificationChallenge"] = json!(challenge);
        }
        json!({
            "address": address,
            "chain": self.chain,
            "type": "external-wallet",
            "ownership": ownership,
        })
    }
}

impl Verification {
    fn complete_since(&self, product: Product) -> Option<i64> {
        match self.findings.get(&product)? {
            Finding::Complete { since } => Some(*since),
            Finding::PrivacyPolicyMissing | Finding::Lacking(_) => None,
        }
    }

    /// A later change has come, and no trigger after it has mended it.
    fn is_overtaken(&self, after_ms: u64, at: i64) -> bool {
        has_passed(self.first_at, after_ms, at)
            && !has_passed(self.first_at, after_ms, self.last_at)
    }
}

/// Whether `at` is `delay_ms` or more after `since`.
fn has_passed(since: i64, delay_ms: u64, at: i64) -> bool {
    at >= since.saturating_add_unsigned(delay_ms)
}

/// The number of the text that is in force, and that an acceptance is of.
fn version_in_force(kind: &str, script: Script<'_>) -> u32 {
    if kind == PRIVACY_POLICY { script.policy_version() } else { script.terms_version() }
}

fn needs_privacy_policy(profile: Profile, product: Product) -> bool {
    profile == Profile::Current && product != Product::RegulatedTransfer
}

/// Puts each entry in the place of its product's, or at the end.
fn overlay(entries: &mut Vec<EligibilityEntry>, over: &[EligibilityEntry]) {
    for new in over {
        match entries.iter_mut().find(|old| old.get("type") == new.get("type")) {
            Some(old) => old.clone_from(new),
            None => entries.push(new.clone()),
        }
    }
}

/// The answer of trigger and status alike. A shuffled list is turned by one
/// place with each answer, so no run differs from the next.
pub(crate) fn eligibility_answer(mut entries: Vec<EligibilityEntry>, turn: Option<u64>) -> Answer {
    if let Some(turn) = turn
        && let Some(places) = turn.checked_rem(entries.len() as u64)
    {
        entries.rotate_left(usize::try_from(places).expect("a remainder of a length fits"));
    }
    Answer::json(200, json!({ "eligibility": entries }))
}
