//! Who reads a view: when, under which policy, in which language. What a task's texts tell is
//! gathered here, in one place.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::onboarding::{Onboarding, OnboardingId};
use crate::requirements::{Case, Compiled, compile};
use crate::task::{DueSource, Request, Task};
use crate::texts::{DueBy, Language, Limits, Subject, SubjectKind, Texts};
use crate::{Area, Date, Policy, Profile, Requirements, Section, Timestamp};

/// What a view depends on besides the onboarding that it shows.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// The times and limits of the rules.
    pub policy: &'a Policy,
    /// What the provider asks of whom.
    pub requirements: &'a Requirements,
    /// What is said to people.
    pub texts: &'a Texts,
    /// In which language.
    pub language: Language,
    /// What files are taken; nothing is told of them when they are not known.
    pub limits: Limits,
    /// The time at which it is read.
    pub now: Timestamp,
}

impl<'a> Reader<'a> {
    /// One who reads English, at `now`, and is told nothing of files.
    #[must_use]
    pub fn new(policy: &'a Policy, now: Timestamp) -> Self {
        Self {
            policy,
            requirements: Requirements::embedded(),
            texts: Texts::embedded(),
            language: Language::english(),
            limits: Limits::default(),
            now,
        }
    }

    pub(crate) fn today(&self) -> Date {
        self.now.date()
    }

    /// What is needed for `onboarding`, whose data is `profile`: views tell by it what a task
    /// lacks. `None` where no task would tell more by it, or the data that is held is not known.
    #[must_use]
    pub fn needs(&self, onboarding: &Onboarding, profile: Option<&Profile>) -> Option<Compiled> {
        let is_known = profile.is_some() || onboarding.profile.is_none();
        (is_known && onboarding.has_task_to_detail())
            .then(|| compile(self.requirements, &Case::of(onboarding, profile, self.today())))
    }

    /// All that the texts tell of a task of `onboarding`, with what it lacks by its needs.
    #[must_use]
    pub fn subject(
        &self,
        onboarding: &Onboarding,
        task: &Task,
        needs: Option<&Compiled>,
    ) -> Subject {
        let area = onboarding.area();
        let supplied_at = task.past_rounds.iter().rev().find_map(|round| round.supplied_at);
        let last_round = task.past_rounds.last().filter(|round| round.supplied_at.is_none());
        let waived_at = last_round.and_then(|round| round.waived_at);
        let due = task
            .due
            .map(|due| DueBy { on: last_day(due.at), source: due.source.as_str().to_owned() });
        let runs_out = task.due.filter(|due| {
            kind_of(&task.request) == SubjectKind::Renewal && due.source != DueSource::Policy
        });
        let accepts = task.request.accepts(self.policy, area);
        Subject {
            kind: kind_of(&task.request),
            for_whom: ForWhom::of(&task.request),
            name: task.request.name().into_owned(),
            lacks: task.lacks(&accepts, needs),
            duplicates: duplicates(onboarding, &accepts),
            accepts,
            area: area.map(|Area(word)| word.clone()),
            products: task.products.iter().map(ToString::to_string).collect(),
            round: task.rounds,
            supplied_on: supplied_at.map(Timestamp::date),
            waived_on: waived_at.map(Timestamp::date),
            valid_until: runs_out.map(|due| last_day(due.at)),
            due,
            limits: self.limits.clone(),
        }
    }
}

/// The onboardings of others for whom a file was given that is to meet one of these groups.
fn duplicates(onboarding: &Onboarding, accepts: &[Vec<String>]) -> Vec<String> {
    let given = onboarding.documents.iter().filter(|(kind, document)| {
        document.is_at_hand() && accepts.iter().flatten().any(|it| it == kind.as_str())
    });
    let others: BTreeSet<&OnboardingId> =
        given.flat_map(|(_, document)| &document.duplicates).collect();
    others.into_iter().map(ToString::to_string).collect()
}

/// The last day on which it is in time for whoever has until `at`.
pub(crate) fn last_day(at: Timestamp) -> Date {
    at.minus_ms(1).date()
}

const fn kind_of(request: &Request) -> SubjectKind {
    match request {
        Request::Consent => SubjectKind::Consent,
        Request::Data(_) => SubjectKind::Data,
        Request::Document(_) => SubjectKind::Document,
        Request::Operator(_) => SubjectKind::Operator,
        Request::RenewDocument(_)
        | Request::RenewVerification
        | Request::RenewConsent
        | Request::RenewTerms => SubjectKind::Renewal,
        Request::Wallet(_) => SubjectKind::Wallet,
        Request::WalletProof(_) => SubjectKind::WalletProof,
    }
}

/// Who has to do what a task asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ForWhom {
    /// The user, or the company for the user.
    #[default]
    User,
    /// The company alone: it is about what the company itself did, so the user has nothing to do.
    Company,
    /// An operator; the user has nothing to do.
    Operator,
}

impl ForWhom {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::User, Self::Company, Self::Operator];

    /// Who has to do what `request` asks for.
    #[must_use]
    pub const fn of(request: &Request) -> Self {
        match request {
            Request::Operator(_) => Self::Operator,
            // The times of the company's own checks.
            Request::Data(Section::VerificationHistory) | Request::RenewVerification => {
                Self::Company
            }
            Request::Consent
            | Request::Data(
                Section::UserDetails | Section::KycData | Section::DueDiligence | Section::Other(_),
            )
            | Request::Document(_)
            | Request::RenewDocument(_)
            | Request::RenewConsent
            | Request::RenewTerms
            | Request::Wallet(_)
            | Request::WalletProof(_) => Self::User,
        }
    }

    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Company => "company",
            Self::Operator => "operator",
        }
    }
}

impl Request {
    /// The command by which `user` is given what is asked for, with FILE and TYPE to be filled in
    /// where there is a choice.
    #[must_use]
    pub fn command(&self, user: &str, accepts: &[Vec<String>]) -> String {
        match self {
            Self::Consent
            | Self::RenewConsent
            | Self::RenewTerms
            | Self::Data(_)
            | Self::RenewVerification => format!("gangway user patch {user} --file FILE"),
            Self::Document(_) | Self::RenewDocument(_) => {
                let document_type = match accepts {
                    [group] if group.len() == 1 => &group[0],
                    _ => "TYPE",
                };
                format!("gangway document add {user} --type {document_type} --file FILE")
            }
            Self::Wallet(_) => format!("gangway wallet link {user} --chain CHAIN ADDRESS"),
            Self::WalletProof(_) => {
                format!("gangway wallet link {user} --chain CHAIN ADDRESS --proof FILE")
            }
            Self::Operator(_) => format!("gangway verify {user}"),
        }
    }
}

impl Onboarding {
    /// Its tasks: what the provider asks for, then what has to be renewed, then the wallets'.
    pub fn all_tasks(&self) -> impl Iterator<Item = &Task> {
        let of_wallets = self.wallets.values().filter_map(|wallet| wallet.task.as_ref());
        self.tasks.iter().chain(&self.renewals).chain(of_wallets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Due, PastRound};
    use crate::{DocumentType, OnboardingId, Product, ProfileRecord, Revision, Revisions, Section};

    const DAY_MS: u64 = 86_400_000;

    fn task(request: Request, due: Option<Due>) -> Task {
        let products = [Product::Onramp].into();
        Task::new(3, request, products, Timestamp(0), Revisions::default(), due)
    }

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn living_in(area: &str) -> Onboarding {
        Onboarding {
            profile: Some(ProfileRecord {
                revision: Revision(1),
                acknowledged: None,
                sections: [].into(),
                area: Some(Area(area.to_owned())),
                verified_on: None,
            }),
            ..Onboarding::blank(OnboardingId(uuid::Uuid::nil()), Timestamp(0))
        }
    }

    #[test]
    fn a_subject_tells_the_last_round_and_the_last_day_that_is_in_time() {
        let policy = Policy::default();
        let reader = Reader::new(&policy, Timestamp(0));
        let due = Due { at: day("1970-01-15").start(), source: DueSource::Policy };
        let mut asked = task(Request::Document("id".to_owned()), Some(due));
        asked.rounds = 3;
        asked.past_rounds = [1, 5]
            .map(|days| PastRound {
                supplied_at: Some(Timestamp(0).plus_ms(days * DAY_MS)),
                waived_at: None,
                asked_again_at: Timestamp(0).plus_ms((days + 1) * DAY_MS),
            })
            .into();
        let subject = reader.subject(&living_in("spain"), &asked, None);
        assert_eq!(subject.kind, SubjectKind::Document);
        assert_eq!(subject.area.as_deref(), Some("spain"));
        assert_eq!(subject.products, ["onramp"]);
        assert_eq!((subject.round, subject.supplied_on), (3, Some(day("1970-01-06"))));
        let due = DueBy { on: day("1970-01-14"), source: "policy".to_owned() };
        assert_eq!((subject.due, subject.valid_until), (Some(due), None));
        assert!(subject.accepts.contains(&vec!["id-passport".to_owned()]));
    }

    #[test]
    fn only_what_runs_out_by_itself_has_a_last_day() {
        let policy = Policy::default();
        let reader = Reader::new(&policy, Timestamp(0));
        let at = day("1970-02-01").start();
        for (request, source, valid_until) in [
            (
                Request::RenewDocument(DocumentType::IdPassport),
                DueSource::DocumentExpiry,
                Some(day("1970-01-31")),
            ),
            (Request::RenewVerification, DueSource::VerificationAge, Some(day("1970-01-31"))),
            // The provider changed its text: the time is ours.
            (Request::RenewConsent, DueSource::Policy, None),
        ] {
            let asked = task(request, Some(Due { at, source }));
            let subject = reader.subject(&living_in("spain"), &asked, None);
            assert_eq!((subject.kind, subject.valid_until), (SubjectKind::Renewal, valid_until));
        }
    }

    #[test]
    fn every_request_is_for_someone_and_has_its_command() {
        let accepts = |group: &[&[&str]]| -> Vec<Vec<String>> {
            group.iter().map(|group| group.iter().map(ToString::to_string).collect()).collect()
        };
        let patch = "gangway user patch userId:ada --file FILE";
        for (request, accepts, whom, command) in [
            (Request::Consent, accepts(&[]), "user", patch),
            (Request::Data(Section::KycData), accepts(&[&["kycData"]]), "user", patch),
            (Request::RenewVerification, accepts(&[]), "company", patch),
            (Request::Data(Section::VerificationHistory), accepts(&[]), "company", patch),
            (Request::RenewTerms, accepts(&[]), "user", patch),
            (
                Request::Document("id".to_owned()),
                accepts(&[&["id-passport"], &["id-idcard-front", "id-idcard-back"]]),
                "user",
                "gangway document add userId:ada --type TYPE --file FILE",
            ),
            (
                Request::RenewDocument(DocumentType::IdPassport),
                accepts(&[&["id-passport"]]),
                "user",
                "gangway document add userId:ada --type id-passport --file FILE",
            ),
            (
                Request::Operator("x".to_owned()),
                accepts(&[]),
                "operator",
                "gangway verify userId:ada",
            ),
        ] {
            assert_eq!(ForWhom::of(&request).as_str(), whom, "{request:?}");
            assert_eq!(request.command("userId:ada", &accepts), command, "{request:?}");
        }
    }
}
