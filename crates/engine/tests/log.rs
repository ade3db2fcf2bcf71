//! What the worker logs. Alone in its process, because a log's interest in a place of the code is
//! decided for the whole process by whichever thread comes there first.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use onboarding::{Event, State};
use provider::{pending, verified};
use store::{Actor, HistoryRow};
use tracing_subscriber::filter::LevelFilter;
use world::{DAY, World};

#[allow(dead_code, reason = "the other test file uses the rest of it")]
#[path = "engine/latch.rs"]
mod latch;
#[allow(dead_code, reason = "the other test file uses the rest of it")]
#[path = "engine/provider.rs"]
mod provider;
#[allow(dead_code, reason = "the other test file uses the rest of it")]
#[path = "engine/world.rs"]
mod world;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Everything that is logged from now on.
    fn begin() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn each_move_is_told_once_and_nobody_is_named() {
    let log = Log::begin();
    let world = World::new();
    let user = world.add_user(1).await;
    world.provider.will_say(&user, [pending(), pending(), pending(), verified()]);
    world.settle_for(&world.worker().await, DAY).await;
    assert_eq!(world.state(&user).await, State::Verified);

    let history = world.history(&user).await;
    // That a trigger is begun is stored with its claim, before anything happened.
    let is_answer = |row: &&HistoryRow| {
        row.actor == Actor::Worker && !matches!(row.event, Event::TriggerBegun { .. })
    };
    let made = || history.iter().filter(is_answer);
    assert!(made().any(|row| row.from == row.to), "a look that tells nothing new is among them");
    let moves = made().filter(|row| row.from != row.to);
    let moves: Vec<String> = moves.map(|row| format!("from={} to={}", row.from, row.to)).collect();

    let text = log.text();
    let told: Vec<&str> = text.lines().filter(|line| line.contains("onboarding moved")).collect();
    assert_eq!(told.len(), moves.len(), "{text}");
    for (line, moved) in told.iter().zip(&moves) {
        assert!(line.contains(" INFO ") && line.contains(moved), "{moved} not in {line}");
    }
    for word in [user.as_str(), user.value()] {
        assert!(!text.contains(word), "{text}");
    }
}
