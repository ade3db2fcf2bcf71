//! What must hold of any user, any word of the provider, and any file.

use proptest::prelude::*;

use super::*;
use crate::profile::any_json;
use crate::{
    Context, Document, ForWhom, Observation, Onboarding, OnboardingId, Policy, ProfileRecord,
    Reader, Revision, Status, TaskState, UNNAMED_REQUEST, changed_sections,
};

fn any_eligibility() -> impl Strategy<Value = Vec<Eligibility>> {
    let product = prop::sample::select(vec![
        "onramp",
        "offramp",
        "onramp-light",
        "regulated-transfer",
        "staking",
    ]);
    let status = prop::sample::select(vec![
        "requires-data",
        "requires-data",
        "requires-data",
        "pending-privacy-policy",
        "verified",
        "rejected",
        "pending-review",
        "not-started",
        "approved",
    ]);
    let data = prop::sample::select(vec![
        "user-details",
        "kyc-data",
        "due-diligence",
        "verification-history",
        "tax-data",
    ]);
    let document = prop::sample::select(vec![
        "id",
        "proof-of-address",
        "proof-of-income",
        "selfie",
        "id-passport",
        "selfie-left",
    ]);
    let word =
        (product, status, prop::collection::vec(data, 0..3), prop::collection::vec(document, 0..3));
    let word = word.prop_map(|(product, status, data, documents)| Eligibility {
        product: product.into(),
        status: status.into(),
        missing_data: data.into_iter().map(Section::from).collect(),
        missing_documents: documents.into_iter().map(str::to_owned).collect(),
    });
    prop::collection::vec(word, 0..5)
}

/// A profile as JSON, as a profile has no `Debug`; empty for none.
fn any_profile() -> impl Strategy<Value = Value> {
    let country = prop::sample::select(vec!["US", "DE", "ES", "BR", "RU", "CA"]);
    let state = prop::option::of(prop::sample::select(vec!["NY", "FL", "Nowhere", "N.Y."]));
    let sections = prop::collection::vec(any::<bool>(), 4);
    let likely = (country, state, sections).prop_map(|(country, state, sections)| {
        let mut profile = whole(country, state);
        for (section, kept) in Section::KNOWN.iter().zip(sections) {
            if !kept {
                profile.as_object_mut().unwrap().remove(section.field().unwrap());
            }
        }
        profile
    });
    let wild = any_json().prop_map(|json| {
        Profile::from_value(&json, today()).map_or(json!({}), |read| read.value.to_value())
    });
    prop_oneof![4 => likely, 1 => wild]
}

/// The words for what a need lacks, as a view of a task has them.
fn lacks_of(need: &Need) -> Vec<Vec<String>> {
    match &need.what {
        What::Data { missing, .. } if missing.is_empty() => Vec::new(),
        What::Data { missing, .. } => vec![missing.iter().map(ToString::to_string).collect()],
        What::Document { any_of, .. } => {
            let missing = any_of.iter().map(|group| &group.missing);
            missing.map(|kinds| kinds.iter().map(ToString::to_string).collect()).collect()
        }
        What::Consent | What::Operator { .. } => Vec::new(),
    }
}

/// Registered with what is held, with the provider's words on it, and whatever tasks these open.
/// Of what is held nothing is newer than the provider's word, unless it is all `news`.
fn asked_onboarding(
    table: &Requirements,
    policy: &Policy,
    profile: Option<&Profile>,
    documents: &BTreeSet<DocumentType>,
    eligibility: Vec<Eligibility>,
    is_news: bool,
) -> Onboarding {
    let mut onboarding = Onboarding::blank(OnboardingId(uuid::Uuid::nil()), Timestamp(0));
    onboarding.profile = profile.map(|profile| ProfileRecord {
        revision: Revision(1),
        acknowledged: Some(Revision(1)),
        sections: changed_sections(None, profile)
            .changed
            .into_iter()
            .map(|it| (it, Revision(1)))
            .collect(),
        area: table.area_of(profile),
        verified_on: None,
    });
    let document = Document {
        revision: Revision(1),
        acknowledged: Some(Revision(1)),
        expires_at: None,
        provider_document_id: None,
        content_held: false,
        duplicates: Vec::new(),
    };
    onboarding.documents = documents.iter().map(|it| (it.clone(), document.clone())).collect();
    let judged = (!is_news).then(|| onboarding.held_revisions());
    onboarding.verification.triggered_with = judged;
    onboarding.wanted = eligibility.iter().map(|word| word.product.clone()).collect();
    onboarding.observation = Some(Observation {
        epoch: 0,
        observed_at: Timestamp(0),
        products: eligibility.into_iter().map(|word| (word.product.clone(), word)).collect(),
        polls: 0,
        unclear: 0,
    });
    onboarding.reconcile_tasks(None, &Context { policy, now: Timestamp(0) });
    onboarding
}

proptest! {
    /// `requirements check` and the views of tasks name the same needs of the same user.
    #[test]
    fn a_task_lacks_what_the_check_says(
        profile in any_profile(),
        eligibility in any_eligibility(),
        documents in prop::collection::btree_set(prop::sample::select(DocumentType::KNOWN.to_vec()), 0..4),
        is_news in any::<bool>(),
    ) {
        let table = Requirements::default();
        let policy = Policy { accepts: table.accepts(), ..Policy::default() };
        let profile = parse(&profile);
        let onboarding =
            asked_onboarding(&table, &policy, profile.as_ref(), &documents, eligibility, is_news);
        let check = compile(&table, &Case::of(&onboarding, profile.as_ref(), today()));

        let reader = Reader { requirements: &table, ..Reader::new(&policy, today().start()) };
        let user = "userId:ilse".parse().unwrap();
        let needs = reader.needs(&onboarding, profile.as_ref());
        let status = Status::of(&user, &onboarding, needs.as_ref(), &reader);
        let unread = Status::of(&user, &onboarding, None, &reader);
        let mut named = BTreeSet::new();
        for (task, general) in status.pending_tasks.iter().zip(&unread.pending_tasks) {
            prop_assert_eq!(&general.lacks, &Vec::<Vec<String>>::new());
            if task.state != TaskState::Open {
                prop_assert_eq!(task, general);
                continue;
            }
            let answering: Vec<&Need> = check
                .now
                .iter()
                .filter(|need| match task.kind {
                    "consent" => need.what == What::Consent,
                    _ => need.asked.contains(&task.name),
                })
                .collect();
            prop_assert_eq!(answering.len(), 1, "{}: {:?}", task.name, check.now);
            let lacks = lacks_of(answering[0]);
            prop_assert_eq!(&task.lacks, &lacks, "{}", task.name);
            if task.kind == "data" {
                for field in lacks.iter().flatten() {
                    prop_assert!(task.staff_note.as_str().contains(field), "{}", field);
                    // The user is not told what the company has to look up.
                    let is_told = task.text.sentence.as_str().contains("What is missing: ");
                    prop_assert_eq!(is_told, task.for_whom == ForWhom::User);
                }
            }
            named.insert(task.name.clone());
        }
        // And nothing that the provider asks for by the check is without a task.
        let asked = check.now.iter().flat_map(|need| &need.asked);
        for word in asked.filter(|word| *word != UNNAMED_REQUEST) {
            prop_assert!(named.contains(word), "{}", word);
        }
    }

    #[test]
    fn each_entry_of_a_wanted_product_leads_to_exactly_one_need(
        profile in any_profile(),
        eligibility in any_eligibility(),
        wanted in prop::collection::btree_set(prop::sample::select(
            vec!["onramp", "offramp", "onramp-light", "regulated-transfer", "staking"]), 0..5),
        documents in prop::collection::btree_set(prop::sample::select(DocumentType::KNOWN.to_vec()), 0..4),
        enhanced in any::<bool>(),
    ) {
        let table = Requirements::default();
        let profile = parse(&profile);
        let wanted: BTreeSet<Product> = wanted.into_iter().map(Product::from).collect();
        let case = Case {
            wanted: wanted.clone(),
            profile: profile.as_ref(),
            documents: documents.into_iter().map(|kind| (kind, None)).collect(),
            consented: None,
            diligence: if enhanced { Diligence::Enhanced } else { Diligence::Standard },
            eligibility: eligibility.clone(),
            today: today(),
        };
        let found = compile(&table, &case);
        for word in eligibility.iter().filter(|word| wanted.contains(&word.product)) {
            if word.status != ProductStatus::RequiresData {
                continue;
            }
            let data = word.missing_data.iter().map(Section::as_str);
            for entry in data.chain(word.missing_documents.iter().map(String::as_str)) {
                let answering: Vec<&Need> =
                    found.now.iter().filter(|need| need.asked.contains(entry)).collect();
                prop_assert_eq!(answering.len(), 1, "{}", entry);
                prop_assert!(answering[0].products.contains(&word.product));
                let is_operators = matches!(answering[0].what, What::Operator { .. });
                prop_assert_eq!(is_operators, ["tax-data", "selfie", "id-passport"].contains(&entry), "{}", entry);
            }
        }
        let all = found.now.iter().chain(&found.later);
        for need in all {
            prop_assert!(need.products.is_subset(&wanted));
            prop_assert!(!need.products.is_empty());
            prop_assert!(!need.rules.is_empty() || !need.asked.is_empty());
            if let What::Document { any_of, .. } = &need.what {
                prop_assert!(any_of.iter().all(|group| !group.missing.is_empty()));
            }
        }
    }

    #[test]
    fn what_is_supplied_is_no_longer_missing(
        country in prop::sample::select(vec!["US", "DE", "ES", "BR"]),
        state in prop::option::of(prop::sample::select(vec!["NY", "FL"])),
    ) {
        let state = if country == "US" { state.or(Some("VA")) } else { None };
        let mut user = given(whole(country, state), &["onramp", "offramp", "onramp-light", "regulated-transfer"]);
        user.documents = PASSPORT;
        prop_assert_eq!(now(&user), Vec::<String>::new());
    }

    /// What a resident of any state would owe is told, unless the state is known.
    #[test]
    fn what_may_be_owed_in_the_us_is_told_unless_the_state_rules_it_out(
        state in prop_oneof!["[A-Z]{2}", "[A-Za-z][A-Za-z ._-]{0,12}"],
        left_out in prop::sample::subsequence(vec!["/dueDiligence", "/verificationHistory"], 0..3),
        wanted in prop::sample::select(vec![BOTH, ONRAMP, LIGHT]),
    ) {
        let spoiled = |state| given(without(whole("US", Some(state)), &left_out), wanted);
        let all = |user: &Given| -> BTreeSet<Field> {
            let found = compiled(user);
            let needs = found.now.into_iter().chain(found.later);
            needs.flat_map(|need| match need.what {
                What::Data { missing, .. } => missing,
                What::Document { .. } | What::Consent | What::Operator { .. } => Vec::new(),
            }).collect()
        };
        let told = all(&spoiled(&state));
        if crate::profile::state("US", state.trim()).is_some() {
            prop_assert!(told.iter().all(|field| !field.is_state()), "{:?}", told);
            return Ok(());
        }
        prop_assert!(now(&spoiled(&state)).iter().any(|need| need.contains("stateOrRegion?")));
        for known in ["NY", "FL"] {
            prop_assert!(told.is_superset(&all(&spoiled(known))), "{} {:?}", known, told);
        }
    }

    #[test]
    fn any_file_is_read_or_refused_with_problems(text in "\\PC*") {
        if let Err(problems) = Requirements::parse(&text) {
            prop_assert!(problems.has_errors());
        }
    }
}
