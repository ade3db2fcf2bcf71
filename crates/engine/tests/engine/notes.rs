//! What time alone brings about, with nobody calling.

use onboarding::{Event, ProductStatus, Section, TaskState};

use crate::provider::{asks_for, says};
use crate::world::{DAY, START, World};

/// One note of an onboarding is known at a time: the next follows from it.
#[tokio::test]
async fn all_notes_of_an_onboarding_that_are_due_are_recorded_before_the_worker_rests() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [asks_for(Some(Section::KycData), Some("id"))]);
    let worker = world.worker().await;
    world.settle(&worker, START.plus_ms(DAY)).await;
    let open = world.onboarding(&user).await.tasks;
    assert_eq!(open.iter().filter(|task| task.state == TaskState::Open).count(), 2);

    let overdue = START.plus_ms(30 * DAY);
    let stepped = worker.step(overdue).await.unwrap();
    assert_eq!(world.count(&user, "task-reminded").await, 2);
    assert!(stepped.next_at.is_none_or(|at| at > overdue), "{stepped:?}");
    worker.step(overdue).await.unwrap();
    assert_eq!(world.count(&user, "task-reminded").await, 2);
}

#[tokio::test]
async fn a_lost_product_is_noted_once() {
    let world = World::new();
    let user = world.add_user(1).await;
    let words = [says(ProductStatus::Verified), says(ProductStatus::Rejected)];
    world.provider.will_say(&user, words);
    let worker = world.worker().await;
    world.settle(&worker, START.plus_ms(DAY)).await;
    world.tell(&user, Event::Retried { reason: "to look".to_owned() }).await;
    world.settle(&worker, START.plus_ms(2 * DAY)).await;
    assert_eq!(world.count(&user, "product-regressed").await, 1);
}
