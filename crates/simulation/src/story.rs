//! What happened, in words; and a fingerprint of it, told or not.

use crate::chance::mixed;

/// What happened, in words.
#[derive(Default)]
pub(crate) struct Story {
    is_told: bool,
    lines: Vec<String>,
    fingerprint: u64,
}

impl Story {
    pub(crate) fn new(is_told: bool) -> Self {
        Self { is_told, ..Self::default() }
    }

    /// Tells one line. Words are made only if someone listens.
    pub(crate) fn tell(&mut self, at_ms: u64, words: impl FnOnce() -> String) {
        if self.is_told {
            self.lines.push(format!("{}  {}", clock_face(at_ms), words()));
        }
    }

    /// Takes something that happened into the fingerprint.
    pub(crate) const fn mark(&mut self, what: u64) {
        self.fingerprint = mixed(self.fingerprint.rotate_left(7) ^ what);
    }

    pub(crate) const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines
    }
}

/// The true time since the beginning, as days and a time of day.
fn clock_face(ms: u64) -> String {
    let (s, min, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    format!("day {} {:02}:{:02}:{:02}.{:03}", h / 24, h % 24, min % 60, s % 60, ms % 1_000)
}
