//! The sandbox, in process.

use std::net::SocketAddr;
use std::sync::OnceLock;

use sandbox::{Call, CallRecord, Handle, Locator, Profile, Running, Scenario, Settings, UserView};
use serde_json::Value;
use tokio::runtime::Runtime;

/// A running sandbox, stopped when it is dropped.
pub struct Sandbox {
    running: Running,
}

impl Sandbox {
    /// Plays `scenario` in the quickstart's profile.
    pub fn start(scenario: &Value) -> Self {
        Self::start_as(Profile::Quickstart, scenario)
    }

    /// Plays `scenario` in the profile of the newest documentation.
    pub fn start_current(scenario: &Value) -> Self {
        Self::start_as(Profile::Current, scenario)
    }

    /// Plays `scenario` in a profile.
    pub fn start_as(profile: Profile, scenario: &Value) -> Self {
        Self::start_with(scenario, |settings| settings.profile = profile)
    }

    /// Plays `scenario` in the quickstart's profile at an address that is known beforehand.
    pub fn start_at(address: SocketAddr, scenario: &Value) -> Self {
        Self::start_with(scenario, |settings| {
            settings.profile = Profile::Quickstart;
            settings.address = address;
        })
    }

    fn start_with(scenario: &Value, set: impl FnOnce(&mut Settings)) -> Self {
        let scenario = Scenario::from_json(&scenario.to_string()).unwrap();
        let mut settings = Settings { scenario, ..Settings::default() };
        set(&mut settings);
        Self { running: runtime().block_on(sandbox::start(settings)).unwrap() }
    }

    /// What goes into Gangway's settings.
    pub fn origin(&self) -> String {
        self.running.origin()
    }

    /// Its levers.
    pub fn handle(&self) -> &Handle {
        self.running.handle()
    }

    /// Changes a user's script: a field that is named is replaced.
    pub fn change(&self, user: &str, change: &Value) {
        let change = change.as_object().expect("a change is an object");
        self.handle().change_script(&locator(user), change).unwrap();
    }

    /// Closes the provider to everyone with this status, or opens it again.
    pub fn close(&self, status: Option<u16>) {
        let closed = status.map(|status| sandbox::Closure { status, message: None });
        self.handle().set_provider_closed(closed).unwrap();
    }

    /// The provider loses a user, as after a reset of its data.
    pub fn forget(&self, user: &str) {
        assert!(self.handle().forget(&locator(user)), "{user} is unknown");
    }

    /// What the provider holds of a user, and how often it was triggered.
    pub fn user(&self, user: &str) -> UserView {
        self.handle().user(&locator(user)).unwrap_or_else(|| panic!("{user} is unknown"))
    }

    /// The calls of one user, in order.
    pub fn calls_of(&self, user: &str) -> Vec<CallRecord> {
        self.handle().calls(Some(&locator(user)), None).calls.into()
    }

    /// The calls of one kind, in order.
    pub fn calls(&self, call: Call) -> Vec<CallRecord> {
        self.handle().calls(None, Some(call)).calls.into()
    }

    /// Every call, in order.
    pub fn all_calls(&self) -> Vec<CallRecord> {
        self.handle().calls(None, None).calls.into()
    }
}

fn locator(user: &str) -> Locator {
    user.parse().unwrap()
}

/// One for all sandboxes of a process; tests themselves are plain threads.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}
