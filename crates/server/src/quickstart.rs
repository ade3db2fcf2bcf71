//! The provider's own shapes, so that a client that was written from its page works against
//! Gangway when only the host is changed. Everything is answered from what we know: a trigger
//! answers at once, and the status follows.

use axum::Json;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse as _;
use engine::{Edit, Settled};
use onboarding::{Event, Onboarding, Policy, Product, ProductStatus, Section, is_under_way};
use schemars::JsonSchema;
use serde::Serialize;
use store::Store as _;

use crate::extract::{Raw, User, media_type};
use crate::guard::About;
use crate::idempotency::{Answer, once};
use crate::problem::{Problem, no_such_user};
use crate::users::{Change, edit, with_version};
use crate::{App, Intake};

/// Which sections of a user are held.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registered {
    /// Our own id of the onboarding.
    user_id: String,
    user_details: bool,
    kyc_data: bool,
    due_diligence: bool,
    verification_history: bool,
}

/// Where each wanted product stands.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Eligibilities {
    eligibility: Vec<EligibilityView>,
}

/// Where one product stands, in the provider's words.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EligibilityView {
    /// The product.
    #[serde(rename = "type")]
    product: Product,
    /// `not-started`, `requires-data`, `pending-review`, `verified`, `rejected`, or another word
    /// of the provider's.
    status: ProductStatus,
    /// The sections that are missing, with `requires-data`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_data: Vec<Section>,
    /// The documents that are missing, with `requires-data`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_documents: Vec<String>,
}

impl Registered {
    fn of(onboarding: &Onboarding) -> Self {
        let sections = onboarding.profile.as_ref().map(|profile| &profile.sections);
        let has = |section| sections.is_some_and(|sections| sections.contains_key(&section));
        Self {
            user_id: onboarding.id.to_string(),
            user_details: has(Section::UserDetails),
            kyc_data: has(Section::KycData),
            due_diligence: has(Section::DueDiligence),
            verification_history: has(Section::VerificationHistory),
        }
    }
}

impl Eligibilities {
    fn of(onboarding: &Onboarding, policy: &Policy) -> Self {
        let wanted = onboarding.wanted.iter();
        Self {
            eligibility: wanted.map(|product| of_product(onboarding, policy, product)).collect(),
        }
    }
}

/// What is still missing is asked for, less what was supplied since. What is on its way to a
/// verdict is in review, whether it is at the provider or still here. Otherwise the provider's
/// last word stands.
fn of_product(onboarding: &Onboarding, policy: &Policy, product: &Product) -> EligibilityView {
    let said = onboarding.unsupplied().into_iter().find(|word| word.product == *product);
    let (mut status, missing_data, missing_documents) = match said {
        Some(word) => (word.status, word.missing_data, word.missing_documents),
        None => (ProductStatus::NotStarted, Vec::new(), Vec::new()),
    };
    let observed = onboarding.observation.as_ref();
    let told_since = observed.is_none_or(|observation| observation.epoch != onboarding.epoch);
    let is_on_its_way = onboarding.verification.asked
        && (told_since || onboarding.verification.requested)
        && is_under_way(onboarding, policy);
    if is_on_its_way && missing_data.is_empty() && missing_documents.is_empty() {
        status = ProductStatus::PendingReview;
    }
    EligibilityView { product: product.clone(), status, missing_data, missing_documents }
}

/// `PUT /api/2025-06-09/users/{locator}`.
pub(crate) async fn put_user(
    State(app): State<App>,
    User(user): User,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    media_type(change.headers(), &["application/json"])?;
    let answer = |settled: &Settled| {
        let onboarding = &settled.stored.onboarding;
        let status = if settled.is_new { StatusCode::CREATED } else { StatusCode::OK };
        Ok(Answer {
            version: Some(onboarding.version),
            about: Some(onboarding.id),
            ..Answer::new(status, &Registered::of(onboarding))
        })
    };
    let request = change.of(Some(&user), &body);
    let act = |intake| edit(&app, intake, &user, Edit::Replace(&body));
    once(&app, request, answer, act).await
}

/// `GET /api/2025-06-09/users/{locator}`.
pub(crate) async fn get_user(
    State(app): State<App>,
    User(user): User,
) -> Result<Response<Body>, Problem> {
    let stored = app.store.find(&user).await?.ok_or_else(no_such_user)?;
    Ok(with_version(&stored.onboarding, &Registered::of(&stored.onboarding)))
}

/// `PUT …/identity-verification`. It may be repeated: when there is nothing new to verify, the
/// answer is what is known.
pub(crate) async fn trigger(
    State(app): State<App>,
    User(user): User,
    change: Change,
) -> Result<Response<Body>, Problem> {
    let store = Arc::clone(&app.store);
    let answer = move |settled: &Settled| {
        let onboarding = &settled.stored.onboarding;
        let eligibilities = Eligibilities::of(onboarding, store.policy());
        Ok(Answer {
            version: Some(onboarding.version),
            about: Some(onboarding.id),
            ..Answer::new(StatusCode::OK, &eligibilities)
        })
    };
    let (request, now) = (change.of(Some(&user), b""), (app.config.now)());
    let act =
        async |intake: Intake| Ok(intake.tell(&user, Event::VerificationRequested, now).await?);
    once(&app, request, answer, act).await
}

/// `GET …/identity-verification`.
pub(crate) async fn eligibility(
    State(app): State<App>,
    User(user): User,
) -> Result<Response<Body>, Problem> {
    let stored = app.store.find(&user).await?.ok_or_else(no_such_user)?;
    let eligibilities = Eligibilities::of(&stored.onboarding, app.store.policy());
    let mut response = Json(eligibilities).into_response();
    response.extensions_mut().insert(About(stored.onboarding.id));
    Ok(response)
}
