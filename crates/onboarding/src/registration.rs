//! Whether the provider shows what it was sent. It acknowledges a registration and may keep
//! less of it, and it changes its texts without notice: so it is asked after each registration,
//! and now and then of who is verified.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use crate::apply::{Context, Reason};
use crate::onboarding::{HoldCause, Onboarding, Standing};
use crate::{Section, Shown, Timestamp};

/// Of so many looks in a row at who stays verified, one reads the user as well.
const LOOKS_A_READ: u32 = 4;

/// What is known of how the provider keeps what it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Registration {
    /// Whether the provider is still to be asked which sections it holds.
    pub is_unconfirmed: bool,
    /// Whether the user is to be read for the provider's texts alone: of who stays verified, what
    /// it holds was judged, and nothing is sent again.
    #[serde(skip_serializing_if = "Not::not")]
    pub texts_due: bool,
    /// How often in a row the profile was sent again, as the provider did not show all of it.
    pub resends: u32,
    /// Since when we know that the provider changed its privacy policy since the user
    /// accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub privacy_policy_outdated_since: Option<Timestamp>,
    /// The same for the terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms_outdated_since: Option<Timestamp>,
}

impl Registration {
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl Onboarding {
    /// Takes in what the provider shows of the user, for which it was asked in `epoch`.
    pub(crate) fn take_shown(
        &mut self,
        epoch: u32,
        shown: &Shown,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        if epoch != self.epoch {
            return Err(Reason::StaleObservation);
        }
        if !self.is_to_be_read() {
            return Err(Reason::AlreadySo);
        }
        self.succeeded();
        self.forgotten = 0;
        let registration = &mut self.registration;
        registration.texts_due = false;
        let confirms = std::mem::take(&mut registration.is_unconfirmed);
        mark(&mut registration.privacy_policy_outdated_since, shown.privacy_policy, cx.now);
        mark(&mut registration.terms_outdated_since, shown.terms, cx.now);
        if !confirms {
            return Ok(());
        }
        let hidden = self.hidden_sections(shown);
        if hidden.is_empty() {
            self.registration.resends = 0;
        } else {
            self.send_again(&hidden, cx);
        }
        Ok(())
    }

    /// A change of the provider's texts shows in the user; in the status only once it blocks.
    pub(crate) fn read_now_and_then(&mut self, cx: &Context<'_>) {
        let looks = self.observation.as_ref().map_or(0, |observation| observation.polls);
        let is_time = looks > 0 && looks.is_multiple_of(LOOKS_A_READ);
        if is_time && cx.policy.watches_texts() && self.standing() == Standing::Verified {
            self.registration.texts_due = true;
        }
    }

    /// Whether the provider is to be asked what it shows of the user.
    pub(crate) fn is_to_be_read(&self) -> bool {
        self.registration.is_unconfirmed || self.registration.texts_due
    }

    /// The sections that the provider has acknowledged, and says that it does not hold.
    fn hidden_sections(&self, shown: &Shown) -> Vec<Section> {
        let profile = self.profile.as_ref().filter(|held| held.acknowledged == Some(held.revision));
        let sections = profile.into_iter().flat_map(|profile| profile.sections.keys());
        sections.filter(|section| shown.sections.get(section) == Some(&false)).cloned().collect()
    }

    fn send_again(&mut self, hidden: &[Section], cx: &Context<'_>) {
        self.epoch += 1;
        if let Some(profile) = &mut self.profile {
            profile.acknowledged = None;
        }
        self.registration.resends += 1;
        if self.registration.resends > cx.policy.resends_max {
            let names: Vec<&str> = hidden.iter().map(Section::as_str).collect();
            let message = format!(
                "the provider acknowledged the profile {} times and does not show {}",
                self.registration.resends,
                names.join(", ")
            );
            self.stop(HoldCause::NotShown, message, cx);
        }
    }
}

/// What the provider does not say changes nothing.
fn mark(outdated_since: &mut Option<Timestamp>, is_valid: Option<bool>, now: Timestamp) {
    match is_valid {
        Some(true) => *outdated_since = None,
        Some(false) => {
            outdated_since.get_or_insert(now);
        }
        None => {}
    }
}
