//! A store that takes no write, and rows that can't be read.

use super::*;

/// A dispatcher that runs until it is told to stop.
struct Running {
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(world: &World) -> Self {
        let shutdown = CancellationToken::new();
        let now = world.now;
        let task = tokio::spawn(world.dispatcher().run(move || now, shutdown.clone()));
        Self { shutdown, task }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.task).await.unwrap().unwrap();
    }
}

async fn wait_for(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let patience = Duration::from_secs(60);
    assert!(tokio::time::timeout(patience, waiting).await.is_ok(), "waited for {what} in vain");
}

const TAKE_NO_WRITE: &str = "create trigger no_write before update on deliveries \
    begin select raise(abort, 'the disk is full'); end";

#[tokio::test]
async fn while_the_store_takes_no_write_each_message_is_sent_once_and_recorded_afterwards() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_1", receiver.url(), None).await;
    world.toggle("userId:before").await;
    world.pass(world.now).await;
    for user in ["userId:ada", "userId:eve"] {
        world.toggle(user).await;
        world.toggle(user).await;
    }
    world.store.spoil(TAKE_NO_WRITE).await.unwrap();
    let running = Running::start(&world);
    wait_for("the first of each", async || receiver.taken().len() == 3).await;
    // Nothing is to happen: several times as long as it would take to come again.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(receiver.arrived().len(), 3, "nobody is sent the same over and over");
    world.store.spoil("drop trigger no_write").await.unwrap();
    wait_for("the second of each", async || receiver.taken().len() == 5).await;
    running.stop().await;
    assert_eq!(receiver.versions(), world.told().await);
    assert_eq!(receiver.arrived().len(), 5);
}

#[tokio::test]
async fn a_store_that_takes_no_write_keeps_nobody_from_stopping() {
    let world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_1", receiver.url(), None).await;
    world.toggle("userId:ada").await;
    world.store.spoil(TAKE_NO_WRITE).await.unwrap();
    let running = Running::start(&world);
    wait_for("its arrival", async || receiver.taken().len() == 1).await;
    running.stop().await;
}

/// Of three users, whose second can't be read of.
async fn with_a_damaged_one(world: &World, damage: &'static str) {
    for user in ["userId:ada", "userId:eve", "userId:joe"] {
        world.toggle(user).await;
        world.toggle(user).await;
    }
    world.store.spoil(damage).await.unwrap();
}

#[tokio::test]
async fn a_notification_that_can_t_be_read_stops_no_other_users() {
    for damage in [
        "update notifications set kind = 'user.promoted' where seq = 3",
        "update notifications set version = -2 where seq = 3",
        "update onboardings set id = x'00' where key = 2",
        "insert into deliveries (endpoint_key, seq, stream, state, next_at, attempts) \
         values (1, 3, 2, 'due', 0, 0); delete from notifications where seq = 3",
    ] {
        let mut world = World::new().await;
        let receiver = Receiver::start(Answer::Status(200)).await;
        world.add("ep_1", receiver.url(), None).await;
        with_a_damaged_one(&world, damage).await;
        world.pass(world.now.plus_ms(1_000)).await;
        let arrived: Vec<u64> = receiver
            .taken()
            .iter()
            .map(|(_, body)| body["data"]["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(arrived, [1, 5, 2, 6], "{damage}");
        assert_eq!(world.endpoint("ep_1").await.failing_since, None, "{damage}");
        let told: Vec<u64> =
            world.store.events_after(0, 2).await.unwrap().iter().map(|one| one.seq).collect();
        assert_eq!(told, [1, 2], "{damage}");
        let told: Vec<u64> =
            world.store.events_after(2, 2).await.unwrap().iter().map(|one| one.seq).collect();
        let rest = if damage.contains("onboardings") { [5, 6] } else { [4, 5] };
        assert_eq!(told, rest, "{damage}: the page is full");
        let log = world.store.deliveries("ep_1", None, None, 4).await.unwrap().unwrap();
        assert_eq!(log.len(), 4, "{damage}: the page is full");
    }
}

#[tokio::test]
async fn a_notification_that_can_be_read_again_is_sent_in_its_order_and_else_given_up() {
    let mut world = World::new().await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    world.add("ep_1", receiver.url(), None).await;
    with_a_damaged_one(&world, "update notifications set kind = 'user.promoted' where seq = 3")
        .await;
    world.pass(world.now.plus_ms(HOUR_MS)).await;
    assert_eq!(receiver.taken().len(), 4);
    let restore = "update notifications set kind = 'user.state.changed' where seq = 3";
    world.store.spoil(restore).await.unwrap();
    world.pass(world.now.plus_ms(DAY_MS)).await;
    assert_eq!(receiver.versions(), world.told().await);

    world.toggle("userId:eve").await;
    world.toggle("userId:eve").await;
    world
        .store
        .spoil("update notifications set kind = 'user.promoted' where seq = 7")
        .await
        .unwrap();
    world.pass(world.now.plus_ms(10 * DAY_MS)).await;
    assert_eq!(receiver.taken().len(), 7, "the next one goes on");
    assert_eq!(world.endpoint("ep_1").await.disabled, None);
}

#[tokio::test]
async fn an_endpoint_that_can_t_be_read_stops_no_other() {
    for damage in [
        "update endpoints set kinds = '[\"user.promoted\"]' where id = 'ep_1'",
        "update endpoints set kinds = '{}' where id = 'ep_1'",
        "update endpoints set cursor = -1 where id = 'ep_1'",
    ] {
        let mut world = World::new().await;
        let receiver = Receiver::start(Answer::Status(200)).await;
        world.add("ep_1", receiver.url(), None).await;
        world.add("ep_2", format!("{}?two", receiver.url()), None).await;
        world.toggle("userId:ada").await;
        world.store.spoil(damage).await.unwrap();
        world.pass(world.now.plus_ms(1_000)).await;
        assert_eq!(receiver.taken().len(), 1, "{damage}");
        let listed = world.store.endpoints(world.now).await.unwrap();
        assert_eq!(listed.iter().map(|endpoint| &*endpoint.id).collect::<Vec<_>>(), ["ep_2"]);
        assert!(world.store.remove_endpoint("ep_1".into()).await.unwrap(), "it can be removed");
    }
}
