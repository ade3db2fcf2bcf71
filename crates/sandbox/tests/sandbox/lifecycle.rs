//! Starting and stopping.

use sandbox::{Profile, Scenario, ScenarioError, Settings, StartError};
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::start;

#[tokio::test]
async fn an_address_that_others_could_reach_is_refused() {
    let open = "0.0.0.0:0".parse().unwrap();
    for settings in [
        Settings { address: open, ..Settings::default() },
        Settings { admin_address: open, ..Settings::default() },
    ] {
        let error = sandbox::start(settings).await.err().unwrap();
        assert!(matches!(error, StartError::NotLoopback(_)));
        assert!(error.to_string().contains("use 127.0.0.1"));
    }
}

#[tokio::test]
async fn a_taken_port_is_told_with_the_remedy() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    let address = sandbox.running.origin().strip_prefix("http://").unwrap().parse().unwrap();
    let error = sandbox::start(Settings { address, ..Settings::default() }).await.err().unwrap();
    assert!(error.to_string().contains("choose another port"), "{error}");
}

#[tokio::test]
async fn a_stopped_sandbox_frees_both_ports() {
    let sandbox = start(Profile::Quickstart, json!({})).await;
    let origins = [sandbox.running.origin(), sandbox.running.admin_origin()];
    sandbox.running.stop().await;
    for origin in origins {
        let refused = TcpStream::connect(origin.strip_prefix("http://").unwrap()).await;
        assert!(refused.is_err(), "{origin}");
    }
}

#[tokio::test]
async fn a_scenario_made_in_code_is_checked_at_the_start() {
    let scenario = Scenario {
        provider_closed: Some(sandbox::Closure { status: 200, message: None }),
        ..Scenario::default()
    };
    let error = sandbox::start(Settings { scenario, ..Settings::default() }).await.err().unwrap();
    assert!(matches!(error, StartError::Scenario(ScenarioError::Invalid { .. })));
}

#[test]
fn a_scenario_file_that_is_not_there_is_named() {
    let error = Scenario::load("no/such/scenario.json".as_ref()).err().unwrap();
    assert!(error.to_string().contains("no/such/scenario.json"), "{error}");
}
