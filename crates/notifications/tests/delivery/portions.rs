//! Much that waits: it is taken in portions, and what costs much is done now and then.

use super::*;

#[tokio::test]
async fn an_endpoint_that_is_far_behind_holds_up_no_other() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_1", receiver.url(), None).await;
    world.add("ep_2", format!("{}?two", receiver.url()), None).await;
    world.toggle("userId:ada").await;
    world.store.spoil(MANY_MORE).await.unwrap();
    let stepped = world.dispatcher().step(world.now).await.unwrap();
    assert!(stepped.has_more);
    assert_eq!(stepped.sent, 2, "each is told already, of its one user");
    for id in ["ep_1", "ep_2"] {
        assert_eq!(world.endpoint(id).await.cursor, 256, "a portion");
    }
    let mut has_more = true;
    while has_more {
        has_more = world.dispatcher().step(world.now).await.unwrap().has_more;
    }
    for id in ["ep_1", "ep_2"] {
        assert_eq!(world.endpoint(id).await.cursor, 2_501);
    }
    world.store.spoil(MANY_SETTLED).await.unwrap();
    world.now = NOW.plus_ms(30 * DAY_MS + 1);
    assert!(world.dispatcher().step(world.now).await.unwrap().has_more, "to be forgotten");
}

/// Many more notifications of the first one's user.
const MANY_MORE: &str = "insert into notifications \
    (onboarding_key, version, kind, data, happened_at, commit_id) \
    with recursive number (n) as (select 1 union all select n + 1 from number where n < 2500) \
    select onboarding_key, version, kind, data, happened_at + n, commit_id \
    from notifications, number where seq = 1 order by n";

const MANY_SETTLED: &str = "update deliveries set state = 'delivered', next_at = null, \
    tried_at = (select min(tried_at) from deliveries)";

#[tokio::test]
async fn what_time_brings_about_is_looked_for_now_and_then_and_not_at_every_turn() {
    let world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_1", receiver.url(), None).await;
    world.judged("userId:ada", ProductStatus::PendingReview).await;
    let now = NOW.plus_ms(4 * DAY_MS);
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(world.dispatcher().run(move || now, shutdown.clone()));
    let arrived = async |kind: &str, user: &str| {
        let is_it = |(_, body): &(String, serde_json::Value)| {
            body["type"] == kind && body["data"]["user"] == user
        };
        while !receiver.taken().iter().any(is_it) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let turns = async {
        arrived("verification.stuck", "userId:ada").await;
        world.judged("userId:eve", ProductStatus::PendingReview).await;
        for user in ["userId:joe", "userId:moe", "userId:zoe"] {
            world.toggle(user).await;
            arrived("user.state.changed", user).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), turns).await.unwrap();
    let events = world.store.events_after(0, 1_000).await.unwrap();
    let stuck = events.iter().filter(|one| one.kind == NotificationKind::VerificationStuck);
    assert_eq!(stuck.count(), 1, "eve's review is told of a minute later");
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
}
