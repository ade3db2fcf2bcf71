//! Random numbers from a seed, which every test that draws prints.

use std::time::{SystemTime, UNIX_EPOCH};

/// Random numbers from a seed (splitmix64).
pub struct Chance(u64);

impl Chance {
    /// The seed that `GANGWAY_TEST_SEED` names or else the clock gives, and its numbers.
    pub fn seeded() -> (u64, Self) {
        let given = std::env::var("GANGWAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.as_secs() * 1_000 + u64::from(now.subsec_millis())
        });
        (seed, Self(seed))
    }

    /// Numbers of its own for one of several who draw at once.
    pub fn branch(&mut self) -> Self {
        Self(self.below(u64::MAX))
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}
