//! Chance that is none: every draw follows from the seed and from what it is drawn for, so
//! that leaving one thing out of a history changes little else.

/// A stream of draws (splitmix64).
pub(crate) struct Chance(u64);

/// What a stream is for, so that two of them never run alike.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Plan = 1,
    Schedule,
    Happening,
    Character,
    Call,
    Operation,
    Process,
}

impl Chance {
    /// The stream number `b` of `a` for a purpose.
    pub(crate) fn of(seed: u64, purpose: Purpose, a: u64, b: u64) -> Self {
        let mut chance = Self(seed);
        for part in [purpose as u64, a, b] {
            chance.0 = chance.next() ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93);
        }
        chance
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number below `count`, which is not 0.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(count);
        u64::try_from(wide >> 64).expect("the upper half of a product of two u64 is one")
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    pub(crate) fn permille(&mut self, share: u32) -> bool {
        self.below(1_000) < u64::from(share)
    }

    pub(crate) fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())].clone()
    }

    pub(crate) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).expect("it is below a usize")
    }
}

/// Spreads the bits of a number.
pub(crate) const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
