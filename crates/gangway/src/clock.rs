//! The one place that reads the machine's clock and draws random ids. Everything else is
//! given the time and the ids.

use std::time::{SystemTime, UNIX_EPOCH};

use onboarding::{OnboardingId, Timestamp};
use store::WorkerId;
use uuid::{NoContext, Uuid};

use crate::error::Error;

/// The time now. A clock before 1970 reads as 1970; `gangway doctor` complains of it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(Timestamp::MAX.0))
}

/// The id of an onboarding that begins at `now`.
pub(crate) fn new_onboarding_id(now: Timestamp) -> OnboardingId {
    OnboardingId(random_uuid(now))
}

/// The id of a worker that starts at `now`.
pub(crate) fn new_worker_id(now: Timestamp) -> WorkerId {
    let (_time, random) = random_uuid(now).as_u64_pair();
    WorkerId(random.cast_signed())
}

/// Bytes of chance, for a secret.
pub(crate) fn chance<const BYTES: usize>() -> Result<[u8; BYTES], Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(Error::NoChance)?;
    Ok(bytes)
}

fn random_uuid(now: Timestamp) -> Uuid {
    let ms = now.0.unsigned_abs();
    let nanos = u32::try_from(ms % 1_000).expect("less than a second") * 1_000_000;
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_new_each_time_and_sort_by_their_time() {
        let (earlier, later) = (Timestamp(1_000), Timestamp(1_001));
        assert!(new_onboarding_id(earlier) < new_onboarding_id(later));
        assert_ne!(new_onboarding_id(later), new_onboarding_id(later));
        assert_ne!(new_worker_id(later), new_worker_id(later));
    }
}
