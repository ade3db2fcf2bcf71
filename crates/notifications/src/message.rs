//! What is sent: a thin body that names what happened, to whom and in which order.

use onboarding::Timestamp;
use serde_json::{Map, Value, json};
use store::Notified;

use crate::secret::{SECRET_BYTES, Secret, drawn};
use crate::signature::{Headers, sign};

/// A body, and the id under which it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same however often it is sent.
    pub id: String,
    /// JSON.
    pub body: Vec<u8>,
}

/// A notification as receivers see it: in a message's body, and where they ask for it.
#[must_use]
pub fn event(notified: &Notified) -> Value {
    let about = notified.about.as_ref();
    let mut data = Map::new();
    data.insert("onboardingId".into(), about.map(|about| about.id.to_string()).into());
    let user = about.and_then(|about| about.user.as_ref());
    data.insert("user".into(), user.map(|user| user.as_str().to_owned()).into());
    data.insert("seq".into(), notified.seq.into());
    data.insert("version".into(), about.map(|about| about.version).into());
    if let Ok(Value::Object(own)) = serde_json::from_str(&notified.data) {
        data.extend(own);
    }
    json!({
        "type": notified.kind.as_str(),
        "timestamp": notified.at.to_string(),
        "data": data,
    })
}

/// The same with its id, as it is listed.
#[must_use]
pub fn listed(notified: &Notified) -> Value {
    let mut event = event(notified);
    event["id"] = notified.id().into();
    event
}

impl Message {
    /// The message that tells of a notification.
    #[must_use]
    pub fn of(notified: &Notified) -> Self {
        Self { id: notified.id(), body: event(notified).to_string().into_bytes() }
    }

    /// A message that tells of nothing, to try an endpoint out. Its id is made of `chance`.
    #[must_use]
    pub fn test(chance: &[u8; SECRET_BYTES], now: Timestamp) -> Self {
        let body = json!({ "type": "webhook.test", "timestamp": now.to_string(), "data": {} });
        Self { id: format!("evt_test_{}", drawn(chance, 8)), body: body.to_string().into_bytes() }
    }

    /// Its headers, when it is sent at `now`.
    #[must_use]
    pub fn headers(&self, secrets: &[Secret], now: Timestamp) -> Headers {
        sign(secrets, &self.id, now.0.div_euclid(1_000), &self.body)
    }
}
