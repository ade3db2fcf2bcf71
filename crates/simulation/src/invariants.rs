//! What must hold of one onboarding after every event, written from the page of invariants
//! and not from the code that it checks.

use std::collections::BTreeSet;

use onboarding::{
    Eligibility, Onboarding, Policy, Product, ProductStatus, Request, State, Task, TaskState,
    UNNAMED_REQUEST,
};

use crate::provider::Account;

/// An invariant, and what breaks it.
pub type Broken = (&'static str, &'static str);

/// I2 and I3, as far as the onboarding itself shows them.
///
/// # Errors
/// The invariant, and what breaks it.
pub fn check(onboarding: &Onboarding, policy: &Policy) -> Result<(), Broken> {
    check_tasks(onboarding).map_err(|what| ("I2", what))?;
    check_verified(onboarding, policy).map_err(|what| ("I3", what))
}

/// Whether the provider acknowledged all that is held and that it is to be told. Where it has no
/// call for consents, these are kept.
pub(crate) fn is_all_sent(onboarding: &Onboarding, policy: &Policy) -> bool {
    let (held, mut sent) = (onboarding.held_revisions(), onboarding.acknowledged_revisions());
    if policy.keeps_consents {
        (sent.consent, sent.terms) = (held.consent, held.terms);
    }
    held == sent
}

fn check_tasks(onboarding: &Onboarding) -> Result<(), &'static str> {
    let is_open = onboarding.tasks.iter().any(|task| task.state == TaskState::Open);
    let is_overruled = onboarding.hold.is_some()
        || onboarding.ended.is_some()
        || onboarding.verification.in_doubt.is_some();
    let requires_data = onboarding.state == State::RequiresData;
    ensure(is_open || !requires_data, "requires-data without an open task")?;
    ensure(!is_open || requires_data || is_overruled, "an open task, but not requires-data")?;
    if onboarding.state == State::Erased {
        let is_empty = onboarding.all_tasks().next().is_none() && onboarding.wallets.is_empty();
        return ensure(is_empty, "an erased onboarding with tasks or wallets");
    }
    let tasks = onboarding.tasks.iter().map(|task| (task, false));
    let all = tasks.chain(onboarding.renewals.iter().map(|task| (task, true)));
    let is_apart =
        |(task, is_renewal): (&Task, bool)| is_renewal == (task.request.kind() == "renewal");
    ensure(all.into_iter().all(is_apart), "a renewal among the tasks, or the other way round")?;
    let numbers: BTreeSet<u32> = onboarding.all_tasks().map(|task| task.number).collect();
    ensure(numbers.len() == onboarding.all_tasks().count(), "two tasks of one number")?;
    check_wallets(onboarding)?;
    let has_cause = |task: &Task| {
        !task.products.is_empty()
            && task.products.iter().all(|product| {
                onboarding.wanted.contains(product)
                    && word_on(onboarding, product).is_some_and(|word| asks_for(word, task))
            })
    };
    ensure(onboarding.tasks.iter().all(has_cause), "a task that no wanted product asks for")?;
    let is_heard = |product: &Product| {
        let asks = word_on(onboarding, product).is_some_and(is_asking);
        asks == onboarding.tasks.iter().any(|task| task.products.contains(product))
    };
    ensure(onboarding.wanted.iter().all(is_heard), "a wanted product asks, and there is no task")
}

/// A wallet's task is about what the provider said of that wallet, and for no product.
fn check_wallets(onboarding: &Onboarding) -> Result<(), &'static str> {
    for (number, wallet) in &onboarding.wallets {
        ensure(*number < onboarding.next_wallet(), "a wallet of a number yet to be given")?;
        ensure(
            wallet.acknowledged <= Some(wallet.revision),
            "a wallet linked before it was given",
        )?;
        let Some(task) = &wallet.task else { continue };
        let asked = match &task.request {
            Request::Wallet(of) => {
                *of == *number && wallet.word.is_none_or(|_| wallet.is_refused())
            }
            Request::WalletProof(of) => *of == *number && !wallet.is_refused(),
            Request::Consent
            | Request::Data(_)
            | Request::Document(_)
            | Request::Operator(_)
            | Request::RenewDocument(_)
            | Request::RenewVerification
            | Request::RenewConsent
            | Request::RenewTerms => false,
        };
        ensure(asked, "a wallet's task that is not about it")?;
        ensure(task.products.is_empty(), "a wallet's task that is for a product")?;
        ensure(task.state != TaskState::Closed, "a closed task of a wallet is kept")?;
    }
    Ok(())
}

fn check_verified(onboarding: &Onboarding, policy: &Policy) -> Result<(), &'static str> {
    if onboarding.state != State::Verified {
        return Ok(());
    }
    let word = onboarding.observation.as_ref();
    let is_fresh = word.is_some_and(|word| word.epoch == onboarding.epoch);
    ensure(is_fresh, "verified by a word older than what the provider was told")?;
    ensure(is_all_sent(onboarding, policy), "verified, but the provider has not all that is held")?;
    ensure(onboarding.profile.is_some(), "verified without a profile")?;
    let is_verified = |product| {
        word_on(onboarding, product).is_some_and(|word| word.status == ProductStatus::Verified)
    };
    let is_confirmed = !onboarding.registration.is_unconfirmed;
    ensure(is_confirmed, "verified before the provider showed what it holds")?;
    ensure(!onboarding.wanted.is_empty(), "verified for nothing")?;
    ensure(onboarding.wanted.iter().all(is_verified), "verified with a wanted product that is not")
}

/// I3 against the provider's own books: it said of every wanted product that it is verified,
/// and was told nothing since.
///
/// Not so of who took a document back: its upload may have been under way, and what was not
/// acknowledged does not count.
pub(crate) fn is_truly_verified(onboarding: &Onboarding, account: &Account) -> bool {
    if onboarding.documents.values().any(|document| !document.is_at_hand()) {
        return true;
    }
    onboarding.wanted.iter().all(|product| {
        account.said_verified_at.get(product).is_some_and(|said_at| *said_at > account.told_at)
    })
}

fn word_on<'a>(onboarding: &'a Onboarding, product: &Product) -> Option<&'a Eligibility> {
    onboarding.observation.as_ref()?.products.get(product)
}

fn is_asking(word: &Eligibility) -> bool {
    [ProductStatus::RequiresData, ProductStatus::PendingPrivacyPolicy].contains(&word.status)
}

fn asks_for(word: &Eligibility, task: &Task) -> bool {
    let lists_document = |name: &String| word.missing_documents.contains(name);
    let lists_section =
        |name: &str| word.missing_data.iter().any(|section| section.as_str() == name);
    match &task.request {
        Request::Consent => word.status == ProductStatus::PendingPrivacyPolicy,
        Request::Data(section) => is_asking(word) && lists_section(section.as_str()),
        Request::Document(name) => is_asking(word) && lists_document(name),
        Request::RenewDocument(_)
        | Request::RenewVerification
        | Request::RenewConsent
        | Request::RenewTerms
        | Request::Wallet(_)
        | Request::WalletProof(_) => false,
        Request::Operator(name) => {
            let lists_nothing = word.missing_data.is_empty() && word.missing_documents.is_empty();
            let is_listed = lists_document(name) || lists_section(name);
            is_asking(word) && (is_listed || (lists_nothing && name == UNNAMED_REQUEST))
        }
    }
}

const fn ensure(holds: bool, what: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}
