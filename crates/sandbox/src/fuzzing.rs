//! For the fuzzer: both ports without a network.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use tower::ServiceExt as _;

use crate::access::Access;
use crate::connection::Line;
use crate::handle::Handle;
use crate::profile::Profile;
use crate::script::{Scenario, ScenarioError};
use crate::world::World;
use crate::{admin, server};

/// A sandbox whose ports are called, and never listened on.
pub struct InProcess {
    wire: Router,
    admin: Router,
}

/// Which of its ports is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The provider's wire.
    Wire,
    /// The levers.
    Admin,
}

impl InProcess {
    /// A sandbox that takes any key.
    ///
    /// # Errors
    /// When the scenario makes no sense.
    pub fn new(profile: Profile, scenario: Scenario) -> Result<Self, ScenarioError> {
        scenario.check()?;
        let handle = Handle::new(World::new(profile, scenario, Access::new(Vec::new(), None)));
        Ok(Self { wire: server::router(handle.clone()), admin: admin::router(handle) })
    }

    /// The status and the body that a request is answered with, after any delay that is
    /// scripted; `None` if HTTP has no such request.
    pub async fn ask(
        &self,
        port: Port,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Option<(u16, Vec<u8>)> {
        let request = Request::builder().method(method).uri(path).header("x-api-key", "any");
        let mut request = request.body(Body::from(body)).ok()?;
        request.extensions_mut().insert(ConnectInfo(Line::default()));
        let router = match port {
            Port::Wire => &self.wire,
            Port::Admin => &self.admin,
        };
        let Ok(answer) = router.clone().oneshot(request).await;
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await;
        Some((status, body.expect("a body in memory is read whole").into()))
    }
}
