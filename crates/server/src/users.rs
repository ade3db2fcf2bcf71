//! Users: their data, their status, their end.

use std::borrow::Cow;
use std::collections::BTreeSet;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ETAG, HeaderValue};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::response::IntoResponse as _;
use engine::{Added, Edit, IntakeError, Settled, views};
use onboarding::requirements::{Case, Compiled, Diligence, compile};
use onboarding::texts::Language;
use onboarding::{
    DueDiligence, Event, KycData, Onboarding, Problems, Product, Profile, Reason, Status,
    UserDetails, UserLocator, VerificationHistory,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use store::Store as _;

use crate::access::Client;
use crate::extract::{Asked, Raw, User, media_type};
use crate::guard::About;
use crate::idempotency::{Answer, Repeatable, once, percent_encoded};
use crate::long_poll::{self, WaitFor};
use crate::operate::Why;
use crate::problem::{Code, Problem, no_such_user, not_now};
use crate::wallets_api::WalletBody;
use crate::{App, Intake};

/// The media type of a merge patch (RFC 7396).
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// A user's whole data: the body of the provider's page, with keys of Gangway's own beside it.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the rules read the body; only the schema of this is used")]
pub(crate) struct UserBody {
    user_details: Option<UserDetails>,
    kyc_data: Option<KycData>,
    due_diligence: Option<DueDiligence>,
    verification_history: Option<VerificationHistory>,
    /// The products that the user is being onboarded for.
    #[schemars(length(min = 1))]
    wanted_products: Option<Vec<Product>>,
    /// When the user accepted the provider's privacy policy (RFC 3339).
    privacy_policy_accepted_at: Option<String>,
    /// The same with how it can be shown later.
    privacy_policy_consent: Option<ConsentBody>,
    /// When the user accepted the terms of service.
    terms_of_service_consent: Option<ConsentBody>,
    /// Wallets of the user's to be linked; one that is not named stays as it is.
    linked_wallets: Option<Vec<NamedWallet>>,
    /// Whether to ask for verification, too.
    verify: Option<bool>,
}

/// What the user accepted.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the rules read the body; only the schema of this is used")]
struct ConsentBody {
    /// When (RFC 3339).
    accepted_at: String,
    /// Of the terms of service alone: `eu`, `us` or `worldwide`.
    region: Option<String>,
    text_version: Option<String>,
    /// The SHA-256 hash of the text, in hexadecimal digits.
    text_hash: Option<String>,
    language: Option<String>,
    method: Option<String>,
}

/// A wallet with its address.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "the rules read the body; only the schema of this is used")]
struct NamedWallet {
    /// Its address.
    address: String,
    #[schemars(flatten)]
    wallet: WalletBody,
}

/// A merge patch: what it names is changed, null takes out.
pub(crate) struct UserPatch;

impl JsonSchema for UserPatch {
    fn schema_name() -> Cow<'static, str> {
        "UserPatch".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "minProperties": 1,
            "description": "A merge patch (RFC 7396) of the user's data: what it names is changed, \
                            null takes out."
        })
    }
}

/// `rest`.
pub(crate) struct Rest;

impl JsonSchema for Rest {
    fn schema_name() -> Cow<'static, str> {
        "WaitFor".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["rest"] })
    }
}

/// How long to wait.
pub(crate) struct Seconds;

impl JsonSchema for Seconds {
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": long_poll::SECONDS_MAX })
    }
}

/// The status after an edit.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Edited {
    #[serde(flatten)]
    status: Status,
    /// What the provider alone can judge.
    warnings: Problems,
    /// Whether it was so already.
    unchanged: bool,
}

/// What every change of a user is asked with.
pub(crate) struct Change {
    client: Client,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl axum::extract::FromRequestParts<App> for Change {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &App,
    ) -> Result<Self, Problem> {
        let client = parts.extensions.get::<Client>().cloned().ok_or_else(Problem::internal)?;
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        Ok(Self { client, method, uri, headers: parts.headers.clone() })
    }
}

impl Change {
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The request as far as it has to be the same to get the same answer.
    pub(crate) fn of<'a>(
        &'a self,
        user: Option<&'a UserLocator>,
        body: &'a [u8],
    ) -> Repeatable<'a> {
        let Self { client, method, uri, headers } = self;
        let (user, said) = (user.map(UserLocator::as_str), vec![body]);
        Repeatable { client, headers, method, uri, said, user, wallet: None }
    }

    /// The same of a request about a wallet.
    pub(crate) fn of_wallet<'a>(
        &'a self,
        user: &'a UserLocator,
        address: &'a str,
        body: &'a [u8],
    ) -> Repeatable<'a> {
        Repeatable { wallet: Some(address), ..self.of(Some(user), body) }
    }
}

/// `PUT`: the whole record.
pub(crate) async fn put(
    State(app): State<App>,
    User(user): User,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    media_type(change.headers(), &["application/json"])?;
    let request = change.of(Some(&user), &body);
    let act = |intake| edit(&app, intake, &user, Edit::Replace(&body));
    once(&app, request, edited(&app), act).await
}

/// `PATCH`: a merge patch of it.
pub(crate) async fn patch(
    State(app): State<App>,
    User(user): User,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    media_type(change.headers(), &[MERGE_PATCH, "application/json"])?;
    let request = change.of(Some(&user), &body);
    let act = |intake| edit(&app, intake, &user, Edit::Patch(&body));
    once(&app, request, edited(&app), act).await
}

/// Edits a user's data, as the command line does.
pub(crate) async fn edit(
    app: &App,
    intake: Intake,
    user: &UserLocator,
    edit: Edit<'_>,
) -> Result<Settled, Problem> {
    let now = (app.config.now)();
    let added = Added {
        wanted: None,
        wanted_default: app.config.products_wanted.clone(),
        verify: false,
        new_id: (app.config.new_id)(now),
    };
    Ok(intake.edit_user(user, edit, added, now).await?)
}

/// The answer to a change: where the user stands now.
pub(crate) fn edited(app: &App) -> impl Fn(&Settled) -> Result<Answer, Problem> + use<> {
    let (app, now) = (app.clone(), (app.config.now)());
    move |settled| {
        let is_new = settled.is_new;
        let onboarding = &settled.stored.onboarding;
        let user = settled.stored.user.as_str().to_owned();
        let edited = Edited {
            status: views::after(settled, &app.reader(None, now)),
            warnings: settled.warnings.clone(),
            unchanged: settled.unchanged.is_some(),
        };
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        Ok(Answer {
            version: Some(onboarding.version),
            location: is_new.then(|| format!("/v1/users/{}", percent_encoded(&user))),
            about: Some(onboarding.id),
            user: Some(user),
            ..Answer::new(status, &edited)
        })
    }
}

/// The same of a request that the rules may not allow at present.
pub(crate) fn allowed(settled: Settled) -> Result<Settled, Problem> {
    match settled.unchanged {
        None | Some(Reason::AlreadySo) => Ok(settled),
        Some(reason) => Err(not_now(reason, settled.stored.onboarding.state)),
    }
}

/// What a status may be asked with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StatusQuery {
    lang: Option<Language>,
    wait_for: Option<WaitFor>,
    timeout: Option<u64>,
}

/// `GET`: where the user stands.
pub(crate) async fn get(
    State(app): State<App>,
    User(user): User,
    Asked(query): Asked<StatusQuery>,
) -> Result<Response<Body>, Problem> {
    let seconds = long_poll::seconds(query.wait_for, query.timeout)?;
    let stored = long_poll::at_rest(&app, &user, seconds).await?;
    let reader = app.reader(query.lang.as_ref(), (app.config.now)());
    let status = views::status(&*app.store, &stored, &reader).await?;
    Ok(with_version(&stored.onboarding, &status))
}

/// A view of an onboarding, with its version as the ETag.
pub(crate) fn with_version(onboarding: &Onboarding, view: &impl Serialize) -> Response<Body> {
    let mut response = Json(view).into_response();
    let tag = HeaderValue::from_str(&format!("\"{}\"", onboarding.version));
    response.headers_mut().insert(ETAG, tag.expect("a number is of plain digits"));
    response.extensions_mut().insert(About(onboarding.id));
    response
}

/// What an explanation may be asked with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LangQuery {
    lang: Option<Language>,
}

/// `GET …/explain`.
pub(crate) async fn explain_user(
    State(app): State<App>,
    User(user): User,
    Asked(query): Asked<LangQuery>,
) -> Result<Response<Body>, Problem> {
    let stored = app.store.find(&user).await?.ok_or_else(no_such_user)?;
    let around = app.surroundings().await?;
    let reader = app.reader(query.lang.as_ref(), (app.config.now)());
    let explained = views::explanation(&*app.store, &stored, &reader, &around).await?;
    Ok(with_version(&stored.onboarding, &explained))
}

/// What a check of requirements may be asked with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequirementsQuery {
    want: Option<String>,
    edd: Option<bool>,
}

/// What will be asked of a user.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequirementsView {
    user: String,
    wanted_products: BTreeSet<Product>,
    #[serde(flatten)]
    compiled: Compiled,
}

/// `GET …/requirements`.
pub(crate) async fn requirements(
    State(app): State<App>,
    User(user): User,
    Asked(query): Asked<RequirementsQuery>,
) -> Result<Response<Body>, Problem> {
    let stored = app.store.find(&user).await?.ok_or_else(no_such_user)?;
    let onboarding = &stored.onboarding;
    let content = app.store.profile(onboarding.id).await?;
    let profile: Option<Profile> = content
        .map(|content| serde_json::from_slice(&content.json))
        .transpose()
        .map_err(|_| Problem::from(IntakeError::DamagedProfile))?;
    let mut case = Case::of(onboarding, profile.as_ref(), (app.config.now)().date());
    if let Some(words) = &query.want {
        case.wanted = named(words)?;
    }
    if query.edd == Some(true) {
        case.diligence = Diligence::Enhanced;
    }
    let compiled = compile(&app.config.requirements, &case);
    let user = stored.user.as_str().to_owned();
    let view = RequirementsView { user, wanted_products: case.wanted, compiled };
    Ok(with_version(onboarding, &view))
}

/// The products that `words` name, with commas between them.
fn named(words: &str) -> Result<BTreeSet<Product>, Problem> {
    let products: Option<_> = words.split(',').map(Product::from_word).collect();
    let detail = "want takes products with commas between them, each a word of lower-case letters, \
                  digits and dashes, such as onramp,offramp";
    products.ok_or_else(|| Problem::new(Code::BadRequest, detail))
}

/// `DELETE`: erases.
pub(crate) async fn erase(
    State(app): State<App>,
    User(user): User,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    let reason = Why::read(change.headers(), &body)?;
    let (request, now) = (change.of(Some(&user), &body), (app.config.now)());
    let answer = |settled: &Settled| {
        Ok(Answer { about: Some(settled.stored.onboarding.id), ..Answer::empty() })
    };
    let act =
        async |intake: Intake| allowed(intake.tell(&user, Event::Erased { reason }, now).await?);
    once(&app, request, answer, act).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_asked_about_by_words_that_can_be_theirs() {
        let read = named("onramp,on-ramp").ok();
        assert_eq!(read, Some([Product::Onramp, Product::from("on-ramp")].into()));
        for slip in ["", "onramp,", "Ilse Brandt", "ilse@example.org"] {
            assert!(named(slip).is_err(), "{slip:?}");
        }
    }
}
