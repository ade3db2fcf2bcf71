//! A try that began before something else happened.

use store::{DueDelivery, EndpointAfter, Settled, Tried};

use super::*;

#[tokio::test]
async fn a_try_that_began_before_something_arrived_disables_nothing() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(500)).await;
    world.add("ep_1", receiver.url(), None).await;
    for user in ["userId:slow", "userId:quick"] {
        world.toggle(user).await;
    }
    world.pass(NOW.plus_ms(DAY_MS - 1)).await;
    let since = world.endpoint("ep_1").await.failing_since.unwrap();
    let due = world.store.due_deliveries(1, &[], Timestamp::MAX, 8).await.unwrap();
    let [slow, quick] = &due[..] else { panic!("{due:?}") };
    let tried = |at| Tried { at, http_status: None, took_ms: 1, error: Some("timed-out") };
    let settle = async |of: &DueDelivery, settled| {
        world.store.settle_delivery(of.key, tried(world.now), settled).await.unwrap()
    };
    let again = |endpoint| Settled::Again { at: world.now, endpoint };
    let warned = EndpointAfter::Warned(since);
    assert_eq!(settle(slow, again(warned)).await, warned);
    assert_eq!(settle(slow, again(warned)).await, EndpointAfter::Kept, "once");
    assert_eq!(settle(quick, Settled::Delivered).await, EndpointAfter::Kept);
    for late in [warned, EndpointAfter::Failing(since)] {
        assert_eq!(settle(slow, again(late)).await, EndpointAfter::Kept);
    }
    let endpoint = world.endpoint("ep_1").await;
    assert_eq!((endpoint.warned_at, endpoint.disabled), (None, None));
    let failing = EndpointAfter::Failing(endpoint.failing_since.unwrap());
    assert_eq!(settle(slow, again(failing)).await, failing);
    assert_eq!(world.endpoint("ep_1").await.disabled.unwrap().1, DisabledFor::Failing);
    assert_eq!(settle(quick, again(EndpointAfter::Gone)).await, EndpointAfter::Kept, "not due");
}

#[tokio::test]
async fn what_came_of_a_try_is_not_taken_for_that_of_another_endpoint_with_the_keys_of_one_removed()
{
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_other", format!("{}?other", receiver.url()), None).await;
    world.add("ep_removed", receiver.url(), None).await;
    world.toggle("userId:ada").await;
    let removed = world.endpoint("ep_removed").await;
    assert!(!world.store.hand_out(&removed, world.now).await.unwrap());
    let on_its_way = world.store.due_deliveries(removed.key, &[], world.now, 8).await.unwrap();
    assert!(world.store.remove_endpoint("ep_removed".into()).await.unwrap());
    let other = world.endpoint("ep_other").await;
    assert!(!world.store.hand_out(&other, world.now).await.unwrap());
    let due = world.store.due_deliveries(other.key, &[], world.now, 8).await.unwrap();
    assert_eq!(due[0].key.row, on_its_way[0].key.row, "given anew");
    let tried = Tried { at: world.now, http_status: Some(200), took_ms: 1, error: None };
    world.store.settle_delivery(on_its_way[0].key, tried, Settled::Delivered).await.unwrap();
    world.pass(world.now).await;
    assert_eq!(receiver.arrived().len(), 1);
}
