//! Traces: a real collector gets one for each round, whatever process worked on it.

use std::collections::{BTreeMap, BTreeSet};

use gangway_tests::{Collector, Gangway, PATIENCE, Sandbox, complete_profile, wait_until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Word;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use sandbox::Call;
use serde_json::{Value, json};

const USER: &str = "userId:canary-of-traces";

/// Every span that the collector has.
fn spans(collector: &Collector) -> Vec<Span> {
    let bodies = collector.bodies().into_iter();
    let exports = bodies.map(|body| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
    exports
        .flat_map(|export| export.resource_spans)
        .flat_map(|of_resource| of_resource.scope_spans)
        .flat_map(|of_scope| of_scope.spans)
        .collect()
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let word = |value: Option<Word>| match value {
        Some(Word::StringValue(text)) => text,
        Some(Word::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let all = span.attributes.iter().cloned();
    all.map(|it| (it.key, word(it.value.and_then(|value| value.value)))).collect()
}

fn ms(rfc3339: &Value) -> u64 {
    let at: jiff::Timestamp = rfc3339.as_str().unwrap().parse().unwrap();
    at.as_millisecond().unsigned_abs()
}

#[test]
fn a_round_is_one_trace_over_restarts_and_the_next_round_is_another() {
    let collector = Collector::start();
    let sandbox = Sandbox::start(&json!({ "defaults": {
        "enhancedDueDiligence": true,
        "verdictDelayMs": 300,
        // The trigger that failed is followed by another one, which counts as one more.
        "answers": [{ "call": "register-user", "status": 503 },
                    { "call": "trigger-verification", "status": 503 }] } }));
    let gangway = Gangway::quick(&sandbox.origin()).with("TRACES__ENDPOINT", collector.origin());
    let mut profile = complete_profile("ada");
    let due_diligence = profile.as_object_mut().unwrap().remove("dueDiligence").unwrap();
    gangway.set_user(USER, &profile, &["--want", "onramp", "--verify"]);
    let passport = gangway_tests::demo_file("documents/passport.png");
    gangway.add_document(USER, "id-passport", &passport, None);
    let first = gangway.serve();
    // What this one does is exported, and it knows nothing of the verdict.
    wait_until(PATIENCE, "the first call", || {
        (!sandbox.calls(Call::RegisterUser).is_empty()).then_some(())
    });
    first.stop();
    let before = spans(&collector).len();
    assert!(before > 0);
    let worker = gangway.serve();
    gangway.wait_for_state(USER, "requires-data");
    gangway.patch_user(USER, &json!({ "dueDiligence": due_diligence }));
    for kind in ["proof-of-address", "proof-of-income"] {
        let file = gangway_tests::demo_file(&format!("documents/{kind}.pdf"));
        gangway.add_document(USER, kind, &file, None);
    }
    let status = gangway.wait_for_state(USER, "verified");
    worker.stop();

    let spans = spans(&collector);
    let traces: BTreeSet<&[u8]> = spans.iter().map(|span| span.trace_id.as_slice()).collect();
    assert_eq!(traces.len(), 2, "{spans:#?}");
    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| span.span_id.as_slice()).collect();
    assert_eq!(ids.len(), spans.len(), "each has its own id");
    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    let history = gangway.history(USER);
    let verdicts = ["requires-data", "verified"];
    assert_eq!(roots.len(), 2);
    for (number, verdict) in verdicts.into_iter().enumerate() {
        let of_round =
            |span: &&&Span| attributes(span)["gangway.round"] == (number + 1).to_string();
        let root = roots.iter().find(of_round).unwrap();
        assert_eq!((root.name.as_str(), &*attributes(root)["gangway.verdict"]), ("round", verdict));
        let judged = history.iter().find(|row| row["to"] == verdict && row["from"] != verdict);
        assert_eq!(root.end_time_unix_nano / 1_000_000, ms(&judged.unwrap()["at"]));
        for span in spans.iter().filter(|span| span.trace_id == root.trace_id) {
            assert_eq!(attributes(span)["gangway.onboarding"], status["id"].as_str().unwrap());
            if !span.parent_span_id.is_empty() {
                assert_eq!(span.parent_span_id, root.span_id, "{}", span.name);
                assert_eq!(attributes(span)["gangway.operation"], span.name);
                assert!(span.start_time_unix_nano >= root.start_time_unix_nano);
                assert!(span.end_time_unix_nano <= root.end_time_unix_nano);
            }
        }
    }
    let began = roots.iter().find(|root| attributes(root)["gangway.round"] == "1").unwrap();
    assert_eq!(began.start_time_unix_nano / 1_000_000, ms(&status["createdAt"]));

    // Every call, and how it came out.
    let calls = spans.iter().filter(|span| !span.parent_span_id.is_empty());
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    calls.for_each(|span| *named.entry(&span.name).or_default() += 1);
    for (name, call) in [
        ("register-user", Call::RegisterUser),
        ("upload-document", Call::UploadDocument),
        ("trigger-verification", Call::TriggerVerification),
        ("check-status", Call::CheckStatus),
    ] {
        assert_eq!(named[name], sandbox.calls(call).len(), "{name}");
    }
    assert!(named["trigger-verification"] >= 3, "one failed: {named:?}");
    let registered = |attempt: &str| {
        let found = spans.iter().filter(|span| span.name == "register-user");
        let found = found.map(attributes).find(|it| it["gangway.attempt"] == attempt);
        let found = found.unwrap();
        (found["gangway.outcome"].clone(), found.get("http.response.status_code").cloned())
    };
    assert_eq!(registered("1"), ("transient".to_owned(), Some("503".to_owned())));
    assert_eq!(registered("2"), ("ok".to_owned(), None));

    // Of the user there is the onboarding's id alone.
    let sent = String::from_utf8_lossy(&collector.bodies().concat()).into_owned();
    let mut planted = vec![USER.to_owned(), "canary".to_owned()];
    texts(&complete_profile("ada"), &mut planted);
    for value in planted.iter().filter(|value| value.len() > 3) {
        assert!(!sent.contains(value.as_str()), "{value:?} was exported");
    }
}

/// Every text in a value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn a_collector_that_is_not_there_disturbs_nobody() {
    let sandbox = Sandbox::start(&json!({}));
    let gangway = Gangway::quick(&sandbox.origin()).with("TRACES__ENDPOINT", "http://127.0.0.1:9");
    let worker = gangway.serve();
    for name in ["one", "two"] {
        let user = format!("userId:{name}");
        gangway.set_user(
            &user,
            &complete_profile(name),
            &["--want", "regulated-transfer", "--verify"],
        );
        gangway.wait_for_state(&user, "verified");
    }
    worker.stop();
    let told = gangway.logs().matches("takes none").count();
    assert_eq!(told, 1, "{}", gangway.logs());
}
