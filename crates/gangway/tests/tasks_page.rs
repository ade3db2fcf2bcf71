//! docs/tasks.md, whose examples are run as they stand, against users whom this file makes.
//!
//! The page is of 2 May 2026: of what is printed, each day is shown as so many days from that.

#![allow(clippy::unwrap_used, reason = "clippy sees no test in a test's own functions")]

mod page;

use std::path::Path;
use std::sync::Arc;

use documents::{Given, sample};
use engine::{Added, Edit, Intake};
use onboarding::texts::Texts;
use onboarding::{
    Call, Date, DocumentType, Eligibility, Event, OnboardingId, Policy, Product, ProductStatus,
    Requirements, Revision, Section, Step, Timestamp, UserLocator, next_note, next_step,
};
use store::{Actor, SqliteStore, Store as _};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tasks.md");
const DAY_MS: u64 = 86_400_000;

fn page_day() -> Date {
    Date::parse("2026-05-02").unwrap()
}

fn later(day: Date, days: i64) -> Date {
    Timestamp(day.start().0 + days * i64::try_from(DAY_MS).unwrap()).date()
}

/// Today, right after midnight: so long as the page is run on one day, what is said of times does
/// not depend on the hour.
fn today() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(now.as_millis()).unwrap()).date().start().plus_ms(1)
}

/// The day's forms, longest first: what is within another one is found last.
fn forms(day: Date, today: Date) -> Vec<String> {
    let languages = ["en", "de"].map(|tag| tag.parse().unwrap());
    let said = languages.map(|language| Texts::embedded().date(&language, day, today).to_string());
    [vec![day.to_string()], said.into()].concat()
}

/// The output as it was on the day of the page.
fn as_of_the_page(mut output: String, today: Date) -> String {
    let days: Vec<(Vec<String>, Vec<String>)> = (-40..=400)
        .map(|days| {
            let then = later(page_day(), days);
            (forms(later(today, days), today), forms(then, page_day()))
        })
        .collect();
    let mut pairs: Vec<(String, String)> =
        days.into_iter().flat_map(|(real, shown)| real.into_iter().zip(shown)).collect();
    pairs.sort_by_key(|(real, _)| std::cmp::Reverse(real.len()));
    // Marked first, so that nothing is replaced twice.
    for (at, (real, _)) in pairs.iter().enumerate() {
        output = output.replace(real, &format!("\u{1}{at}\u{2}"));
    }
    for (at, (_, shown)) in pairs.iter().enumerate() {
        output = output.replace(&format!("\u{1}{at}\u{2}"), shown);
    }
    output.replace("T00:00:00.001Z", "T09:10:00.000Z").replace(", 00:00 UTC", ", 09:10 UTC")
}

/// The users of the page, and a provider who answers at once.
struct World {
    store: Arc<SqliteStore>,
    intake: Intake<SqliteStore>,
}

impl World {
    async fn new(folder: &Path) -> Self {
        let url = format!("sqlite:{}", folder.join("gangway.db").display());
        let policy = Policy { accepts: Requirements::default().accepts(), ..Policy::default() };
        let store = Arc::new(SqliteStore::open(&url, policy).await.unwrap());
        Self { intake: Intake::new(Arc::clone(&store), Actor::Cli), store }
    }

    async fn begins(&self, user: &UserLocator, number: u128, at: Timestamp) {
        let file = br#"{"userDetails": {"firstName": "A", "lastName": "B",
            "dateOfBirth": "1984-03-12", "countryOfResidence": "SE"}}"#;
        self.begins_with(user, file, number, at).await;
    }

    async fn begins_with(&self, user: &UserLocator, file: &[u8], number: u128, at: Timestamp) {
        let id = 0x019f_1c2e_5b7a_7c31_9d52_0a4f_6c1b_2d00 + number;
        let added = Added {
            wanted: None,
            wanted_default: [Product::Onramp].into(),
            verify: true,
            new_id: OnboardingId(uuid::Uuid::from_u128(id)),
        };
        self.intake.edit_user(user, Edit::Replace(file), added, at).await.unwrap();
    }

    async fn brings_a_passport(&self, user: &UserLocator, expires: Option<Date>, at: Timestamp) {
        self.brings(user, &DocumentType::IdPassport, expires, at).await;
    }

    async fn brings(
        &self,
        user: &UserLocator,
        document_type: &DocumentType,
        expires_at: Option<Date>,
        at: Timestamp,
    ) {
        let bytes = sample::scan(1);
        let given = Given { document_type, bytes: &bytes, file_name: None, expires_at };
        self.intake.add_document(user, &given, at).await.unwrap();
    }

    /// Makes every call that is due; the provider answers the trigger with `word`.
    async fn goes_on(&self, user: &UserLocator, word: &Eligibility, at: Timestamp) {
        loop {
            let stored = self.store.find(user).await.unwrap().unwrap();
            let onboarding = stored.onboarding;
            let epoch = Some(onboarding.epoch);
            let Step::Call { call, .. } = next_step(&onboarding, self.store.policy()) else {
                return;
            };
            let event = match call {
                Call::RegisterUser { revision } => Event::UserRegistered { revision, epoch },
                Call::UploadDocument { document_type, revision } => Event::DocumentUploaded {
                    document_type,
                    revision,
                    epoch,
                    provider_document_id: "d".to_owned(),
                },
                Call::TriggerVerification { trigger } => {
                    self.tell(user, Event::TriggerBegun { trigger }, at).await;
                    let eligibility = vec![word.clone()];
                    Event::VerificationTriggered { trigger, eligibility }
                }
                // What follows are looks of a later day.
                Call::AcceptPrivacyPolicy { revision } => {
                    Event::PrivacyPolicyAccepted { revision, epoch }
                }
                Call::AcceptTerms { .. }
                | Call::ReadUser { .. }
                | Call::LinkWallet { .. }
                | Call::CheckStatus { .. } => return,
            };
            self.tell(user, event, at).await;
        }
    }

    async fn tell(&self, user: &UserLocator, event: Event, at: Timestamp) {
        let settled = self.intake.tell(user, event, at).await.unwrap();
        assert_eq!(settled.unchanged, None);
    }
}

fn lacking(data: &[Section], documents: &[&str]) -> Eligibility {
    Eligibility {
        product: Product::Onramp,
        status: ProductStatus::RequiresData,
        missing_data: data.to_vec(),
        missing_documents: documents.iter().map(ToString::to_string).collect(),
    }
}

async fn make_users(folder: &Path, today: Timestamp) {
    let world = World::new(folder).await;
    let ago = |days: u64| today.minus_ms(days * DAY_MS);
    let [noor, ada, linus, grace, mia, otto]: [UserLocator; 6] =
        ["noor", "ada", "linus", "grace", "mia", "otto"]
            .map(|name| format!("userId:{name}").parse().unwrap());

    world.begins(&noor, 1, ago(15)).await;
    world.goes_on(&noor, &lacking(&[Section::DueDiligence], &[]), ago(15)).await;

    let id = lacking(&[], &["id"]);
    world.begins(&ada, 2, ago(5)).await;
    world.goes_on(&ada, &id, ago(5)).await;
    world.brings_a_passport(&ada, None, ago(3)).await;
    world.goes_on(&ada, &id, ago(2)).await;

    world.begins(&linus, 3, ago(2)).await;
    world.goes_on(&linus, &lacking(&[], &["proof-of-funds"]), ago(2)).await;

    world.begins(&grace, 4, ago(1)).await;
    let expires = later(today.date(), 20);
    world.brings_a_passport(&grace, Some(expires), ago(1)).await;
    let verified = Eligibility { status: ProductStatus::Verified, ..lacking(&[], &[]) };
    world.goes_on(&grace, &verified, ago(1)).await;
    let stored = world.store.find(&grace).await.unwrap().unwrap();
    let note = next_note(&stored.onboarding, world.store.policy(), today).unwrap();
    world.tell(&grace, note.event, today).await;
    assert_eq!(stored.onboarding.profile.unwrap().acknowledged, Some(Revision(1)));

    world.begins_with(&mia, MIA, 5, ago(1)).await;
    let light = Product::OnrampLight;
    let data = Eligibility { product: light, ..lacking(&[Section::KycData], &[]) };
    world.goes_on(&mia, &data, ago(1)).await;

    world.begins(&otto, 6, ago(1)).await;
    let asked = lacking(&[Section::VerificationHistory], &["id"]);
    world.goes_on(&otto, &asked, ago(1)).await;
    world.brings(&otto, &DocumentType::IdIdcardFront, None, today).await;
    world.goes_on(&otto, &id, today).await;
}

/// She lives in Texas, and gave neither her nationality nor a telephone number.
const MIA: &[u8] = br#"{"userDetails": {"firstName": "A", "lastName": "B",
        "dateOfBirth": "1984-03-12", "countryOfResidence": "US"},
    "kycData": {"addressOfResidence": {"line1": "1 Main St", "city": "Austin",
            "stateOrRegion": "TX", "postalCode": "78701"}, "email": "mia@example.org",
        "identityDocument": {"type": "ssn", "number": "123456789", "issuingCountryCode": "US"}},
    "privacyPolicyAcceptedAt": "2026-05-01T00:00:00Z",
    "wantedProducts": ["onramp-light"]}"#;

/// Run with UPDATE_DOCS=1 to write the page's outputs anew.
#[tokio::test]
async fn every_example_of_the_page_comes_out_as_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let today = today();
    make_users(folder.path(), today).await;
    let shown = std::fs::read_to_string(PAGE).unwrap();
    let as_shown = |output| as_of_the_page(output, today.date());
    let rerun = page::rerun(&shown, folder.path(), as_shown, |block| {
        panic!("a block of an unknown kind: {} {}", block.kind, block.text)
    });
    page::check(PAGE, &shown, &rerun);
}

#[test]
fn days_are_shown_as_they_are_from_the_day_of_the_page() {
    for (output, today, expected) in [
        ("by 31 December, 2026-12-31", "2026-12-31", "by 2 May, 2026-05-02"),
        ("by 1 January 2027.", "2026-12-31", "by 3 May."),
        ("21 May, 1 May, 11 May", "2026-05-01", "22 May, 2 May, 12 May"),
        ("2026-05-01T00:00:00.001Z", "2026-05-01", "2026-05-02T09:10:00.000Z"),
    ] {
        let today = Date::parse(today).unwrap();
        assert_eq!(as_of_the_page(output.to_owned(), today), expected);
    }
}
