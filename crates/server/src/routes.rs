//! The one table of routes. The router, who may call what, the limits of bodies and the OpenAPI
//! document all come from it: what is not in it is not served, and what is has a scope.

use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodFilter, MethodRouter, on};
use notifications::EndpointView;
use onboarding::{Explanation, JSON_BYTES_MAX, LinkedWallet, Status};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::access::Scope;
use crate::problem::Code;
use crate::{
    App, Config, documents_api, events, health, lists, metrics, operate, page, quickstart, users,
    wallets_api, webhooks,
};

/// The largest body of an operator's request.
const REASON_BYTES_MAX: usize = 4 * 1024;

/// The largest body about an endpoint.
const WEBHOOK_BYTES_MAX: usize = 8 * 1024;

/// A method of a path.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// What its key must be allowed; none needs a key.
    pub(crate) scope: Option<Scope>,
    pub(crate) handler: MethodRouter<App>,
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) body: Option<Body>,
    pub(crate) query: Vec<Parameter>,
    /// The headers that it alone looks at.
    pub(crate) headers: Vec<Parameter>,
    pub(crate) answers: Vec<Answer>,
    /// The problems that it alone can answer with.
    pub(crate) codes: Vec<Code>,
    pub(crate) body_max: usize,
    /// Whether it takes `If-Match` and `Idempotency-Key`, and gives an `ETag`.
    pub(crate) is_change: bool,
    /// Whether it may be asked to wait, which comes on top of the time that a request may take.
    pub(crate) waits: bool,
}

/// What the guard knows of a route.
pub(crate) struct Rule {
    pub(crate) path: &'static str,
    pub(crate) scope: Option<Scope>,
    pub(crate) body_max: usize,
    pub(crate) waits: bool,
    /// The parameters that its query may have.
    pub(crate) query: Vec<&'static str>,
}

/// Makes the schema of a body.
pub(crate) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// A request's body.
pub(crate) struct Body {
    pub(crate) media_types: &'static [&'static str],
    pub(crate) schema: MakeSchema,
    pub(crate) is_required: bool,
}

/// A parameter of a query, or a header.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    pub(crate) schema: MakeSchema,
}

/// An answer that is no problem.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) says: &'static str,
    pub(crate) schema: Option<MakeSchema>,
    pub(crate) media_type: &'static str,
}

const JSON: &str = "application/json";

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Route {
    fn new<T: 'static>(
        (method, filter): (Method, MethodFilter),
        path: &'static str,
        name: &'static str,
        handler: impl Handler<T, App>,
    ) -> Self {
        Self {
            method,
            path,
            scope: None,
            handler: on(filter, handler),
            name,
            summary: "",
            body: None,
            query: Vec::new(),
            headers: Vec::new(),
            answers: Vec::new(),
            codes: Vec::new(),
            body_max: 0,
            is_change: false,
            waits: false,
        }
    }

    fn get<T: 'static>(path: &'static str, name: &'static str, it: impl Handler<T, App>) -> Self {
        Self::new((Method::GET, MethodFilter::GET), path, name, it)
    }

    fn put<T: 'static>(path: &'static str, name: &'static str, it: impl Handler<T, App>) -> Self {
        Self::new((Method::PUT, MethodFilter::PUT), path, name, it).changing()
    }

    fn patch<T: 'static>(path: &'static str, name: &'static str, it: impl Handler<T, App>) -> Self {
        Self::new((Method::PATCH, MethodFilter::PATCH), path, name, it).changing()
    }

    fn post<T: 'static>(path: &'static str, name: &'static str, it: impl Handler<T, App>) -> Self {
        Self::new((Method::POST, MethodFilter::POST), path, name, it).changing()
    }

    fn delete<T: 'static>(
        path: &'static str,
        name: &'static str,
        it: impl Handler<T, App>,
    ) -> Self {
        Self::new((Method::DELETE, MethodFilter::DELETE), path, name, it).changing()
    }

    /// It changes no user: there is no version to expect, and nothing of its answer is kept.
    fn of_no_user(self) -> Self {
        Self { is_change: false, ..self }
    }

    fn may_fail(mut self, code: Code) -> Self {
        self.codes.push(code);
        self
    }

    fn changing(self) -> Self {
        Self { is_change: true, ..self }
    }

    fn for_scope(self, scope: Scope) -> Self {
        Self { scope: Some(scope), ..self }
    }

    fn waiting(self) -> Self {
        Self { waits: true, ..self }
    }

    fn says(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    fn takes<T: JsonSchema>(self, media_types: &'static [&'static str], bytes_max: usize) -> Self {
        let body = Body { media_types, schema: schema::<T>, is_required: true };
        Self { body: Some(body), body_max: bytes_max, ..self }
    }

    fn may_take<T: JsonSchema>(self, bytes_max: usize) -> Self {
        let body = Body { media_types: &[JSON], schema: schema::<T>, is_required: false };
        Self { body: Some(body), body_max: bytes_max, ..self }
    }

    fn asks<T: JsonSchema>(mut self, name: &'static str, says: &'static str) -> Self {
        self.query.push(Parameter { name, says, schema: schema::<T> });
        self
    }

    fn hears<T: JsonSchema>(mut self, name: &'static str, says: &'static str) -> Self {
        self.headers.push(Parameter { name, says, schema: schema::<T> });
        self
    }

    fn answers<T: JsonSchema>(mut self, status: StatusCode, says: &'static str) -> Self {
        self.answers.push(Answer { status, says, schema: Some(schema::<T>), media_type: JSON });
        self
    }

    fn answers_with(mut self, media_type: &'static str, says: &'static str) -> Self {
        self.answers.push(Answer { status: StatusCode::OK, says, schema: None, media_type });
        self
    }

    pub(crate) fn rule(&self) -> Rule {
        Rule {
            path: self.path,
            scope: self.scope,
            body_max: self.body_max,
            waits: self.waits,
            query: self.query.iter().map(|parameter| parameter.name).collect(),
        }
    }

    fn answers_status(self) -> Self {
        self.answers::<users::Edited>(StatusCode::OK, "The status afterwards.")
    }
}

const USER: &str = "/v1/users/{locator}";
const LANG: &str = "The language of the texts, such as `de`.";
const LIMIT: &str = "At most so many.";
const CURSOR: &str = "`nextCursor` of the page before.";

/// Every route.
pub(crate) fn routes(config: &Config) -> Vec<Route> {
    let mut all = of_users();
    all.extend(of_documents(config));
    all.extend(of_wallets());
    all.extend(of_verification());
    all.extend(of_operators());
    all.extend(of_lists());
    all.extend(of_notifications());
    all.extend(of_the_quickstart(config));
    all.extend(of_health());
    all.extend([
        Route::get("/metrics", "getMetrics", metrics::scrape)
            .for_scope(Scope::Read)
            .says("Numbers for Prometheus, in its text format")
            .answers_with("text/plain; version=0.0.4; charset=utf-8", "The numbers."),
        Route::get("/openapi.json", "getOpenapi", page::openapi)
            .says("This document")
            .answers_with(JSON, "The document."),
        Route::get("/docs", "getDocs", page::docs)
            .says("The same as a page to read")
            .answers_with("text/html; charset=utf-8", "The page."),
    ]);
    all
}

fn of_users() -> Vec<Route> {
    vec![
        Route::put(USER, "putUser", users::put)
            .for_scope(Scope::Write)
            .says("Create a user, or replace the user's whole data")
            .takes::<users::UserBody>(&[JSON], JSON_BYTES_MAX)
            .answers_status()
            .answers::<users::Edited>(StatusCode::CREATED, "The user is new."),
        Route::patch(USER, "patchUser", users::patch)
            .for_scope(Scope::Write)
            .says("Change some of a user's data, by a merge patch (RFC 7396)")
            .takes::<users::UserPatch>(&[users::MERGE_PATCH, JSON], JSON_BYTES_MAX)
            .answers_status(),
        Route::get(USER, "getUser", users::get)
            .for_scope(Scope::Read)
            .says("Where a user stands, why, and who must act next")
            .asks::<lists::Tag>("lang", LANG)
            .waiting()
            .asks::<users::Rest>("waitFor", "Answer once nothing is under way any more.")
            .asks::<users::Seconds>("timeout", "Or after so many seconds; 30 unless told.")
            .answers::<Status>(StatusCode::OK, "The status."),
        Route::delete(USER, "eraseUser", users::erase)
            .for_scope(Scope::Admin)
            .says("Erase: end, and destroy the user's personal data for good")
            .may_take::<operate::Why>(REASON_BYTES_MAX)
            .answers_nothing(),
        Route::get("/v1/users/{locator}/history", "getHistory", lists::history)
            .for_scope(Scope::Read)
            .says("Everything that happened to a user")
            .asks::<lists::Limit>("limit", LIMIT)
            .asks::<lists::HistoryCursor>("cursor", CURSOR)
            .answers::<lists::History>(StatusCode::OK, "A page of it, oldest first."),
        Route::get("/v1/users/{locator}/requirements", "checkRequirements", users::requirements)
            .for_scope(Scope::Read)
            .says("What will be asked of a user, now and probably later, without any call")
            .asks::<lists::Words>("want", "The products, above what the user wants; with commas.")
            .asks::<bool>("edd", "As if the provider had decided for enhanced due diligence.")
            .answers::<users::RequirementsView>(StatusCode::OK, "What is asked."),
        Route::get("/v1/users/{locator}/explain", "explainUser", users::explain_user)
            .for_scope(Scope::Read)
            .says("The same as a paragraph to read out, and why it does not go on")
            .asks::<lists::Tag>("lang", LANG)
            .answers::<Explanation>(StatusCode::OK, "The explanation."),
    ]
}

fn of_documents(config: &Config) -> Vec<Route> {
    let bytes_max = config.upload_bytes_max();
    vec![
        Route::post("/v1/documents", "postDocument", documents_api::post)
            .for_scope(Scope::Write)
            .says("Add a document; it replaces one of the same type")
            .takes::<documents_api::Upload>(documents_api::MEDIA_TYPES, bytes_max)
            .answers::<documents_api::DocumentView>(StatusCode::OK, "It replaced another.")
            .answers::<documents_api::DocumentView>(StatusCode::CREATED, "It is new."),
        Route::get("/v1/documents/{id}", "getDocument", documents_api::get)
            .for_scope(Scope::Read)
            .says("What is known of a document, never its content")
            .answers::<documents_api::DocumentView>(StatusCode::OK, "The document."),
    ]
}

fn of_wallets() -> Vec<Route> {
    let path = "/v1/users/{locator}/linked-wallets/{address}";
    let of_the_provider = "/api/2025-06-09/users/{locator}/linked-wallets/{address}";
    let put = |path, name| {
        Route::put(path, name, wallets_api::put)
            .for_scope(Scope::Write)
            .says("Link a wallet, or give another chain or the proof for one")
            .takes::<wallets_api::WalletBody>(&[JSON], JSON_BYTES_MAX)
            .answers::<LinkedWallet>(StatusCode::OK, "It was there.")
            .answers::<LinkedWallet>(StatusCode::CREATED, "It is new.")
    };
    let get = |path, name| {
        Route::get(path, name, wallets_api::get)
            .for_scope(Scope::Read)
            .says("A wallet, what the provider says of it, and what is to be signed")
            .answers::<LinkedWallet>(StatusCode::OK, "The wallet.")
    };
    vec![
        Route::get("/v1/users/{locator}/linked-wallets", "listWallets", wallets_api::list)
            .for_scope(Scope::Read)
            .says("A user's wallets")
            .answers::<wallets_api::Wallets>(StatusCode::OK, "All of them."),
        put(path, "putWallet"),
        get(path, "getWallet"),
        Route::delete(path, "removeWallet", wallets_api::remove)
            .for_scope(Scope::Write)
            .says("Forget a wallet that the provider has not linked")
            .answers_status(),
        put(of_the_provider, "quickstartPutWallet"),
        get(of_the_provider, "quickstartGetWallet"),
    ]
}

fn of_verification() -> Vec<Route> {
    let path = "/v1/users/{locator}/identity-verification";
    vec![
        Route::put(path, "triggerVerification", quickstart::trigger)
            .for_scope(Scope::Write)
            .says("Ask for verification; the answer is what is known now")
            .answers::<quickstart::Eligibilities>(StatusCode::OK, "The wanted products."),
        Route::get(path, "getVerification", quickstart::eligibility)
            .for_scope(Scope::Read)
            .says("The provider's word on each wanted product, in the provider's own form")
            .answers::<quickstart::Eligibilities>(StatusCode::OK, "The wanted products."),
    ]
}

fn of_operators() -> Vec<Route> {
    let lever = |route: Route, says| {
        let route = route.for_scope(Scope::Operate).says(says);
        route.may_take::<operate::Why>(REASON_BYTES_MAX).answers_status()
    };
    let with_reason = |route: Route, says| {
        let route = route.for_scope(Scope::Operate).says(says);
        route.takes::<operate::Reason>(&[JSON], REASON_BYTES_MAX).answers_status()
    };
    vec![
        lever(
            Route::post("/v1/users/{locator}/hold", "holdUser", operate::hold),
            "Stop a user's onboarding until it is resumed",
        ),
        lever(
            Route::post("/v1/users/{locator}/resume", "resumeUser", operate::resume),
            "Let a held or cancelled onboarding go on",
        ),
        lever(
            Route::post("/v1/users/{locator}/retry", "retryUser", operate::retry),
            "Try the next step now, and read the provider's status again",
        ),
        lever(
            Route::post("/v1/users/{locator}/cancel", "cancelUser", operate::cancel),
            "End a user's onboarding; the data is kept, and resume reopens it",
        ),
        with_reason(
            Route::post("/v1/users/{locator}/reopen", "reopenUser", operate::reopen),
            "Have a user judged again whom the provider refused",
        ),
        with_reason(
            Route::post("/v1/users/{locator}/tasks/{number}/waive", "waiveTask", operate::waive),
            "Let an open task pass that a person need not do",
        ),
    ]
}

fn of_lists() -> Vec<Route> {
    vec![
        Route::get("/v1/users", "listUsers", lists::users)
            .for_scope(Scope::Read)
            .says("Users in order of creation")
            .asks::<onboarding::State>("state", "Only those in this state.")
            .asks::<lists::Word>("product", "Only those who want this product.")
            .asks::<onboarding::WaitingOn>("waitingOn", "Only those who wait for this one to act.")
            .asks::<bool>("stuck", "Only those who do not go on, or only those who do.")
            .asks::<lists::Time>("updatedAfter", "Only those to whom something happened since.")
            .asks::<lists::Tag>("lang", LANG)
            .asks::<lists::Limit>("limit", LIMIT)
            .asks::<lists::UserCursor>("cursor", CURSOR)
            .answers::<lists::Users>(StatusCode::OK, "A page of them. It may have fewer than the limit and still be followed by another."),
        Route::get("/v1/tasks", "listTasks", lists::tasks)
            .for_scope(Scope::Read)
            .says("What persons have to supply, oldest first")
            .asks::<lists::Locator>("user", "Only this user's, by locator.")
            .asks::<onboarding::ForWhom>("for", "Only what this one has to do.")
            .asks::<lists::Kind>("kind", "Only those of this kind.")
            .asks::<lists::Word>("product", "Only what this product asks for.")
            .asks::<bool>("overdue", "Only what is overdue, or only what is not.")
            .asks::<lists::Tag>("lang", LANG)
            .asks::<lists::Limit>("limit", LIMIT)
            .asks::<lists::TaskCursor>("cursor", CURSOR)
            .answers::<lists::Tasks>(StatusCode::OK, "A page of them. It may have fewer than the limit and still be followed by another."),
    ]
}

fn of_notifications() -> Vec<Route> {
    const ONE: &str = "/v1/webhooks/{endpoint}";
    let admin = |route: Route, says| route.of_no_user().for_scope(Scope::Admin).says(says);
    vec![
        Route::get("/v1/events", "listEvents", events::events)
            .for_scope(Scope::Read)
            .says("What happened, in order: as a page, or as a stream that goes on")
            .asks::<lists::EventId>("after", "Only what came after this event, by id or number.")
            .asks::<lists::Limit>("limit", LIMIT)
            .hears::<lists::EventId>(
                events::LAST_EVENT_ID,
                "Where a stream goes on that broke off; a page does not look at it.",
            )
            .answers::<events::Events>(
                StatusCode::OK,
                "A page; with Accept: text/event-stream a stream of the same events.",
            )
            .answers_with(events::STREAM, "The stream."),
        admin(
            Route::get("/v1/webhooks", "listWebhooks", webhooks::list),
            "The endpoints that are told what happens",
        )
        .answers::<webhooks::Webhooks>(StatusCode::OK, "All of them."),
        admin(
            Route::post("/v1/webhooks", "addWebhook", webhooks::add),
            "Tell an endpoint what happens from now on",
        )
        .takes::<webhooks::NewWebhook>(&[JSON], WEBHOOK_BYTES_MAX)
        .may_fail(Code::EndpointExists)
        .answers::<webhooks::WithSecret>(
            StatusCode::CREATED,
            "It is told, and this once its secret is.",
        ),
        admin(Route::get(ONE, "getWebhook", webhooks::get), "How an endpoint stands")
            .answers::<EndpointView>(StatusCode::OK, "The endpoint."),
        admin(
            Route::delete(ONE, "removeWebhook", webhooks::remove),
            "Forget an endpoint, its secrets and its log",
        )
        .answers_nothing(),
        admin(
            Route::post("/v1/webhooks/{endpoint}/enable", "enableWebhook", webhooks::enable),
            "Tell an endpoint again that was disabled, from where it stopped",
        )
        .answers::<EndpointView>(StatusCode::OK, "The endpoint."),
        admin(
            Route::post("/v1/webhooks/{endpoint}/rotate", "rotateWebhook", webhooks::rotate),
            "Make another secret; the one before signs as well for a while",
        )
        .may_take::<webhooks::Rotation>(WEBHOOK_BYTES_MAX)
        .answers::<webhooks::WithSecret>(StatusCode::OK, "The endpoint and its new secret."),
        admin(
            Route::post("/v1/webhooks/{endpoint}/test", "testWebhook", webhooks::test),
            "Send a message that tells of nothing, now",
        )
        .answers::<webhooks::Tried>(StatusCode::OK, "What came of it."),
        admin(
            Route::get(
                "/v1/webhooks/{endpoint}/deliveries",
                "listDeliveries",
                webhooks::deliveries,
            ),
            "What was sent to an endpoint, newest first",
        )
        .asks::<lists::DeliveryWord>("state", "Only those in this state.")
        .asks::<lists::Limit>("limit", LIMIT)
        .asks::<lists::DeliveryCursor>("cursor", CURSOR)
        .answers::<webhooks::Deliveries>(StatusCode::OK, "A page of them."),
        admin(
            Route::post("/v1/webhooks/{endpoint}/replay", "replayWebhook", webhooks::replay),
            "Send again what was sent before, under the same ids",
        )
        .takes::<webhooks::Again>(&[JSON], WEBHOOK_BYTES_MAX)
        .answers::<webhooks::Replayed>(StatusCode::OK, "How many it is."),
    ]
}

fn of_health() -> Vec<Route> {
    vec![
        Route::get("/health/live", "getLive", health::live)
            .says("Whether it lives")
            .answers::<health::Health>(StatusCode::OK, "It does."),
        Route::get("/health/startup", "getStartup", health::live)
            .says("Whether it has started")
            .answers::<health::Health>(StatusCode::OK, "It has."),
        Route::get("/health/ready", "getReady", health::ready)
            .says("Whether it can work: the store takes writes, the worker turns, the provider takes calls")
            .may_fail(Code::NotReady)
            .may_fail(Code::TimedOut)
            .answers::<health::Health>(StatusCode::OK, "It can."),
    ]
}

/// The provider's own paths, for a client that was written from its page.
fn of_the_quickstart(config: &Config) -> Vec<Route> {
    let user = "/api/2025-06-09/users/{locator}";
    let verification = "/api/2025-06-09/users/{locator}/identity-verification";
    vec![
        Route::put(user, "quickstartPutUser", quickstart::put_user)
            .for_scope(Scope::Write)
            .says("The page's first call: create or replace a user")
            .takes::<users::UserBody>(&[JSON], JSON_BYTES_MAX)
            .answers::<quickstart::Registered>(StatusCode::OK, "The user was there.")
            .answers::<quickstart::Registered>(StatusCode::CREATED, "The user is new."),
        Route::get(user, "quickstartGetUser", quickstart::get_user)
            .for_scope(Scope::Read)
            .says("Which sections are held")
            .answers::<quickstart::Registered>(StatusCode::OK, "The user."),
        Route::post("/api/2025-06-09/documents", "quickstartPostDocument", documents_api::post)
            .for_scope(Scope::Write)
            .says("The page's second call: add a document")
            .takes::<documents_api::Upload>(&[JSON], config.upload_bytes_max())
            .answers::<documents_api::DocumentView>(StatusCode::OK, "It replaced another.")
            .answers::<documents_api::DocumentView>(StatusCode::CREATED, "It is new."),
        Route::get("/api/2025-06-09/documents/{id}", "quickstartGetDocument", documents_api::get)
            .for_scope(Scope::Read)
            .says("What is known of a document")
            .answers::<documents_api::DocumentView>(StatusCode::OK, "The document."),
        Route::put(verification, "quickstartTrigger", quickstart::trigger)
            .for_scope(Scope::Write)
            .says("The page's third call: ask for verification")
            .answers::<quickstart::Eligibilities>(StatusCode::OK, "The wanted products."),
        Route::get(verification, "quickstartGetVerification", quickstart::eligibility)
            .for_scope(Scope::Read)
            .says("The page's fourth call: the status of verification")
            .answers::<quickstart::Eligibilities>(StatusCode::OK, "The wanted products."),
    ]
}

impl Route {
    fn answers_nothing(mut self) -> Self {
        let (status, says) = (StatusCode::NO_CONTENT, "It is done.");
        self.answers.push(Answer { status, says, schema: None, media_type: "" });
        self
    }
}
