//! Inputs that are near to given ones, from a seed.

/// Words that take an input further than single bytes do.
const WORDS: [&[u8]; 24] = [
    b"verified",
    b"requires-data",
    b"pending-review",
    b"null",
    b"[]",
    b"{}",
    b"\"\"",
    b"true",
    b"-1",
    b"4294967295",
    b"18446744073709551615",
    b"1e999",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xe2\x80\xae",
    b"\n---\n",
    b"\n\n",
    b"9999-12-31",
    b"userId:",
    b"%00",
    b"[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"eligibility",
];
/// At most so many changes make one input of another.
const CHANGES_MAX: usize = 4;

/// Endless mutations of given inputs (splitmix64); the same ones for the same seed.
pub struct Mutations<'a> {
    inputs: &'a [Vec<u8>],
    state: u64,
}

impl<'a> Mutations<'a> {
    /// Mutations of `inputs`, which must not be empty.
    #[must_use]
    pub fn of(inputs: &'a [Vec<u8>], seed: u64) -> Self {
        assert!(!inputs.is_empty(), "there is nothing to mutate");
        Self { inputs, state: seed }
    }

    fn below(&mut self, count: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let wide = u128::from(mixed ^ (mixed >> 31)) * (count as u128);
        usize::try_from(wide >> 64).expect("it is below a usize")
    }

    fn input(&mut self) -> &'a [u8] {
        let at = self.below(self.inputs.len());
        &self.inputs[at]
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let until = (at + 1 + self.below(16)).min(input.len());
        match self.below(6) {
            0 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => drop(input.drain(at.min(until)..until)),
            2 => {
                let word = WORDS[self.below(WORDS.len())];
                drop(input.splice(at..at, word.iter().copied()));
            }
            3 => {
                let word = WORDS[self.below(WORDS.len())];
                drop(input.splice(at.min(until)..until, word.iter().copied()));
            }
            4 => {
                let again = input[at.min(until)..until].to_vec();
                drop(input.splice(at..at, again));
            }
            _ => {
                let other = self.input();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut input = self.input().to_vec();
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut input);
        }
        Some(input)
    }
}
