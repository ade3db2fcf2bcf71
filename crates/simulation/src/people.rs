//! The people: they give data, supply what is asked for, and operate. They reach the store
//! through the intake and through nothing else.

use std::collections::BTreeSet;
use std::slice;
use std::sync::Arc;

use documents::{Limits, sample};
use engine::{Added, Edit, Intake, IntakeError, Settled};
use onboarding::{
    Accepts, Date, DocumentType, Event, GivenWallet, Onboarding, OnboardingId, Product, Request,
    Section, Task, TaskState, Timestamp, UserLocator,
};
use serde_json::Value;
use store::{Actor, StoreError};
use uuid::Uuid;

use crate::base::ask;
use crate::chance::Chance;
use crate::coverage::{Operation, Point};
use crate::faulty_store::FaultyStore;
use crate::provider::REFUSED_NAME;
use crate::record::{Given, Promise};
use crate::world::{Process, State, Wait, World};

const DAY_MS: u64 = 24 * 3_600_000;
const WORDS: &str = "userId:user-";

/// How a user is named.
pub(crate) fn locator_of(user: usize) -> UserLocator {
    format!("{WORDS}{user}").parse().expect("it is a user id")
}

/// Whose locator it is.
pub(crate) fn user_of(locator: &UserLocator) -> usize {
    let number = locator.as_str().strip_prefix(WORDS);
    number.and_then(|number| number.parse().ok()).expect("every user was named here")
}

/// How often a person tries what the store did not take, or may not have taken.
const TRIES_MAX: u32 = 3;
/// How long a person waits before trying again.
const TRY_AGAIN_AFTER_MS: u64 = 2_000;

/// One thing that a person does.
#[derive(Clone)]
pub(crate) enum Deed {
    /// The whole record.
    Set(String),
    /// A change of it.
    Patch(String),
    /// A document, and its last day.
    Give(DocumentType, Vec<u8>, Option<Date>),
    /// A wallet, or another chain or proof for one.
    Link(GivenWallet),
    /// A wallet is taken back, by its address.
    Unlink(String),
    /// A request that carries no data.
    Tell(Event),
}

impl Deed {
    const fn name(&self) -> &'static str {
        match self {
            Self::Set(_) => "gives the whole record",
            Self::Patch(_) => "changes the record",
            Self::Give(..) => "gives a document",
            Self::Link(_) => "gives a wallet",
            Self::Unlink(_) => "takes a wallet back",
            Self::Tell(event) => event.name(),
        }
    }
}

impl Deed {
    /// Whether it is a document that has run out.
    fn is_past(&self, now: Timestamp) -> bool {
        matches!(self, Self::Give(_, _, Some(last_day)) if *last_day < now.date())
    }
}

/// What a person needs to know to act: who, and what was given before is not given again.
#[derive(Clone, Copy)]
pub(crate) struct Person {
    pub(crate) user: usize,
    /// Differs from act to act.
    pub(crate) edition: usize,
    pub(crate) now: Timestamp,
}

impl Person {
    /// What a person does on a whim.
    pub(crate) fn whim(&self, found: Option<&Onboarding>, chance: &mut Chance) -> Vec<Deed> {
        let Some(onboarding) = found else { return vec![self.set(chance)] };
        let reason = || "a reason".to_owned();
        if onboarding.state == onboarding::State::Rejected && chance.permille(300) {
            return vec![Deed::Tell(Event::Reopened { reason: reason() })];
        }
        let deed = match chance.below(116) {
            0..=24 => match open_tasks(onboarding).next() {
                Some(task) => return self.supply(task, chance),
                None => Deed::Patch(self.details(chance)),
            },
            25..=34 => Deed::Patch(self.details(chance)),
            35..=42 => Deed::Patch(format!("{{{}}}", self.section(&chance.one_of(&SECTIONS)))),
            43..=45 => Deed::Patch(r#"{"dueDiligence":null}"#.to_owned()),
            46..=49 => self.set(chance),
            50..=57 => self.document(&chance.one_of(&DOCUMENTS), chance),
            58..=60 => {
                let of_users = onboarding.documents.keys().next().cloned();
                let document_type = of_users.unwrap_or_else(|| chance.one_of(&DOCUMENTS));
                Deed::Tell(Event::DocumentWithdrawn { document_type })
            }
            61..=69 => Deed::Tell(Event::VerificationRequested),
            70..=72 => match open_tasks(onboarding).last() {
                Some(task) => {
                    Deed::Tell(Event::TaskWaived { number: task.number, reason: reason() })
                }
                None => Deed::Tell(Event::VerificationRequested),
            },
            73 | 74 => Deed::Patch(self.terms(chance)),
            75 | 76 => Deed::Tell(Event::Reopened { reason: reason() }),
            77..=80 => Deed::Tell(Event::Held { reason: reason() }),
            81..=86 => Deed::Tell(Event::Resumed { reason: reason() }),
            87..=92 => Deed::Tell(Event::Retried { reason: reason() }),
            93 => Deed::Tell(Event::Cancelled { reason: reason() }),
            94 => Deed::Tell(Event::Erased { reason: reason() }),
            95..=97 => Deed::Patch(self.consent()),
            100..=107 => Deed::Link(self.wallet(chance)),
            108..=115 => Deed::Unlink(self.wallet(chance).address),
            _ => Deed::Patch(format!(r#"{{"wantedProducts":["{}"]}}"#, chance.one_of(&WANTED))),
        };
        vec![deed]
    }

    /// Supplies all that is asked for, and asks for verification.
    pub(crate) fn help(&self, onboarding: &Onboarding, chance: &mut Chance) -> Vec<Deed> {
        let mut deeds: Vec<Deed> =
            open_tasks(onboarding).flat_map(|task| self.supply(task, chance)).collect();
        deeds.push(Deed::Tell(Event::VerificationRequested));
        deeds
    }

    fn supply(&self, task: &Task, chance: &mut Chance) -> Vec<Deed> {
        match &task.request {
            Request::Consent | Request::RenewConsent => vec![Deed::Patch(self.consent())],
            Request::RenewTerms => vec![Deed::Patch(self.terms(chance))],
            Request::RenewDocument(kind) => {
                let accepts = Accepts::default();
                let mut groups = accepts.groups(None, "id").into_iter();
                let whole = groups.find(|group| group.contains(kind));
                whole
                    .unwrap_or(slice::from_ref(kind))
                    .iter()
                    .map(|kind| self.document(kind, chance))
                    .collect()
            }
            Request::RenewVerification => {
                vec![Deed::Patch(format!("{{{}}}", self.section(&Section::VerificationHistory)))]
            }
            Request::Data(section) => vec![Deed::Patch(format!("{{{}}}", self.section(section)))],
            Request::Document(name) => {
                let accepts = Accepts::default();
                let group = chance.one_of(&accepts.groups(None, name));
                group.iter().map(|kind| self.document(kind, chance)).collect()
            }
            Request::Operator(_) => vec![Deed::Tell(Event::VerificationRequested)],
            Request::Wallet(_) | Request::WalletProof(_) => vec![Deed::Link(self.wallet(chance))],
        }
    }

    fn set(&self, chance: &mut Chance) -> Deed {
        let mut fields = vec![self.section(&Section::UserDetails)];
        for section in &SECTIONS[1..] {
            if chance.permille(600) {
                fields.push(self.section(section));
            }
        }
        if chance.permille(800) {
            fields.push(format!(r#""privacyPolicyAcceptedAt":"{}""#, self.now));
        }
        if chance.permille(300) {
            let terms = self.terms(chance);
            fields.push(terms[1..terms.len() - 1].to_owned());
        }
        Deed::Set(format!("{{{}}}", fields.join(",")))
    }

    fn terms(&self, chance: &mut Chance) -> String {
        let region = chance.one_of(&["eu", "us", "worldwide"]);
        format!(
            r#"{{"termsOfServiceConsent":{{"acceptedAt":"{}","region":"{region}"}}}}"#,
            self.now
        )
    }

    fn details(&self, chance: &mut Chance) -> String {
        let name = if chance.permille(100) { REFUSED_NAME } else { "Ada" };
        format!(r#"{{"userDetails":{{"firstName":"{name}{}"}}}}"#, self.edition)
    }

    fn consent(&self) -> String {
        format!(r#"{{"privacyPolicyAcceptedAt":"{}"}}"#, self.now)
    }

    /// One of two that are the user's, or one that all take for theirs.
    fn wallet(&self, chance: &mut Chance) -> GivenWallet {
        let whose = chance.one_of(&[2 * self.user + 1, 2 * self.user + 2, 0]);
        GivenWallet {
            address: format!("0x{whose:040x}"),
            chain: chance.one_of(&["base", "polygon"]).to_owned(),
            proof: chance.permille(500).then(|| format!("proof {}", self.edition).into()),
        }
    }

    fn document(&self, kind: &DocumentType, chance: &mut Chance) -> Deed {
        // Small, as thousands are made. One file for two types might be refused.
        let number = DocumentType::KNOWN.iter().position(|known| known == kind).unwrap_or_default();
        let edition = (self.edition * DocumentType::KNOWN.len() + number) as u32;
        let last_day = self.now.plus_ms(chance.below(8) * DAY_MS).date();
        let last_day = chance.permille(600).then_some(last_day);
        Deed::Give(kind.clone(), sample::png(32, 1, edition), last_day)
    }

    /// One section of a record, other than at any other time.
    fn section(&self, section: &Section) -> String {
        let edition = self.edition;
        match section {
            Section::UserDetails => format!(
                r#""userDetails":{{"firstName":"Ada{edition}","lastName":"Lindqvist","dateOfBirth":"1984-03-12","countryOfResidence":"SE"}}"#
            ),
            Section::DueDiligence => format!(
                r#""dueDiligence":{{"employmentStatus":"full-time","sourceOfFunds":"other","industry":"other-services","expectedYearlyTxVolume":"volume-{edition}"}}"#
            ),
            Section::VerificationHistory => {
                let day = self.now.minus_ms(DAY_MS).date();
                let at = format!("{day}T09:{:02}:{:02}Z", edition / 60 % 60, edition % 60);
                format!(
                    r#""verificationHistory":{{"idVerificationTimestamp":"{at}","livenessVerificationTimestamp":"{at}"}}"#
                )
            }
            Section::KycData | Section::Other(_) => format!(
                r#""kycData":{{"addressOfResidence":{{"line1":"Storgatan {edition}","city":"Uppsala","postalCode":"753 31"}},"email":"ada@example.org"}}"#
            ),
        }
    }
}

const SECTIONS: [Section; 4] =
    [Section::UserDetails, Section::KycData, Section::DueDiligence, Section::VerificationHistory];
const DOCUMENTS: [DocumentType; 5] = [
    DocumentType::IdPassport,
    DocumentType::IdIdcardFront,
    DocumentType::IdIdcardBack,
    DocumentType::ProofOfAddress,
    DocumentType::ProofOfIncome,
];
const WANTED: [&str; 3] = ["onramp", "offramp", "regulated-transfer"];

fn open_tasks(onboarding: &Onboarding) -> impl Iterator<Item = &Task> {
    onboarding.all_tasks().filter(|task| task.state == TaskState::Open)
}

/// The samples are small.
const LIMITS: Limits = Limits { bytes_min: 0, side_pixels_min: 0, ..Limits::DEFAULT };

/// Does all this, one thing after another, as a process of its own.
pub(crate) async fn act(world: World, process: Process, person: Person, deeds: Vec<Deed>) {
    let inner = world.state().open_beside();
    let store = Arc::new(FaultyStore::new(inner.clone(), world.clone(), process));
    let intake = Intake::new(store, Actor::Cli).with_limits(LIMITS);
    for deed in deeds {
        for _ in 0..TRIES_MAX {
            let settled = attempt(&world, process, &intake, person, &deed).await;
            let Err(IntakeError::Store(StoreError::Unavailable(_) | StoreError::Unknown(_))) =
                settled
            else {
                break;
            };
            world.rest(Wait::Work, TRY_AGAIN_AFTER_MS).await;
        }
    }
    world.state().spare.push(inner);
}

async fn attempt(
    world: &World,
    process: Process,
    intake: &Intake<FaultyStore>,
    person: Person,
    deed: &Deed,
) -> Result<Settled, IntakeError> {
    world.state().begin(process, person.user, deed);
    let now = world.state().wall();
    let user = locator_of(person.user);
    let settled = match deed {
        Deed::Set(json) => {
            intake.edit_user(&user, Edit::Replace(json.as_bytes()), person.added(), now).await
        }
        Deed::Patch(json) => {
            intake.edit_user(&user, Edit::Patch(json.as_bytes()), person.added(), now).await
        }
        Deed::Give(document_type, bytes, last_day) => {
            let (file_name, expires_at) = (None, *last_day);
            let given = documents::Given { document_type, bytes, file_name, expires_at };
            intake.add_document(&user, &given, now).await
        }
        Deed::Link(wallet) => intake.link_wallet(&user, wallet, now).await,
        Deed::Unlink(address) => intake.remove_wallet(&user, address, now).await,
        Deed::Tell(event) => intake.tell(&user, event.clone(), now).await,
    };
    world.point(process, Point::Before(Operation::Reply)).await;
    world.state().answer(process, person, deed, &settled);
    settled
}

impl Person {
    fn added(&self) -> Added {
        let wanted_default = match self.user % 3 {
            0 => BTreeSet::from([Product::Onramp]),
            1 => BTreeSet::from([Product::Onramp, Product::Offramp]),
            _ => BTreeSet::from([Product::RegulatedTransfer]),
        };
        Added {
            wanted: None,
            wanted_default,
            verify: !self.edition.is_multiple_of(3),
            new_id: OnboardingId(Uuid::from_u128(
                ((self.user as u128) << 64) | (self.edition as u128 + 1),
            )),
        }
    }
}

impl State {
    /// The onboarding of a user, as anyone can look it up.
    pub(crate) fn onboarding_of(&self, user: usize) -> Option<Onboarding> {
        match ask!(&self.store, find(&locator_of(user))) {
            Ok(found) => found.map(|stored| stored.onboarding),
            Err(StoreError::Damaged { .. }) => None,
            Err(error) => panic!("the store can be read: {error}"),
        }
    }

    fn was_erased(&self, user: usize) -> bool {
        let mut of_user = self.ledger.watched.values().filter(|watched| watched.user == user);
        of_user.any(|watched| watched.replayed.state == onboarding::State::Erased)
    }

    fn begin(&mut self, process: Process, user: usize, deed: &Deed) {
        self.tell(|| format!("{process}, a person: user {user}: {}", deed.name()));
        let promise = match deed {
            Deed::Set(json) => Promise::Edit(Given::Whole(profile_in(json))),
            Deed::Patch(json) => Promise::Edit(Given::Patch(profile_in(json))),
            Deed::Give(_, bytes, _) => Promise::Document(bytes.clone()),
            Deed::Link(wallet) => Promise::Wallet(wallet.clone()),
            Deed::Unlink(_) | Deed::Tell(_) => return,
        };
        self.promises.insert(process, promise);
    }

    fn answer(
        &mut self,
        process: Process,
        Person { user, now: dated, .. }: Person,
        deed: &Deed,
        settled: &Result<Settled, IntakeError>,
    ) {
        self.news += 1;
        match settled {
            Ok(Settled { stored, unchanged: None, .. }) => {
                let onboarding = &stored.onboarding;
                self.is_acknowledged(onboarding.id, onboarding.version, onboarding.state);
            }
            Ok(Settled { unchanged: Some(reason), .. }) => {
                let reason = reason.as_str();
                self.tell(|| format!("{process}: user {user}: nothing changed: {reason}"));
            }
            // A patch of what someone erases meanwhile has nothing left to be merged into, and
            // a consent that is repeated after the clock was set back is dated in the future; a
            // document may have run out before it is given again.
            Err(IntakeError::Refused(_))
                if self.was_erased(user) || dated > self.wall() || deed.is_past(self.wall()) => {}
            Err(error @ (IntakeError::Refused(_) | IntakeError::DamagedProfile)) => {
                let what = format!("good data was refused: {error}");
                self.ledger.violated("I7", what);
            }
            Err(
                error @ (IntakeError::NoSuchUser
                | IntakeError::NoSuchWallet
                | IntakeError::Ended(_)
                | IntakeError::NotNow(_)
                | IntakeError::Moved(_)
                | IntakeError::Conflict
                | IntakeError::Store(_)),
            ) => self.tell(|| format!("{process}: user {user}: not taken: {error}")),
        }
    }
}

/// The sections that a file or a patch names.
fn profile_in(json: &str) -> Value {
    let mut value: Value = serde_json::from_str(json).expect("it was written here");
    if let Some(fields) = value.as_object_mut() {
        fields.remove("privacyPolicyAcceptedAt");
        fields.remove("termsOfServiceConsent");
        fields.remove("wantedProducts");
    }
    value
}
