//! What others are told of a change: kinds and thin data, without personal data.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use crate::onboarding::Onboarding;
use crate::task::{Request, Task, TaskState};
use crate::{Date, DocumentType, Event, Product, ProductStatus, State, Timestamp};

/// Something that others are told of. What it serializes to is the data of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Notification {
    /// Where the user stands changed.
    StateChanged {
        /// The state before; none of a new user.
        from: Option<State>,
        /// The state now.
        to: State,
    },
    /// The provider's word on a wanted product changed.
    ProductChanged {
        /// The product.
        product: Product,
        /// The word before; none if there was none.
        from: Option<ProductStatus>,
        /// The word now.
        to: ProductStatus,
        /// Whether the product was verified and is no longer.
        regression: bool,
    },
    /// A person has to supply something.
    TaskOpened {
        /// What.
        task: TaskNotice,
    },
    /// A time passed at which a person is reminded of an open task.
    TaskReminded {
        /// Of which.
        task: TaskNotice,
    },
    /// The same, when the task is due.
    TaskOverdue {
        /// Which.
        task: TaskNotice,
    },
    /// The provider no longer asks for it, or nobody does.
    TaskClosed {
        /// Which.
        task: TaskNotice,
    },
    /// A document of a verified user runs out soon.
    DocumentExpiring {
        /// Its type.
        document_type: DocumentType,
        /// The last day on which it is valid.
        expires_at: Option<Date>,
        /// The number of the task that asks for a newer one.
        task: u32,
    },
    /// The provider has been reviewing for longer than is normal.
    VerificationStuck {
        /// Since when.
        #[serde(serialize_with = "as_text")]
        since: Timestamp,
    },
    /// The user's personal data was destroyed.
    UserErased {},
    /// The provider takes none of our calls.
    ProviderClosed {
        /// Since when.
        #[serde(serialize_with = "as_text")]
        since: Timestamp,
    },
    /// The provider takes our calls again.
    ProviderOpened {
        /// Since when it did not.
        #[serde(serialize_with = "as_text")]
        closed_since: Timestamp,
    },
}

/// What is told of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskNotice {
    /// Its number among the user's.
    pub number: u32,
    /// What kind of thing is asked for.
    pub kind: &'static str,
    /// What is asked for, in the provider's word where it has one.
    pub name: String,
    /// The products for which it is.
    pub products: BTreeSet<Product>,
    /// How often it was asked for.
    pub rounds: u32,
    /// By when it has to be supplied.
    pub due_at: Option<String>,
}

fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

impl From<&Task> for TaskNotice {
    fn from(task: &Task) -> Self {
        Self {
            number: task.number,
            kind: task.request.kind(),
            name: task.request.name().into_owned(),
            products: task.products.clone(),
            rounds: task.rounds,
            due_at: task.due.map(|due| due.at.to_string()),
        }
    }
}

/// The kinds of notification, by which a receiver chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotificationKind {
    /// `user.state.changed`
    StateChanged,
    /// `user.product.changed`
    ProductChanged,
    /// `task.opened`
    TaskOpened,
    /// `task.reminded`
    TaskReminded,
    /// `task.overdue`
    TaskOverdue,
    /// `task.closed`
    TaskClosed,
    /// `document.expiring`
    DocumentExpiring,
    /// `verification.stuck`
    VerificationStuck,
    /// `user.erased`
    UserErased,
    /// `provider.closed`
    ProviderClosed,
    /// `provider.opened`
    ProviderOpened,
}

impl NotificationKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::StateChanged,
        Self::ProductChanged,
        Self::TaskOpened,
        Self::TaskReminded,
        Self::TaskOverdue,
        Self::TaskClosed,
        Self::DocumentExpiring,
        Self::VerificationStuck,
        Self::UserErased,
        Self::ProviderClosed,
        Self::ProviderOpened,
    ];

    /// The word that receivers see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StateChanged => "user.state.changed",
            Self::ProductChanged => "user.product.changed",
            Self::TaskOpened => "task.opened",
            Self::TaskReminded => "task.reminded",
            Self::TaskOverdue => "task.overdue",
            Self::TaskClosed => "task.closed",
            Self::DocumentExpiring => "document.expiring",
            Self::VerificationStuck => "verification.stuck",
            Self::UserErased => "user.erased",
            Self::ProviderClosed => "provider.closed",
            Self::ProviderOpened => "provider.opened",
        }
    }

    /// The kind that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Notification {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> NotificationKind {
        match self {
            Self::StateChanged { .. } => NotificationKind::StateChanged,
            Self::ProductChanged { .. } => NotificationKind::ProductChanged,
            Self::TaskOpened { .. } => NotificationKind::TaskOpened,
            Self::TaskReminded { .. } => NotificationKind::TaskReminded,
            Self::TaskOverdue { .. } => NotificationKind::TaskOverdue,
            Self::TaskClosed { .. } => NotificationKind::TaskClosed,
            Self::DocumentExpiring { .. } => NotificationKind::DocumentExpiring,
            Self::VerificationStuck { .. } => NotificationKind::VerificationStuck,
            Self::UserErased {} => NotificationKind::UserErased,
            Self::ProviderClosed { .. } => NotificationKind::ProviderClosed,
            Self::ProviderOpened { .. } => NotificationKind::ProviderOpened,
        }
    }
}

/// What others are told of `event`, which made `after` of `before` and changed `tasks`. In the
/// order in which it is told.
pub(crate) fn notifications(
    before: &Onboarding,
    event: &Event,
    after: &Onboarding,
    tasks: &[Task],
) -> Vec<Notification> {
    let mut told = Vec::new();
    if after.version == 1 {
        told.push(Notification::StateChanged { from: None, to: after.state });
    } else if before.state != after.state {
        told.push(Notification::StateChanged { from: Some(before.state), to: after.state });
    }
    tell_products(before, after, &mut told);
    tasks.iter().for_each(|task| told.extend(turn_of(task, before)));
    if let Event::TaskReminded { number, .. } = event {
        told.extend(after.all_tasks().find(|task| task.number == *number).map(|task| {
            let notice = TaskNotice::from(task);
            if task.is_overdue(after.updated_at) {
                Notification::TaskOverdue { task: notice }
            } else {
                Notification::TaskReminded { task: notice }
            }
        }));
    }
    if let Event::RenewalOpened { request: Request::RenewDocument(document_type) } = event {
        let renewal = Request::RenewDocument(document_type.clone());
        let opened = after.renewals.iter().find(|task| task.request == renewal);
        told.extend(opened.map(|task| Notification::DocumentExpiring {
            document_type: document_type.clone(),
            expires_at: after.documents.get(document_type).and_then(|held| held.expires_at),
            task: task.number,
        }));
    }
    if matches!(event, Event::Erased { .. }) {
        told.push(Notification::UserErased {});
    }
    told
}

fn tell_products(before: &Onboarding, after: &Onboarding, told: &mut Vec<Notification>) {
    if before.observation == after.observation && before.wanted == after.wanted {
        return;
    }
    for product in &after.wanted {
        let (from, to) = (word_on(before, product), word_on(after, product));
        let is_of_it = |regressions: &Onboarding| {
            let mut untold = regressions.regressions.untold.iter();
            untold.any(|regression| regression.product == *product)
        };
        if let Some(to) = to.filter(|to| from.as_ref() != Some(to)) {
            let regression = is_of_it(after) && !is_of_it(before);
            told.push(Notification::ProductChanged {
                product: product.clone(),
                from,
                to,
                regression,
            });
        }
    }
}

/// The provider's last word on a product that is wanted.
fn word_on(onboarding: &Onboarding, product: &Product) -> Option<ProductStatus> {
    let observation = onboarding.observation.as_ref()?;
    if !onboarding.wanted.contains(product) {
        return None;
    }
    let word = observation.products.get(product).map(|word| word.status.clone());
    Some(word.unwrap_or_else(|| ProductStatus::Other("not-reported".to_owned())))
}

/// What a change of a task comes to for others: that it was opened, once a round, or closed.
fn turn_of(task: &Task, before: &Onboarding) -> Option<Notification> {
    let notice = || TaskNotice::from(task);
    match task.state {
        TaskState::Closed => Some(Notification::TaskClosed { task: notice() }),
        TaskState::Supplied => None,
        TaskState::Open => {
            let was_open = before.all_tasks().any(|known| {
                known.number == task.number
                    && known.state == TaskState::Open
                    && known.rounds == task.rounds
            });
            (!was_open).then(|| Notification::TaskOpened { task: notice() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_by_its_word() {
        for kind in NotificationKind::ALL {
            assert_eq!(NotificationKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(NotificationKind::TaskOpened.as_str(), "task.opened");
        assert_eq!(NotificationKind::from_word("task"), None);
    }
}
