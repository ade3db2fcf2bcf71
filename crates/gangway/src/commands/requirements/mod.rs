//! `gangway requirements`: what the provider asks of whom.

mod check;
mod show;
mod subject;

pub(super) use check::check;
pub(super) use show::show;

/// Words in a sentence: `a`, `a and b`.
fn listed<T: ToString>(words: impl IntoIterator<Item = T>, joint: &str) -> String {
    words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(joint)
}
