//! The intake: what people ask for, and what becomes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use documents::Given;
use engine::{Added, Edit, Intake, IntakeError, OldVerifications, Settled};
use onboarding::{
    DocumentType, Ended, Event, Policy, Problems, Product, Reason, Revision, State, UserLocator,
};
use store::{Actor, MemoryStore, Store};

use crate::failing_store::{FailingStore, Place};
use crate::provider::{ACCEPT, REGISTER, TRIGGER, asks_for};
use crate::world::{MINUTE, START, World, added, date, file, given, id, png, user};

fn unasked(number: u128) -> Added {
    Added { verify: false, ..added(number) }
}

/// The profile that is held, as JSON.
async fn held<S: Store>(world: &World<S>, user: &UserLocator) -> serde_json::Value {
    let id = world.onboarding(user).await.id;
    let content = world.store.profile(id).await.unwrap().unwrap();
    assert_eq!(Some(content.revision), profile_revision(world, user).await);
    serde_json::from_slice(&content.json).unwrap()
}

async fn profile_revision<S: Store>(world: &World<S>, user: &UserLocator) -> Option<Revision> {
    world.onboarding(user).await.profile.map(|profile| profile.revision)
}

async fn refusal(world: &World, user: &UserLocator, edit: Edit<'_>, with: Added) -> IntakeError {
    let refused = world.intake().edit_user(user, edit, with, START).await;
    refused.expect_err("it is refused")
}

#[tokio::test]
async fn the_first_edit_begins_the_onboarding() {
    let world = World::new();
    let user = world.add_user(1).await;
    let events = ["wanted-products-set", "consent-given", "profile-set", "verification-requested"];
    assert_eq!(world.events(&user).await, events);
    let onboarding = world.onboarding(&user).await;
    assert_eq!((onboarding.id, onboarding.created_at), (id(1), START));
    assert!(world.history(&user).await.iter().all(|row| row.actor == Actor::Cli));
}

#[tokio::test]
async fn a_file_replaces_the_record_and_a_patch_merges_into_it() {
    let world = World::new();
    let user = user(1);
    let mut bytes: serde_json::Value = serde_json::from_slice(&file("Ada")).unwrap();
    world.edit(&user, Edit::Replace(bytes.to_string().as_bytes()), unasked(1)).await;
    let kyc = bytes["kycData"].take();
    let details = bytes["userDetails"].take();
    assert_eq!(held(&world, &user).await["kycData"], kyc);

    world.rename(&user, "Ida").await;
    let patched = held(&world, &user).await;
    assert_eq!(patched["userDetails"]["firstName"], "Ida");
    assert_eq!(patched["userDetails"]["lastName"], details["lastName"]);
    assert_eq!(patched["kycData"], kyc);

    let only_details = serde_json::json!({ "userDetails": details }).to_string();
    world.edit(&user, Edit::Replace(only_details.as_bytes()), unasked(1)).await;
    assert_eq!(held(&world, &user).await, serde_json::json!({ "userDetails": details }));
    assert_eq!(profile_revision(&world, &user).await, Some(Revision(3)));
    let sections = world.onboarding(&user).await.profile.unwrap().sections;
    assert_eq!(sections.len(), 1, "the other section is gone");
}

#[tokio::test]
async fn history_names_a_section_that_was_taken_out() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.edit(&user, Edit::Patch(br#"{"kycData":null}"#), unasked(1)).await;
    let id = world.onboarding(&user).await.id;
    let history = world.store.history(id, 0, 100).await.unwrap();
    let detail = history.last().unwrap().view().detail;
    assert_eq!(detail["changed"], serde_json::json!(["kyc-data"]));
    assert_eq!(detail["present"], serde_json::json!(["user-details"]));
}

#[tokio::test]
async fn what_is_the_same_as_before_makes_no_revision() {
    let world = World::new();
    let user = world.add_user(1).await;
    let version = world.onboarding(&user).await.version;
    let same = file("Ada");
    for edit in [
        Edit::Replace(&same),
        Edit::Patch(br#"{"userDetails":{"firstName":"Ada"}}"#),
        Edit::Patch(br#"{"privacyPolicyAcceptedAt":"2026-05-02T11:00:00+02:00"}"#),
        Edit::Patch(br#"{"wantedProducts":["onramp"]}"#),
    ] {
        let settled = world.edit(&user, edit, unasked(1)).await;
        assert_eq!(settled.unchanged, Some(Reason::AlreadySo));
        assert_eq!(settled.stored.onboarding.version, version);
    }
    assert_eq!(world.onboarding(&user).await.version, version);
}

#[tokio::test]
async fn each_part_of_an_edit_has_its_own_revision() {
    let world = World::new();
    let user = world.add_user(1).await;
    let consent = br#"{"privacyPolicyAcceptedAt":"2026-05-02T09:05:00Z"}"#;
    world.edit(&user, Edit::Patch(consent), unasked(1)).await;
    let onboarding = world.onboarding(&user).await;
    assert_eq!(onboarding.consent.unwrap().revision, Revision(2));
    assert_eq!(onboarding.profile.unwrap().revision, Revision(1));
}

#[tokio::test]
async fn an_older_consent_refuses_the_whole_edit_and_the_same_one_is_no_edit() {
    let world = World::new();
    let user = world.add_user(1).await;
    let before = world.onboarding(&user).await;
    let with = |at: &str| {
        let mut file: serde_json::Value = serde_json::from_slice(&file("Ida")).unwrap();
        file["privacyPolicyAcceptedAt"] = at.into();
        file["verify"] = true.into();
        file.to_string().into_bytes()
    };
    let older = with("2020-11-29T10:00:00Z");
    for edit in [Edit::Replace(&older), Edit::Patch(&older)] {
        let refused = refusal(&world, &user, edit, unasked(1)).await;
        assert!(matches!(refused, IntakeError::NotNow(Reason::NotANewerConsent)), "{refused}");
        assert!(refused.to_string().contains("`gangway consent record`"), "{refused}");
        assert_eq!(world.onboarding(&user).await, before);
    }
    world.edit(&user, Edit::Replace(&with("2026-05-02T09:00:00Z")), unasked(1)).await;
    let after = world.onboarding(&user).await;
    assert_eq!((after.consent, after.profile.unwrap().revision), (before.consent, Revision(2)));
}

#[tokio::test]
async fn the_argument_goes_before_the_file_before_what_is_kept_before_the_default() {
    let onramp = || BTreeSet::from([Product::Onramp]);
    let offramp = || BTreeSet::from([Product::Offramp]);
    let light = || BTreeSet::from([Product::OnrampLight]);
    for (argument, in_file, kept, expected) in [
        (Some(offramp()), Some("onramp-light"), Some(onramp()), offramp()),
        (Some(offramp()), Some("onramp-light"), None, offramp()),
        (Some(offramp()), None, Some(onramp()), offramp()),
        (None, Some("onramp-light"), Some(onramp()), light()),
        (None, Some("onramp-light"), None, light()),
        (None, None, Some(offramp()), offramp()),
        (None, None, None, onramp()),
    ] {
        let world = World::new();
        let user = user(1);
        if let Some(kept) = &kept {
            let before = Added { wanted: Some(kept.clone()), ..unasked(1) };
            world.edit(&user, Edit::Replace(&file("Ada")), before).await;
        }
        let mut bytes: serde_json::Value = serde_json::from_slice(&file("Ida")).unwrap();
        if let Some(word) = in_file {
            bytes["wantedProducts"] = serde_json::json!([word]);
        }
        let with = Added { wanted: argument.clone(), ..unasked(1) };
        world.edit(&user, Edit::Replace(bytes.to_string().as_bytes()), with).await;
        let wanted = world.onboarding(&user).await.wanted;
        assert_eq!(wanted, expected, "{argument:?} {in_file:?} {kept:?}");
    }
}

#[tokio::test]
async fn asking_for_verification_twice_is_asking_once() {
    let world = World::new();
    let user = world.add_user(1).await;
    let again = world.tell(&user, Event::VerificationRequested).await;
    assert_eq!(again.unchanged, Some(Reason::AlreadySo));
    let both = world.edit(&user, Edit::Replace(&file("Ida")), added(1)).await;
    assert_eq!(both.unchanged, None, "the edit counts though verification was asked before");

    world.settle_for(&world.worker().await, MINUTE).await;
    assert_eq!(world.provider.calls_of(&user), [ACCEPT, REGISTER, TRIGGER]);
    let judged = world.tell(&user, Event::VerificationRequested).await;
    assert_eq!(judged.unchanged, Some(Reason::NothingNewToVerify));
    assert_eq!(world.state(&user).await, State::Verified);
}

#[tokio::test]
async fn a_refusal_lists_every_problem_and_stores_nothing() {
    let world = World::new();
    let bad = br#"{
        "userDetails": { "firstName": "", "lastName": "L", "dateOfBirth": "1984-13-12",
                         "countryOfResidence": "XX" },
        "unknownSection": {}
    }"#;
    let IntakeError::Refused(problems) =
        refusal(&world, &user(1), Edit::Replace(bad), added(1)).await
    else {
        panic!("the data is refused")
    };
    let places: BTreeSet<&str> =
        problems.0.iter().map(|problem| problem.pointer.as_str()).collect();
    let expected = [
        "/unknownSection",
        "/userDetails/countryOfResidence",
        "/userDetails/dateOfBirth",
        "/userDetails/firstName",
    ];
    assert!(places.iter().eq(&expected), "{places:?}");
    assert!(world.store.find(&user(1)).await.unwrap().is_none());

    let known = world.add_user(2).await;
    let version = world.onboarding(&known).await.version;
    let before = held(&world, &known).await;
    for edit in [Edit::Replace(&bad[..]), Edit::Patch(br#"{"userDetails":{"firstName":null}}"#)] {
        let refused = refusal(&world, &known, edit, unasked(2)).await;
        assert!(matches!(refused, IntakeError::Refused(_)), "{refused}");
    }
    assert_eq!(world.onboarding(&known).await.version, version);
    assert_eq!(held(&world, &known).await, before);
}

#[tokio::test]
async fn a_document_is_stored_whole_and_replaces_the_one_before() {
    let world = World::new();
    let user = world.add_user(1).await;
    let passport = DocumentType::IdPassport;
    for (edition, expires_at) in [(1, None), (2, Some(date("2030-01-31")))] {
        world.add_passport(&user, &png(edition), expires_at).await;
        let document = world.onboarding(&user).await.documents[&passport].clone();
        assert_eq!((document.revision.0, document.expires_at), (u32::from(edition), expires_at));
        let content = world.store.document_content(id(1), &passport).await.unwrap().unwrap();
        assert_eq!(content.revision, document.revision);
        assert_eq!((content.media_type.as_str(), content.bytes), ("image/png", png(edition)));
    }
}

#[tokio::test]
async fn a_document_that_is_refused_is_not_stored() {
    let world = World::new();
    let user = world.add_user(1).await;
    let intake = world.intake();
    let passport = DocumentType::IdPassport;
    for (bytes, name, expires_at) in [
        (&b""[..], None, None),
        (b"GIF89a", None, None),
        (&png(1), Some("passport.pdf"), None),
        (&png(1), None, Some(date("2026-05-01"))),
    ] {
        let given = Given { file_name: name, ..given(&passport, bytes, expires_at) };
        let added = intake.add_document(&user, &given, START).await;
        assert!(matches!(added, Err(IntakeError::Refused(_))), "{name:?} {expires_at:?}");
    }
    assert!(world.onboarding(&user).await.documents.is_empty());
    assert!(world.store.document_content(id(1), &passport).await.unwrap().is_none());
}

#[tokio::test]
async fn what_others_gave_too_is_a_warning_that_names_their_ids_alone() {
    let world = World::new();
    let (first, second) = (world.add_user(1).await, world.add_user(2).await);
    let intake = world.intake();
    let scan = png(9);
    let passport = DocumentType::IdPassport;
    let given = given(&passport, &scan, None);
    let alone = intake.add_document(&first, &given, START).await.unwrap();
    assert_eq!(alone.warnings, Problems::default());
    let again = intake.add_document(&first, &given, START).await.unwrap();
    assert_eq!(again.warnings, Problems::default(), "one's own earlier file is no other's");
    let same = intake.add_document(&second, &given, START).await.unwrap().warnings.to_string();
    assert!(same.contains(&format!("was given for others, too ({})", id(1))), "{same}");
    assert!(!same.contains(first.value()), "{same}");
    let other = png(8);
    let other = Given { bytes: &other, ..given };
    let replaced = intake.add_document(&first, &other, START).await.unwrap();
    assert_eq!(replaced.warnings, Problems::default());
    let same = intake.add_document(&second, &given, START).await.unwrap();
    assert_eq!(same.warnings, Problems::default(), "it is the other's no longer");
}

#[tokio::test]
async fn a_file_that_is_held_is_given_again_only_where_that_says_something() {
    let world = World::new();
    let user = world.add_user(1).await;
    let intake = world.intake();
    let passport = DocumentType::IdPassport;
    let scan = png(9);
    let add = async |expires_at| {
        let given = given(&passport, &scan, expires_at);
        let settled = intake.add_document(&user, &given, START).await.unwrap();
        (settled.unchanged, settled.stored.onboarding.documents[&passport].revision)
    };
    let nothing = Some(Reason::AlreadySo);
    assert_eq!(add(None).await, (None, Revision(1)));
    assert_eq!(add(None).await, (nothing, Revision(1)));
    assert_eq!(add(Some(date("2030-01-31"))).await, (None, Revision(2)), "another date");
    assert_eq!(add(Some(date("2030-01-31"))).await, (nothing, Revision(2)));
    // Asked for once more, it is all that there is.
    world.provider.will_say(&user, [asks_for(None, Some("id"))]);
    world.settle_for(&world.worker().await, MINUTE).await;
    assert_eq!(world.state(&user).await, State::RequiresData);
    assert_eq!(add(Some(date("2030-01-31"))).await, (None, Revision(3)));
}

#[tokio::test]
async fn both_sides_are_asked_for_and_one_file_is_not_both() {
    let world = World::new();
    let user = world.add_user(1).await;
    let intake = world.intake();
    let (front, back) = (DocumentType::IdIdcardFront, DocumentType::IdIdcardBack);
    let (scan_a, scan_b) = (png(1), png(2));
    let told = intake.add_document(&user, &given(&front, &scan_a, None), START).await.unwrap();
    assert!(told.warnings.to_string().contains("`id-idcard-back`"), "{}", told.warnings);
    let same = intake.add_document(&user, &given(&back, &scan_a, None), START).await;
    let Err(IntakeError::Refused(problems)) = same else { panic!("one file is both sides") };
    assert!(problems.to_string().contains("`id-idcard-front`"), "{problems}");
    assert!(!world.onboarding(&user).await.documents.contains_key(&back));
    let told = intake.add_document(&user, &given(&back, &scan_b, None), START).await.unwrap();
    assert_eq!(told.warnings, Problems::default());
}

#[tokio::test]
async fn what_is_stored_is_without_metadata() {
    let world = World::new();
    let user = world.add_user(1).await;
    let passport = DocumentType::IdPassport;
    let exif = documents::sample::exif_with_location(1);
    let scan = documents::sample::png_with(&png(5), b"eXIf", &exif);
    world.intake().add_document(&user, &given(&passport, &scan, None), START).await.unwrap();
    let stored = world.store.document_content(id(1), &passport).await.unwrap().unwrap();
    assert_eq!(stored.bytes, png(5));
}

#[tokio::test]
async fn who_is_not_known_can_only_be_set() {
    let world = World::new();
    let nobody = user(9);
    let intake = world.intake();
    let patched =
        refusal(&world, &nobody, Edit::Patch(br#"{"wantedProducts":["onramp"]}"#), added(9));
    assert!(matches!(patched.await, IntakeError::NoSuchUser));
    let told = intake.tell(&nobody, Event::VerificationRequested, START).await;
    assert!(matches!(told, Err(IntakeError::NoSuchUser)));
    let passport = DocumentType::IdPassport;
    let scan = png(1);
    let added = intake.add_document(&nobody, &given(&passport, &scan, None), START).await;
    assert!(matches!(added, Err(IntakeError::NoSuchUser)));
    assert!(world.store.find(&nobody).await.unwrap().is_none());
}

#[tokio::test]
async fn a_cancelled_onboarding_takes_nothing_until_it_is_resumed() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.tell(&user, Event::Cancelled { reason: "left".to_owned() }).await;
    let before = held(&world, &user).await;
    let is_ended = |refused: &IntakeError| matches!(refused, IntakeError::Ended(Ended::Cancelled));

    let edited = refusal(&world, &user, Edit::Replace(&file("Ida")), added(1)).await;
    assert!(is_ended(&edited), "{edited}");
    let intake = world.intake();
    let told = intake.tell(&user, Event::VerificationRequested, START).await.unwrap_err();
    assert!(is_ended(&told), "{told}");
    let passport = DocumentType::IdPassport;
    let scan = png(1);
    let refused = intake.add_document(&user, &given(&passport, &scan, None), START).await;
    assert!(is_ended(&refused.unwrap_err()));
    assert_eq!(held(&world, &user).await, before, "a refused edit stores no data");
    assert!(world.store.document_content(id(1), &passport).await.unwrap().is_none());

    world.tell(&user, Event::Resumed { reason: "back".to_owned() }).await;
    world.edit(&user, Edit::Replace(&file("Ida")), added(1)).await;
    assert_eq!(world.state(&user).await, State::Registering);
}

#[tokio::test]
async fn an_erased_user_can_begin_anew_with_another_onboarding() {
    let world = World::new();
    let user = world.add_user(1).await;
    world.tell(&user, Event::Erased { reason: "asked to".to_owned() }).await;
    assert!(world.store.find(&user).await.unwrap().is_none());
    assert!(world.store.profile(id(1)).await.unwrap().is_none());
    world.edit(&user, Edit::Replace(&file("Ada")), added(2)).await;
    assert_eq!(world.onboarding(&user).await.id, id(2));
}

#[tokio::test]
async fn what_was_judged_by_others_in_between_is_judged_again() {
    let world = World::on(FailingStore::new(Policy::default()));
    let user = world.add_user(1).await;
    let latch = world.store.wait_at(Place::Committing);
    let first = world.rename(&user, "Ida");
    let second = async {
        latch.reached().await;
        let patch = br#"{"kycData":{"email":"ida@example.org"}}"#;
        world.edit(&user, Edit::Patch(patch), unasked(1)).await;
        latch.release();
    };
    let (first, ()) = tokio::join!(first, second);
    assert_eq!(first.stored.onboarding.profile.unwrap().revision, Revision(3));
    let merged = held(&world, &user).await;
    assert_eq!(merged["userDetails"]["firstName"], "Ida");
    assert_eq!(merged["kycData"]["email"], "ida@example.org");
    world.check_histories().await;
}

#[tokio::test]
async fn a_patch_of_a_user_who_is_erased_meanwhile_finds_no_such_user() {
    let world = World::on(FailingStore::new(Policy::default()));
    let user = world.add_user(1).await;
    let latch = world.store.wait_at(Place::ReadingProfile);
    let intake = world.intake();
    let patch = br#"{"userDetails":{"firstName":"Ida"}}"#;
    let edit = intake.edit_user(&user, Edit::Patch(patch), unasked(1), START);
    let eraser = async {
        latch.reached().await;
        world.tell(&user, Event::Erased { reason: "asked to".to_owned() }).await;
        latch.release();
    };
    let (edited, ()) = tokio::join!(edit, eraser);
    assert!(matches!(edited, Err(IntakeError::NoSuchUser)), "{edited:?}");
}

#[tokio::test]
async fn documents_given_at_once_are_both_on_record_and_the_later_is_held() {
    let world = World::on(FailingStore::new(Policy::default()));
    let user = world.add_user(1).await;
    let latch = world.store.wait_at(Place::Committing);
    let (scan_a, scan_b) = (png(1), png(2));
    let first = world.add_passport(&user, &scan_a, None);
    let second = async {
        latch.reached().await;
        world.add_passport(&user, &scan_b, None).await;
        latch.release();
    };
    tokio::join!(first, second);
    assert_eq!(world.count(&user, "document-added").await, 2);
    let passport = DocumentType::IdPassport;
    let content = world.store.document_content(id(1), &passport).await.unwrap().unwrap();
    assert_eq!((content.revision, content.bytes), (Revision(2), png(1)));
    world.check_histories().await;
}

#[tokio::test]
async fn a_user_whom_two_begin_at_once_has_one_onboarding() {
    let world = World::on(FailingStore::new(Policy::default()));
    let user = user(1);
    let latch = world.store.wait_at(Place::Committing);
    let (ada, ida) = (file("Ada"), file("Ida"));
    let first = world.edit(&user, Edit::Replace(&ada), added(1));
    let second = async {
        latch.reached().await;
        world.edit(&user, Edit::Replace(&ida), added(2)).await;
        latch.release();
    };
    let (first, ()) = tokio::join!(first, second);
    assert_eq!(first.stored.onboarding.id, id(2), "who was faster gave the id");
    let counts = world.store.counts().await.unwrap();
    assert_eq!(counts.values().sum::<u64>(), 1);
    assert_eq!(world.count(&user, "profile-set").await, 2);
    assert_eq!(held(&world, &user).await["userDetails"]["firstName"], "Ada");
    world.check_histories().await;
}

/// Opens its own store on the same data, as another process does.
fn front(world: &World) -> Intake<MemoryStore> {
    Intake::new(Arc::new(world.store.with_policy(Policy::default())), Actor::Cli)
}

/// Edits again as often as the intake says that others were faster, as its text asks for.
async fn edit_until_taken(
    intake: &Intake<MemoryStore>,
    user: &UserLocator,
    patch: &str,
) -> Settled {
    loop {
        match intake.edit_user(user, Edit::Patch(patch.as_bytes()), unasked(1), START).await {
            Err(IntakeError::Conflict) => tokio::task::yield_now().await,
            taken => return taken.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_edits_by_two_intakes_none_is_lost() {
    const EDITS: u32 = 50;
    let world = World::new();
    let user = world.add_user(1).await;
    let editors = ["firstName", "lastName"].map(|field| {
        let (intake, user) = (front(&world), user.clone());
        tokio::spawn(async move {
            for edit in 1..=EDITS {
                let name = "a".repeat(edit as usize);
                let patch = format!(r#"{{"userDetails":{{"{field}":"{name}"}}}}"#);
                let settled = edit_until_taken(&intake, &user, &patch).await;
                assert_eq!(settled.unchanged, None);
            }
        })
    });
    for editor in editors {
        editor.await.unwrap();
    }
    assert_eq!(profile_revision(&world, &user).await, Some(Revision(1 + 2 * EDITS)));
    let details = held(&world, &user).await["userDetails"].take();
    let last = "a".repeat(EDITS as usize);
    assert_eq!((&details["firstName"], &details["lastName"]), (&last.clone().into(), &last.into()));
    world.check_histories().await;
}

#[tokio::test]
async fn an_edit_gives_up_on_an_onboarding_that_never_stands_still() {
    let world = World::on(FailingStore::new(Policy::default()));
    let user = world.add_user(1).await;
    let begun = world.onboarding(&user).await.version;
    let intake = world.intake();
    let mut edits = Box::pin(intake.tell(&user, Event::Held { reason: "look".to_owned() }, START));
    let mut others = 0;
    let outcome = loop {
        let latch = world.store.wait_at(Place::Committing);
        tokio::select! {
            outcome = &mut edits => break outcome,
            () = latch.reached() => {}
        }
        others += 1;
        world.rename(&user, &format!("Ada{}", "a".repeat(others))).await;
        latch.release();
    };
    assert!(matches!(outcome, Err(IntakeError::Conflict)));
    assert_eq!(world.onboarding(&user).await.version, begun + others as u64);
    assert!((10..100).contains(&others), "{others} tries");
}

#[tokio::test]
async fn a_product_that_is_not_to_be_had_where_the_user_lives_is_warned_of_at_each_edit() {
    let world = World::new();
    let user = world.add_user(1).await;
    let moved = br#"{"userDetails":{"countryOfResidence":"RS"}}"#;
    let expected = "warning at /userDetails/countryOfResidence: onramp is not to be had there, by \
                    the table of requirements; take it out of the wanted products, or ask the \
                    provider";
    let told = world.edit(&user, Edit::Patch(moved), unasked(1)).await;
    assert_eq!(told.warnings.to_string(), expected);
    // Not for a product that is had there, and again when one is wanted that is not.
    for (wanted, expected) in [("offramp", ""), ("onramp", expected)] {
        let patch = format!(r#"{{"wantedProducts":["{wanted}"]}}"#);
        let told = world.edit(&user, Edit::Patch(patch.as_bytes()), unasked(1)).await;
        assert_eq!(told.warnings.to_string(), expected, "{wanted}");
    }
}

#[tokio::test]
async fn a_verification_of_more_than_a_year_ago_is_refused_where_the_provider_would() {
    let world = World::new();
    let user = world.add_user(1).await;
    let history = |at: &str| {
        format!(
            r#"{{"verificationHistory":{{"idVerificationTimestamp":"{at}","livenessVerificationTimestamp":"{at}"}}}}"#
        )
    };
    let refusing = || {
        let intake = Intake::new(Arc::clone(&world.store), Actor::Cli);
        intake.with_old_verifications(OldVerifications::Refused)
    };
    let (old, getting_old) = (history("2025-05-01T09:10:00Z"), history("2025-05-20T09:10:00Z"));
    let version = world.onboarding(&user).await.version;
    let told = refusing().edit_user(&user, Edit::Patch(old.as_bytes()), unasked(1), START).await;
    let Err(IntakeError::Refused(problems)) = told else { panic!("it was taken") };
    let places: Vec<&str> = problems.0.iter().map(|it| it.pointer.as_str()).collect();
    assert_eq!(
        places,
        [
            "/verificationHistory/idVerificationTimestamp",
            "/verificationHistory/livenessVerificationTimestamp"
        ]
    );
    assert!(problems.to_string().contains("more than 365 days ago"), "{problems}");
    assert_eq!(world.onboarding(&user).await.version, version);
    let told =
        refusing().edit_user(&user, Edit::Patch(getting_old.as_bytes()), unasked(1), START).await;
    let warnings = told.unwrap().warnings.to_string();
    assert_eq!(warnings.matches("is more than 330 days ago").count(), 2, "{warnings}");
    // The provider's oldest form takes verifications of any age.
    let taken = world.edit(&user, Edit::Patch(old.as_bytes()), unasked(1)).await;
    assert_eq!(taken.warnings.0.len(), 2);
    // What was taken earlier and grew old does not stand in the way of another edit.
    let other = br#"{"userDetails":{"firstName":"Adelheid"}}"#;
    let told = refusing().edit_user(&user, Edit::Patch(other), unasked(1), START).await.unwrap();
    assert_eq!(told.unchanged, None);
}

#[tokio::test]
async fn doubts_are_told_with_what_was_taken() {
    let world = World::new();
    let unknown = br#"{"wantedProducts":["on-ramp"]}"#;
    let user = world.add_user(1).await;
    let settled = world.edit(&user, Edit::Patch(unknown), unasked(1)).await;
    assert_eq!(settled.warnings.0.len(), 1);
    assert_eq!(world.onboarding(&user).await.wanted, BTreeSet::from([Product::from("on-ramp")]));
}
