//! What a trigger, its answer and the provider's word on each product change.

use std::collections::BTreeMap;

use crate::apply::{Context, Reason};
use crate::onboarding::{HoldCause, Observation, Onboarding, TriggerInDoubt};
use crate::step::Call;
use crate::task::{Task, TaskState};
use crate::{Eligibility, Product, ProductStatus};

impl Onboarding {
    pub(crate) fn begin_trigger(&mut self, trigger: u32) -> Result<(), Reason> {
        if self.verification.in_doubt.is_some() {
            return Err(Reason::TriggerInDoubt);
        }
        if self.hold.is_some() || self.next_call() != Some(Call::TriggerVerification { trigger }) {
            return Err(Reason::NothingToTrigger);
        }
        self.epoch += 1;
        self.verification.triggers = trigger;
        self.verification.in_doubt = Some(TriggerInDoubt {
            trigger,
            sent: self.acknowledged_revisions(),
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
        self.trigger_took_effect();
        self.observe(epoch, eligibility, cx);
        Ok(())
    }

    fn trigger_took_effect(&mut self) {
        if let Some(doubt) = self.verification.in_doubt.take() {
            self.verification.triggered_with = Some(doubt.sent);
            self.verification.requested = doubt.requested_again;
            self.verification.renew = false;
            self.observation = None;
        }
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
        if self.verification.in_doubt.is_some() {
            if !self.shows_effect(eligibility) {
                self.trigger_had_no_effect();
                // The same answer, come twice, has nothing more to say.
                self.told();
                return Ok(());
            }
            self.trigger_took_effect();
        }
        self.observe(epoch, eligibility, cx);
        Ok(())
    }

    /// Whether a status shows that the trigger in doubt reached the provider: the wanted
    /// products stand otherwise than before it.
    fn shows_effect(&self, eligibility: &[Eligibility]) -> bool {
        let now: BTreeMap<&Product, &Eligibility> =
            eligibility.iter().map(|word| (&word.product, word)).collect();
        self.wanted.iter().any(|product| {
            let started = |word: &&Eligibility| word.status != ProductStatus::NotStarted;
            let before =
                self.observation.as_ref().and_then(|observation| observation.products.get(product));
            let now = now.get(product).copied().filter(started);
            now.is_some() && now != before.filter(started)
        })
    }

    /// Takes in the provider's word on each product, for which it was asked in `epoch`.
    fn observe(&mut self, epoch: u32, eligibility: &[Eligibility], cx: &Context<'_>) {
        self.succeeded();
        self.forgotten = 0;
        self.look = false;
        let before = self.observation.take();
        let products =
            eligibility.iter().map(|word| (word.product.clone(), word.clone())).collect();
        let same_look = before.as_ref().is_some_and(|before| before.products == products);
        let (polls, unclear) = before.map_or((0, 0), |before| (before.polls + 1, before.unclear));
        self.observation = Some(Observation {
            epoch,
            observed_at: cx.now,
            products,
            // A change is followed closely again.
            polls: if same_look { polls } else { 0 },
            unclear,
        });
        self.reconcile_tasks(cx.now);
        self.hold_if_rounds_are_spent(cx);
        self.hold_if_unclear(cx);
    }

    fn hold_if_rounds_are_spent(&mut self, cx: &Context<'_>) {
        let spent =
            |task: &&Task| task.state == TaskState::Open && task.rounds > cx.policy.rounds_max;
        if let Some(task) = self.tasks.iter().find(spent) {
            let message = format!(
                "the provider asked for {} {} times, and what was supplied did not do",
                task.request.name(),
                task.rounds
            );
            self.stop(HoldCause::RoundsSpent, message, cx);
        }
    }

    fn hold_if_unclear(&mut self, cx: &Context<'_>) {
        let is_unclear = self.is_unclear();
        let Some(observation) = self.observation.as_mut() else { return };
        observation.unclear = if is_unclear { observation.unclear + 1 } else { 0 };
        if observation.unclear > cx.policy.unclear_polls_max {
            let message = "the provider's answer on a wanted product can't be understood: it is missing, \
                           not started after a trigger, or an unknown word";
            self.stop(HoldCause::Unclear, message.to_owned(), cx);
        }
    }
}
