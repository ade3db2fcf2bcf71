//! The intake: what people ask for, turned into events and committed.
//!
//! The command line and every later front share it, so that an edit is checked, stored and
//! answered in one way.

mod documents;
mod wallets;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use ::documents::Limits;
pub use documents::GoodDocument;
use onboarding::{
    Context, Ended, Event, GivenWallet, Onboarding, OnboardingId, Outcome, Problems, Product,
    Profile, Reason, Requirements, Revision, Section, Timestamp, Transition, UserFile, UserLocator,
    WalletNumber, apply, changed_sections,
};
use store::{
    Actor, Commit, Committed, PersonalData, ProfileContent, Remember, Store, StoreError, Stored,
    WalletContent,
};
pub use wallets::linked_wallets;
use wallets::{Refused, given_wallets};

/// How often an edit is applied anew to an onboarding that others keep changing.
const CONFLICTS_MAX: u32 = 20;

/// Takes what people ask for.
pub struct Intake<S> {
    store: Arc<S>,
    actor: Actor,
    requirements: Arc<Requirements>,
    limits: Limits,
    old_verifications: OldVerifications,
    expected: Expected,
    remember: Option<Arc<Remembering>>,
}

/// What becomes of data whose verification was more than a year ago.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OldVerifications {
    /// It is taken, with a warning: the provider's oldest form knows no limit.
    #[default]
    Taken,
    /// It is refused, as the provider would refuse it and the user would be held.
    Refused,
}

/// What whoever asks for a change takes the user for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    #[default]
    Any,
    /// There is no such user yet.
    None,
    /// There is one.
    Some,
    /// The onboarding is at one of these versions.
    OneOf(Vec<u64>),
}

impl Expected {
    fn check(&self, found: Option<&Onboarding>) -> Result<(), IntakeError> {
        let is_met = match self {
            Self::Any => true,
            Self::None => found.is_none(),
            Self::Some => found.is_some(),
            Self::OneOf(versions) => found.is_some_and(|it| versions.contains(&it.version)),
        };
        if is_met { Ok(()) } else { Err(IntakeError::Moved(found.map(|found| found.version))) }
    }
}

/// A user's data, as a file of the whole record or as a merge patch (RFC 7396) of it.
#[derive(Clone, Copy)]
pub enum Edit<'a> {
    /// The whole record: it replaces the one before.
    Replace(&'a [u8]),
    /// Merged into the record that is held; the whole result goes to the provider.
    Patch(&'a [u8]),
}

/// What comes with an edit of a user's data.
#[derive(Clone, Debug)]
pub struct Added {
    /// The products that the user is being onboarded for; above the file's own word.
    pub wanted: Option<BTreeSet<Product>>,
    /// Those of a new user for whom nobody says.
    pub wanted_default: BTreeSet<Product>,
    /// Whether to ask for verification, too.
    pub verify: bool,
    /// The id of the onboarding, should it begin with this edit.
    pub new_id: OnboardingId,
}

/// What became of a request that was taken. It has no `Debug` of its data.
pub struct Settled {
    /// The onboarding after it.
    pub stored: Stored,
    /// Whether the onboarding began with it.
    pub is_new: bool,
    /// Why it changed nothing, if it did not.
    pub unchanged: Option<Reason>,
    /// What the provider may not like.
    pub warnings: Problems,
    /// The wallet that it was about.
    pub wallet: Option<WalletNumber>,
    /// The user's data after it, where a task says more by it and it can be read.
    pub profile: Option<Profile>,
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stored, is_new, unchanged, .. } = self;
        write!(f, "Settled({stored:?}, new: {is_new}, unchanged: {unchanged:?})")
    }
}

/// Says what is to be kept of a request that is about to change something.
pub type Remembering = dyn Fn(&Settled) -> Option<Remember> + Send + Sync;

/// Why a request was not taken. Nothing was stored, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// There is no such user.
    #[error("there is no such user; `gangway user set` registers one, `gangway users` lists them")]
    NoSuchUser,
    /// The user has no such wallet.
    #[error("the user has no such wallet; `gangway wallet list` shows those that are held")]
    NoSuchWallet,
    /// The data is refused; every problem is listed.
    #[error("the data was refused and nothing was stored:\n{0}")]
    Refused(Problems),
    /// The onboarding was ended on request.
    #[error("the onboarding is {}; {}", .0.as_str(), remedy(*.0))]
    Ended(Ended),
    /// The rules do not allow it at present.
    #[error("not done: {}", explain(*.0))]
    NotNow(Reason),
    /// It is at another version than the one that the request was made for, or not there at all.
    #[error("the user is not as the request expects; read the status, and decide again")]
    Moved(Option<u64>),
    /// Others changed it again and again.
    #[error("the onboarding is being changed by others all the time; try again")]
    Conflict,
    /// The profile in the store can't be read.
    #[error("the profile in the store can't be read; set it again with `gangway user set`")]
    DamagedProfile,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const fn remedy(ended: Ended) -> &'static str {
    match ended {
        Ended::Cancelled => "`gangway resume` reopens it",
        Ended::Erased => "its data is destroyed, and it can't be reopened",
    }
}

const fn explain(reason: Reason) -> &'static str {
    match reason {
        Reason::NothingNewToVerify => {
            "the provider has judged all that we hold; supply something new, or read its verdict \
             again with `gangway retry`"
        }
        Reason::AlreadySo => "that is how it is already",
        Reason::NotHeld => "it is not held; `gangway retry` tries the next step at once",
        Reason::HeldByOperator => "an operator holds it; `gangway resume` lets it go on",
        Reason::NotBegun => "the user has no data yet; begin with `gangway user set`",
        Reason::AlreadyAcknowledged => {
            "the provider has it already and keeps it; `gangway document add` replaces a document, \
             and nothing unlinks a wallet"
        }
        Reason::NoSuchOpenTask => {
            "there is no such open task; `gangway tasks LOCATOR` lists those that are open"
        }
        Reason::NotRejected => {
            "the provider has not refused the user; `gangway retry` reads its verdict again"
        }
        Reason::NotANewerConsent => {
            "the acceptance is not newer than the one that is held, and nothing was stored; record \
             the one that the user gives now with `gangway consent record`, or leave it out"
        }
        Reason::NeverHeld => {
            "there is no such document; `gangway status` lists those that are held"
        }
        Reason::Ended
        | Reason::NotTheNextRevision
        | Reason::NotTheTriggerInDoubt
        | Reason::TriggerInDoubt
        | Reason::NothingToTrigger
        | Reason::StaleObservation
        | Reason::StaleAcknowledgement
        | Reason::NotDueYet
        | Reason::NotTheAwaitedCall => reason.as_str(),
    }
}

/// Events that follow one another on one onboarding, before they are committed.
struct Draft<'a> {
    onboarding: Onboarding,
    transitions: Vec<Transition>,
    ignored: Option<Reason>,
    cx: Context<'a>,
}

impl Draft<'_> {
    /// What changes nothing is passed over, unless it speaks against the whole request.
    fn happen(&mut self, event: &Event) -> Result<(), IntakeError> {
        match apply(&self.onboarding, event, &self.cx) {
            Outcome::Changed(transition) => {
                self.onboarding = transition.onboarding.clone();
                self.transitions.push(*transition);
            }
            Outcome::Ignored(Reason::Ended) => {
                return Err(IntakeError::Ended(self.onboarding.ended.unwrap_or(Ended::Cancelled)));
            }
            Outcome::Ignored(reason @ Reason::NotANewerConsent) => {
                return Err(IntakeError::NotNow(reason));
            }
            Outcome::Ignored(reason) => self.ignored = Some(reason),
        }
        Ok(())
    }
}

/// What is asked for of a user who is there.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// An event that carries no data.
    Event(&'a Event),
    /// To take a document.
    Document(&'a GoodDocument),
    /// To take a wallet.
    Wallet(&'a GivenWallet),
    /// To forget the wallet of this address.
    NoWallet(&'a str),
}

/// What a request makes of the onboarding that it found.
#[derive(Default)]
struct Request {
    events: Vec<Event>,
    personal: Vec<PersonalData>,
    warnings: Problems,
    /// The one wallet that it is about.
    wallet: Option<WalletNumber>,
}

impl<S: Store> Intake<S> {
    /// An intake for requests of `actor`, who goes by the table of requirements and the limits of
    /// documents that come with Gangway.
    pub fn new(store: Arc<S>, actor: Actor) -> Self {
        let (requirements, limits) = (Arc::clone(Requirements::embedded()), Limits::DEFAULT);
        let (expected, remember) = (Expected::Any, None);
        let old_verifications = OldVerifications::default();
        Self { store, actor, requirements, limits, old_verifications, expected, remember }
    }

    /// The same by another table, which says in which area a user lives.
    #[must_use]
    pub fn with_requirements(self, requirements: Arc<Requirements>) -> Self {
        Self { requirements, ..self }
    }

    /// The same, with other limits of documents.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same, for a request that may be repeated: what it is answered is stored with what it
    /// changes, both or neither. What is remembered already is not carried out again, which is
    /// [`IntakeError::Conflict`].
    #[must_use]
    pub fn remembering(self, remember: Option<Arc<Remembering>>) -> Self {
        Self { remember, ..self }
    }

    /// The same, with another word on old verifications.
    #[must_use]
    pub fn with_old_verifications(self, old_verifications: OldVerifications) -> Self {
        Self { old_verifications, ..self }
    }

    /// The same, for a request that holds only if the user is as expected when it is stored.
    #[must_use]
    pub fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// Sets or patches a user's data; the first edit begins the onboarding. What is the same
    /// as before is not an edit.
    ///
    /// # Errors
    /// When the data is refused, the onboarding ended, or the store can't be used.
    pub async fn edit_user(
        &self,
        user: &UserLocator,
        edit: Edit<'_>,
        added: Added,
        now: Timestamp,
    ) -> Result<Settled, IntakeError> {
        for _ in 0..CONFLICTS_MAX {
            let found = self.store.find(user).await?;
            if found.is_none() && matches!(edit, Edit::Patch(_)) {
                return Err(IntakeError::NoSuchUser);
            }
            let held = match &found {
                Some(stored) => self.store.profile(stored.onboarding.id).await?,
                None => None,
            };
            if let Some(stored) = &found
                && !is_of(held.as_ref(), &stored.onboarding)
                && self.has_moved_on(&stored.onboarding).await?
            {
                continue;
            }
            let held = Held { profile: held, wallets: self.held_wallets(found.as_ref()).await? };
            let by = By { requirements: &self.requirements, old: self.old_verifications };
            let request = edit_request(edit, &added, &by, found.as_ref(), held, now)?;
            // Last: what is refused by itself is told first.
            self.expected.check(found.as_ref().map(|stored| &stored.onboarding))?;
            let stored = found.unwrap_or_else(|| Stored {
                user: user.clone(),
                onboarding: Onboarding::blank(added.new_id, now),
            });
            if let Some(settled) = self.settle(stored, request, now).await? {
                return Ok(settled);
            }
        }
        Err(IntakeError::Conflict)
    }

    /// Whether someone changed the onboarding since it was read. Its profile is read apart.
    async fn has_moved_on(&self, read: &Onboarding) -> Result<bool, StoreError> {
        let now = self.store.load(read.id).await?;
        Ok(now.is_none_or(|stored| stored.onboarding.version != read.version))
    }

    async fn existing(&self, user: &UserLocator) -> Result<Stored, IntakeError> {
        let found = self.store.find(user).await?.ok_or(IntakeError::NoSuchUser)?;
        self.expected.check(Some(&found.onboarding))?;
        Ok(found)
    }

    /// Asks for verification, or lets an operator hold, resume, retry, cancel or erase:
    /// any event that carries no data.
    ///
    /// # Errors
    /// When there is no such user, the onboarding ended, or the store can't be used.
    pub async fn tell(
        &self,
        user: &UserLocator,
        event: Event,
        now: Timestamp,
    ) -> Result<Settled, IntakeError> {
        self.change(user, Asked::Event(&event), now).await
    }

    /// Changes a user who is there. The request is made anew where others changed the user first.
    async fn change(
        &self,
        user: &UserLocator,
        asked: Asked<'_>,
        now: Timestamp,
    ) -> Result<Settled, IntakeError> {
        for _ in 0..CONFLICTS_MAX {
            let stored = self.existing(user).await?;
            let onboarding = &stored.onboarding;
            let request = match asked {
                Asked::Event(event) => {
                    Request { events: vec![event.clone()], ..Request::default() }
                }
                Asked::Document(good) => self.document_request(onboarding, good).await?,
                Asked::Wallet(given) => self.wallet_request(onboarding, given).await?,
                Asked::NoWallet(address) => self.no_wallet_request(onboarding, address).await?,
            };
            if let Some(settled) = self.settle(stored, request, now).await? {
                return Ok(settled);
            }
        }
        Err(IntakeError::Conflict)
    }

    /// The user's data after a request that brings this, where a task says more by it.
    async fn profile_after(
        &self,
        onboarding: &Onboarding,
        personal: &[PersonalData],
    ) -> Option<Profile> {
        if !onboarding.has_task_to_detail() {
            return None;
        }
        let brought = personal.iter().find_map(|personal| match personal {
            PersonalData::Profile { json, .. } => Some(json),
            PersonalData::DocumentContent { .. }
            | PersonalData::DocumentDigest { .. }
            | PersonalData::Wallet { .. }
            | PersonalData::WalletChallenge { .. } => None,
        });
        if let Some(json) = brought {
            return serde_json::from_slice(json).ok();
        }
        let held = self.store.profile(onboarding.id).await.ok()??;
        serde_json::from_slice(&held.json).ok()
    }

    /// Applies and commits a request. `None` when someone else was faster.
    async fn settle(
        &self,
        stored: Stored,
        request: Request,
        now: Timestamp,
    ) -> Result<Option<Settled>, IntakeError> {
        let Stored { user, onboarding } = stored;
        let (is_new, wallet) = (onboarding.version == 0, request.wallet);
        let cx = Context { now, policy: self.store.policy() };
        let transitions = Vec::new();
        let mut draft = Draft { onboarding, transitions, ignored: None, cx };
        for event in &request.events {
            draft.happen(event)?;
        }
        let stored = Stored { user: user.clone(), onboarding: draft.onboarding };
        let profile = self.profile_after(&stored.onboarding, &request.personal).await;
        if draft.transitions.is_empty() {
            let unchanged = Some(draft.ignored.unwrap_or(Reason::AlreadySo));
            let warnings = request.warnings;
            return Ok(Some(Settled {
                stored,
                is_new: false,
                unchanged,
                warnings,
                wallet,
                profile,
            }));
        }
        let id = stored.onboarding.id;
        let warnings = request.warnings;
        let settled = Settled { stored, is_new, unchanged: None, warnings, wallet, profile };
        let commit = Commit {
            personal: request.personal,
            remember: self.remember.as_ref().and_then(|remember| remember(&settled)),
            ..Commit::new(id, user, draft.transitions, self.actor, now)
        };
        match self.store.commit(commit).await? {
            Committed::Stored { .. } => Ok(Some(settled)),
            Committed::Conflict => Ok(None),
        }
    }
}

/// Whether this is the profile that the onboarding says is held.
fn is_of(held: Option<&ProfileContent>, onboarding: &Onboarding) -> bool {
    held.map(|content| content.revision)
        == onboarding.profile.as_ref().map(|profile| profile.revision)
}

/// The profile that is edited. One that can't be read, or is gone, can only be replaced: a
/// patch of it would lose the rest of the user's data.
fn profile_before(
    edit: Edit<'_>,
    onboarding: Option<&Onboarding>,
    held: Option<ProfileContent>,
) -> Result<Option<Profile>, IntakeError> {
    let is_recorded = onboarding.is_some_and(|onboarding| onboarding.profile.is_some());
    let profile = held.and_then(|content| serde_json::from_slice(&content.json).ok());
    match edit {
        Edit::Patch(_) if is_recorded && profile.is_none() => Err(IntakeError::DamagedProfile),
        Edit::Patch(_) | Edit::Replace(_) => Ok(profile),
    }
}

/// The personal data that is held of a user whose data is edited.
struct Held {
    profile: Option<ProfileContent>,
    wallets: Vec<WalletContent>,
}

/// What an edit is judged by besides the rules.
struct By<'a> {
    requirements: &'a Requirements,
    old: OldVerifications,
}

fn edit_request(
    edit: Edit<'_>,
    added: &Added,
    by: &By<'_>,
    found: Option<&Stored>,
    held: Held,
    now: Timestamp,
) -> Result<Request, IntakeError> {
    let onboarding = found.map(|stored| &stored.onboarding);
    let Held { profile: held, wallets } = held;
    let held = profile_before(edit, onboarding, held)?;
    let checked = match edit {
        Edit::Replace(bytes) => UserFile::parse(bytes, now),
        Edit::Patch(bytes) => UserFile::parse_patch(bytes, held.as_ref(), now),
    }
    .map_err(IntakeError::Refused)?;
    let file = checked.value;
    let mut request = Request { warnings: checked.warnings, ..Request::default() };

    let wanted = added.wanted.clone().or(file.wanted_products);
    let wanted = wanted.or_else(|| onboarding.is_none().then(|| added.wanted_default.clone()));
    let products = wanted.as_ref().or(onboarding.map(|onboarding| &onboarding.wanted));
    let whole = file.profile.as_ref().or(held.as_ref());
    if let Some(products) = products {
        warn_of_residence(by.requirements, products, whole, &mut request.warnings);
    }
    if let Some(products) =
        wanted.filter(|products| onboarding.is_none_or(|held| held.wanted != *products))
    {
        request.events.push(Event::WantedProductsSet { products });
    }
    for given in file.consents {
        let before = onboarding.and_then(|onboarding| onboarding.accepted(given.text));
        request.events.extend(given.event_after(before));
    }
    if let Some(profile) = file.profile {
        let sections = changed_sections(held.as_ref(), &profile);
        if by.old == OldVerifications::Refused
            && sections.changed.contains(&Section::VerificationHistory)
        {
            let outdated = profile.outdated_verifications(now.date());
            if outdated.has_errors() {
                return Err(IntakeError::Refused(outdated));
            }
        }
        if !sections.changed.is_empty() {
            let before = onboarding.and_then(|onboarding| onboarding.profile.as_ref());
            let revision = Revision::following(before.map(|record| record.revision));
            request.events.push(Event::ProfileSet {
                revision,
                present: sections.present,
                changed: sections.changed,
                area: by.requirements.area_of(&profile),
                verified_on: profile.verified_on(),
            });
            let json = serde_json::to_vec(&profile).expect("a profile holds only strings");
            request.personal.push(PersonalData::Profile { revision, json });
        }
    }
    if !file.wallets.is_empty() {
        let blank = Onboarding::blank(added.new_id, now);
        let onboarding = onboarding.unwrap_or(&blank);
        let given = given_wallets(onboarding, &wallets, &file.wallets, Refused::StaysSo)?;
        request.events.extend(given.events);
        request.personal.extend(given.personal);
    }
    if added.verify || file.verify {
        request.events.push(Event::VerificationRequested);
    }
    Ok(request)
}

/// What is sent all the same: the provider's word is above the table.
fn warn_of_residence(
    requirements: &Requirements,
    products: &BTreeSet<Product>,
    profile: Option<&Profile>,
    warnings: &mut Problems,
) {
    for product in requirements.not_offered(products, profile) {
        let message = format!(
            "{product} is not to be had there, by the table of requirements; take it out of the \
             wanted products, or ask the provider"
        );
        warnings.warn("/userDetails/countryOfResidence", message);
    }
}
