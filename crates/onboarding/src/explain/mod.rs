//! Where a user stands with each wanted product, so that a support person can read it out: can
//! it be used, why or why not, who acts next, by when, and how fresh that is.

mod stuck;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::Serialize;

pub use stuck::{Stuck, StuckAfter, StuckCause, Surroundings, stuck, stuck_cause};

use crate::onboarding::{Ended, Onboarding};
use crate::reader::{ForWhom, Reader, last_day};
use crate::requirements::Compiled;
use crate::status::{Status, WaitingOn};
use crate::step::{Call, Step, next_verification_step};
use crate::task::{Task, TaskState};
use crate::texts::{Phrase, StaffNote, Standing, StuckBy, Subject, ToDo, Usable};
use crate::{Date, Product, ProductStatus, Profile, State, Timestamp, UserLocator};

/// Where a user stands, in a paragraph and product by product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The user's locator.
    pub user: String,
    /// Our own id of the onboarding.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Safe for the user's ears, in the reader's language.
    pub paragraph: Phrase,
    /// Who acts next.
    pub waiting_on: WaitingOn,
    /// Each wanted product.
    pub products: Vec<ProductExplanation>,
    /// Why it does not go on, if it does not.
    pub stuck: Option<StuckView>,
}

/// Where a user stands with one wanted product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProductExplanation {
    /// The product.
    pub product: Product,
    /// The provider's word on it.
    pub status: ProductStatus,
    /// Whether it can be used now, by the provider's last word.
    pub usable: bool,
    /// `now`, `now-until`, `not-yet`, `no-longer`, `unavailable`, or `not-offered`: by the table
    /// of requirements it is not to be had where the user lives.
    pub usability: &'static str,
    /// Of `now-until`: the last day, unless what is asked for is supplied.
    pub until: Option<Date>,
    /// Who acts next for it.
    pub waiting_on: WaitingOn,
    /// By when whoever acts next has to: the earliest date of the open tasks.
    pub due_at: Option<String>,
    /// The numbers of the open tasks for it.
    pub tasks: Vec<u32>,
    /// When the provider said so.
    pub observed_at: Option<String>,
    /// Whether the provider was told something since.
    pub out_of_date: bool,
    /// When it is asked again.
    pub next_look_at: Option<String>,
    /// Safe for the user's ears, in the reader's language.
    pub paragraph: Phrase,
    /// For staff's eyes only.
    pub staff_note: StaffNote,
}

/// Why an onboarding does not go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct StuckView {
    /// `provider-slow`, `provider-closed`, `our-budget`, `user-silent`, `company-silent`,
    /// `refused-data` or `unknown-answer`.
    pub cause: StuckCause,
    /// Since when.
    pub since: String,
    /// The command that helps.
    pub command: String,
    /// For staff's eyes only.
    pub staff_note: StaffNote,
}

impl StuckView {
    /// Why `user`'s onboarding does not go on, if it does not.
    #[must_use]
    pub fn of(
        user: &UserLocator,
        onboarding: &Onboarding,
        reader: &Reader<'_>,
        around: &Surroundings,
    ) -> Option<Self> {
        let found = stuck(user, onboarding, reader.policy, around, reader.now)?;
        Some(Self::told(found, reader))
    }

    fn told(found: Stuck, reader: &Reader<'_>) -> Self {
        let staff_note = reader.texts.stuck_for_staff(&reader.language, found.note);
        let (cause, command) = (found.cause, found.command);
        Self { cause, since: found.since.to_string(), command, staff_note }
    }
}

/// Explains to `reader` where `user` stands. By the user's data, where it is known, the tasks are
/// told in detail, and what is not to be had where the user lives.
#[must_use]
pub fn explain(
    user: &UserLocator,
    onboarding: &Onboarding,
    profile: Option<&Profile>,
    reader: &Reader<'_>,
    around: &Surroundings,
) -> Explanation {
    let needs = reader.needs(onboarding, profile);
    let not_offered = reader.requirements.not_offered(&onboarding.wanted, profile);
    let stuck = stuck(user, onboarding, reader.policy, around, reader.now);
    let status = Status::of(user, onboarding, needs.as_ref(), reader);
    let case = Case {
        onboarding,
        needs: needs.as_ref(),
        reader,
        waiting_on: status.waiting_on,
        next_look_at: next_look_at(onboarding, reader, around),
        stuck: stuck.as_ref().map(|stuck| StuckBy {
            cause: stuck.cause.as_str().to_owned(),
            note: stuck.note.to_owned(),
        }),
        not_offered: &not_offered,
    };
    let told: Vec<(Standing, ProductExplanation)> =
        onboarding.wanted.iter().map(|product| case.product(product)).collect();
    let waiting_on = case.waiting_on_of_all();
    let whole = case.whole(waiting_on);
    let (standings, products): (Vec<Standing>, Vec<ProductExplanation>) = told.into_iter().unzip();
    let today = reader.today();
    Explanation {
        user: status.user,
        id: status.id,
        state: onboarding.state,
        paragraph: reader.texts.explain_all(&reader.language, &standings, &whole, today),
        waiting_on,
        products,
        stuck: stuck.map(|stuck| StuckView::told(stuck, reader)),
    }
}

/// When the provider is asked again for its word; not known while it takes no calls.
fn next_look_at(
    onboarding: &Onboarding,
    reader: &Reader<'_>,
    around: &Surroundings,
) -> Option<Timestamp> {
    match next_verification_step(onboarding, reader.policy) {
        Step::Call { call: Call::CheckStatus { .. }, due_at }
            if around.gate_closed_since.is_none() =>
        {
            Some(due_at.max(reader.now))
        }
        Step::Call { .. } | Step::WaitForPerson | Step::Nothing => None,
    }
}

/// An onboarding that is explained, with what its products have in common.
struct Case<'a> {
    onboarding: &'a Onboarding,
    needs: Option<&'a Compiled>,
    reader: &'a Reader<'a>,
    waiting_on: WaitingOn,
    next_look_at: Option<Timestamp>,
    stuck: Option<StuckBy>,
    not_offered: &'a BTreeSet<Product>,
}

impl Case<'_> {
    fn product(&self, product: &Product) -> (Standing, ProductExplanation) {
        let status = self.status(product);
        let tasks: Vec<&Task> = self.open_tasks(Some(product)).collect();
        let usable = self.usable(product, &status, &tasks);
        let mut waiting_on = self.waiting_on(&status, &tasks);
        // Whatever the user did, it would not be had.
        if waiting_on == WaitingOn::User && usable == Usable::NotOffered {
            waiting_on = WaitingOn::Operator;
        }
        let observed_at = self.observed_at();
        let standing = Standing {
            product: product.to_string(),
            status: status.to_string(),
            state: self.telling_state(&status, &tasks),
            usable,
            who: who(waiting_on, &tasks).to_owned(),
            tasks: self.told_tasks(Some(product)),
            to_do: self.to_do(waiting_on),
            stuck: self.stuck.clone().filter(|_| !is_judged(&status)),
            observed_at,
            next_look_at: self.next_look_at,
        };
        let reader = self.reader;
        let said = reader.texts.explain(&reader.language, &standing, reader.today());
        let due_at = tasks.iter().filter(|task| is_for(task, waiting_on));
        let due_at = due_at.filter_map(|task| task.due).map(|due| due.at).min();
        let (is_usable, usability, until) = words_of(usable);
        let explanation = ProductExplanation {
            product: product.clone(),
            status,
            usable: is_usable,
            usability,
            until,
            waiting_on,
            due_at: due_at.map(|at| at.to_string()),
            tasks: tasks.iter().map(|task| task.number).collect(),
            observed_at: observed_at.map(|at| at.to_string()),
            out_of_date: observed_at.is_some() && self.onboarding.is_observation_stale(),
            next_look_at: self.next_look_at.map(|at| at.to_string()),
            paragraph: said.paragraph,
            staff_note: said.staff_note,
        };
        (standing, explanation)
    }

    /// What all products have in common.
    fn whole(&self, waiting_on: WaitingOn) -> Standing {
        let tasks: Vec<&Task> = self.open_tasks(None).collect();
        Standing {
            state: Some(self.onboarding.state.as_str().to_owned()),
            who: who(waiting_on, &tasks).to_owned(),
            tasks: self.told_tasks(None),
            to_do: self.to_do(waiting_on),
            stuck: self.stuck.clone(),
            observed_at: self.observed_at(),
            next_look_at: self.next_look_at,
            ..Standing::default()
        }
    }

    fn waiting_on_of_all(&self) -> WaitingOn {
        let is_idle = self.waiting_on == WaitingOn::Nobody;
        if is_idle && self.open_tasks(None).next().is_some() {
            return WaitingOn::User;
        }
        if self.waiting_on == WaitingOn::User && !self.can_do_anything() {
            return WaitingOn::Operator;
        }
        self.waiting_on
    }

    /// Whether anything that the user could do would lead to a product that is offered.
    fn can_do_anything(&self) -> bool {
        let mut open = self.open_tasks(None).peekable();
        if open.peek().is_some() {
            return open.any(|task| self.is_of_use(task));
        }
        self.onboarding.wanted.is_empty()
            || self.onboarding.wanted.iter().any(|product| !self.not_offered.contains(product))
    }

    fn is_of_use(&self, task: &Task) -> bool {
        task.products.is_empty()
            || task.products.iter().any(|product| {
                !self.not_offered.contains(product)
                    || self.status(product) == ProductStatus::Verified
            })
    }

    /// What the user is told to do, of one product or all. While it is held, that is nothing.
    fn told_tasks(&self, product: Option<&Product>) -> Vec<Subject> {
        let is_held = self.onboarding.hold.is_some();
        let told = self.open_tasks(product).filter(|task| !is_held && self.is_of_use(task));
        told.map(|task| self.subject(task)).collect()
    }

    /// What the user has to do before anything is asked for.
    fn to_do(&self, waiting_on: WaitingOn) -> Option<ToDo> {
        if waiting_on != WaitingOn::User || self.open_tasks(None).next().is_some() {
            None
        } else if self.onboarding.profile.is_none() {
            Some(ToDo::GiveDetails)
        } else {
            (!self.onboarding.verification.asked).then_some(ToDo::AskForCheck)
        }
    }

    fn status(&self, product: &Product) -> ProductStatus {
        match (&self.onboarding.observation, self.onboarding.status_of(product)) {
            (_, Some(status)) => status.clone(),
            (None, None) => ProductStatus::NotStarted,
            (Some(_), None) => ProductStatus::Other("not-reported".to_owned()),
        }
    }

    fn observed_at(&self) -> Option<Timestamp> {
        self.onboarding.observation.as_ref().map(|observation| observation.observed_at)
    }

    fn subject(&self, task: &Task) -> Subject {
        self.reader.subject(self.onboarding, task, self.needs)
    }

    /// The open tasks for a product, or all; of an onboarding that was ended nobody needs any.
    fn open_tasks(&self, product: Option<&Product>) -> impl Iterator<Item = &Task> {
        let is_ended = self.onboarding.ended.is_some();
        self.onboarding
            .all_tasks()
            .filter(move |task| !is_ended && task.state == TaskState::Open)
            .filter(move |task| product.is_none_or(|product| task.products.contains(product)))
    }

    fn waiting_on(&self, status: &ProductStatus, tasks: &[&Task]) -> WaitingOn {
        if self.onboarding.ended.is_some() {
            return WaitingOn::Nobody;
        }
        if self.onboarding.hold.is_some() {
            return WaitingOn::Operator;
        }
        if tasks.iter().any(|task| is_for(task, WaitingOn::User)) {
            return WaitingOn::User;
        }
        match (status, self.waiting_on) {
            _ if !tasks.is_empty() => WaitingOn::Operator,
            (ProductStatus::Verified | ProductStatus::Rejected, _) => WaitingOn::Nobody,
            // Another product's task holds up nothing of this one.
            (ProductStatus::PendingReview, WaitingOn::User | WaitingOn::Operator) => {
                WaitingOn::Provider
            }
            (_, of_all) => of_all,
        }
    }

    fn usable(&self, product: &Product, status: &ProductStatus, tasks: &[&Task]) -> Usable {
        if self.onboarding.ended == Some(Ended::Erased) {
            return Usable::Unavailable;
        }
        if *status == ProductStatus::Verified {
            let due = tasks.iter().filter_map(|task| task.due).map(|due| due.at);
            let ahead = due.filter(|at| *at > self.reader.now).min();
            return ahead.map_or(Usable::Now, |at| Usable::NowUntil(last_day(at)));
        }
        let is_refused = *status == ProductStatus::Rejected || self.onboarding.ended.is_some();
        if self.not_offered.contains(product) && !is_refused {
            return Usable::NotOffered;
        }
        let regressions = &self.onboarding.regressions;
        let was_lost = regressions.standing.contains_key(product)
            || regressions.untold.iter().any(|untold| untold.product == *product);
        if was_lost {
            Usable::NoLonger
        } else if is_refused {
            Usable::Unavailable
        } else {
            Usable::NotYet
        }
    }

    /// The state, where the provider's word alone would mislead: it was stopped, or what the
    /// provider asked for was supplied.
    fn telling_state(&self, status: &ProductStatus, tasks: &[&Task]) -> Option<String> {
        let is_supplied = tasks.is_empty()
            && matches!(status, ProductStatus::RequiresData | ProductStatus::PendingPrivacyPolicy);
        let is_stopped = self.onboarding.hold.is_some() || self.onboarding.ended.is_some();
        let tells = is_supplied || (is_stopped && *status != ProductStatus::Rejected);
        tells.then(|| self.onboarding.state.as_str().to_owned())
    }
}

const fn is_judged(status: &ProductStatus) -> bool {
    matches!(status, ProductStatus::Verified | ProductStatus::Rejected)
}

/// Whether whoever is waited for has to do what the task asks.
fn is_for(task: &Task, waiting_on: WaitingOn) -> bool {
    match ForWhom::of(&task.request) {
        ForWhom::User | ForWhom::Company => waiting_on == WaitingOn::User,
        ForWhom::Operator => waiting_on == WaitingOn::Operator,
    }
}

/// Who acts next, as it is said: the company, where all that is waited for is its own.
fn who(waiting_on: WaitingOn, tasks: &[&Task]) -> &'static str {
    let mut awaited = tasks.iter().filter(|task| is_for(task, waiting_on)).peekable();
    let is_companys = awaited.peek().is_some()
        && awaited.all(|task| ForWhom::of(&task.request) == ForWhom::Company);
    if is_companys { ForWhom::Company.as_str() } else { waiting_on.as_str() }
}

const fn words_of(usable: Usable) -> (bool, &'static str, Option<Date>) {
    match usable {
        Usable::Now => (true, "now", None),
        Usable::NowUntil(day) => (true, "now-until", Some(day)),
        Usable::NotYet => (false, "not-yet", None),
        Usable::NoLonger => (false, "no-longer", None),
        Usable::Unavailable => (false, "unavailable", None),
        Usable::NotOffered => (false, "not-offered", None),
    }
}
