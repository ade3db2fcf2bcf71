//! What is shown of users. What their open tasks lack depends on the profile as well, which is
//! read here, and only for those of whom it says more: a list of many stays one of few reads.

use std::collections::BTreeMap;

use onboarding::requirements::Compiled;
use onboarding::{
    Explanation, Onboarding, OnboardingId, Profile, Reader, Status, Surroundings, UserTask, explain,
};
use store::{ProfileContent, Store, StoreError, Stored, StoredTask};

use crate::Settled;

/// The view that `reader` has of a user.
///
/// # Errors
/// When the store can't be read.
pub async fn status(
    store: &impl Store,
    stored: &Stored,
    reader: &Reader<'_>,
) -> Result<Status, StoreError> {
    let needs = needs(store, [&stored.onboarding], reader).await?;
    Ok(status_of(stored, &needs, reader))
}

/// The view that `reader` has of a user after a change.
#[must_use]
pub fn after(settled: &Settled, reader: &Reader<'_>) -> Status {
    let Stored { user, onboarding } = &settled.stored;
    let needs = reader.needs(onboarding, settled.profile.as_ref());
    Status::of(user, onboarding, needs.as_ref(), reader)
}

/// The views that `reader` has of a page of users.
///
/// # Errors
/// When the store can't be read.
pub async fn statuses(
    store: &impl Store,
    page: &[Stored],
    reader: &Reader<'_>,
) -> Result<Vec<Status>, StoreError> {
    let needs = needs(store, page.iter().map(|stored| &stored.onboarding), reader).await?;
    Ok(page.iter().map(|stored| status_of(stored, &needs, reader)).collect())
}

/// The views that `reader` has of a page of tasks.
///
/// # Errors
/// When the store can't be read.
pub async fn tasks(
    store: &impl Store,
    page: &[StoredTask],
    reader: &Reader<'_>,
) -> Result<Vec<UserTask>, StoreError> {
    let detailed = page.iter().filter(|stored| stored.task.may_be_detailed());
    let needs = needs(store, detailed.map(|stored| &stored.onboarding), reader).await?;
    let view = |stored: &StoredTask| {
        let StoredTask { user, onboarding, task } = stored;
        UserTask::of(user, onboarding, task, needs.get(&onboarding.id), reader)
    };
    Ok(page.iter().map(view).collect())
}

/// What `reader` is told of where a user stands.
///
/// # Errors
/// When the store can't be read.
pub async fn explanation(
    store: &impl Store,
    stored: &Stored,
    reader: &Reader<'_>,
    around: &Surroundings,
) -> Result<Explanation, StoreError> {
    let Stored { user, onboarding } = stored;
    let profile = store.profile(onboarding.id).await?;
    let profile = profile.as_ref().and_then(read);
    Ok(explain(user, onboarding, profile.as_ref(), reader, around))
}

type Needs = BTreeMap<OnboardingId, Compiled>;

fn status_of(stored: &Stored, needs: &Needs, reader: &Reader<'_>) -> Status {
    let Stored { user, onboarding } = stored;
    Status::of(user, onboarding, needs.get(&onboarding.id), reader)
}

/// The needs of those that have a task of which they say more. Where the profile can't be read
/// nothing is known of them.
async fn needs<'a>(
    store: &impl Store,
    onboardings: impl IntoIterator<Item = &'a Onboarding>,
    reader: &Reader<'_>,
) -> Result<Needs, StoreError> {
    let detailed = onboardings.into_iter().filter(|onboarding| onboarding.has_task_to_detail());
    let detailed: BTreeMap<OnboardingId, &Onboarding> =
        detailed.map(|onboarding| (onboarding.id, onboarding)).collect();
    if detailed.is_empty() {
        return Ok(Needs::new());
    }
    let ids: Vec<OnboardingId> = detailed.keys().copied().collect();
    let profiles = store.profiles(&ids).await?;
    let known = detailed.into_iter().filter_map(|(id, onboarding)| {
        let profile = profiles.get(&id).and_then(read);
        Some((id, reader.needs(onboarding, profile.as_ref())?))
    });
    Ok(known.collect())
}

fn read(content: &ProfileContent) -> Option<Profile> {
    serde_json::from_slice(&content.json).ok()
}
