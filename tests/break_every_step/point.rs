//! The points at which a worker can be broken, and how.

use std::fmt;

/// Where and how to break the first worker of a stage.
#[derive(Clone)]
pub struct Break {
    pub stage: usize,
    /// A name and a number, such as `Commit:2`.
    pub point: String,
    pub how: How,
}

/// How to break a call, or a transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// SIGKILL, with nothing done.
    KillBefore,
    /// SIGKILL, once it is done.
    KillAfter,
    /// It fails, and nothing was done: a lost request, a transaction rolled back.
    FailBefore,
    /// It fails, and was done all the same: a lost answer, an error of a COMMIT that is stored.
    FailAfter,
    /// The COMMIT fails, nothing is stored, and nobody can tell.
    DoubtBefore,
    /// The COMMIT fails, it is stored, and nobody can tell.
    DoubtAfter,
}

const CALLS: [&str; 8] = [
    "accept-privacy-policy",
    "accept-terms",
    "register-user",
    "read-user",
    "upload-document",
    "trigger-verification",
    "check-status",
    "link-wallet",
];

/// The look that tells whether a COMMIT that failed is stored.
const LOOK: &str = "is-stored:1";

/// What such a transaction stores of an onboarding is looked up after a COMMIT that failed, and
/// only then can nobody tell.
const LOOKED_UP: [&str; 2] = ["Commit", "ClaimRequest"];

/// A look for work that found none. It changes nothing, so that nothing is broken there.
const IDLE: &str = "idle";

impl Break {
    /// Every way to break at every point of a stage.
    pub fn all(stage: usize, points: &[String]) -> Vec<Self> {
        let mut breaks = Vec::new();
        for point in points {
            let at = |how| Self { stage, point: point.clone(), how };
            if name(point) != IDLE {
                breaks.extend(How::ALWAYS.map(at));
            }
            if LOOKED_UP.contains(&name(point)) {
                breaks.extend(How::IN_DOUBT.map(at));
            }
        }
        breaks
    }

    /// The point without its number.
    pub fn name(&self) -> &str {
        name(&self.point)
    }

    /// Whether the worker may end, to be started again; else it has to go on by itself. One that
    /// can't write does not start.
    pub fn may_end_the_worker(&self) -> bool {
        self.how.is_kill() || ["VoidLeases", "CheckWritable"].contains(&self.name())
    }

    /// Whether the point is a call; else it is a transaction.
    pub fn is_call(&self) -> bool {
        is_call(&self.point)
    }

    /// The points to which a worker must have come to be broken in this way.
    pub fn points(&self) -> impl Iterator<Item = &str> {
        let is_in_doubt = How::IN_DOUBT.contains(&self.how);
        [self.point.as_str()].into_iter().chain(is_in_doubt.then_some(LOOK))
    }

    /// The call that a worker which came to `points` made last before it was broken, or at which
    /// it was.
    pub fn last_call<'p>(&self, points: &'p [String]) -> Option<&'p str> {
        let broken = points.iter().position(|point| *point == self.point)?;
        points[..=broken].iter().rfind(|point| is_call(point)).map(|point| name(point))
    }
}

/// Whether it is a point at which a worker found nothing to do.
pub fn is_idle(point: &str) -> bool {
    name(point) == IDLE
}

fn is_call(point: &str) -> bool {
    CALLS.contains(&name(point))
}

fn name(point: &str) -> &str {
    point.split(':').next().unwrap_or(point)
}

impl How {
    const ALWAYS: [Self; 4] =
        [Self::KillBefore, Self::KillAfter, Self::FailBefore, Self::FailAfter];
    const IN_DOUBT: [Self; 2] = [Self::DoubtBefore, Self::DoubtAfter];

    /// Whether it ends the process; else it goes on.
    pub fn is_kill(self) -> bool {
        [Self::KillBefore, Self::KillAfter].contains(&self)
    }
}

impl fmt::Display for Break {
    /// As the binary is told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            How::KillBefore => "kill-before",
            How::KillAfter => "kill-after",
            How::FailBefore => "fail-before",
            How::FailAfter => "fail-after",
            How::DoubtBefore => &format!("fail-before,{LOOK}:fail-before"),
            How::DoubtAfter => &format!("fail-after,{LOOK}:fail-before"),
        };
        write!(f, "{}:{how}", self.point)
    }
}
