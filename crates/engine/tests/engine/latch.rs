//! A place where something waits until a test lets it pass.

use tokio_util::sync::CancellationToken;

use crate::world::in_time;

/// A place where something waits until a test lets it pass. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct Latch {
    reached: CancellationToken,
    released: CancellationToken,
}

impl Latch {
    /// Waits here, as the thing that is held up.
    pub async fn pass(&self) {
        self.reached.cancel();
        self.released.cancelled().await;
    }

    /// Waits, as the test, until something is held up here.
    pub async fn reached(&self) {
        in_time("the latch is reached", self.reached.cancelled()).await;
    }

    /// Lets through what waits here and what comes later.
    pub fn release(&self) {
        self.released.cancel();
    }
}
