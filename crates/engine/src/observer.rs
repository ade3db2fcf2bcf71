//! Who is told of the worker's calls while it works, for numbers and traces. Nothing depends on
//! it, and nothing that it is told is personal data.

use onboarding::{Call, Failure, Onboarding, Timestamp, Transition};

/// A call that was made, and what came of it.
pub struct Called<'a> {
    /// The onboarding as it was claimed.
    pub onboarding: &'a Onboarding,
    /// The call.
    pub call: &'a Call,
    /// Which try of its step it was, counted from 1.
    pub attempt: u32,
    /// When it was begun.
    pub began: Timestamp,
    /// When its answer was there, or that there will be none.
    pub ended: Timestamp,
    /// What went wrong; nothing if it succeeded.
    pub failure: Option<&'a Failure>,
}

/// Is told what the worker does. It is called between two steps, so it must not wait.
pub trait Observer: Send + Sync + 'static {
    /// A call was made.
    fn called(&self, called: &Called<'_>);

    /// What came of a call was stored.
    fn recorded(&self, transition: &Transition);
}
