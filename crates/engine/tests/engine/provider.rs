//! A provider in this process: it keeps what it was sent, and answers as a test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use engine::{Linked, Provider, Upload};
use onboarding::{
    Date, DocumentType, Effect, Eligibility, Failure, FailureClass, GivenWallet, Ownership,
    Product, ProductStatus, Profile, Region, Section, Shown, Timestamp, UserLocator,
};
use tokio::sync::watch;

use crate::latch::Latch;
use crate::world::{TestClock, in_time};

pub const ACCEPT: &str = "accept-privacy-policy";
pub const TERMS: &str = "accept-terms";
pub const READ_USER: &str = "read-user";
pub const REGISTER: &str = "register-user";
pub const UPLOAD: &str = "upload-document";
pub const TRIGGER: &str = "trigger-verification";
pub const STATUS: &str = "check-status";
pub const LINK: &str = "link-wallet";

/// What the provider wants to be signed for a wallet that comes without a proof.
pub const CHALLENGE: &str = "canary challenge 5521";

/// No test comes near so many calls unless they go round in circles.
const CALLS_MAX: usize = 10_000;

/// Clones are the same provider.
#[derive(Clone)]
pub struct ScriptedProvider {
    ledger: Arc<watch::Sender<Ledger>>,
    clock: TestClock,
}

/// All that the provider knows.
#[derive(Default)]
pub struct Ledger {
    pub sent: Vec<Sent>,
    pub users: BTreeMap<String, Record>,
    pub in_flight: InFlight,
    pub most: Most,
    rules: Vec<Rule>,
}

/// One call that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub at: Timestamp,
    pub user: String,
    pub call: &'static str,
}

/// What the provider has of one user.
#[derive(Default)]
pub struct Record {
    pub profile: Option<serde_json::Value>,
    pub consent: Option<Timestamp>,
    pub terms: Option<(Timestamp, Region)>,
    /// What it shows of the user instead of what it has.
    pub shows: Option<Shown>,
    pub documents: BTreeMap<DocumentType, HeldDocument>,
    /// The wallets that are linked, by their addresses.
    pub wallets: BTreeMap<String, GivenWallet>,
    /// The triggers that took effect.
    pub triggers: u32,
    word: Option<Vec<Eligibility>>,
    next_words: VecDeque<Vec<Eligibility>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldDocument {
    pub bytes: Vec<u8>,
    pub media_type: String,
    pub expires_at: Option<Date>,
}

/// The calls that are being answered.
#[derive(Default)]
pub struct InFlight {
    pub total: usize,
    pub by_user: BTreeMap<String, usize>,
    pub uploads: usize,
}

/// The most calls at once that there ever were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Most {
    pub total: usize,
    pub of_one_user: usize,
    pub uploads: usize,
}

/// What happens to a call instead of its plain answer.
#[derive(Clone)]
pub enum Fault {
    /// It fails and does nothing.
    Fails(Failure),
    /// It takes effect, and its answer is this failure.
    FailsAfterEffect(Failure),
    /// It waits before it does anything.
    Waits(Latch),
    /// It takes effect, and its answer waits.
    WaitsAfterEffect(Latch),
    /// Our own code breaks.
    Panics,
}

struct Rule {
    user: Option<String>,
    call: Option<&'static str>,
    times: u32,
    fault: Fault,
}

impl ScriptedProvider {
    pub fn new(clock: TestClock) -> Self {
        Self { ledger: Arc::new(watch::Sender::new(Ledger::default())), clock }
    }

    /// The next `times` calls of this name meet a fault, whoever's they are.
    pub fn fault(&self, call: &'static str, times: u32, fault: Fault) {
        self.rule(None, Some(call), times, fault);
    }

    /// Every call of one user, or of everyone, meets a fault.
    pub fn fault_all(&self, user: Option<&UserLocator>, fault: Fault) {
        self.rule(user, None, u32::MAX, fault);
    }

    /// The next `times` calls of this name of one user meet a fault.
    pub fn fault_of(&self, user: &UserLocator, call: &'static str, times: u32, fault: Fault) {
        self.rule(Some(user), Some(call), times, fault);
    }

    fn rule(
        &self,
        user: Option<&UserLocator>,
        call: Option<&'static str>,
        times: u32,
        fault: Fault,
    ) {
        let user = user.map(|user| user.as_str().to_owned());
        self.change(|ledger| ledger.rules.push(Rule { user, call, times, fault }));
    }

    /// From now on nothing goes wrong.
    pub fn heal(&self) {
        self.change(|ledger| ledger.rules.clear());
    }

    /// What the provider says of a user from now on: a word at each trigger and each look;
    /// the last one stays.
    pub fn will_say<const N: usize>(&self, user: &UserLocator, words: [Vec<Eligibility>; N]) {
        self.change(|ledger| ledger.record(user).next_words.extend(words));
    }

    /// The provider loses a user.
    pub fn forget(&self, user: &UserLocator) {
        self.change(|ledger| {
            let record = ledger.record(user);
            record.profile = None;
            record.consent = None;
            record.terms = None;
            record.documents.clear();
            record.wallets.clear();
            record.word = None;
        });
    }

    /// The names of the calls for one user, in order.
    pub fn calls_of(&self, user: &UserLocator) -> Vec<&'static str> {
        self.look(|ledger| ledger.sent_for(user).map(|sent| sent.call).collect())
    }

    /// The times of the calls of one name for one user, in order.
    pub fn times_of(&self, user: &UserLocator, call: &str) -> Vec<Timestamp> {
        let is_it = |sent: &&Sent| sent.call == call;
        self.look(|ledger| ledger.sent_for(user).filter(is_it).map(|sent| sent.at).collect())
    }

    /// The times of everyone's calls of these names, in order.
    pub fn times(&self, calls: &[&str]) -> Vec<Timestamp> {
        let is_one = |sent: &&Sent| calls.contains(&sent.call);
        self.look(|ledger| ledger.sent.iter().filter(is_one).map(|sent| sent.at).collect())
    }

    pub fn look<R>(&self, read: impl FnOnce(&Ledger) -> R) -> R {
        read(&self.ledger.borrow())
    }

    /// What the provider has of a user who is registered there.
    pub fn record<R>(&self, user: &UserLocator, read: impl FnOnce(&Record) -> R) -> R {
        self.look(|ledger| read(&ledger.users[user.as_str()]))
    }

    /// Waits until the ledger is as it should be.
    pub async fn until(&self, what: &str, holds: impl FnMut(&Ledger) -> bool) {
        let mut looks = self.ledger.subscribe();
        in_time(what, looks.wait_for(holds)).await.unwrap();
    }

    fn change<R>(&self, act: impl FnOnce(&mut Ledger) -> R) -> R {
        let mut answer = None;
        self.ledger.send_modify(|ledger| answer = Some(act(ledger)));
        answer.expect("send_modify runs its closure")
    }

    async fn call<T>(
        &self,
        user: &UserLocator,
        call: &'static str,
        effect: impl FnOnce(&mut Record) -> Result<T, Failure> + Send,
    ) -> Result<T, Failure> {
        let at = self.clock.time();
        let fault = self.change(|ledger| ledger.begin(at, user, call));
        let _ended = InFlightGuard { provider: self, user, call };
        let take_effect = || self.change(|ledger| effect(ledger.record(user)));
        match fault {
            None => take_effect(),
            Some(Fault::Fails(failure)) => Err(failure),
            Some(Fault::FailsAfterEffect(failure)) => take_effect().and(Err(failure)),
            Some(Fault::Waits(latch)) => {
                latch.pass().await;
                take_effect()
            }
            Some(Fault::WaitsAfterEffect(latch)) => {
                let answer = take_effect();
                latch.pass().await;
                answer
            }
            Some(Fault::Panics) => panic!("a fault that a test planted"),
        }
    }
}

/// A call ends when it is answered, and when it is dropped.
struct InFlightGuard<'a> {
    provider: &'a ScriptedProvider,
    user: &'a UserLocator,
    call: &'static str,
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.provider.change(|ledger| ledger.end(self.user, self.call));
    }
}

impl Ledger {
    fn record(&mut self, user: &UserLocator) -> &mut Record {
        self.users.entry(user.as_str().to_owned()).or_default()
    }

    fn sent_for(&self, user: &UserLocator) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(move |sent| sent.user == user.as_str())
    }

    /// How many calls of one name came in.
    pub fn count(&self, call: &str) -> usize {
        self.sent.iter().filter(|sent| sent.call == call).count()
    }

    fn begin(&mut self, at: Timestamp, user: &UserLocator, call: &'static str) -> Option<Fault> {
        let user = user.as_str().to_owned();
        let of_user = self.in_flight.by_user.entry(user.clone()).or_default();
        *of_user += 1;
        self.in_flight.total += 1;
        self.in_flight.uploads += usize::from(call == UPLOAD);
        self.most = Most {
            total: self.most.total.max(self.in_flight.total),
            of_one_user: self.most.of_one_user.max(*of_user),
            uploads: self.most.uploads.max(self.in_flight.uploads),
        };
        let rule = self.rules.iter_mut().find(|rule| {
            rule.times > 0
                && rule.user.as_ref().is_none_or(|of| *of == user)
                && rule.call.is_none_or(|of| of == call)
        });
        self.sent.push(Sent { at, user, call });
        assert!(self.sent.len() < CALLS_MAX, "calls without end: {:?}", self.sent.last());
        rule.map(|rule| {
            rule.times -= 1;
            rule.fault.clone()
        })
    }

    fn end(&mut self, user: &UserLocator, call: &'static str) {
        *self.in_flight.by_user.get_mut(user.as_str()).expect("its begin counted it") -= 1;
        self.in_flight.total -= 1;
        self.in_flight.uploads -= usize::from(call == UPLOAD);
    }
}

impl Record {
    fn known(&mut self) -> Result<&mut Self, Failure> {
        if self.profile.is_some() { Ok(self) } else { Err(failure(FailureClass::NotFound)) }
    }

    /// What it has of the user, by the names of what it was sent.
    fn shown(&self) -> Shown {
        let is_held = |section: &Section| {
            let field = section.field().and_then(|name| self.profile.as_ref()?.get(name));
            (section.clone(), field.is_some())
        };
        Shown {
            sections: Section::KNOWN.iter().map(is_held).collect(),
            privacy_policy: self.consent.map(|_| true),
            terms: self.terms.as_ref().map(|_| true),
        }
    }

    fn say_next(&mut self) -> Vec<Eligibility> {
        let next = self.next_words.pop_front().or_else(|| self.word.clone());
        self.word.insert(next.unwrap_or_else(verified)).clone()
    }
}

impl Provider for ScriptedProvider {
    async fn accept_privacy_policy(
        &self,
        user: &UserLocator,
        accepted_at: Timestamp,
    ) -> Result<(), Failure> {
        self.call(user, ACCEPT, |record| {
            record.consent = Some(accepted_at);
            Ok(())
        })
        .await
    }

    async fn accept_terms(
        &self,
        user: &UserLocator,
        accepted_at: Timestamp,
        region: &Region,
    ) -> Result<(), Failure> {
        self.call(user, TERMS, |record| {
            record.terms = Some((accepted_at, region.clone()));
            Ok(())
        })
        .await
    }

    async fn read_user(&self, user: &UserLocator) -> Result<Shown, Failure> {
        self.call(user, READ_USER, |record| {
            let record = record.known()?;
            Ok(record.shows.clone().unwrap_or_else(|| record.shown()))
        })
        .await
    }

    async fn register_user(&self, user: &UserLocator, profile: &Profile) -> Result<(), Failure> {
        self.call(user, REGISTER, |record| {
            record.profile = Some(serde_json::to_value(profile).unwrap());
            Ok(())
        })
        .await
    }

    async fn upload_document(&self, user: &UserLocator, upload: Upload) -> Result<String, Failure> {
        self.call(user, UPLOAD, |record| {
            let Upload { document_type, media_type, bytes, expires_at } = upload;
            let document = HeldDocument { bytes, media_type, expires_at };
            record.known()?.documents.insert(document_type, document);
            Ok("doc-1".to_owned())
        })
        .await
    }

    async fn link_wallet(
        &self,
        user: &UserLocator,
        wallet: GivenWallet,
    ) -> Result<Linked, Failure> {
        self.call(user, LINK, |record| {
            let is_proved = wallet.proof.is_some();
            record.wallets.insert(wallet.address.clone(), wallet);
            let ownership = if is_proved { Ownership::Verified } else { Ownership::ToProve };
            Ok(Linked { ownership, challenge: (!is_proved).then(|| CHALLENGE.into()) })
        })
        .await
    }

    async fn trigger_verification(&self, user: &UserLocator) -> Result<Vec<Eligibility>, Failure> {
        self.call(user, TRIGGER, |record| {
            record.known()?.triggers += 1;
            Ok(record.say_next())
        })
        .await
    }

    async fn check_status(&self, user: &UserLocator) -> Result<Vec<Eligibility>, Failure> {
        self.call(user, STATUS, |record| {
            let is_judged = record.known()?.word.is_some();
            Ok(if is_judged { record.say_next() } else { says(ProductStatus::NotStarted) })
        })
        .await
    }
}

/// A failure that had no effect.
pub fn failure(class: FailureClass) -> Failure {
    Failure {
        class,
        message: format!("the provider said {}", class.as_str()),
        http_status: None,
        retry_after_ms: None,
        effect: Effect::None,
    }
}

/// A failure after which nobody knows whether the call took effect.
pub fn lost_answer() -> Failure {
    Failure { effect: Effect::Unknown, ..failure(FailureClass::Transient) }
}

/// The provider's word on the one product that these tests want.
pub fn says(status: ProductStatus) -> Vec<Eligibility> {
    vec![Eligibility {
        product: Product::Onramp,
        status,
        missing_data: Vec::new(),
        missing_documents: Vec::new(),
    }]
}

pub fn verified() -> Vec<Eligibility> {
    says(ProductStatus::Verified)
}

pub fn pending() -> Vec<Eligibility> {
    says(ProductStatus::PendingReview)
}

/// It asks for a section and a document.
pub fn asks_for(section: Option<Section>, document: Option<&str>) -> Vec<Eligibility> {
    let mut word = says(ProductStatus::RequiresData);
    word[0].missing_data.extend(section);
    word[0].missing_documents.extend(document.map(str::to_owned));
    word
}
