//! The one view of a user: where the onboarding stands, why, and who must act next.
//! The same object in the API, on the command line, in the dashboard and in notifications.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::onboarding::{Ended, LastError, Onboarding};
use crate::reader::{ForWhom, Reader};
use crate::requirements::Compiled;
use crate::step::{Step, next_step, next_verification_step};
use crate::task::{DueSource, Request, Task, TaskState};
use crate::texts::{StaffNote, Subject, TaskText, UserText};
use crate::wallet::{Wallet, WalletNumber};
use crate::{
    Consent, Date, DocumentType, Evidence, FailureClass, LegalText, OnboardingId, Policy, Product,
    ProductStatus, Region, Revision, Section, State, UserLocator,
};

/// Where a user stands, why, and who must act next. Holds no personal data but the locator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The user's locator.
    pub user: String,
    /// Our own id of the onboarding.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub state_since: String,
    /// How many events made it what it is.
    pub version: u64,
    /// The products that it is for.
    pub wanted_products: BTreeSet<Product>,
    /// Each wanted product, and each other one that the provider named.
    pub products: Vec<ProductView>,
    /// What a person has to supply, and what was supplied but not judged yet; then what has to
    /// be renewed. Nothing of an onboarding that was ended.
    pub pending_tasks: Vec<TaskView>,
    /// Who acts next.
    pub waiting_on: WaitingOn,
    /// What happens next, and when.
    pub next_step: StepView,
    /// Failures in a row of the present step.
    pub attempt: u32,
    /// Whether the present step has failed for longer than the policy's time.
    pub stalled: bool,
    /// The last failure, until a call succeeds.
    pub last_error: Option<LastErrorView>,
    /// Why it is stopped, and what releases it.
    pub hold: Option<HoldView>,
    /// The documents that were supplied.
    pub documents: Vec<DocumentView>,
    /// What the user accepted of the provider's legal texts, the newest of each.
    pub consents: Vec<ConsentView>,
    /// The user's wallets, without their addresses.
    pub wallets: Vec<WalletView>,
    /// The revision of the profile that we hold.
    pub profile_revision: Option<Revision>,
    /// The last revision of it that the provider acknowledged.
    pub acknowledged_revision: Option<Revision>,
    /// When the first event happened.
    pub created_at: String,
    /// When the last event happened.
    pub updated_at: String,
}

/// One product in a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProductView {
    /// The product.
    pub product: Product,
    /// The provider's word on it; `not-reported` when it names others but not this one.
    pub status: ProductStatus,
    /// Sections that it lacks.
    pub missing_data: Vec<Section>,
    /// Requirements that it lacks.
    pub missing_documents: Vec<String>,
    /// When the provider said so.
    pub observed_at: Option<String>,
    /// Since when it is verified.
    pub verified_since: Option<String>,
    /// When it stopped being verified, if it was and is not verified again.
    pub regressed_at: Option<String>,
}

/// One task in a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TaskView {
    /// The onboarding's id and the task's number.
    pub id: String,
    /// Counts the tasks of one onboarding from 1.
    pub number: u32,
    /// `data`, `document`, `consent`, `operator`, `renewal`, `wallet` or `wallet-proof`.
    pub kind: &'static str,
    /// Who has to act.
    #[serde(rename = "for")]
    pub for_whom: ForWhom,
    /// What is asked for, in the provider's word where it has one; a wallet's number.
    pub name: String,
    /// The wanted products that ask for it.
    pub products: BTreeSet<Product>,
    /// How far it has come.
    pub state: TaskState,
    /// When it was first asked for.
    pub opened_at: String,
    /// What supplies it: any one of these groups, each of it whole.
    pub accepts: Vec<Vec<String>>,
    /// Of each group of `accepts`, what is not held: document types, or the fields of a section.
    /// Empty where the requirements know no more than that it is asked for.
    pub lacks: Vec<Vec<String>>,
    /// How often it was asked for.
    pub rounds: u32,
    /// The rounds before: when something was supplied or waived, and when it was asked for again.
    pub past_rounds: Vec<PastRoundView>,
    /// When something was supplied in this round.
    pub supplied_at: Option<String>,
    /// By when it has to be supplied.
    pub due_at: Option<String>,
    /// Where that time comes from: `policy`, `document-expiry`, `verification-age` or `consent`.
    pub due_source: Option<DueSource>,
    /// Whether that time has passed, reckoned now.
    pub overdue: bool,
    /// How many times have passed in this round at which a person is reminded.
    pub reminders: u32,
    /// Why a person let it pass, if one did.
    pub waived: Option<String>,
    /// The command that supplies it, with FILE, and TYPE where there is a choice.
    pub command: String,
    /// What is said of it to the user, in the reader's language.
    pub text: UserText,
    /// The same for staff's eyes only.
    pub staff_note: StaffNote,
}

/// One round of a task that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PastRoundView {
    /// When something was supplied, if it was.
    pub supplied_at: Option<String>,
    /// When a person let it pass, if one did.
    pub waived_at: Option<String>,
    /// When it was asked for again.
    pub asked_again_at: String,
}

/// The next step in a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StepView {
    /// A call's name, `wait-for-person`, or `nothing`.
    pub step: &'static str,
    /// The earliest time for a call.
    pub due_at: Option<String>,
}

/// The last failure in a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LastErrorView {
    /// What could be done about it.
    pub class: FailureClass,
    /// A sentence for staff, without personal data.
    pub message: String,
    /// When it happened.
    pub at: String,
}

/// The hold in a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HoldView {
    /// What stopped it.
    pub cause: &'static str,
    /// The reason, as a sentence.
    pub message: String,
    /// What releases it.
    pub remedy: &'static str,
    /// Since when.
    pub since: String,
}

/// One document in a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DocumentView {
    /// Its type.
    pub document_type: DocumentType,
    /// The newest revision that was supplied.
    pub revision: Revision,
    /// Whether the provider has that revision.
    pub acknowledged: bool,
    /// The last day on which it is valid.
    pub expires_at: Option<Date>,
    /// The provider's id of the last revision that it acknowledged.
    pub provider_document_id: Option<String>,
    /// The ids of the onboardings of other users for whom the same file was given. For staff's
    /// eyes only.
    pub duplicates: Vec<String>,
}

/// One acceptance of a legal text in a [`Status`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConsentView {
    /// Which text.
    pub text: LegalText,
    /// When the user accepted it.
    pub accepted_at: String,
    /// Of the terms of service: whose version of them it was.
    pub region: Option<Region>,
    /// The version of the text that was shown.
    pub text_version: Option<String>,
    /// The SHA-256 hash of the text that was shown, in hexadecimal digits.
    pub text_hash: Option<String>,
    /// The language in which it was shown.
    pub language: Option<String>,
    /// How it was given, such as `checkbox`.
    pub method: Option<String>,
    /// Whether the provider has this acceptance.
    pub acknowledged: bool,
}

impl ConsentView {
    /// The view of the acceptance of `text`.
    fn of(text: LegalText, consent: &Consent) -> Self {
        let Evidence { text_version, text_hash, language, method } = consent.evidence.clone();
        Self {
            text,
            accepted_at: consent.accepted_at.to_string(),
            region: consent.region.clone(),
            text_version,
            text_hash,
            language,
            method,
            acknowledged: consent.is_acknowledged(),
        }
    }
}

/// One wallet in a [`Status`]. Its address is personal data, and not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WalletView {
    /// Counts the wallets of one onboarding from 1.
    pub number: WalletNumber,
    /// The newest revision of its chain and proof.
    pub revision: Revision,
    /// Whether the provider has linked that revision.
    pub acknowledged: bool,
    /// `waiting` for its call, `linked`, `verified`, `to-prove`, `unverified`, `other-users` or
    /// `refused`.
    pub standing: &'static str,
    /// Failures in a row of its call.
    pub attempt: u32,
    /// The last failure of its call, until it succeeds.
    pub last_error: Option<LastErrorView>,
}

impl WalletView {
    /// The view of one wallet.
    #[must_use]
    pub fn of(number: WalletNumber, wallet: &Wallet) -> Self {
        Self {
            number,
            revision: wallet.revision,
            acknowledged: wallet.acknowledged == Some(wallet.revision),
            standing: wallet.standing(),
            attempt: wallet.retry.map_or(0, |retry| retry.attempt),
            last_error: wallet.last_error.as_ref().map(LastErrorView::of),
        }
    }
}

impl LastErrorView {
    fn of(error: &LastError) -> Self {
        Self { class: error.class, message: error.message.clone(), at: error.at.to_string() }
    }
}

/// Who acts next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum WaitingOn {
    /// The user, or the company for the user: something has to be supplied or asked for.
    User,
    /// The provider has to come to a verdict.
    Provider,
    /// We have calls to make.
    Gangway,
    /// An operator.
    Operator,
    /// Nobody: it is at rest.
    Nobody,
}

impl WaitingOn {
    /// Who acts next for `onboarding`.
    #[must_use]
    pub fn of(onboarding: &Onboarding, policy: &Policy) -> Self {
        match onboarding.state {
            State::Registering
            | State::Registered
            | State::DocumentsUploaded
            | State::VerificationTriggered => match next_verification_step(onboarding, policy) {
                Step::Call { .. } => Self::Gangway,
                Step::WaitForPerson | Step::Nothing => Self::User,
            },
            State::Polling => Self::Provider,
            State::RequiresData => {
                let for_user = onboarding.tasks.iter().any(|task| {
                    task.state == TaskState::Open && !matches!(task.request, Request::Operator(_))
                });
                if for_user { Self::User } else { Self::Operator }
            }
            State::Held => Self::Operator,
            State::Verified | State::Rejected | State::Cancelled | State::Erased => Self::Nobody,
        }
    }

    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Provider => "provider",
            Self::Gangway => "gangway",
            Self::Operator => "operator",
            Self::Nobody => "nobody",
        }
    }
}

impl Status {
    /// The view that `reader` has of `onboarding`, which is `user`'s; its tasks say more where
    /// its needs are known (see [`Reader::needs`]).
    #[must_use]
    pub fn of(
        user: &UserLocator,
        onboarding: &Onboarding,
        needs: Option<&Compiled>,
        reader: &Reader<'_>,
    ) -> Self {
        let Reader { policy, now, .. } = *reader;
        let step = next_step(onboarding, policy);
        let waiting_on = WaitingOn::of(onboarding, policy);
        let failing_since = onboarding.retry.map(|retry| retry.failing_since);
        Self {
            user: user.as_str().to_owned(),
            id: onboarding.id.to_string(),
            state: onboarding.state,
            state_since: onboarding.state_since.to_string(),
            version: onboarding.version,
            wanted_products: onboarding.wanted.clone(),
            products: products(onboarding),
            pending_tasks: onboarding
                .all_tasks()
                .filter(|_| onboarding.ended.is_none())
                .map(|task| TaskView::of(user, onboarding, task, needs, reader))
                .collect(),
            waiting_on,
            next_step: StepView::of(&step, waiting_on),
            attempt: onboarding.retry.map_or(0, |retry| retry.attempt),
            stalled: failing_since
                .is_some_and(|since| now.ms_since(since) >= policy.stalled_after_ms),
            last_error: onboarding.last_error.as_ref().map(LastErrorView::of),
            hold: onboarding.hold.as_ref().map(|hold| HoldView {
                cause: hold.cause.as_str(),
                message: hold.message.clone(),
                remedy: hold.cause.remedy(),
                since: hold.since.to_string(),
            }),
            documents: documents(onboarding),
            consents: consents(onboarding),
            wallets: onboarding
                .wallets
                .iter()
                .map(|(number, wallet)| WalletView::of(*number, wallet))
                .collect(),
            profile_revision: onboarding.profile.as_ref().map(|profile| profile.revision),
            acknowledged_revision: onboarding
                .profile
                .as_ref()
                .and_then(|profile| profile.acknowledged),
            created_at: onboarding.created_at.to_string(),
            updated_at: onboarding.updated_at.to_string(),
        }
    }
}

impl TaskView {
    /// The onboarding and the number of the task with this id, if it is one.
    #[must_use]
    pub fn parse_id(id: &str) -> Option<(OnboardingId, u32)> {
        let (onboarding, number) = id.rsplit_once('-')?;
        Some((OnboardingId(onboarding.parse().ok()?), number.parse().ok()?))
    }

    /// The view that `reader` has of one task of `onboarding`, which is `user`'s; it says more
    /// where the onboarding's needs are known.
    #[must_use]
    pub fn of(
        user: &UserLocator,
        onboarding: &Onboarding,
        task: &Task,
        needs: Option<&Compiled>,
        reader: &Reader<'_>,
    ) -> Self {
        let id = onboarding.id;
        let subject = reader.subject(onboarding, task, needs);
        let TaskText { user: text, staff_note } =
            reader.texts.task(&reader.language, &subject, reader.today());
        let Subject { accepts, lacks, .. } = subject;
        let past_rounds = task.past_rounds.iter().map(|round| PastRoundView {
            supplied_at: round.supplied_at.map(|at| at.to_string()),
            waived_at: round.waived_at.map(|at| at.to_string()),
            asked_again_at: round.asked_again_at.to_string(),
        });
        Self {
            id: format!("{id}-{}", task.number),
            number: task.number,
            kind: task.request.kind(),
            for_whom: ForWhom::of(&task.request),
            name: task.request.name().into_owned(),
            products: task.products.clone(),
            state: task.state,
            opened_at: task.opened_at.to_string(),
            command: task.request.command(user.as_str(), &accepts),
            accepts,
            lacks,
            rounds: task.rounds,
            past_rounds: past_rounds.collect(),
            supplied_at: task.supplied_at().map(|at| at.to_string()),
            due_at: task.due.map(|due| due.at.to_string()),
            due_source: task.due.map(|due| due.source),
            overdue: task.is_overdue(reader.now),
            reminders: task.reminders,
            waived: task.waived.as_ref().map(|waived| waived.reason.clone()),
            text,
            staff_note,
        }
    }
}

impl StepView {
    /// Where nobody is waited for, there is no person to wait for either.
    fn of(step: &Step, waiting_on: WaitingOn) -> Self {
        match step {
            Step::Call { call, due_at } => {
                Self { step: call.name(), due_at: Some(due_at.to_string()) }
            }
            Step::WaitForPerson if waiting_on != WaitingOn::Nobody => {
                Self { step: "wait-for-person", due_at: None }
            }
            Step::WaitForPerson | Step::Nothing => Self { step: "nothing", due_at: None },
        }
    }
}

fn products(onboarding: &Onboarding) -> Vec<ProductView> {
    let observed = onboarding.observation.as_ref();
    let others = observed.into_iter().flat_map(|observation| observation.products.keys());
    let named: BTreeSet<&Product> = onboarding.wanted.iter().chain(others).collect();
    named
        .into_iter()
        .map(|product| {
            let word = observed.and_then(|observation| observation.products.get(product));
            let unsaid = if observed.is_some() {
                ProductStatus::Other("not-reported".to_owned())
            } else {
                ProductStatus::NotStarted
            };
            ProductView {
                product: product.clone(),
                status: word.map_or(unsaid, |word| word.status.clone()),
                missing_data: word.map(|word| word.missing_data.clone()).unwrap_or_default(),
                missing_documents: word
                    .map(|word| word.missing_documents.clone())
                    .unwrap_or_default(),
                observed_at: observed.map(|observation| observation.observed_at.to_string()),
                verified_since: onboarding.verified_since.get(product).map(ToString::to_string),
                regressed_at: onboarding
                    .regressions
                    .standing
                    .get(product)
                    .map(|regression| regression.observed_at.to_string()),
            }
        })
        .collect()
}

fn documents(onboarding: &Onboarding) -> Vec<DocumentView> {
    onboarding
        .documents
        .iter()
        .filter(|(_, document)| document.is_at_hand())
        .map(|(kind, document)| DocumentView {
            document_type: kind.clone(),
            revision: document.revision,
            acknowledged: document.acknowledged == Some(document.revision),
            expires_at: document.expires_at,
            provider_document_id: document.provider_document_id.clone(),
            duplicates: document.duplicates.iter().map(ToString::to_string).collect(),
        })
        .collect()
}

fn consents(onboarding: &Onboarding) -> Vec<ConsentView> {
    [
        (LegalText::PrivacyPolicy, &onboarding.consent),
        (LegalText::TermsOfService, &onboarding.terms),
    ]
    .into_iter()
    .filter_map(|(text, consent)| Some(ConsentView::of(text, consent.as_ref()?)))
    .collect()
}

/// How an onboarding was ended, for callers that refuse to change it.
impl Ended {
    /// The word in error texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Erased => "erased",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn no_person_is_waited_for_where_nobody_has_to_act() {
        let user = "userId:ada".parse().unwrap();
        let blank = Onboarding::blank(OnboardingId(uuid::Uuid::nil()), Timestamp(0));
        for (state, waiting_on, step) in [
            (State::Registering, WaitingOn::User, "wait-for-person"),
            (State::Rejected, WaitingOn::Nobody, "nothing"),
        ] {
            let onboarding = Onboarding { state, ..blank.clone() };
            let status = Status::of(
                &user,
                &onboarding,
                None,
                &Reader::new(&Policy::default(), Timestamp(0)),
            );
            assert_eq!((status.waiting_on, status.next_step.step), (waiting_on, step), "{state}");
        }
    }
}
