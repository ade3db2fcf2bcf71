//! The levers of the admin port, for those who run the sandbox in process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::call::{Call, CallLog};
use crate::locator::Locator;
use crate::profile::Profile;
use crate::script::{Closure, Scenario, ScenarioError, UserScript};
use crate::world::{Answers, Arrival, Reply, UserView, World};

/// Sees and changes a running sandbox. Clones reach the same one.
#[derive(Clone)]
pub struct Handle {
    world: Arc<Mutex<World>>,
    profile: Profile,
}

/// The machine's clock: the sandbox is a real server, and its delays are real.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

impl Handle {
    pub(crate) fn new(world: World) -> Self {
        Self { profile: world.profile, world: Arc::new(Mutex::new(world)) }
    }

    /// A call that panicked is one lost answer, not a lost sandbox.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answer(&self, arrival: Arrival) -> Reply {
        self.world().answer(arrival)
    }

    /// The age of the contract that is served.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The scenario with every change made to it since.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        self.world().scenario.clone()
    }

    /// Replaces the scenario. Users, documents and the call log stay; all of
    /// its answers are unspent.
    ///
    /// # Errors
    /// When a value makes no sense where it stands.
    pub fn set_scenario(&self, scenario: Scenario) -> Result<(), ScenarioError> {
        scenario.check()?;
        self.world().set_scenario(scenario);
        Ok(())
    }

    /// Replaces one user's script, with all of its answers unspent.
    ///
    /// # Errors
    /// When a value makes no sense where it stands.
    pub fn set_script(&self, user: Locator, script: UserScript) -> Result<(), ScenarioError> {
        script.check("")?;
        self.world().set_script(user, script, Answers::Unspent);
        Ok(())
    }

    /// Changes some fields of a user's script: each is replaced whole, and
    /// `null` takes it away. What counts calls begins anew only if the change names
    /// `answers` or `loses`.
    ///
    /// # Errors
    /// When a field is unknown or a value makes no sense where it stands.
    pub fn change_script(
        &self,
        user: &Locator,
        change: &Map<String, Value>,
    ) -> Result<UserScript, ScenarioError> {
        let mut world = self.world();
        let script = world.scenario.users.get(user).cloned().unwrap_or_default().patched(change)?;
        script.check("")?;
        let counts = ["answers", "loses"].iter().any(|name| change.contains_key(*name));
        let answers = if counts { Answers::Unspent } else { Answers::AsTheyWere };
        world.set_script(user.clone(), script.clone(), answers);
        Ok(script)
    }

    /// Closes the provider to everyone, or opens it again with `None`.
    ///
    /// # Errors
    /// When the status is none that a closed provider answers.
    pub fn set_provider_closed(&self, closed: Option<Closure>) -> Result<(), ScenarioError> {
        if let Some(closure) = &closed {
            closure.check("/closed")?;
        }
        self.world().scenario.provider_closed = closed;
        Ok(())
    }

    /// Makes the provider lose its record of a user; the counts stay. False
    /// when it had none.
    pub fn forget(&self, user: &Locator) -> bool {
        self.world().forget(user)
    }

    /// The calls that arrived, of one user, of one kind, or all.
    #[must_use]
    pub fn calls(&self, user: Option<&Locator>, call: Option<Call>) -> CallLog {
        self.world().calls.filtered(user, call)
    }

    /// Every user who was asked about, with counts.
    #[must_use]
    pub fn users(&self) -> Vec<UserView> {
        self.world().users(now())
    }

    /// One user, if ever asked about.
    #[must_use]
    pub fn user(&self, user: &Locator) -> Option<UserView> {
        self.world().user(user, now())
    }

    /// Forgets every user, call and spent answer; the scenario stays.
    pub fn reset(&self) {
        self.world().reset();
    }
}
