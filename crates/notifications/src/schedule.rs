//! When a notification that did not arrive is sent again.

/// The waits after the first, second, … try, as Standard Webhooks advises.
const DELAYS_MS: [u64; 9] = {
    const S: u64 = 1_000;
    const M: u64 = 60 * S;
    const H: u64 = 60 * M;
    [5 * S, 5 * M, 30 * M, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H]
};

/// A notification is tried so often; for about a week.
pub const ATTEMPTS_MAX: u32 = 14;

/// The longest that a receiver may ask us to wait.
pub const RETRY_AFTER_MAX_MS: u64 = 24 * 60 * 60 * 1_000;

/// Each wait is longer by up to this many percent, so that not all come at once.
const JITTER_PERCENT: u64 = 20;

/// How long to wait after so many tries that failed, the last with this `Retry-After`; `None` if
/// it is not tried again. `seed` spreads what failed together.
#[must_use]
pub fn retry_delay_ms(attempts: u32, retry_after_ms: Option<u64>, seed: u64) -> Option<u64> {
    if attempts >= ATTEMPTS_MAX {
        return None;
    }
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait_ms = DELAYS_MS[place.min(DELAYS_MS.len() - 1)];
    let jitter_ms = mixed(seed ^ u64::from(attempts) << 48) % (wait_ms * JITTER_PERCENT / 100 + 1);
    let asked_ms = retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MAX_MS);
    Some((wait_ms + jitter_ms).max(asked_ms))
}

/// The last step of SplitMix64: spreads seeds that are close together.
const fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_over_days_each_with_some_jitter_and_end() {
        let mut total_ms = 0;
        for attempts in 1..ATTEMPTS_MAX {
            let least = DELAYS_MS[(attempts as usize - 1).min(8)];
            let waits: Vec<u64> =
                (0..100).map(|seed| retry_delay_ms(attempts, None, seed).unwrap()).collect();
            assert!(waits.iter().all(|wait| (least..=least * 12 / 10).contains(wait)));
            assert!(waits.iter().any(|wait| wait != &waits[0]), "they are spread");
            total_ms += least;
        }
        let days = total_ms / 86_400_000;
        assert!((6..=8).contains(&days), "{days}");
        assert_eq!(retry_delay_ms(ATTEMPTS_MAX, None, 0), None);
    }

    #[test]
    fn what_the_receiver_asks_for_is_a_floor_up_to_a_limit() {
        assert_eq!(retry_delay_ms(1, Some(3_600_000), 1), Some(3_600_000));
        assert_eq!(retry_delay_ms(1, Some(u64::MAX), 1), Some(RETRY_AFTER_MAX_MS));
        assert!(retry_delay_ms(9, Some(1), 1).unwrap() >= 24 * 3_600_000);
    }
}
