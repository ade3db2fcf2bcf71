//! Documents, of which a few at most are in memory at once.

use std::sync::Arc;

use onboarding::State;
use tokio_util::sync::CancellationToken;

use crate::latch::Latch;
use crate::provider::{Fault, UPLOAD};
use crate::world::{World, settings};

#[tokio::test]
async fn no_more_than_four_documents_are_in_memory_at_once() {
    let world = World::new();
    let mut users = Vec::new();
    for number in 0..12 {
        users.push(world.add_user_with_passport(number).await);
    }
    let latch = Latch::default();
    world.provider.fault(UPLOAD, u32::MAX, Fault::Waits(latch.clone()));
    let worker = world.worker_with(engine::Settings { concurrency: 12, ..settings() }).await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(Arc::new(worker).run(world.clock.ticking(), shutdown.clone()));
    world.provider.until("four uploads", |ledger| ledger.in_flight.uploads == 4).await;
    latch.release();
    for user in &users {
        world.until_state(user, State::Verified).await;
    }
    assert_eq!(world.provider.look(|ledger| ledger.most.uploads), 4);
    shutdown.cancel();
    running.await.unwrap();
}
