//! The rules of the state machine, one behaviour a test.

mod afterwards;
mod consents;
mod failing;
mod judging;
mod overtaken;
mod stopping;
mod supplying;
mod telling;
mod waiving;
mod wallets;

use onboarding::{DocumentType, Eligibility, Event, ProductStatus, Section, Task, TaskState};

use crate::driver::Driver;
use crate::events::{onramp, profile_set};

pub const PASSPORT: DocumentType = DocumentType::IdPassport;
pub const KYC: [Section; 1] = [Section::KycData];

/// Wanting one product, with a profile, and someone asked for verification.
pub fn asked() -> Driver {
    let mut driver = Driver::wanting_onramp();
    driver.happen(&profile_set(1, &[Section::UserDetails, Section::KycData]));
    driver.happen(&Event::VerificationRequested);
    driver
}

/// Triggered once, with this answer.
pub fn answered(answer: &[Eligibility]) -> Driver {
    let mut driver = asked();
    driver.trigger(answer);
    driver
}

pub fn verified() -> Driver {
    answered(&onramp(ProductStatus::Verified))
}

pub fn polling() -> Driver {
    answered(&onramp(ProductStatus::PendingReview))
}

/// The states of all tasks, in the order of their numbers.
pub fn tasks(driver: &Driver) -> Vec<(&'static str, String, TaskState, u32)> {
    let task = |task: &Task| {
        (task.request.kind(), task.request.name().into_owned(), task.state, task.rounds)
    };
    driver.onboarding.tasks.iter().map(task).collect()
}

pub fn hold_cause(driver: &Driver) -> Option<&'static str> {
    driver.onboarding.hold.as_ref().map(|hold| hold.cause.as_str())
}
