//! What a trigger, its answer and the provider's word on each product change.

use std::collections::{BTreeMap, BTreeSet};

use crate::apply::{Context, Reason};
use crate::onboarding::{HoldCause, Observation, Onboarding, Standing, TriggerInDoubt};
use crate::step::Call;
use crate::task::{Task, TaskState};
use crate::{Eligibility, Product, ProductStatus};

impl Onboarding {
    pub(crate) fn begin_trigger(&mut self, trigger: u32, cx: &Context<'_>) -> Result<(), Reason> {
        if self.verification.in_doubt.is_some() {
            return Err(Reason::TriggerInDoubt);
        }
        let is_next = self.next_call(cx.policy) == Some(Call::TriggerVerification { trigger });
        if self.hold.is_some() || !is_next {
            return Err(Reason::NothingToTrigger);
        }
        self.epoch += 1;
        self.verification.triggers = trigger;
        self.verification.in_doubt = Some(TriggerInDoubt {
            trigger,
            sent: self.judged_revisions(cx.policy),
            epoch: self.epoch,
            requested_again: false,
        });
        Ok(())
    }

    pub(crate) fn take_trigger_answer(
        &mut self,
        trigger: u32,
        eligibility: &[Eligibility],
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        let doubt = self.verification.in_doubt.as_ref();
        let epoch = doubt
            .filter(|doubt| doubt.trigger == trigger)
            .map(|doubt| doubt.epoch)
            .ok_or(Reason::NotTheTriggerInDoubt)?;
        let judged_by = self.trigger_took_effect();
        self.observe(epoch, eligibility, judged_by, cx);
        Ok(())
    }

    /// Answers the number of the trigger, if one was in doubt.
    fn trigger_took_effect(&mut self) -> Option<u32> {
        let doubt = self.verification.in_doubt.take()?;
        self.verification.triggered_with = Some(doubt.sent);
        self.verification.requested = doubt.requested_again;
        self.verification.renew = false;
        self.observation = None;
        Some(doubt.trigger)
    }

    pub(crate) fn trigger_had_no_effect(&mut self) {
        if let Some(doubt) = self.verification.in_doubt.take() {
            self.verification.requested |= doubt.requested_again;
        }
    }

    pub(crate) fn take_status(
        &mut self,
        epoch: u32,
        eligibility: &[Eligibility],
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        if epoch != self.epoch {
            return Err(Reason::StaleObservation);
        }
        if self.verification.in_doubt.is_some() && !self.shows_effect(eligibility) {
            self.trigger_had_no_effect();
            // The same answer, come twice, has nothing more to say. The failures that led
            // to the doubt still count: the next trigger waits as its attempt says.
            self.epoch += 1;
            return Ok(());
        }
        let judged_by = self.trigger_took_effect();
        self.observe(epoch, eligibility, judged_by, cx);
        // Whoever can be asked about is not forgotten.
        self.forgotten = 0;
        self.read_now_and_then(cx);
        Ok(())
    }

    /// Whether a status shows that the trigger in doubt reached the provider: a wanted product
    /// has another status than before it. Other lists are no proof, as new data alone may
    /// change them, and without proof it is triggered again, which is safe once it was read.
    fn shows_effect(&self, eligibility: &[Eligibility]) -> bool {
        let wanted = eligibility.iter().filter(|word| self.wanted.contains(&word.product));
        let mut started = wanted.filter(|word| word.status != ProductStatus::NotStarted);
        started.any(|word| self.status_of(&word.product) != Some(&word.status))
    }

    /// Takes in the provider's word on each product, for which it was asked in `epoch`: the first
    /// after the trigger `judged_by`, or that of another look.
    fn observe(
        &mut self,
        epoch: u32,
        eligibility: &[Eligibility],
        judged_by: Option<u32>,
        cx: &Context<'_>,
    ) {
        self.succeeded();
        self.look = false;
        let before = self.observation.take();
        let products: BTreeMap<Product, Eligibility> =
            eligibility.iter().map(|word| (word.product.clone(), word.clone())).collect();
        if cx.policy.looks_back() {
            self.note_regressions(&products, cx.now);
        }
        let same_look =
            before.as_ref().is_some_and(|before| say_the_same(&before.products, &products));
        let (polls, unclear) = before.map_or((0, 0), |before| (before.polls + 1, before.unclear));
        self.observation = Some(Observation {
            epoch,
            observed_at: cx.now,
            products,
            // A change is followed closely again.
            polls: if same_look { polls } else { 0 },
            unclear,
        });
        self.reconcile_tasks(judged_by, cx);
        self.hold_if_rounds_are_spent(cx);
        self.hold_if_unclear(cx);
    }

    fn hold_if_rounds_are_spent(&mut self, cx: &Context<'_>) {
        let spent = |task: &&Task| {
            task.state == TaskState::Open && task.rounds_that_count() > cx.policy.rounds_max
        };
        if let Some(task) = self.tasks.iter().find(spent) {
            let was_waived = task.past_rounds.iter().any(|round| round.waived_at.is_some());
            let message = format!(
                "the provider asked for {} {} times, and what was supplied {}did not do",
                task.request.name(),
                task.rounds,
                if was_waived { "or waived " } else { "" }
            );
            self.stop(HoldCause::RoundsSpent, message, cx);
        }
    }

    fn hold_if_unclear(&mut self, cx: &Context<'_>) {
        // While a person has something to supply, nobody waits for the provider's word.
        let is_unclear = self.standing() == Standing::Pending && self.is_unclear();
        let Some(observation) = self.observation.as_mut() else { return };
        observation.unclear = if is_unclear { observation.unclear + 1 } else { 0 };
        if observation.unclear > cx.policy.unclear_polls_max {
            let message = "the provider's answer on a wanted product can't be understood: it is missing, \
                           not started after a trigger, or an unknown word";
            self.stop(HoldCause::Unclear, message.to_owned(), cx);
        }
    }
}

/// Whether two answers say the same, in whatever order their lists are.
fn say_the_same(
    before: &BTreeMap<Product, Eligibility>,
    now: &BTreeMap<Product, Eligibility>,
) -> bool {
    let same = |before: &Eligibility, now: &Eligibility| {
        before.status == now.status
            && is_same_set(&before.missing_data, &now.missing_data)
            && is_same_set(&before.missing_documents, &now.missing_documents)
    };
    before.len() == now.len()
        && before.iter().all(|(product, word)| now.get(product).is_some_and(|now| same(word, now)))
}

fn is_same_set<T: Ord>(before: &[T], now: &[T]) -> bool {
    before.iter().collect::<BTreeSet<_>>() == now.iter().collect::<BTreeSet<_>>()
}
