//! Each standing as it is explained, and each cause of being stuck.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    Due, DueSource, Eligibility, FailureClass, Hold, HoldCause, LastError, Observation,
    OnboardingId, Policy, ProfileRecord, Regression, Regressions, Request, Retry, Revision,
    Revisions, Section, Verification, Wallet, WalletNumber,
};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// 1 May 2026, 12:00.
const THEN: Timestamp = Timestamp(1_777_636_800_000);

fn after(days: u64) -> Timestamp {
    THEN.plus_ms(days * DAY_MS)
}

fn word(product: Product, status: ProductStatus) -> (Product, Eligibility) {
    let word = Eligibility {
        product: product.clone(),
        status,
        missing_data: Vec::new(),
        missing_documents: Vec::new(),
    };
    (product, word)
}

/// Registered and triggered, with the provider's word at [`THEN`] on each product that is wanted.
fn judged(state: State, words: &[(Product, ProductStatus)]) -> Onboarding {
    let told = Revisions { profile: Some(Revision(1)), ..Revisions::default() };
    let products: BTreeMap<Product, Eligibility> =
        words.iter().map(|(product, status)| word(product.clone(), status.clone())).collect();
    Onboarding {
        version: 5,
        state,
        state_since: THEN,
        updated_at: THEN,
        wanted: products.keys().cloned().collect(),
        profile: Some(ProfileRecord {
            revision: Revision(1),
            acknowledged: Some(Revision(1)),
            sections: BTreeMap::new(),
            area: None,
            verified_on: None,
        }),
        verification: Verification {
            asked: true,
            triggers: 1,
            triggered_with: Some(told),
            ..Verification::default()
        },
        observation: Some(Observation {
            epoch: 0,
            observed_at: THEN,
            products,
            polls: 0,
            unclear: 0,
        }),
        ..Onboarding::blank(OnboardingId(uuid::Uuid::nil()), THEN)
    }
}

fn onramp(state: State, status: ProductStatus) -> Onboarding {
    judged(state, &[(Product::Onramp, status)])
}

fn task(number: u32, request: Request, due: Option<Due>) -> Task {
    Task::new(number, request, [Product::Onramp].into(), THEN, Revisions::default(), due)
}

fn due_after(days: u64, source: DueSource) -> Option<Due> {
    Some(Due { at: after(days), source })
}

fn asked(tasks: Vec<Task>) -> Onboarding {
    Onboarding { tasks, ..onramp(State::RequiresData, ProductStatus::RequiresData) }
}

fn held(cause: HoldCause) -> Onboarding {
    let hold = Hold { cause, message: String::new(), since: after(1) };
    Onboarding { hold: Some(hold), ..onramp(State::Held, ProductStatus::PendingReview) }
}

fn verified() -> Onboarding {
    onramp(State::Verified, ProductStatus::Verified)
}

fn explained(onboarding: &Onboarding, now: Timestamp) -> Explanation {
    let policy = Policy::default();
    let user = "userId:ada".parse().unwrap();
    explain(&user, onboarding, None, &Reader::new(&policy, now), &Surroundings::default())
}

/// `usability, who acts, by when, stuck: paragraph`.
fn line(onboarding: &Onboarding, days: u64) -> String {
    let told = explained(onboarding, after(days));
    let product = &told.products[0];
    assert_eq!(told.waiting_on, product.waiting_on, "with one product it is everyone's");
    let due = product.due_at.as_deref().map_or("-", |at| &at[..10]);
    let stuck = told.stuck.map_or("-", |stuck| stuck.cause.as_str());
    let (usability, who) = (product.usability, product.waiting_on.as_str());
    format!("{usability} {who} {due} {stuck}: {}", told.paragraph)
}

const HEARD: &str = "Our partner last confirmed this on 1 May, 12:00 UTC.";

fn check(onboarding: &Onboarding, days: u64, expected: &str) {
    let told = line(onboarding, days);
    let (told, _) = told.split_once(" We will look again on ").unwrap_or((&told, ""));
    assert_eq!(told, expected.replace("HEARD", HEARD));
}

#[test]
fn verified_can_be_used() {
    check(
        &verified(),
        1,
        "now nobody - -: Buying stablecoins: you can use this now. There is nothing to do at \
         present. HEARD",
    );
}

#[test]
fn verified_with_a_renewal_can_be_used_until_the_last_day() {
    let due = due_after(20, DueSource::DocumentExpiry);
    let renewal = task(2, Request::RenewDocument(crate::DocumentType::IdPassport), due);
    let onboarding = Onboarding { renewals: vec![renewal], ..verified() };
    check(
        &onboarding,
        1,
        "now-until user 2026-05-21 -: Buying stablecoins: you can use this now. For it to stay \
         so, something has to be done by 21 May. It is your turn. What we need from you: Renew: \
         passport. Please see to it by 21 May. HEARD",
    );
    check(
        &onboarding,
        22,
        "now user 2026-05-21 user-silent: Buying stablecoins: you can use this now. We are still \
         waiting for something from you. It is your turn. What we need from you: Renew: \
         passport. This was due on 21 May. HEARD",
    );
}

#[test]
fn what_ran_out_this_very_moment_can_not_be_used_until_then() {
    let due = Some(Due { at: after(20), source: DueSource::Consent });
    let onboarding =
        Onboarding { renewals: vec![task(2, Request::RenewConsent, due)], ..verified() };
    let before = Timestamp(after(20).0 - 1);
    assert_eq!(explained(&onboarding, before).products[0].usability, "now-until");
    assert_eq!(explained(&onboarding, after(20)).products[0].usability, "now");
}

#[test]
fn the_user_does_nothing_for_a_product_that_waits_for_an_operator() {
    let products = [
        (Product::Onramp, ProductStatus::RequiresData),
        (Product::Offramp, ProductStatus::RequiresData),
    ];
    let operators = task(1, Request::Operator("a-new-word".to_owned()), None);
    let mut users = task(2, Request::Data(Section::KycData), None);
    users.products = [Product::Offramp].into();
    let tasks = vec![operators, users];
    let onboarding = Onboarding { tasks, ..judged(State::RequiresData, &products) };
    let told = explained(&onboarding, after(1));
    let each = told.products.iter().map(|told| (&told.product, told.waiting_on));
    let each: BTreeMap<_, _> = each.collect();
    assert_eq!(each[&Product::Onramp], WaitingOn::Operator);
    assert_eq!(each[&Product::Offramp], WaitingOn::User);
}

#[test]
fn what_is_stuck_is_not_what_was_judged() {
    let products = [
        (Product::Onramp, ProductStatus::Verified),
        (Product::Offramp, ProductStatus::RequiresData),
    ];
    let mut asked = task(1, Request::Data(Section::KycData), None);
    asked.products = [Product::Offramp].into();
    let onboarding = Onboarding { tasks: vec![asked], ..judged(State::RequiresData, &products) };
    let told = explained(&onboarding, after(30));
    assert_eq!(told.stuck.map(|stuck| stuck.cause), Some(StuckCause::UserSilent));
    for product in told.products {
        let is_waited_for = product.paragraph.as_str().contains("We are still waiting");
        assert_eq!(is_waited_for, product.product == Product::Offramp, "{}", product.paragraph);
    }
}

#[test]
fn whoever_need_not_act_is_told_to_do_nothing() {
    let cancelled = Onboarding {
        state: State::Cancelled,
        ended: Some(Ended::Cancelled),
        profile: None,
        ..verified()
    };
    let told = explained(&cancelled, after(1)).paragraph;
    assert!(!told.as_str().contains("Please give us your details"), "{told}");
    let unasked = Onboarding {
        state: State::Registering,
        profile: None,
        ..Onboarding::blank(OnboardingId(uuid::Uuid::nil()), THEN)
    };
    let told = explained(&unasked, after(1)).paragraph;
    assert!(told.as_str().contains("Please give us your details"), "{told}");
}

#[test]
fn what_was_lost_can_not_be_used_any_longer() {
    let regression = Regression {
        product: Product::Onramp,
        verified_since: Timestamp(0),
        status: ProductStatus::PendingReview,
        observed_at: THEN,
    };
    for regressions in [
        Regressions { untold: vec![regression.clone()], ..Regressions::default() },
        Regressions { standing: [(Product::Onramp, regression)].into(), ..Regressions::default() },
    ] {
        let onboarding =
            Onboarding { regressions, ..onramp(State::Polling, ProductStatus::PendingReview) };
        check(
            &onboarding,
            0,
            "no-longer provider - -: Buying stablecoins: you could use this before, but can't at \
             present. The check is under way. That there is no result yet is normal: often it \
             takes seconds, sometimes days. Our partner is checking your details; you need to do \
             nothing. HEARD",
        );
    }
}

#[test]
fn what_is_asked_for_is_named_with_its_earliest_date() {
    let id = task(1, Request::Document("id".to_owned()), due_after(14, DueSource::Policy));
    let data = task(2, Request::Data(Section::KycData), due_after(10, DueSource::Policy));
    check(
        &asked(vec![id, data]),
        1,
        "not-yet user 2026-05-11 -: Buying stablecoins: you can't use this yet. Something is \
         still missing before the check can go on. It is your turn. What we need from you: Proof \
         of identity; Your address and contact details. Please see to it by 11 May. HEARD",
    );
}

#[test]
fn what_the_company_alone_knows_is_not_asked_of_the_user() {
    let history = || Request::Data(Section::VerificationHistory);
    let due = || due_after(14, DueSource::Policy);
    check(
        &asked(vec![task(1, history(), due())]),
        1,
        "not-yet user 2026-05-15 -: Buying stablecoins: you can't use this yet. Something is \
         still missing before the check can go on. It is our turn; you need to do nothing. HEARD",
    );
    check(
        &asked(vec![task(1, history(), due())]),
        15,
        "not-yet user 2026-05-15 company-silent: Buying stablecoins: you can't use this yet. \
         Something is still missing before the check can go on. There is something that we have \
         to do ourselves and have not done yet. It is our turn; you need to do nothing. HEARD",
    );
    // Beside what the user has to do it is not mentioned.
    let id = task(2, Request::Document("id".to_owned()), due_after(16, DueSource::Policy));
    check(
        &asked(vec![task(1, history(), due()), id]),
        1,
        "not-yet user 2026-05-15 -: Buying stablecoins: you can't use this yet. Something is \
         still missing before the check can go on. It is your turn. What we need from you: Proof \
         of identity. Please see to it by 17 May. HEARD",
    );
    let renewal = task(1, Request::RenewVerification, due_after(20, DueSource::VerificationAge));
    check(
        &Onboarding { renewals: vec![renewal], ..verified() },
        1,
        "now-until user 2026-05-21 -: Buying stablecoins: you can use this now. For it to stay \
         so, something has to be done by 21 May. It is our turn; you need to do nothing. HEARD",
    );
}

#[test]
fn what_is_lacking_is_told_to_the_user_and_to_staff() {
    let policy = Policy::default();
    let reader = Reader::new(&policy, after(1));
    let data = Request::Data(Section::DueDiligence);
    let mut onboarding = asked(vec![task(1, data, due_after(14, DueSource::Policy))]);
    let observed = onboarding.observation.as_mut().unwrap();
    let word = observed.products.get_mut(&Product::Onramp).unwrap();
    word.missing_data = vec![Section::DueDiligence];
    let profile = serde_json::from_value::<Profile>(serde_json::json!({"dueDiligence": {
        "employmentStatus": "full-time", "sourceOfFunds": "pension", "industry": "information"}}));
    let user = "userId:ada".parse().unwrap();
    let told = |profile: Option<&Profile>| {
        explain(&user, &onboarding, profile, &reader, &Surroundings::default())
    };
    let lacking = told(Some(&Profile::default()));
    let named = "What we need from you: Your work and your funds (employment status, source of \
                 funds and industry).";
    assert!(lacking.paragraph.as_str().contains(named), "{}", lacking.paragraph);
    let product = &lacking.products[0];
    assert!(product.paragraph.as_str().contains(named), "{}", product.paragraph);
    let fields = "Missing fields: dueDiligence.employmentStatus, dueDiligence.sourceOfFunds, \
                  dueDiligence.industry.";
    assert!(product.staff_note.as_str().contains(fields), "{:?}", product.staff_note);
    let whole = told(profile.ok().as_ref());
    let general = "What we need from you: Your work and your funds.";
    assert!(whole.paragraph.as_str().contains(general), "{}", whole.paragraph);
}

#[test]
fn what_was_supplied_is_not_said_to_be_missing() {
    let mut sent = onramp(State::DocumentsUploaded, ProductStatus::RequiresData);
    let supplied = task(1, Request::Document("id".to_owned()), due_after(14, DueSource::Policy));
    sent.tasks = vec![Task { state: TaskState::Supplied, ..supplied }];
    sent.verification.requested = true;
    sent.epoch = 1;
    check(
        &sent,
        0,
        "not-yet gangway - -: Buying stablecoins: you can't use this yet. Our partner has your \
         details and documents; the check comes next. We are passing your details on; you need \
         to do nothing. HEARD",
    );
    assert!(explained(&sent, THEN).products[0].out_of_date);
    assert!(!explained(&verified(), THEN).products[0].out_of_date);
}

#[test]
fn rejected_held_and_ended_say_so() {
    use ProductStatus as P;
    let ended = |state, ended, status| Onboarding { ended: Some(ended), ..onramp(state, status) };
    for (onboarding, expected) in [
        (
            onramp(State::Rejected, P::Rejected),
            "unavailable nobody - -: Buying stablecoins: you can't use this at present. Our \
             partner can't offer you this at present and has given us no reason. Please contact \
             our support if you have questions. There is nothing to do at present. HEARD",
        ),
        (
            held(HoldCause::Operator),
            "not-yet operator - -: Buying stablecoins: you can't use this yet. We are looking \
             into something ourselves; you need to do nothing. HEARD",
        ),
        (
            ended(State::Cancelled, Ended::Cancelled, P::PendingReview),
            "unavailable nobody - -: Buying stablecoins: you can't use this at present. The \
             check was ended. Please contact our support if you would like to go on. There is \
             nothing to do at present. HEARD",
        ),
        (
            ended(State::Cancelled, Ended::Cancelled, P::Verified),
            "now nobody - -: Buying stablecoins: you can use this now. There is nothing to do \
             at present. HEARD",
        ),
        (
            ended(State::Erased, Ended::Erased, P::Verified),
            "unavailable nobody - -: Buying stablecoins: you can't use this at present. The \
             check was ended and your details were deleted. There is nothing to do at present. \
             HEARD",
        ),
    ] {
        check(&onboarding, 2, expected);
    }
}

#[test]
fn a_hold_is_told_once_and_nothing_is_asked_of_the_user_meanwhile() {
    let refused = HoldCause::Refused { call: Call::RegisterUser { revision: Revision(1) } };
    let task = task(1, Request::Document("id".to_owned()), due_after(14, DueSource::Policy));
    check(
        &Onboarding { tasks: vec![task], ..held(refused) },
        2,
        "not-yet operator - refused-data: Buying stablecoins: you can't use this yet. Something \
         in your details could not be taken over; we will contact you. We are looking into it; \
         you need to do nothing. HEARD",
    );
    let mut strange = onramp(State::Polling, ProductStatus::Other("approved".to_owned()));
    strange.observation = strange.observation.map(|it| Observation { observed_at: after(4), ..it });
    let told = line(&strange, 4);
    let expected = "not-yet provider - unknown-answer: Buying stablecoins: you can't use this yet. \
                    We are clarifying with our partner how this stands. Our partner is checking \
                    your details; you need to do nothing. Our partner last";
    assert!(told.starts_with(expected), "{told}");
    check(
        &held(HoldCause::Unclear),
        2,
        "not-yet operator - unknown-answer: Buying stablecoins: you can't use this yet. We are \
         clarifying an answer with our partner. We are looking into it; you need to do nothing. \
         HEARD",
    );
}

#[test]
fn no_paragraph_says_a_clause_twice_in_any_language() {
    let policy = Policy::default();
    let user = "userId:ada".parse().unwrap();
    let texts = crate::texts::Texts::embedded();
    let call = Call::RegisterUser { revision: Revision(1) };
    let blank = Onboarding::blank(OnboardingId(uuid::Uuid::nil()), THEN);
    let mut sending = onramp(State::Registering, ProductStatus::RequiresData);
    sending.profile = sending.profile.map(|held| ProfileRecord { acknowledged: None, ..held });
    let cases = [
        held(HoldCause::Operator),
        held(HoldCause::Refused { call }),
        held(HoldCause::RoundsSpent),
        held(HoldCause::Unclear),
        Onboarding { wanted: BTreeSet::new(), ..held(HoldCause::Operator) },
        Onboarding { wanted: [Product::Onramp].into(), ..blank.clone() },
        blank,
        sending,
        onramp(State::Polling, ProductStatus::PendingReview),
        onramp(State::Polling, ProductStatus::Other("approved".to_owned())),
    ];
    for language in texts.languages() {
        let reader = Reader { language: language.clone(), ..Reader::new(&policy, after(2)) };
        for onboarding in &cases {
            let around = Surroundings::default();
            let told = explain(&user, onboarding, None, &reader, &around);
            for paragraph in told.products.iter().map(|it| &it.paragraph).chain([&told.paragraph]) {
                // A time may well be named twice.
                let clauses = paragraph.as_str().split(['.', ';', ':', ',']).map(str::trim);
                let mut once: Vec<&str> = clauses
                    .filter(|it| it.len() > 8 && !it.contains(|c: char| c.is_ascii_digit()))
                    .collect();
                let all = once.len();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), all, "{language:?}: {paragraph}");
            }
        }
    }
}

#[test]
fn who_has_given_all_but_the_word_to_begin_is_told_so() {
    let idle = Onboarding {
        verification: Verification::default(),
        observation: None,
        ..onramp(State::DocumentsUploaded, ProductStatus::NotStarted)
    };
    check(
        &idle,
        1,
        "not-yet user - -: Buying stablecoins: you can't use this yet. The check has not begun \
         yet. It is your turn. Please tell us when the check may begin. Our partner has not told \
         us anything yet.",
    );
}

#[test]
fn what_is_not_offered_where_the_user_lives_is_not_asked_for() {
    let policy = Policy::default();
    let user = "userId:ada".parse().unwrap();
    let reader = Reader::new(&policy, after(1));
    let serbian: Profile =
        serde_json::from_str(r#"{"userDetails":{"firstName":"Ada","lastName":"Ilić","dateOfBirth":"1990-01-31","countryOfResidence":"RS"}}"#).unwrap();
    let told = |onboarding: &Onboarding| {
        explain(&user, onboarding, Some(&serbian), &reader, &Surroundings::default())
    };
    let id = |products: &[Product]| {
        let products = products.iter().cloned().collect();
        let request = Request::Document("id".to_owned());
        Task::new(1, request, products, THEN, Revisions::default(), None)
    };
    // The only product, and the provider asks for something.
    let alone = told(&asked(vec![id(&[Product::Onramp])]));
    let product = &alone.products[0];
    assert_eq!((product.usability, product.usable), ("not-offered", false));
    assert_eq!((product.waiting_on, alone.waiting_on), (WaitingOn::Operator, WaitingOn::Operator));
    assert_eq!(
        alone.paragraph.as_str(),
        format!(
            "Buying stablecoins: you can't use this at present. As far as we know, this is not \
             offered where you live. Our support can tell you more. We are looking into it; you \
             need to do nothing. {HEARD}"
        )
    );
    let note = product.staff_note.as_str();
    assert!(note.contains("it is not to be had where the user lives"), "{note}");
    // Before anything was asked.
    let idle = Onboarding {
        verification: Verification::default(),
        observation: None,
        ..onramp(State::DocumentsUploaded, ProductStatus::NotStarted)
    };
    assert_eq!(told(&idle).waiting_on, WaitingOn::Operator);
    // Beside one that is offered, and wants the same.
    let words = [
        (Product::Onramp, ProductStatus::RequiresData),
        (Product::Offramp, ProductStatus::RequiresData),
    ];
    let both = Onboarding {
        tasks: vec![id(&[Product::Onramp, Product::Offramp])],
        ..judged(State::RequiresData, &words)
    };
    let beside = told(&both);
    assert_eq!(beside.waiting_on, WaitingOn::User);
    let paragraph = beside.paragraph.as_str();
    assert!(paragraph.contains("not offered where you live"), "{paragraph}");
    assert!(paragraph.contains("What we need from you: Proof of identity."), "{paragraph}");
    // The provider's word is above the table.
    assert_eq!(told(&verified()).products[0].usability, "now");
    let rejected = told(&onramp(State::Rejected, ProductStatus::Rejected));
    assert_eq!(rejected.products[0].usability, "unavailable");
}

#[test]
fn a_user_of_whom_nothing_was_asked_has_heard_nothing() {
    let blank = Onboarding::blank(OnboardingId(uuid::Uuid::nil()), THEN);
    let wanting = Onboarding { wanted: [Product::Onramp].into(), ..blank.clone() };
    check(
        &wanting,
        1,
        "not-yet user - -: Buying stablecoins: you can't use this yet. The check has not begun \
         yet. It is your turn. Please give us your details, so that the check can begin. Our \
         partner has not told us anything yet.",
    );
    // Without a wanted product there is still a paragraph.
    let told = explained(&blank, THEN);
    assert_eq!(told.products, []);
    assert_eq!(
        told.paragraph.as_str(),
        "Our partner does not have all your details yet. It is your turn. Please give us your \
         details, so that the check can begin. Our partner has not told us anything yet."
    );
}

#[test]
fn of_several_products_what_they_have_in_common_is_said_once() {
    let mut onboarding = judged(
        State::RequiresData,
        &[
            (Product::RegulatedTransfer, ProductStatus::Verified),
            (Product::Onramp, ProductStatus::RequiresData),
            (Product::Offramp, ProductStatus::PendingReview),
        ],
    );
    onboarding.tasks = vec![task(1, Request::Consent, None)];
    let told = explained(&onboarding, THEN);
    let products: Vec<_> = told
        .products
        .iter()
        .map(|told| (told.product.as_str(), told.usable, told.waiting_on.as_str()))
        .collect();
    assert_eq!(
        products,
        [
            ("regulated-transfer", true, "nobody"),
            ("onramp", false, "user"),
            ("offramp", false, "provider"),
        ]
    );
    assert_eq!(told.paragraph.as_str().matches("Accept the privacy policy").count(), 1);
    assert_eq!(told.paragraph.as_str().matches(HEARD).count(), 1);
    let other = told.products[2].paragraph.as_str();
    assert!(!other.contains("privacy policy"), "{other}");
}

/// The cause, the day after [`THEN`] since when, and the command.
fn check_stuck(
    onboarding: &Onboarding,
    around: &Surroundings,
    days: u64,
    expected: Option<(StuckCause, u64, &str)>,
) {
    let user = "userId:ada".parse().unwrap();
    let found = stuck(&user, onboarding, &Policy::default(), around, after(days));
    let found = found
        .as_ref()
        .map(|found| (found.cause, found.since.ms_since(THEN) / DAY_MS, found.command.as_str()));
    assert_eq!(found, expected, "{:?} after {days} days", onboarding.state);
    let policy = Policy::default();
    let view = StuckView::of(&user, onboarding, &Reader::new(&policy, after(days)), around);
    assert_eq!(view.map(|view| view.cause), expected.map(|(cause, ..)| cause));
    let cause = stuck_cause(onboarding, &policy, around, after(days));
    assert_eq!(cause, expected.map(|(cause, ..)| cause));
}

#[test]
fn a_hold_names_what_was_refused_and_staff_is_told_what_mends_it() {
    use crate::DocumentType::{IdPassport, Other};
    use StuckCause::{RefusedData, UnknownAnswer};
    let revision = Revision(1);
    let refused = |call| HoldCause::Refused { call };
    let upload = |document_type| refused(Call::UploadDocument { document_type, revision });
    let patch = "user patch userId:ada --file FILE";
    let retry = "retry userId:ada";
    // Each with a command that the sentence for staff names, too.
    for (cause, stuck, command, told) in [
        (refused(Call::RegisterUser { revision }), RefusedData, patch, "user patch"),
        (refused(Call::AcceptTerms { revision }), RefusedData, patch, "user patch"),
        (
            upload(IdPassport),
            RefusedData,
            "document add userId:ada --type id-passport --file FILE",
            "document add",
        ),
        (
            upload(Other("id-driver".to_owned())),
            RefusedData,
            "document remove userId:ada --type id-driver",
            "document remove",
        ),
        (refused(Call::TriggerVerification { trigger: 1 }), RefusedData, retry, "retry"),
        (HoldCause::RoundsSpent, RefusedData, "resume userId:ada", "resume"),
        (HoldCause::NotShown, RefusedData, patch, "user patch"),
        (HoldCause::Unclear, UnknownAnswer, retry, "status"),
        (HoldCause::Forgotten, UnknownAnswer, retry, "retry"),
    ] {
        let onboarding = held(cause.clone());
        let command = format!("gangway {command}");
        let expected = Some((stuck, 1, command.as_str()));
        check_stuck(&onboarding, &Surroundings::default(), 2, expected);
        let explained = explained(&onboarding, after(2));
        let whole = explained.stuck.unwrap();
        let note = whole.staff_note.as_str();
        assert!(note.contains(&format!("`gangway {told}`")), "{cause:?}: {note}");
        assert!(explained.products[0].staff_note.as_str().ends_with(note), "{cause:?}");
        let says_refused = note.contains("refused");
        assert_eq!(says_refused, matches!(cause, HoldCause::Refused { .. }), "{cause:?}: {note}");
    }
    check_stuck(&held(HoldCause::Operator), &Surroundings::default(), 2, None);
}

#[test]
fn what_lasts_too_long_is_stuck_and_what_is_normal_is_not() {
    use ProductStatus as P;
    use StuckCause as C;
    let open = Surroundings::default();
    let closed = Surroundings { gate_closed_since: Some(after(0)), ..open };
    let retry = "gangway retry userId:ada";
    let tasks = "gangway tasks userId:ada";
    let id = |due| asked(vec![task(1, Request::Document("id".to_owned()), due)]);
    let unknown = asked(vec![task(1, Request::Operator("moon".to_owned()), None)]);
    let polling = |status| Onboarding {
        // It was looked at the whole time.
        observation: onramp(State::Polling, P::PendingReview).observation.map(|observation| {
            Observation {
                observed_at: after(30),
                products: [word(Product::Onramp, status)].into(),
                ..observation
            }
        }),
        ..onramp(State::Polling, P::PendingReview)
    };
    let failing = |class| Onboarding {
        retry: Some(Retry {
            attempt: 9,
            failing_since: after(1),
            failed_at: after(30),
            floor_at: None,
        }),
        last_error: Some(LastError { class, message: String::new(), at: after(30) }),
        ..polling(P::PendingReview)
    };
    let unlinked = Wallet {
        revision: Revision(1),
        acknowledged: None,
        word: None,
        retry: failing(FailureClass::Transient).retry,
        last_error: None,
        task: None,
    };
    let with_a_wallet = Onboarding { wallets: [(WalletNumber(1), unlinked)].into(), ..verified() };
    let mut sending = onramp(State::Registering, P::RequiresData);
    sending.profile = sending.profile.map(|held| ProfileRecord { acknowledged: None, ..held });
    let idle = Onboarding {
        verification: Verification::default(),
        observation: None,
        ..onramp(State::DocumentsUploaded, P::NotStarted)
    };
    let blank = Onboarding::blank(OnboardingId(uuid::Uuid::nil()), THEN);
    let doctor = "gangway doctor";
    for (onboarding, around, days, expected) in [
        // The user was asked.
        (&id(due_after(14, DueSource::Policy)), &open, 6, None),
        (&id(due_after(14, DueSource::Policy)), &open, 7, Some((C::UserSilent, 0, tasks))),
        (&id(due_after(3, DueSource::Policy)), &open, 4, Some((C::UserSilent, 3, tasks))),
        // Nobody asked for anything.
        (&blank, &open, 6, None),
        (&blank, &open, 7, Some((C::UserSilent, 0, "gangway user set userId:ada --file FILE"))),
        (&idle, &open, 8, Some((C::UserSilent, 0, "gangway verify userId:ada"))),
        // The provider named something that nobody knows.
        (&unknown, &open, 0, Some((C::UnknownAnswer, 0, "gangway verify userId:ada"))),
        (&polling(P::Other("approved".to_owned())), &open, 30, Some((C::UnknownAnswer, 0, retry))),
        // It reviews, or it fails.
        (&polling(P::PendingReview), &open, 2, None),
        (&polling(P::PendingReview), &open, 3, Some((C::ProviderSlow, 0, retry))),
        (&failing(FailureClass::Transient), &open, 30, Some((C::ProviderSlow, 1, retry))),
        (&failing(FailureClass::RateLimited), &open, 30, Some((C::OurBudget, 1, doctor))),
        // A call is due.
        (&sending, &open, 0, None),
        (&sending, &open, 1, Some((C::OurBudget, 0, doctor))),
        (&sending, &closed, 0, Some((C::ProviderClosed, 0, doctor))),
        (&with_a_wallet, &open, 1, None),
        (&with_a_wallet, &open, 30, Some((C::ProviderSlow, 1, retry))),
        // At rest nothing waits for a look, and nobody for an answer.
        (&verified(), &open, 100, None),
        (&verified(), &closed, 100, None),
        (&onramp(State::Rejected, P::Rejected), &open, 100, None),
        (
            &Onboarding { ended: Some(Ended::Cancelled), ..id(due_after(3, DueSource::Policy)) },
            &open,
            100,
            None,
        ),
    ] {
        check_stuck(onboarding, around, days, expected);
    }
}

#[test]
fn every_cause_has_its_texts_for_users_and_for_staff() {
    let texts = crate::texts::Texts::embedded();
    for language in texts.languages() {
        let causes = StuckCause::ALL.map(StuckCause::as_str);
        let finer = ["no-data", "not-asked", "not-shown", "rounds-spent", "forgotten"];
        let refused =
            ["refused-consent", "refused-document", "refused-document-type", "refused-call"];
        let other = texts.stuck_for_staff(language, "no-such-cause");
        for note in causes.iter().chain(&finer).chain(&refused) {
            assert_ne!(texts.stuck_for_staff(language, note), other, "{note}");
        }
    }
}

#[test]
fn while_the_provider_takes_no_calls_no_look_is_promised() {
    let policy = Policy::default();
    let user = "userId:ada".parse().unwrap();
    let closed = Surroundings { gate_closed_since: Some(THEN), ..Surroundings::default() };
    let onboarding = onramp(State::Polling, ProductStatus::PendingReview);
    let reader = Reader::new(&policy, after(1));
    let told = explain(&user, &onboarding, None, &reader, &closed);
    assert_eq!(told.products[0].next_look_at, None);
    assert!(!told.paragraph.as_str().contains("We will look again"), "{:?}", told.paragraph);
    assert_eq!(told.stuck.map(|stuck| stuck.cause), Some(StuckCause::ProviderClosed));
    let told = explain(&user, &onboarding, None, &reader, &Surroundings::default());
    assert_eq!(told.products[0].next_look_at, Some(after(1).to_string()));
    assert!(told.paragraph.as_str().contains("We will look again"), "{:?}", told.paragraph);
}
