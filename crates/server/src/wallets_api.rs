//! A user's wallets, on the provider's paths and in its form. The answer comes at once; the
//! provider is told in time, and what it says is read afterwards.

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use engine::{IntakeError, linked_wallets};
use onboarding::{GivenWallet, LinkedWallet, Onboarding, Revision, UserLocator};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::App;
use crate::extract::{Raw, User, UserWallet, expected, media_type};
use crate::idempotency::{Answer, once};
use crate::problem::{Problem, no_such_user};
use crate::users::{Change, allowed, edited, with_version};

/// A wallet, without the address, which stands in the path.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the rules read the body; only the schema of this is used")]
pub(crate) struct WalletBody {
    /// Its chain, such as `base`.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[a-z0-9-]+$"))]
    chain: String,
    /// What shows that the user owns it, in the form that the challenge asks for.
    proof: Option<Value>,
}

/// A user's wallets.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wallets {
    /// In the order in which they were given.
    linked_wallets: Vec<LinkedWallet>,
}

/// `PUT`. The challenge is told by `GET` alone: what is answered here may be kept.
pub(crate) async fn put(
    State(app): State<App>,
    UserWallet(user, address): UserWallet,
    change: Change,
    Raw(body): Raw,
) -> Result<Response<Body>, Problem> {
    media_type(change.headers(), &["application/json"])?;
    once(&app, change.of_wallet(&user, &address, &body), async {
        let given = GivenWallet::parse(&address, &body).map_err(Problem::refused)?.value;
        let intake = app.intake().expecting(expected(change.headers())?);
        let settled = intake.link_wallet(&user, &given, (app.config.now)()).await?;
        let (onboarding, mut wallet) = one(&app, &user, &address).await?;
        wallet.ownership.verification_challenge = None;
        // As the request writes it: a repeated one gets the same bytes.
        wallet.address.clone_from(&address);
        let is_new =
            settled.unchanged.is_none() && wallet.known.revision == Revision::following(None);
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        Ok(Answer {
            version: Some(onboarding.version),
            about: Some(onboarding.id),
            wallet: Some(address.clone()),
            ..Answer::new(status, &wallet)
        })
    })
    .await
}

/// `GET`: one wallet, with what is to be signed for it.
pub(crate) async fn get(
    State(app): State<App>,
    UserWallet(user, address): UserWallet,
) -> Result<Response<Body>, Problem> {
    let (onboarding, wallet) = one(&app, &user, &address).await?;
    Ok(with_version(&onboarding, &wallet))
}

/// `GET`: all of them.
pub(crate) async fn list(
    State(app): State<App>,
    User(user): User,
) -> Result<Response<Body>, Problem> {
    let found = linked_wallets(&*app.store, &user).await?;
    let (stored, linked_wallets) = found.ok_or_else(no_such_user)?;
    Ok(with_version(&stored.onboarding, &Wallets { linked_wallets }))
}

/// `DELETE`: forgets one that the provider has not linked.
pub(crate) async fn remove(
    State(app): State<App>,
    UserWallet(user, address): UserWallet,
    change: Change,
) -> Result<Response<Body>, Problem> {
    once(&app, change.of_wallet(&user, &address, b""), async {
        let intake = app.intake().expecting(expected(change.headers())?);
        let settled = intake.remove_wallet(&user, &address, (app.config.now)()).await?;
        edited(&app, allowed(settled)?).await
    })
    .await
}

async fn one(
    app: &App,
    user: &UserLocator,
    address: &str,
) -> Result<(Onboarding, LinkedWallet), Problem> {
    let found = linked_wallets(&*app.store, user).await?;
    let (stored, wallets) = found.ok_or_else(no_such_user)?;
    let wallet = wallets.into_iter().find(|wallet| wallet.is_of(address));
    Ok((stored.onboarding, wallet.ok_or(IntakeError::NoSuchWallet)?))
}
