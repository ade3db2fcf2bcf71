//! I11: what time brings about, or follows from another event, is noted once and never
//! forgotten: lost products, reminders, renewals. Reckoned from the policy and the events, and
//! not with the code that decides when a note is due.

use std::collections::{BTreeMap, BTreeSet};

use onboarding::{
    DocumentType, Event, Onboarding, Policy, Product, ProductStatus, Request, Task, TaskState,
    Timestamp,
};

use crate::coverage::Sight;
use crate::invariants;
use crate::ledger::Watched;

/// How late a note may be when nothing goes wrong: an idle worker looks ever more rarely.
const LATE_MS: u64 = 3_600_000;

/// What the auditor knows of an onboarding's notes.
#[derive(Default)]
pub(crate) struct Noted {
    /// The products that are verified by the provider's last word.
    verified: BTreeSet<Product>,
    /// Those that were lost, and that no event of their own tells of yet.
    untold: BTreeMap<Product, ProductStatus>,
    /// The reminders that were told: of which task, of which round, of which time.
    reminded: BTreeSet<(u32, Timestamp, u32)>,
}

impl Noted {
    /// Follows an event that led from `before` to `after`.
    pub(crate) fn follow(
        &mut self,
        event: &Event,
        before: &Onboarding,
        after: &Onboarding,
        policy: &Policy,
    ) -> Result<Option<Sight>, &'static str> {
        let now = after.updated_at;
        match event {
            Event::VerificationTriggered { .. } => Ok(self.observe(after)),
            // After a look that shows that a trigger had no effect, a new epoch begins.
            Event::StatusChecked { epoch, .. } if *epoch == after.epoch => Ok(self.observe(after)),
            Event::ProductRegressed(lost) => match self.untold.remove(&lost.product) {
                Some(status) if status == lost.status => Ok(None),
                Some(_) => Err("a lost product is told of with another word than the provider's"),
                None => Err("a product is told to be lost that was not, or is told of twice"),
            },
            Event::TaskReminded { number, passed } => {
                self.remind(*number, *passed, before, policy, now)
            }
            Event::RenewalOpened { request } => {
                let had = before.renewals.iter().any(|task| task.request == *request);
                let has = after.renewals.iter().any(|task| task.request == *request);
                if had || !has {
                    return Err("a renewal that there is already, or that opens no task");
                }
                Ok(None)
            }
            Event::ProfileSet { .. }
            | Event::WantedProductsSet { .. }
            | Event::ConsentGiven { .. }
            | Event::DocumentAdded { .. }
            | Event::DocumentWithdrawn { .. }
            | Event::VerificationRequested
            | Event::PrivacyPolicyAccepted { .. }
            | Event::TermsAccepted { .. }
            | Event::UserRegistered { .. }
            | Event::UserRead { .. }
            | Event::DocumentUploaded { .. }
            | Event::WalletGiven { .. }
            | Event::WalletWithdrawn { .. }
            | Event::WalletLinked { .. }
            | Event::TriggerBegun { .. }
            | Event::StatusChecked { .. }
            | Event::CallFailed { .. }
            | Event::RefusedAlone { .. }
            | Event::TaskWaived { .. }
            | Event::Reopened { .. }
            | Event::Held { .. }
            | Event::Resumed { .. }
            | Event::Retried { .. }
            | Event::Cancelled { .. }
            | Event::Erased { .. } => Ok(renewal_sight(before, after)),
        }
    }

    fn observe(&mut self, after: &Onboarding) -> Option<Sight> {
        let words = after.observation.iter().flat_map(|word| &word.products);
        let said: BTreeMap<&Product, &ProductStatus> =
            words.map(|(product, word)| (product, &word.status)).collect();
        let mut sight = None;
        let is_verified = |product: &Product| said.get(product) == Some(&&ProductStatus::Verified);
        let lost: Vec<Product> =
            self.verified.iter().filter(|product| !is_verified(product)).cloned().collect();
        for product in lost {
            self.verified.remove(&product);
            if after.wanted.contains(&product) {
                let unsaid = ProductStatus::Other("not-reported".to_owned());
                let status = said.get(&product).map_or(unsaid, |status| (*status).clone());
                self.untold.insert(product, status);
            }
        }
        for product in said.keys().filter(|product| is_verified(product)) {
            self.verified.insert((*product).clone());
            if self.untold.remove(*product).is_some() {
                sight = Some(Sight::LossUndone);
            }
        }
        sight
    }

    fn remind(
        &mut self,
        number: u32,
        passed: u32,
        before: &Onboarding,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Sight>, &'static str> {
        let Some(task) = before.all_tasks().find(|task| task.number == number) else {
            return Err("a reminder of a task that there is not");
        };
        if task.state != TaskState::Open {
            return Err("a reminder of what nobody has to do");
        }
        let times = times_of(task, policy, now);
        if times.len() < passed as usize {
            return Err("a reminder before its time");
        }
        let missed = passed.saturating_sub(task.reminders) > 1;
        for time in task.reminders + 1..=passed {
            if !self.reminded.insert((number, task.asked_at(), time)) {
                return Err("a reminder that was told before");
            }
        }
        Ok(missed.then_some(Sight::RemindersMissed))
    }

    /// Once all is at rest: nothing was forgotten.
    pub(crate) fn check_all_told(
        &self,
        onboarding: &Onboarding,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        if !self.untold.is_empty() {
            return Err("nobody was told that a product was lost");
        }
        let then = now.minus_ms(LATE_MS);
        for task in onboarding.all_tasks() {
            if times_of(task, policy, then).len() > task.reminders as usize {
                return Err("a reminder that was never told");
            }
        }
        let has =
            |cause: &Cause| onboarding.renewals.iter().any(|task| cause.contains(&task.request));
        // Whoever was judged a moment ago could not be asked before.
        let is_quiet = onboarding.updated_at <= then;
        if is_quiet && causes(onboarding, policy, then).iter().any(|cause| !has(cause)) {
            return Err("what runs out, and nobody is asked to renew it");
        }
        Ok(())
    }
}

/// The times of a task's round that have passed at which a person is reminded of it.
fn times_of(task: &Task, policy: &Policy, now: Timestamp) -> BTreeSet<Timestamp> {
    let due = task.due.filter(|_| task.state == TaskState::Open);
    let times = due.into_iter().flat_map(|due| {
        let ahead = policy.reminders_ms.iter().map(move |before_ms| due.at.minus_ms(*before_ms));
        ahead.chain([due.at])
    });
    times.filter(|at| *at > task.asked_at() && *at <= now).collect()
}

/// One thing that has to be renewed: a task asks for it by any one of these.
type Cause = BTreeSet<Request>;

/// What has to be renewed at `now`.
fn causes(onboarding: &Onboarding, policy: &Policy, now: Timestamp) -> BTreeSet<Cause> {
    let mut causes = BTreeSet::new();
    if stake(onboarding).is_empty() {
        return causes;
    }
    let is_ahead =
        |end: Timestamp| policy.renewal_lead_ms > 0 && end.minus_ms(policy.renewal_lead_ms) <= now;
    for (group, end) in relied_on(onboarding, policy) {
        if end.is_some_and(is_ahead) {
            causes.insert(group.into_iter().map(Request::RenewDocument).collect());
        }
    }
    let verified_on = onboarding.profile.as_ref().and_then(|profile| profile.verified_on);
    let valid_ms = policy.verification_valid_ms;
    if valid_ms > 0 && verified_on.is_some_and(|day| is_ahead(day.start().plus_ms(valid_ms))) {
        causes.insert([Request::RenewVerification].into());
    }
    let accepted_at = onboarding.consent.as_ref().map(|consent| consent.accepted_at);
    let valid_ms = policy.consent_valid_ms;
    let runs_out = valid_ms > 0 && accepted_at.is_some_and(|at| is_ahead(at.plus_ms(valid_ms)));
    let known = &onboarding.registration;
    // Nobody can be told that a newer text is accepted where consents are kept.
    let is_outdated = |since: Option<Timestamp>| {
        !policy.keeps_consents && since.is_some_and(|since| since <= now)
    };
    if runs_out || is_outdated(known.privacy_policy_outdated_since) {
        causes.insert([Request::RenewConsent].into());
    }
    if is_outdated(known.terms_outdated_since) {
        causes.insert([Request::RenewTerms].into());
    }
    causes.retain(|cause| {
        let is_asked_for =
            |task| cause.iter().any(|request| asks_already(task, request, onboarding, policy));
        !onboarding.tasks.iter().any(is_asked_for)
    });
    causes
}

/// The documents that a verdict goes by, in groups, with the end of each if it has one: for each
/// thing that the provider may ask for, the group of those that are held that lasts longest, and
/// each document that is in no whole group.
fn relied_on(
    onboarding: &Onboarding,
    policy: &Policy,
) -> Vec<(Vec<DocumentType>, Option<Timestamp>)> {
    let held: BTreeMap<&DocumentType, Option<Timestamp>> = onboarding
        .documents
        .iter()
        .filter(|(_, document)| document.is_at_hand())
        .map(|(kind, document)| (kind, document.expires_at.map(|day| day.end())))
        .collect();
    let mut relied_on = Vec::new();
    let mut in_whole: BTreeSet<DocumentType> = BTreeSet::new();
    for name in policy.accepts.0.keys() {
        let groups = policy.accepts.groups(onboarding.area(), name);
        // A type that may be asked for by its own name goes by what it is asked for beside.
        if groups.len() == 1 && groups[0].len() == 1 && groups[0][0].as_str() == name {
            continue;
        }
        let mut longest: Option<(Vec<DocumentType>, Option<Timestamp>)> = None;
        for group in &groups {
            if group.is_empty() || !group.iter().all(|kind| held.contains_key(kind)) {
                continue;
            }
            let end = group.iter().filter_map(|kind| held[kind]).min();
            let is_longer = longest.as_ref().is_none_or(|(_, so_far)| match (end, so_far) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(end), Some(so_far)) => end > *so_far,
            });
            if is_longer {
                longest = Some((group.to_vec(), end));
            }
        }
        if longest.is_some() {
            in_whole.extend(groups.into_iter().flatten().cloned());
        }
        relied_on.extend(longest);
    }
    let alone = held.into_iter().filter(|(kind, _)| !in_whole.contains(*kind));
    relied_on.extend(alone.map(|(kind, end)| (vec![kind.clone()], end)));
    relied_on
}

/// Whether the provider itself asks for what is to be renewed.
fn asks_already(task: &Task, cause: &Request, onboarding: &Onboarding, policy: &Policy) -> bool {
    let accepts = |kind: &DocumentType| {
        let groups = task.request.accepts(policy, onboarding.area());
        groups.iter().flatten().any(|name| name == kind.as_str())
    };
    match (cause, &task.request) {
        (Request::RenewConsent, Request::Consent) => true,
        (Request::RenewVerification, Request::Data(section)) => {
            *section == onboarding::Section::VerificationHistory
        }
        (Request::RenewDocument(kind), Request::Document(_)) => accepts(kind),
        _ => false,
    }
}

/// The wanted products that are verified by the provider's last word.
fn stake(onboarding: &Onboarding) -> BTreeSet<&Product> {
    let words = onboarding.observation.iter().flat_map(|word| &word.products);
    let verified = words.filter(|(_, word)| word.status == ProductStatus::Verified);
    verified.map(|(product, _)| product).filter(|one| onboarding.wanted.contains(one)).collect()
}

/// Each renewal has a cause, or was supplied and is not sent yet.
pub(crate) fn check_renewals(onboarding: &Onboarding, policy: &Policy) -> Result<(), &'static str> {
    if onboarding.renewals.is_empty() {
        return Ok(());
    }
    let causes = causes(onboarding, policy, onboarding.updated_at);
    let is_sent = invariants::is_all_sent(onboarding, policy);
    let mut seen = BTreeSet::new();
    for task in &onboarding.renewals {
        let is_on_its_way = task.state == TaskState::Supplied && !is_sent;
        let cause = causes.iter().find(|cause| cause.contains(&task.request));
        if cause.is_none() && !is_on_its_way {
            return Err("a renewal of what does not run out");
        }
        let thing = cause.cloned().unwrap_or_else(|| [task.request.clone()].into());
        if !seen.insert(thing) {
            return Err("two renewals of one thing");
        }
        if task.products.iter().collect::<BTreeSet<_>>() != stake(onboarding) {
            return Err("a renewal that is not for what is at stake");
        }
    }
    Ok(())
}

fn renewal_sight(before: &Onboarding, after: &Onboarding) -> Option<Sight> {
    let now_of = |task: &Task| after.renewals.iter().find(|other| other.number == task.number);
    let is_closed = before.renewals.iter().any(|task| now_of(task).is_none());
    let mut both = before.renewals.iter().filter_map(|task| Some((task, now_of(task)?)));
    let is_asked_again = both.any(|(was, is)| is.rounds > was.rounds);
    is_asked_again
        .then_some(Sight::RenewalAskedAgain)
        .or_else(|| is_closed.then_some(Sight::RenewalClosed))
}

/// What the provider shows is taken at its word: what it hides is sent again, and then held.
pub(crate) fn follow_registration(
    watched: &mut Watched,
    event: &Event,
    before: &Onboarding,
    policy: &Policy,
) -> Result<Option<Sight>, &'static str> {
    let after = &watched.replayed;
    if matches!(event, Event::UserRegistered { .. }) {
        watched.is_shown_whole = false;
        let is_asked = after.registration.is_unconfirmed == policy.confirm_registration;
        return is_asked.then_some(None).ok_or("a registration that nobody looks at");
    }
    let Event::UserRead { shown, .. } = event else { return Ok(None) };
    if !before.registration.is_unconfirmed {
        let is_left_alone = after.profile == before.profile && after.state == before.state;
        return is_left_alone
            .then_some(Some(Sight::TextsRead))
            .ok_or("more than the texts is read");
    }
    let sections = before.profile.iter().flat_map(|profile| profile.sections.keys());
    let said: Vec<Option<bool>> =
        sections.map(|section| shown.sections.get(section).copied()).collect();
    let profile = before.profile.as_ref();
    let is_newest = profile.is_some_and(|held| held.acknowledged == Some(held.revision));
    watched.is_shown_whole = is_newest && said.iter().all(|said| *said == Some(true));
    if !is_newest || !said.contains(&Some(false)) {
        return Ok(None);
    }
    if after.profile.as_ref().is_some_and(|profile| profile.acknowledged.is_some()) {
        return Err("a section that is not shown counts as acknowledged");
    }
    let is_spent = before.registration.resends >= policy.resends_max;
    if is_spent && after.hold.is_none() {
        return Err("a section is not shown again and again, and it is not held");
    }
    Ok(Some(if is_spent { Sight::SectionNotShown } else { Sight::SectionSentAgain }))
}
