//! A model of the provider: what it keeps of each user, and what it says. It shares no code
//! with the sandbox or the client, so that a misreading of one is not repeated here.

use std::collections::{BTreeMap, BTreeSet};

use onboarding::{
    DocumentType, Effect, Eligibility, Failure, FailureClass, GivenWallet, Ownership, Product,
    ProductStatus, Region, Section, Shown, Timestamp,
};
use serde_json::Value;

use crate::chance::{Chance, Purpose};
use crate::coverage::Coverage;
use crate::plan::{Plan, Trouble};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// A first name that begins so is refused.
pub(crate) const REFUSED_NAME: &str = "Refuse";

/// What a call asks of the provider.
pub(crate) enum Request {
    Consent(Timestamp),
    Terms(Timestamp, Region),
    Register(Value),
    ReadUser,
    Upload(DocumentType, Vec<u8>),
    Link(GivenWallet),
    Trigger,
    Status,
}

impl Request {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Consent(_) => "accept-privacy-policy",
            Self::Terms(..) => "accept-terms",
            Self::Register(_) => "register-user",
            Self::ReadUser => "read-user",
            Self::Upload(..) => "upload-document",
            Self::Link(_) => "link-wallet",
            Self::Trigger => "trigger-verification",
            Self::Status => "check-status",
        }
    }

    /// Whether it may change what the provider keeps of the user's data.
    pub(crate) const fn changes_record(&self) -> bool {
        match self {
            Self::Consent(_)
            | Self::Terms(..)
            | Self::Register(_)
            | Self::Upload(..)
            | Self::Link(_) => true,
            Self::ReadUser | Self::Trigger | Self::Status => false,
        }
    }
}

/// What the provider answers.
pub(crate) enum Answer {
    Done,
    Document(String),
    Shown(Shown),
    Linked(Ownership),
    Word(Vec<Eligibility>),
}

/// The provider.
pub(crate) struct Provider {
    accounts: Vec<Account>,
    /// It takes nobody's calls before this.
    pub(crate) closed_until_ms: u64,
    /// Nothing odd is said any more.
    pub(crate) is_calm: bool,
    /// Counts what took effect and what was said, in order.
    sequence: u64,
    unknown_words: u32,
}

/// What the provider has of one user.
pub(crate) struct Account {
    character: Character,
    is_known: bool,
    pub(crate) profile: Option<Value>,
    pub(crate) consent: Option<Timestamp>,
    is_consent_valid: bool,
    pub(crate) terms: Option<(Timestamp, Region)>,
    are_terms_valid: bool,
    pub(crate) documents: BTreeMap<DocumentType, Vec<u8>>,
    expired: BTreeSet<DocumentType>,
    /// The wallets that it linked, by their addresses.
    pub(crate) wallets: BTreeMap<String, GivenWallet>,
    /// What it forgot by itself, and was not sent since.
    pub(crate) lost: Lost,
    standings: BTreeMap<Product, Standing>,
    /// When in the sequence it was last told something.
    pub(crate) told_at: u64,
    /// When in the sequence it last truly said that a product is verified.
    pub(crate) said_verified_at: BTreeMap<Product, u64>,
}

#[derive(Default)]
pub(crate) struct Lost {
    pub(crate) profile: bool,
    /// One of the profile's sections, as it was sent.
    pub(crate) section: bool,
    pub(crate) consent: bool,
    pub(crate) terms: bool,
    pub(crate) documents: BTreeSet<DocumentType>,
    pub(crate) wallets: BTreeSet<String>,
}

/// How the provider will treat a user; drawn once.
struct Character {
    demands: BTreeMap<Product, Demand>,
    /// Calls of this user alone are refused as if it were closed, up to this time.
    poisonous_until_ms: u64,
    /// How often what was supplied is asked for again.
    picky: u32,
    /// A section that goes astray, and how often yet.
    strays: Option<(Section, u32)>,
}

#[derive(Clone)]
struct Demand {
    sections: Vec<Section>,
    documents: Vec<&'static str>,
    needs_consent: bool,
    review_ms: u64,
    verdict: Verdict,
}

#[derive(Clone, Copy)]
enum Verdict {
    Verified,
    Rejected,
    /// One more document is asked for, and then it is verified.
    OneMore,
}

#[derive(Clone)]
enum Standing {
    NotStarted,
    NeedsConsent,
    Lacks { sections: Vec<Section>, documents: Vec<&'static str> },
    Review { until_ms: u64 },
    Verified,
    Rejected,
}

impl Character {
    fn of(plan: &Plan, user: usize) -> Self {
        let mut chance = Chance::of(plan.seed, Purpose::Character, user as u64, 0);
        let demands = Product::KNOWN.iter().filter_map(|product| {
            let mut demand = Demand::drawn(product, &mut chance);
            demand.needs_consent &= !plan.keeps_consents();
            (!chance.permille(100)).then(|| (product.clone(), demand))
        });
        Self {
            demands: demands.collect(),
            poisonous_until_ms: if chance.permille(plan.rate(Trouble::Poison) * 2) {
                chance.between(MINUTE_MS, DAY_MS / 4)
            } else {
                0
            },
            picky: if chance.permille(150) { 1 + u32::from(chance.permille(300)) * 4 } else { 0 },
            strays: chance
                .permille(plan.rate(Trouble::Forgotten) * 3)
                .then(|| (chance.one_of(Section::KNOWN), chance.one_of(&[1, 1, 2, 4]))),
        }
    }
}

impl Demand {
    fn drawn(product: &Product, chance: &mut Chance) -> Self {
        let is_light = *product == Product::RegulatedTransfer;
        let optional = [
            (Section::KycData, 600),
            (Section::DueDiligence, 400),
            (Section::VerificationHistory, 300),
        ];
        let mut sections = vec![Section::UserDetails];
        let drawn = optional.into_iter().filter(|(_, share)| !is_light && chance.permille(*share));
        sections.extend(drawn.map(|(section, _)| section));
        let documents = match chance.below(6) {
            _ if is_light => vec![],
            0..=2 => vec![],
            3 => vec!["id"],
            4 => vec!["id", "proof-of-address"],
            _ => vec!["utility-bill"],
        };
        let review_ms = match chance.below(10) {
            0..=3 => 0,
            4..=7 => chance.between(500, MINUTE_MS),
            8 => chance.between(MINUTE_MS, DAY_MS / 8),
            _ => chance.between(DAY_MS / 8, 3 * DAY_MS),
        };
        let verdict = match chance.below(10) {
            0..=6 => Verdict::Verified,
            7 => Verdict::Rejected,
            _ => Verdict::OneMore,
        };
        Self { sections, documents, needs_consent: chance.permille(800), review_ms, verdict }
    }
}

impl Provider {
    pub(crate) fn new(plan: &Plan) -> Self {
        let account = |user| Account {
            character: Character::of(plan, user),
            is_known: false,
            profile: None,
            consent: None,
            is_consent_valid: false,
            terms: None,
            are_terms_valid: false,
            documents: BTreeMap::new(),
            expired: BTreeSet::new(),
            wallets: BTreeMap::new(),
            lost: Lost::default(),
            standings: BTreeMap::new(),
            told_at: 0,
            said_verified_at: BTreeMap::new(),
        };
        Self {
            accounts: (0..plan.users).map(account).collect(),
            closed_until_ms: 0,
            is_calm: false,
            sequence: 0,
            unknown_words: plan.rate(Trouble::UnknownWord),
        }
    }

    pub(crate) fn account(&self, user: usize) -> &Account {
        &self.accounts[user]
    }

    /// Takes one call that has reached it.
    pub(crate) fn take(
        &mut self,
        user: usize,
        request: &Request,
        now_ms: u64,
        chance: &mut Chance,
        coverage: &mut Coverage,
    ) -> Result<Answer, Failure> {
        self.sequence += 1;
        let account = &mut self.accounts[user];
        let is_poisonous = account.character.poisonous_until_ms > now_ms && !self.is_calm;
        let is_refused = self.closed_until_ms > now_ms || is_poisonous;
        if is_refused {
            coverage.trouble(if is_poisonous { Trouble::Poison } else { Trouble::Closed });
            let closed =
                failure(FailureClass::ProviderClosed, Effect::None, "the key is not valid");
            return Err(Failure { http_status: Some(chance.one_of(&[401, 403])), ..closed });
        }
        match request {
            Request::Link(wallet) => self.link(user, wallet, chance),
            Request::Consent(accepted_at) => account.accept(*accepted_at, self.sequence),
            Request::Terms(accepted_at, region) => {
                account.accept_terms(*accepted_at, region, self.sequence)
            }
            Request::Register(profile) => {
                let answer = account.register(profile, self.sequence)?;
                if !self.is_calm && account.lets_a_section_stray() {
                    coverage.trouble(Trouble::Forgotten);
                }
                Ok(answer)
            }
            Request::ReadUser => {
                let mut shown = account.known()?.shown();
                if !self.is_calm && chance.permille(self.unknown_words) {
                    coverage.trouble(Trouble::UnknownWord);
                    leave_something_out(&mut shown, chance);
                }
                Ok(Answer::Shown(shown))
            }
            Request::Upload(kind, bytes) => account.upload(kind, bytes, self.sequence),
            Request::Trigger => {
                account.known()?.trigger(now_ms);
                Ok(self.say(user, now_ms, chance, coverage))
            }
            Request::Status => {
                account.known()?;
                Ok(self.say(user, now_ms, chance, coverage))
            }
        }
    }

    /// A wallet is one user's. It makes a user of whom it was told nothing else.
    fn link(
        &mut self,
        user: usize,
        wallet: &GivenWallet,
        chance: &mut Chance,
    ) -> Result<Answer, Failure> {
        let mut others = self.accounts.iter().enumerate().filter(|(other, _)| *other != user);
        if others.any(|(_, other)| other.wallets.contains_key(&wallet.address)) {
            let conflict =
                failure(FailureClass::Refused, Effect::None, "the wallet is another user's");
            return Err(Failure { http_status: Some(409), ..conflict });
        }
        let account = &mut self.accounts[user];
        account.is_known = true;
        account.lost.wallets.remove(&wallet.address);
        account.wallets.insert(wallet.address.clone(), wallet.clone());
        let ownership = match &wallet.proof {
            Some(_) => Ownership::Verified,
            None => chance.one_of(&[Ownership::ToProve, Ownership::Unverified, Ownership::NotSaid]),
        };
        Ok(Answer::Linked(ownership))
    }

    fn say(
        &mut self,
        user: usize,
        now_ms: u64,
        chance: &mut Chance,
        coverage: &mut Coverage,
    ) -> Answer {
        let odd = !self.is_calm && chance.permille(self.unknown_words);
        let account = &mut self.accounts[user];
        let mut words = account.words(now_ms);
        if odd && !words.is_empty() {
            coverage.trouble(Trouble::UnknownWord);
            let index = chance.index(words.len());
            match chance.below(3) {
                0 => drop(words.remove(index)),
                1 => words[index].status = ProductStatus::Other("approved".to_owned()),
                _ => words[index].status = ProductStatus::NotStarted,
            }
        }
        for word in words.iter().filter(|word| word.status == ProductStatus::Verified) {
            account.said_verified_at.insert(word.product.clone(), self.sequence);
        }
        Answer::Word(words)
    }

    /// It loses all that it has of a user. Answers whether it had anything.
    pub(crate) fn forget(&mut self, user: usize) -> bool {
        let account = &mut self.accounts[user];
        let was_known = account.is_known;
        account.is_known = false;
        account.lost.section = false;
        account.lost.profile |= account.profile.take().is_some();
        account.lost.consent |= account.consent.take().is_some();
        account.lost.terms |= account.terms.take().is_some();
        account.lost.documents.extend(std::mem::take(&mut account.documents).into_keys());
        account.lost.wallets.extend(std::mem::take(&mut account.wallets).into_keys());
        account.standings.clear();
        was_known
    }

    /// We know that it lost all: what counts as acknowledged from now on, it has to have.
    pub(crate) fn loss_is_known(&mut self, user: usize) {
        self.accounts[user].lost = Lost::default();
    }

    /// A product that was verified needs another look, or another document; one that was
    /// refused is reviewed again. Answers whether there was one.
    pub(crate) fn regress(&mut self, user: usize, now_ms: u64, chance: &mut Chance) -> bool {
        let account = &mut self.accounts[user];
        let judged: Vec<Product> = account
            .standings
            .iter()
            .filter(|(_, standing)| matches!(standing, Standing::Verified | Standing::Rejected))
            .map(|(product, _)| product.clone())
            .collect();
        if judged.is_empty() {
            return false;
        }
        let product = chance.one_of(&judged);
        let is_refused = matches!(account.standings[&product], Standing::Rejected);
        let standing = if is_refused || chance.permille(500) {
            Standing::Review { until_ms: now_ms + chance.between(1_000, DAY_MS) }
        } else {
            account.demand_more(&product, "proof-of-income")
        };
        account.standings.insert(product, standing);
        true
    }

    /// Its privacy policy and its terms change, and nobody's consent is valid any more.
    pub(crate) fn change_policy(&mut self) {
        for account in &mut self.accounts {
            account.is_consent_valid = false;
            account.are_terms_valid = false;
            for (product, standing) in &mut account.standings {
                let demand = account.character.demands.get(product);
                if demand.is_some_and(|demand| demand.needs_consent)
                    && matches!(standing, Standing::Verified)
                {
                    *standing = Standing::NeedsConsent;
                }
            }
        }
    }
}

impl Account {
    fn known(&mut self) -> Result<&mut Self, Failure> {
        if self.is_known {
            Ok(self)
        } else {
            let unknown = failure(FailureClass::NotFound, Effect::None, "no such user");
            Err(Failure { http_status: Some(404), ..unknown })
        }
    }

    fn accept(&mut self, accepted_at: Timestamp, sequence: u64) -> Result<Answer, Failure> {
        self.is_known = true;
        self.told_at = sequence;
        self.consent = Some(accepted_at);
        self.is_consent_valid = true;
        self.lost.consent = false;
        Ok(Answer::Done)
    }

    fn accept_terms(
        &mut self,
        accepted_at: Timestamp,
        region: &Region,
        sequence: u64,
    ) -> Result<Answer, Failure> {
        self.is_known = true;
        self.told_at = sequence;
        self.terms = Some((accepted_at, region.clone()));
        self.are_terms_valid = true;
        self.lost.terms = false;
        Ok(Answer::Done)
    }

    fn register(&mut self, profile: &Value, sequence: u64) -> Result<Answer, Failure> {
        let name = profile.pointer("/userDetails/firstName").and_then(Value::as_str);
        if name.is_some_and(|name| name.starts_with(REFUSED_NAME)) {
            return Err(failure(FailureClass::Refused, Effect::None, "a name is not valid"));
        }
        self.is_known = true;
        self.told_at = sequence;
        self.profile = Some(profile.clone());
        self.lost.profile = false;
        self.lost.section = false;
        Ok(Answer::Done)
    }

    /// Loses the section that strays, if it has just come. Answers whether it did.
    fn lets_a_section_stray(&mut self) -> bool {
        let Some((section, times)) = &mut self.character.strays else { return false };
        let name = section.field().filter(|_| *times > 0);
        let profile = self.profile.as_mut().and_then(Value::as_object_mut);
        let is_lost = profile.zip(name).is_some_and(|(profile, name)| {
            // Of a record of one section nothing would be left.
            profile.len() > 1 && profile.remove(name).is_some()
        });
        if is_lost {
            *times -= 1;
            self.lost.section = true;
        }
        is_lost
    }

    fn shown(&self) -> Shown {
        Shown {
            sections: Section::KNOWN.iter().map(|of| (of.clone(), self.has(of))).collect(),
            privacy_policy: self.consent.map(|_| self.is_consent_valid),
            terms: self.terms.as_ref().map(|_| self.are_terms_valid),
        }
    }

    fn upload(
        &mut self,
        kind: &DocumentType,
        bytes: &[u8],
        sequence: u64,
    ) -> Result<Answer, Failure> {
        self.known()?;
        self.told_at = sequence;
        self.documents.insert(kind.clone(), bytes.to_vec());
        self.expired.remove(kind);
        self.lost.documents.remove(kind);
        Ok(Answer::Document(format!("doc-{sequence}")))
    }

    fn trigger(&mut self, now_ms: u64) {
        let products: Vec<Product> = self.character.demands.keys().cloned().collect();
        let is_picky = self.character.picky > 0;
        self.character.picky = self.character.picky.saturating_sub(1);
        for product in products {
            let standing = self.judged(&product, is_picky, now_ms);
            self.standings.insert(product, standing);
        }
    }

    fn judged(&self, product: &Product, is_picky: bool, now_ms: u64) -> Standing {
        let demand = &self.character.demands[product];
        if demand.needs_consent && !self.is_consent_valid {
            return Standing::NeedsConsent;
        }
        let lacks = |section: &&Section| !self.has(section);
        let mut sections: Vec<Section> = demand.sections.iter().filter(lacks).cloned().collect();
        if is_picky && demand.sections.len() > 1 {
            sections = demand.sections.clone();
        }
        let documents: Vec<&'static str> =
            demand.documents.iter().copied().filter(|name| !self.meets(name)).collect();
        if !sections.is_empty() || !documents.is_empty() {
            return Standing::Lacks { sections, documents };
        }
        match self.standings.get(product) {
            Some(standing @ (Standing::Verified | Standing::Review { .. })) => standing.clone(),
            _ => Standing::Review { until_ms: now_ms + demand.review_ms },
        }
    }

    fn has(&self, section: &Section) -> bool {
        let name = section.field().unwrap_or_default();
        self.profile.as_ref().is_some_and(|profile| profile.get(name).is_some())
    }

    fn meets(&self, requirement: &str) -> bool {
        let valid = |kind: &str| {
            let kind = DocumentType::from(kind);
            self.documents.contains_key(&kind) && !self.expired.contains(&kind)
        };
        match requirement {
            "id" => {
                valid("id-passport")
                    || (valid("id-idcard-front") && valid("id-idcard-back"))
                    || valid("id-residency-permit")
            }
            // Nobody knows how to supply this one: an operator talks the provider out of it.
            "utility-bill" => self.standings.len() > 1,
            other => valid(other),
        }
    }

    /// Asks for one more document of a product, from now on.
    fn demand_more(&mut self, product: &Product, document: &'static str) -> Standing {
        self.expired.insert(DocumentType::from(document));
        if let Some(demand) = self.character.demands.get_mut(product)
            && !demand.documents.contains(&document)
        {
            demand.documents.push(document);
        }
        Standing::Lacks { sections: Vec::new(), documents: vec![document] }
    }

    fn words(&mut self, now_ms: u64) -> Vec<Eligibility> {
        let products: Vec<Product> = self.character.demands.keys().cloned().collect();
        let words = products.into_iter().map(|product| {
            let standing = self.settled(&product, now_ms);
            word(product, &standing)
        });
        words.collect()
    }

    /// Where a product stands now that time has passed.
    fn settled(&mut self, product: &Product, now_ms: u64) -> Standing {
        let standing = self.standings.get(product).cloned().unwrap_or(Standing::NotStarted);
        let Standing::Review { until_ms } = standing else { return standing };
        if until_ms > now_ms {
            return standing;
        }
        let demand = self.character.demands.get_mut(product).expect("only these are judged");
        let verdict = std::mem::replace(&mut demand.verdict, Verdict::Verified);
        let settled = match verdict {
            Verdict::Verified => Standing::Verified,
            Verdict::Rejected => Standing::Rejected,
            Verdict::OneMore => self.demand_more(product, "proof-of-address"),
        };
        self.standings.insert(product.clone(), settled.clone());
        settled
    }
}

/// Not everything that it knows is said.
fn leave_something_out(shown: &mut Shown, chance: &mut Chance) {
    match chance.below(4) {
        0 => shown.sections.clear(),
        1 | 2 => drop(shown.sections.remove(&chance.one_of(Section::KNOWN))),
        _ => shown.privacy_policy = None,
    }
}

fn word(product: Product, standing: &Standing) -> Eligibility {
    let (status, missing_data, missing_documents) = match standing {
        Standing::NotStarted => (ProductStatus::NotStarted, Vec::new(), Vec::new()),
        Standing::NeedsConsent => (ProductStatus::PendingPrivacyPolicy, Vec::new(), Vec::new()),
        Standing::Lacks { sections, documents } => {
            let documents = documents.iter().map(ToString::to_string).collect();
            (ProductStatus::RequiresData, sections.clone(), documents)
        }
        Standing::Review { .. } => (ProductStatus::PendingReview, Vec::new(), Vec::new()),
        Standing::Verified => (ProductStatus::Verified, Vec::new(), Vec::new()),
        Standing::Rejected => (ProductStatus::Rejected, Vec::new(), Vec::new()),
    };
    Eligibility { product, status, missing_data, missing_documents }
}

/// A call that did not succeed.
pub(crate) fn failure(class: FailureClass, effect: Effect, message: &str) -> Failure {
    Failure { class, message: message.to_owned(), http_status: None, retry_after_ms: None, effect }
}
