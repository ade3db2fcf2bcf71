//! What the provider says of a user does not bring back who it is.

use onboarding::{Effect, Failure, FailureClass, Policy, UserLocator};
use store::{ProviderGate, Store};

use crate::failing_store::{FailingStore, ReadFault};
use crate::provider::{ACCEPT, Fault, REGISTER, STATUS, TRIGGER, UPLOAD, failure, pending};
use crate::world::{MINUTE, World};

/// Everything in it is of the profile of every user of these tests.
const SAYS_WHO: &str = "Recipient Ada LINDQVIST of Storgatan 5, born 1984-03-12, is sanctioned";

fn says_who(class: FailureClass) -> Fault {
    Fault::Fails(Failure {
        message: SAYS_WHO.to_owned(),
        http_status: Some(422),
        effect: Effect::None,
        ..failure(class)
    })
}

/// All that is kept of what the provider said.
async fn kept<S: Store>(world: &World<S>, user: &UserLocator) -> String {
    let mut kept: Vec<String> = Vec::new();
    for row in world.history(user).await {
        kept.push(format!("{:?}", row.event));
    }
    kept.push(format!("{:?}", world.onboarding(user).await));
    if let ProviderGate::Closed(closed) = world.store.provider_gate().await.unwrap() {
        kept.push(closed.message);
    }
    kept.join("\n")
}

#[tokio::test]
async fn no_failure_of_any_call_brings_back_the_profile() {
    for call in [ACCEPT, REGISTER, UPLOAD, TRIGGER, STATUS] {
        for class in FailureClass::ALL {
            let world = World::new();
            let user = world.add_user_with_passport(1).await;
            world.provider.will_say(&user, [pending()]);
            world.provider.fault(call, 2, says_who(class));
            world.settle_for(&world.worker().await, MINUTE / 6).await;
            let kept = kept(&world, &user).await;
            for word in ["Ada", "LINDQVIST", "Storgatan", "1984"] {
                assert!(!kept.contains(word), "{call}, {}: {kept}", class.as_str());
            }
            assert!(kept.contains("is sanctioned"), "{call}, {}: {kept}", class.as_str());
        }
    }
}

#[tokio::test]
async fn without_the_profile_to_check_it_against_a_message_is_not_kept() {
    for (fault, said) in [
        (ReadFault::Unavailable, "the provider answered with HTTP status 422"),
        (ReadFault::Damaged, "the provider answered with HTTP status 422"),
        (ReadFault::Missing, "the provider answered with HTTP status 422"),
    ] {
        let world = World::on(FailingStore::new(Policy::default()));
        let user = world.add_user(1).await;
        world.provider.fault(ACCEPT, 1, says_who(FailureClass::Refused));
        world.store.fail_reads([fault]);
        world.settle_for(&world.worker().await, MINUTE).await;
        let kept = kept(&world, &user).await;
        assert!(kept.contains(said) && !kept.contains("sanctioned"), "{fault:?}: {kept}");
    }
}
