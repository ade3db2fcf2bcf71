//! Lists, by cursor.
//!
//! What a list is filtered by is mostly derived and not a column, so a page reads a bounded
//! number of rows and says where the next one begins, even if it found little.

use std::borrow::Cow;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::response::IntoResponse as _;
use engine::views;
use onboarding::texts::Language;
use onboarding::{
    ForWhom, HistoryEntry, OnboardingId, Product, Status, StuckView, TaskView, Timestamp,
    UserLocator, UserTask, WaitingOn,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use store::{DeliveryState, HistoryRow, ListRequest, Store as _, TaskRequest};
use uuid::Uuid;

use crate::App;
use crate::extract::{Asked, User};
use crate::guard::About;
use crate::problem::{Code, Problem, no_such_user};

/// The page of whoever does not say.
const LIMIT: usize = 100;
/// The largest page.
const LIMIT_MAX: usize = 500;
/// How many rows one request reads at most.
const SCANNED_MAX: usize = 5_000;

/// A page of users.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Users {
    users: Vec<Status>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// A page of tasks.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tasks {
    tasks: Vec<UserTask>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// A page of what happened.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History {
    history: Vec<HistoryEntry>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

macro_rules! schema_only {
    ($(#[$meta:meta])* $name:ident, $schema:tt) => {
        $(#[$meta])*
        pub(crate) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

schema_only!(
    /// How many there may be on a page.
    Limit, { "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT }
);
schema_only!(
    /// A time in a query.
    Time, { "type": "string", "format": "date-time" }
);
schema_only!(
    /// The kinds of tasks.
    Kind, { "type": "string", "enum": KINDS }
);

schema_only!(
    /// A language in a query.
    Tag, { "type": "string", "pattern": "^[A-Za-z]{2,3}([-_][A-Za-z]{2})?$", "examples": ["de-AT"] }
);
schema_only!(
    /// Where a page of users begins.
    UserCursor, { "type": "string", "format": "uuid" }
);
schema_only!(
    /// Where a page of tasks begins.
    TaskCursor, {
        "type": "string",
        "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-[0-9]{1,9}$"
    }
);
schema_only!(
    /// Where events begin.
    EventId, { "type": "string", "pattern": "^(evt_)?[0-9]{1,18}(_[0-9a-f]{1,16})?$" }
);
schema_only!(
    /// How far deliveries have come.
    DeliveryWord, { "type": "string", "enum": DeliveryState::ALL.map(DeliveryState::as_str) }
);
schema_only!(
    /// Where a page of deliveries begins.
    DeliveryCursor, { "type": "string", "pattern": "^[0-9]{1,18}$" }
);
schema_only!(
    /// Where a page of history begins.
    HistoryCursor, { "type": "string", "pattern": "^[0-9]{1,18}$" }
);
schema_only!(
    /// A product in a query.
    Word, { "type": "string", "minLength": 1, "examples": ["onramp"] }
);
schema_only!(
    /// Products in a query.
    Words, { "type": "string", "pattern": "^[a-z-]+(,[a-z-]+)*$", "examples": ["onramp,offramp"] }
);
schema_only!(
    /// A user in a query.
    Locator, {
        "type": "string",
        "maxLength": onboarding::LOCATOR_BYTES_MAX,
        "pattern": "^(userId|email|phoneNumber|twitter|x):.+$",
        "examples": ["userId:johnd-123"]
    }
);

/// The kinds of tasks.
const KINDS: [&str; 7] =
    ["data", "document", "consent", "operator", "renewal", "wallet", "wallet-proof"];

pub(crate) fn limit_of(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(LIMIT);
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::new(Code::BadRequest, format!("limit takes 1 to {LIMIT_MAX}")))
}

fn product_of(word: Option<&str>) -> Result<Option<Product>, Problem> {
    match word {
        Some("") => Err(bad("product", "a product, such as onramp")),
        word => Ok(word.map(Product::from)),
    }
}

pub(crate) fn bad_cursor() -> Problem {
    Problem::new(Code::BadRequest, "cursor takes nextCursor of the page before, as it was given")
}

pub(crate) fn bad(parameter: &str, takes: &str) -> Problem {
    Problem::new(Code::BadRequest, format!("{parameter} takes {takes}"))
}

/// What users are asked for with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UsersQuery {
    state: Option<onboarding::State>,
    product: Option<String>,
    waiting_on: Option<String>,
    stuck: Option<bool>,
    updated_after: Option<String>,
    lang: Option<Language>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /v1/users`.
pub(crate) async fn users(
    State(app): State<App>,
    Asked(query): Asked<UsersQuery>,
) -> Result<Response<Body>, Problem> {
    const WAITING_ON: [&str; 5] = ["user", "provider", "gangway", "operator", "nobody"];
    let limit = limit_of(query.limit)?;
    let mut after = match &query.cursor {
        Some(cursor) => Some(OnboardingId(Uuid::try_parse(cursor).map_err(|_| bad_cursor())?)),
        None => None,
    };
    let since = query.updated_after.as_deref().map(Timestamp::parse).transpose();
    let since = since.map_err(|_| bad("updatedAfter", "a time, such as 2026-05-02T09:10:00Z"))?;
    if query.waiting_on.as_deref().is_some_and(|word| !WAITING_ON.contains(&word)) {
        return Err(bad("waitingOn", &WAITING_ON.join(", ")));
    }
    let product = product_of(query.product.as_deref())?;
    let around = app.surroundings().await?;
    let reader = app.reader(query.lang.as_ref(), (app.config.now)());
    let (mut found, mut scanned) = (Vec::new(), 0);
    let next_cursor = 'found: loop {
        let request = ListRequest { state: query.state, after, limit: LIMIT_MAX };
        let page = app.store.list(request).await?;
        let count = page.len();
        for stored in page {
            let (user, onboarding) = (&stored.user, &stored.onboarding);
            after = Some(onboarding.id);
            let is_wanted = product.as_ref().is_none_or(|it| onboarding.wanted.contains(it))
                && since.is_none_or(|since| onboarding.updated_at > since)
                && query.stuck.is_none_or(|is_stuck| {
                    StuckView::of(user, onboarding, &reader, &around).is_some() == is_stuck
                })
                && query
                    .waiting_on
                    .as_deref()
                    .is_none_or(|word| WaitingOn::of(onboarding, reader.policy).as_str() == word);
            if is_wanted {
                found.push(stored);
            }
            if found.len() == limit {
                break 'found after;
            }
        }
        scanned += count;
        if count < LIMIT_MAX {
            break None;
        }
        if scanned >= SCANNED_MAX {
            break after;
        }
    };
    let users = views::statuses(&*app.store, &found, &reader).await?;
    let next_cursor = next_cursor.map(|id| id.to_string());
    Ok(Json(Users { users, next_cursor }).into_response())
}

/// What tasks are asked for with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TasksQuery {
    user: Option<String>,
    #[serde(rename = "for")]
    for_whom: Option<String>,
    kind: Option<String>,
    product: Option<String>,
    overdue: Option<bool>,
    lang: Option<Language>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /v1/tasks`.
pub(crate) async fn tasks(
    State(app): State<App>,
    Asked(query): Asked<TasksQuery>,
) -> Result<Response<Body>, Problem> {
    let limit = limit_of(query.limit)?;
    let for_whom = ForWhom::ALL.map(ForWhom::as_str);
    if query.for_whom.as_deref().is_some_and(|word| !for_whom.contains(&word)) {
        return Err(bad("for", &for_whom.join(" or ")));
    }
    if query.kind.as_deref().is_some_and(|word| !KINDS.contains(&word)) {
        return Err(bad("kind", &KINDS.join(", ")));
    }
    let mut after = match &query.cursor {
        Some(cursor) => Some(TaskView::parse_id(cursor).ok_or_else(bad_cursor)?),
        None => None,
    };
    let of = match &query.user {
        Some(locator) => {
            let user: UserLocator = locator.parse()?;
            Some(app.store.find(&user).await?.ok_or_else(no_such_user)?.onboarding.id)
        }
        None => None,
    };
    let product = product_of(query.product.as_deref())?;
    let reader = app.reader(query.lang.as_ref(), (app.config.now)());
    let (mut found, mut scanned) = (Vec::new(), 0);
    let next_cursor = 'found: loop {
        let page = app.store.tasks(TaskRequest { of, after, limit: LIMIT_MAX }).await?;
        let count = page.len();
        for stored in page {
            let task = &stored.task;
            after = Some((stored.onboarding.id, task.number));
            let for_whom = ForWhom::of(&task.request).as_str();
            let is_wanted = query.for_whom.as_deref().is_none_or(|it| it == for_whom)
                && query.kind.as_deref().is_none_or(|kind| task.request.kind() == kind)
                && product.as_ref().is_none_or(|product| task.products.contains(product))
                && query.overdue.is_none_or(|it| task.is_overdue(reader.now) == it);
            if is_wanted {
                found.push(stored);
            }
            if found.len() == limit {
                break 'found after;
            }
        }
        scanned += count;
        if count < LIMIT_MAX {
            break None;
        }
        if scanned >= SCANNED_MAX {
            break after;
        }
    };
    let tasks = views::tasks(&*app.store, &found, &reader).await?;
    let next_cursor = next_cursor.map(|(id, number)| format!("{id}-{number}"));
    Ok(Json(Tasks { tasks, next_cursor }).into_response())
}

/// What history is asked for with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET …/history`.
pub(crate) async fn history(
    State(app): State<App>,
    User(user): User,
    Asked(query): Asked<HistoryQuery>,
) -> Result<Response<Body>, Problem> {
    let limit = limit_of(query.limit)?;
    let after = match query.cursor {
        Some(cursor) => cursor.parse().map_err(|_| bad_cursor())?,
        None => 0,
    };
    let id = app.store.find(&user).await?.ok_or_else(no_such_user)?.onboarding.id;
    let rows = app.store.history(id, after, limit).await?;
    let last = rows.last().filter(|_| rows.len() == limit);
    let next_cursor = last.map(|row| row.version.to_string());
    let history = rows.iter().map(HistoryRow::view).collect();
    let mut response = Json(History { history, next_cursor }).into_response();
    response.extensions_mut().insert(About(id));
    Ok(response)
}
