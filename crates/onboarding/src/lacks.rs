//! What an open task lacks, by the compiler of requirements: which fields of a section, and
//! which sides of a card. There is no other derivation of it.

use crate::onboarding::Onboarding;
use crate::requirements::{Compiled, Field, Need, What};
use crate::task::{Request, Task, TaskState};

impl Onboarding {
    /// Whether a task is open of which the requirements may say more than the provider does.
    /// Only then is it worth reading the profile for a view.
    #[must_use]
    pub fn has_task_to_detail(&self) -> bool {
        self.tasks.iter().any(Task::may_be_detailed)
    }
}

impl Task {
    /// Whether the requirements may say more of it than the provider does.
    #[must_use]
    pub fn may_be_detailed(&self) -> bool {
        let is_detailed = match self.request {
            Request::Data(_) | Request::Document(_) => true,
            Request::Consent
            | Request::Operator(_)
            | Request::RenewDocument(_)
            | Request::RenewVerification
            | Request::RenewConsent
            | Request::RenewTerms
            | Request::Wallet(_)
            | Request::WalletProof(_) => false,
        };
        is_detailed && self.state == TaskState::Open
    }

    /// Of each group of `accepts`, in its order, what is not held; empty if `needs` know no
    /// more than that it is asked for.
    pub(crate) fn lacks(
        &self,
        accepts: &[Vec<String>],
        needs: Option<&Compiled>,
    ) -> Vec<Vec<String>> {
        let Some(need) = needs.filter(|_| self.may_be_detailed()).and_then(|it| self.need(it))
        else {
            return Vec::new();
        };
        match &need.what {
            What::Data { missing, .. } if missing.is_empty() => Vec::new(),
            What::Data { missing, .. } => vec![missing.iter().map(Field::to_string).collect()],
            What::Document { any_of, .. } => {
                let words = |kinds: &[crate::DocumentType]| -> Vec<String> {
                    kinds.iter().map(ToString::to_string).collect()
                };
                let missing_of = |group: &Vec<String>| {
                    let same = any_of.iter().find(|known| words(&known.documents) == *group);
                    same.map_or_else(|| group.clone(), |known| words(&known.missing))
                };
                accepts.iter().map(missing_of).collect()
            }
            What::Consent | What::Operator { .. } => Vec::new(),
        }
    }

    /// The need that answers the provider's word for it.
    fn need<'n>(&self, needs: &'n Compiled) -> Option<&'n Need> {
        let name = self.request.name();
        needs.now.iter().find(|need| {
            let is_of_kind = match (&self.request, &need.what) {
                (Request::Data(section), What::Data { section: needed, .. }) => section == needed,
                (Request::Document(_), What::Document { .. }) => true,
                _ => false,
            };
            is_of_kind && need.asked.contains(&*name)
        })
    }
}
