//! The way between a worker and the provider, where calls and answers are lost, doubled and
//! delayed. The provider takes one user's calls in the order in which they were sent.

use std::collections::BTreeMap;
use std::sync::Mutex;

use engine::{Linked, Upload};
use onboarding::{
    Effect, Eligibility, Failure, FailureClass, GivenWallet, Ownership, Profile, Region, Shown,
    Timestamp, UserLocator,
};

use crate::chance::{Chance, Purpose};
use crate::coverage::{Operation, Point};
use crate::people::user_of;
use crate::plan::{Plan, Trouble};
use crate::planted::Planted;
use crate::provider::{Answer, Request, failure};
use crate::world::{Process, State, Wait, World};

/// How long a worker waits for an answer that does not come.
const TIME_OUT_MS: u64 = 30_000;
/// How long a call may be under way; less than it is waited for.
const TRAVEL_LONGEST_MS: u64 = 5_000;
const DAY_MS: u64 = 24 * 3_600_000;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    Doubled,
    Late,
    NotConnected,
    RequestLost,
    AnswerLost,
    Unreadable,
    ErrorBefore,
    ErrorAfter,
    RateLimited,
    Refused,
}

/// The calls that are under way.
pub(crate) struct Network {
    seed: u64,
    calls: BTreeMap<u64, Call>,
    sent: u64,
    sent_by_user: Vec<u64>,
    /// Calls that reach the provider at a time, for the schedule to take.
    pub(crate) arrivals: Vec<(u64, u64)>,
}

struct Call {
    user: usize,
    fate: Fate,
    answer_at_ms: u64,
    chance: Chance,
    /// Until it reaches the provider.
    request: Option<Request>,
    answer: Option<Result<Answer, Failure>>,
}

impl Network {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            seed: plan.seed,
            calls: BTreeMap::new(),
            sent: 0,
            sent_by_user: vec![0; plan.users],
            arrivals: Vec::new(),
        }
    }
}

impl Fate {
    fn drawn(request: &Request, plan: &Plan, chance: &mut Chance) -> Self {
        let fates = [
            (Trouble::LostRequest, Self::RequestLost),
            (Trouble::LostAnswer, Self::AnswerLost),
            (Trouble::Duplicate, Self::Doubled),
            (Trouble::LateAnswer, Self::Late),
            (Trouble::Unreadable, Self::Unreadable),
            (Trouble::RateLimit, Self::RateLimited),
        ];
        for (trouble, fate) in fates {
            if chance.permille(plan.rate(trouble)) {
                return fate;
            }
        }
        // A refusal of anything else holds the onboarding, which ends its history early.
        let is_look = matches!(request, Request::Status | Request::ReadUser);
        let refusals = plan.rate(Trouble::OddRefusal) / if is_look { 1 } else { 4 };
        if chance.permille(refusals) {
            return Self::Refused;
        }
        if chance.permille(plan.rate(Trouble::ServerError)) {
            return chance.one_of(&[Self::NotConnected, Self::ErrorBefore, Self::ErrorAfter]);
        }
        Self::Answered
    }

    const fn trouble(self) -> Option<Trouble> {
        match self {
            Self::Answered => None,
            Self::Doubled => Some(Trouble::Duplicate),
            Self::Late => Some(Trouble::LateAnswer),
            Self::RequestLost => Some(Trouble::LostRequest),
            Self::AnswerLost => Some(Trouble::LostAnswer),
            Self::Unreadable => Some(Trouble::Unreadable),
            Self::NotConnected | Self::ErrorBefore | Self::ErrorAfter => Some(Trouble::ServerError),
            Self::RateLimited => Some(Trouble::RateLimit),
            Self::Refused => Some(Trouble::OddRefusal),
        }
    }

    /// The HTTP statuses that it may come with.
    const fn statuses(self) -> &'static [u16] {
        match self {
            Self::Answered
            | Self::Doubled
            | Self::Late
            | Self::NotConnected
            | Self::RequestLost
            | Self::AnswerLost => &[],
            Self::Unreadable => &[200, 201],
            Self::ErrorBefore | Self::ErrorAfter => &[408, 409, 425, 500, 502, 503, 504],
            Self::RateLimited => &[429],
            Self::Refused => &[400, 413, 422],
        }
    }

    /// Whether the provider takes the call.
    const fn has_effect(self) -> bool {
        match self {
            Self::Answered
            | Self::Doubled
            | Self::Late
            | Self::AnswerLost
            | Self::Unreadable
            | Self::ErrorAfter => true,
            Self::NotConnected
            | Self::RequestLost
            | Self::ErrorBefore
            | Self::RateLimited
            | Self::Refused => false,
        }
    }

    fn delay_ms(self, chance: &mut Chance) -> u64 {
        match self {
            Self::RequestLost | Self::AnswerLost => TIME_OUT_MS,
            Self::Late if chance.permille(600) => chance.between(TIME_OUT_MS, 10 * 60_000),
            Self::Late => chance.between(10 * 60_000, 2 * DAY_MS),
            Self::Answered
            | Self::Doubled
            | Self::NotConnected
            | Self::Unreadable
            | Self::ErrorBefore
            | Self::ErrorAfter
            | Self::RateLimited
            | Self::Refused => chance.between(0, 900),
        }
    }

    /// What the worker gets instead of the provider's answer.
    fn failure(self, chance: &mut Chance) -> Option<Failure> {
        let (class, effect, message) = match self {
            Self::Answered | Self::Doubled | Self::Late => return None,
            Self::NotConnected => (FailureClass::Transient, Effect::None, "no connection"),
            Self::RequestLost | Self::AnswerLost => {
                (FailureClass::Transient, Effect::Unknown, "no answer in time")
            }
            Self::Unreadable => (FailureClass::Transient, Effect::Unknown, "an unreadable answer"),
            Self::ErrorBefore | Self::ErrorAfter => {
                (FailureClass::Transient, Effect::Unknown, "the provider failed")
            }
            Self::RateLimited => (FailureClass::RateLimited, Effect::None, "too many calls"),
            Self::Refused => (FailureClass::Refused, Effect::None, "a bad request"),
        };
        let is_told = self == Self::RateLimited && chance.permille(600);
        let retry_after_ms = is_told.then(|| chance.between(0, 120_000));
        let statuses = self.statuses();
        let http_status = (!statuses.is_empty()).then(|| chance.one_of(statuses));
        Some(Failure { retry_after_ms, http_status, ..failure(class, effect, message) })
    }
}

impl State {
    /// Sends a call, and says when its end is known.
    fn send(&mut self, process: Process, user: usize, request: Request) -> (u64, u64) {
        if self.plan.keeps_consents() && matches!(request, Request::Consent(_) | Request::Terms(..))
        {
            self.ledger.violated("I4", "a consent that is to be kept is sent");
        }
        self.ledger.call_is_sent(process, user, &request, self.now_ms);
        self.deliver_earlier(user);
        self.network.sent_by_user[user] += 1;
        let nth = self.network.sent_by_user[user];
        let mut chance = Chance::of(self.network.seed, Purpose::Call, user as u64, nth);
        let fate = Fate::drawn(&request, &self.plan, &mut chance);
        let fate = if self.is_calm { Fate::Answered } else { fate };
        if let Some(trouble) = fate.trouble() {
            self.coverage.trouble(trouble);
        }
        let travel_ms = match chance.below(20) {
            0 => chance.between(0, TRAVEL_LONGEST_MS),
            _ => chance.between(0, 90),
        };
        let answer_at_ms = self.now_ms + travel_ms + fate.delay_ms(&mut chance);
        self.tell(|| format!("{process} calls {} for user {user}: {fate:?}", request.name()));
        self.network.sent += 1;
        let number = self.network.sent;
        let request = fate.has_effect().then_some(request);
        if request.is_some() {
            self.network.arrivals.push((self.now_ms + travel_ms, number));
        }
        let call = Call { user, fate, answer_at_ms, chance, request, answer: None };
        self.network.calls.insert(number, call);
        (number, answer_at_ms)
    }

    fn deliver_earlier(&mut self, user: usize) {
        let earlier: Vec<u64> = self
            .network
            .calls
            .iter()
            .filter(|(_, call)| call.user == user && call.request.is_some())
            .map(|(number, _)| *number)
            .collect();
        earlier.into_iter().for_each(|number| self.deliver(number));
    }

    /// A call reaches the provider.
    pub(crate) fn deliver(&mut self, number: u64) {
        let Some(call) = self.network.calls.get_mut(&number) else { return };
        let Some(request) = call.request.take() else { return };
        let times = if call.fate == Fate::Doubled { 2 } else { 1 };
        for _ in 0..times {
            call.answer = Some(self.provider.take(
                call.user,
                &request,
                self.now_ms,
                &mut call.chance,
                &mut self.coverage,
            ));
        }
        let user = call.user;
        if request.changes_record() {
            self.check_record(user);
        }
    }

    /// The end of a call, as the worker sees it.
    fn end(&mut self, number: u64) -> Result<Answer, Failure> {
        self.deliver(number);
        let mut call = self.network.calls.remove(&number).expect("its sender alone ends it");
        debug_assert!(call.answer_at_ms <= self.now_ms, "an answer before its time");
        match call.fate.failure(&mut call.chance) {
            Some(failure) => Err(failure),
            None => call.answer.expect("a call without a failure had its effect"),
        }
    }
}

/// The provider as one worker reaches it.
pub(crate) struct Line {
    world: World,
    process: Process,
    /// What a planted fault keeps here.
    kept: Mutex<BTreeMap<usize, Vec<Eligibility>>>,
    first_profiles: Mutex<BTreeMap<usize, serde_json::Value>>,
}

impl Line {
    pub(crate) fn new(world: World, process: Process) -> Self {
        Self { world, process, kept: Mutex::default(), first_profiles: Mutex::default() }
    }

    async fn call(&self, user: &UserLocator, request: Request) -> Result<Answer, Failure> {
        let user = user_of(user);
        self.world.point(self.process, Point::Before(Operation::Call)).await;
        let (number, answer_at_ms) = self.world.state().send(self.process, user, request);
        self.world.point(self.process, Point::After(Operation::Call)).await;
        let wait_ms = answer_at_ms.saturating_sub(self.world.state().now_ms);
        self.world.rest(Wait::Answer, wait_ms).await;
        let answer = self.world.state().end(number);
        self.world.point(self.process, Point::After(Operation::Answer)).await;
        answer
    }

    fn is_planted(&self, planted: Planted) -> bool {
        self.world.state().planted == Some(planted)
    }

    async fn word(&self, user: &UserLocator, request: Request) -> Result<Word, Failure> {
        match self.call(user, request).await? {
            Answer::Word(word) => Ok(word),
            Answer::Done | Answer::Document(_) | Answer::Shown(_) | Answer::Linked(_) => {
                unreachable!("the model answers with a word")
            }
        }
    }
}

type Word = Vec<Eligibility>;

impl engine::Provider for Line {
    async fn accept_privacy_policy(
        &self,
        user: &UserLocator,
        accepted_at: Timestamp,
    ) -> Result<(), Failure> {
        self.call(user, Request::Consent(accepted_at)).await.map(drop)
    }

    async fn accept_terms(
        &self,
        user: &UserLocator,
        accepted_at: Timestamp,
        region: &Region,
    ) -> Result<(), Failure> {
        if self.is_planted(Planted::DropTheTerms) {
            return Ok(());
        }
        self.call(user, Request::Terms(accepted_at, region.clone())).await.map(drop)
    }

    async fn read_user(&self, user: &UserLocator) -> Result<Shown, Failure> {
        match self.call(user, Request::ReadUser).await? {
            Answer::Shown(mut shown) => {
                if self.is_planted(Planted::TakeAllForShown) {
                    shown.sections.values_mut().for_each(|is_shown| *is_shown = true);
                }
                Ok(shown)
            }
            Answer::Done | Answer::Document(_) | Answer::Linked(_) | Answer::Word(_) => {
                unreachable!("the model answers with what it has")
            }
        }
    }

    async fn register_user(&self, user: &UserLocator, profile: &Profile) -> Result<(), Failure> {
        let mut profile = profile.to_value();
        if self.is_planted(Planted::SendTheFirstProfile) {
            let mut first = self.first_profiles.lock().expect("nobody panics with it");
            profile = first.entry(user_of(user)).or_insert(profile).clone();
        }
        self.call(user, Request::Register(profile)).await?;
        if self.is_planted(Planted::SendAKeptConsent) {
            let (keeps, now) = {
                let state = self.world.state();
                (state.plan.keeps_consents(), state.wall())
            };
            if keeps {
                self.call(user, Request::Consent(now)).await?;
            }
        }
        Ok(())
    }

    async fn upload_document(&self, user: &UserLocator, upload: Upload) -> Result<String, Failure> {
        let request = Request::Upload(upload.document_type, upload.bytes);
        match self.call(user, request).await? {
            Answer::Document(id) => Ok(id),
            Answer::Done | Answer::Shown(_) | Answer::Linked(_) | Answer::Word(_) => {
                unreachable!("the model answers with a document")
            }
        }
    }

    async fn link_wallet(
        &self,
        user: &UserLocator,
        wallet: GivenWallet,
    ) -> Result<Linked, Failure> {
        if self.is_planted(Planted::DropTheWallets) {
            return Ok(Linked { ownership: Ownership::Verified, challenge: None });
        }
        match self.call(user, Request::Link(wallet)).await? {
            Answer::Linked(ownership) => {
                let is_asked = ownership == Ownership::ToProve;
                Ok(Linked { ownership, challenge: is_asked.then(|| "sign this".into()) })
            }
            Answer::Done | Answer::Document(_) | Answer::Shown(_) | Answer::Word(_) => {
                unreachable!("the model answers with a wallet")
            }
        }
    }

    async fn trigger_verification(&self, user: &UserLocator) -> Result<Word, Failure> {
        let answer = self.word(user, Request::Trigger).await;
        let is_unknown = answer.as_ref().is_err_and(|failure| failure.effect == Effect::Unknown);
        if is_unknown && self.is_planted(Planted::RepeatUnknownTrigger) {
            return self.word(user, Request::Trigger).await;
        }
        answer
    }

    async fn check_status(&self, user: &UserLocator) -> Result<Word, Failure> {
        let user_number = user_of(user);
        if self.is_planted(Planted::ReadAnOldStatus) {
            let kept = self.kept.lock().expect("nobody panics with it").get(&user_number).cloned();
            if let Some(word) = kept {
                return Ok(word);
            }
        }
        let mut word = self.word(user, Request::Status).await?;
        if self.is_planted(Planted::TakeUnknownForVerified) {
            for word in &mut word {
                if matches!(word.status, onboarding::ProductStatus::Other(_)) {
                    word.status = onboarding::ProductStatus::Verified;
                }
            }
        }
        self.kept.lock().expect("nobody panics with it").insert(user_number, word.clone());
        Ok(word)
    }
}
