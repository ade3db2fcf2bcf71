//! What a person reads whose request was not taken: each text says what to do next.

use engine::{Added, Edit, IntakeError};
use onboarding::{Ended, Policy, Reason, Revision};

use crate::failing_store::{FailingStore, ReadFault};
use crate::world::{START, World, added, file};

#[test]
fn each_refusal_says_what_to_do_next() {
    for (refusal, next) in [
        (IntakeError::Ended(Ended::Cancelled), "cancelled; `gangway resume` reopens it"),
        (IntakeError::Ended(Ended::Erased), "erased; its data is destroyed"),
        (IntakeError::NotNow(Reason::NothingNewToVerify), "supply something new"),
        (IntakeError::NotNow(Reason::AlreadySo), "how it is already"),
        (IntakeError::NotNow(Reason::NotHeld), "`gangway retry`"),
        (IntakeError::NotNow(Reason::HeldByOperator), "`gangway resume`"),
        (IntakeError::NotNow(Reason::NotBegun), "`gangway user set`"),
        (IntakeError::NotNow(Reason::AlreadyAcknowledged), "`gangway document add`"),
        (IntakeError::NotNow(Reason::NeverHeld), "`gangway status`"),
        (IntakeError::NotNow(Reason::TriggerInDoubt), "trigger-in-doubt"),
    ] {
        let text = refusal.to_string();
        assert!(text.contains(next), "{text}");
    }
}

#[tokio::test]
async fn a_profile_that_is_gone_can_be_replaced_and_not_patched() {
    let world = World::on(FailingStore::new(Policy::default()));
    let user = world.add_user(1).await;
    let version = world.onboarding(&user).await.version;
    let edit = async |edit: Edit<'_>| {
        world.store.fail_reads([ReadFault::Missing]);
        let unasked = Added { verify: false, ..added(1) };
        world.intake().edit_user(&user, edit, unasked, START).await
    };
    let patch = br#"{"userDetails":{"firstName":"Ida"}}"#;
    assert!(matches!(edit(Edit::Patch(patch)).await, Err(IntakeError::DamagedProfile)));
    assert_eq!(world.onboarding(&user).await.version, version);
    edit(Edit::Replace(&file("Ida"))).await.unwrap();
    let profile = world.onboarding(&user).await.profile.unwrap();
    assert_eq!(profile.revision, Revision(2));
}
