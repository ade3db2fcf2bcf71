//! I4: what a person gave is what is stored, and what the provider has is never poorer than
//! what it acknowledged.

use onboarding::{
    DocumentType, Event, GivenWallet, LegalText, OnboardingId, Revision, Timestamp, WalletNumber,
};
use serde_json::Value;

use crate::base::ask;
use crate::ledger::Watched;
use crate::provider::Account;
use crate::world::{Process, State};

/// What a person is giving just now.
pub(crate) enum Promise {
    /// Data of the user.
    Edit(Given),
    /// A document.
    Document(Vec<u8>),
    /// A wallet.
    Wallet(GivenWallet),
}

/// The sections that an edit gives.
pub(crate) enum Given {
    Whole(Value),
    Patch(Value),
}

impl Given {
    /// The profile after the edit.
    fn after(&self, before: Option<&Value>) -> Value {
        match self {
            Self::Whole(profile) => profile.clone(),
            Self::Patch(patch) => {
                let mut profile = before.cloned().unwrap_or_default();
                merge(&mut profile, patch);
                profile
            }
        }
    }
}

/// A merge patch, as RFC 7396 has it for objects in objects.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let target = target.as_object_mut().expect("it was made one");
    for (name, change) in patch {
        if change.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), change);
        }
    }
}

impl State {
    /// Notes what a person gave under the revision that it got, and compares what is stored.
    pub(crate) fn follow_promise(
        &self,
        watched: &mut Watched,
        event: &Event,
        process: Process,
    ) -> Result<(), &'static str> {
        let promise = self.promises.get(&process);
        let id = watched.replayed.id;
        match (event, promise) {
            (Event::ProfileSet { revision, .. }, Some(Promise::Edit(given))) => {
                let before = watched.profiles.last_key_value().map(|(_, profile)| profile);
                let profile = given.after(before);
                watched.profiles.insert(*revision, profile);
                self.check_profile(id, watched, *revision)
            }
            (
                Event::DocumentAdded { document_type, revision, .. },
                Some(Promise::Document(bytes)),
            ) => {
                watched.documents.insert((document_type.clone(), *revision), bytes.clone());
                self.check_document(id, document_type, *revision, bytes)
            }
            (Event::ConsentGiven { text, revision, accepted_at, region, .. }, _) => {
                match (text, region) {
                    (LegalText::PrivacyPolicy, _) => {
                        watched.consents.insert(*revision, *accepted_at);
                    }
                    (LegalText::TermsOfService, Some(region)) => {
                        watched.terms.insert(*revision, (*accepted_at, region.clone()));
                    }
                    (LegalText::TermsOfService, None) => {
                        return Err("terms without their region");
                    }
                }
                Ok(())
            }
            (Event::WalletGiven { number, revision }, Some(Promise::Wallet(given))) => {
                let stored = self.stored_wallet(id, *number, *revision, given);
                watched.wallets.insert((*number, *revision), stored?);
                Ok(())
            }
            (
                Event::ProfileSet { .. } | Event::DocumentAdded { .. } | Event::WalletGiven { .. },
                _,
            ) => Err("data that nobody gave"),
            _ => Ok(()),
        }
    }

    fn check_profile(
        &self,
        id: OnboardingId,
        watched: &Watched,
        revision: Revision,
    ) -> Result<(), &'static str> {
        let content = ask!(&self.store, profile(id)).expect("the store can be read");
        let is_it = content.is_some_and(|content| {
            let stored = serde_json::from_slice::<Value>(&content.json);
            content.revision == revision
                && stored.is_ok_and(|stored| Some(&stored) == watched.profiles.get(&revision))
        });
        if is_it { Ok(()) } else { Err("the stored profile is not what people gave") }
    }

    fn check_document(
        &self,
        id: OnboardingId,
        kind: &DocumentType,
        revision: Revision,
        bytes: &[u8],
    ) -> Result<(), &'static str> {
        let content = ask!(&self.store, document_content(id, kind)).expect("the store can be read");
        let is_it =
            content.is_some_and(|content| content.revision == revision && content.bytes == bytes);
        if is_it { Ok(()) } else { Err("the stored document is not what a person gave") }
    }

    /// What is stored of a wallet that a person gave. One that was refused is sent again with the
    /// proof that is held.
    fn stored_wallet(
        &self,
        id: OnboardingId,
        number: WalletNumber,
        revision: Revision,
        given: &GivenWallet,
    ) -> Result<GivenWallet, &'static str> {
        let held = ask!(&self.store, wallets(id)).expect("the store can be read");
        let stored = held.into_iter().find(|held| held.number == number);
        let stored = stored.filter(|held| held.revision == revision && held.wallet.covers(given));
        stored.map(|held| held.wallet).ok_or("the stored wallet is not what a person gave")
    }

    /// Whether the provider has all of a user that it acknowledged, or newer.
    pub(crate) fn check_record(&mut self, user: usize) {
        let account = self.provider.account(user);
        let of_user = self.ledger.watched.values().filter(|watched| watched.user == user);
        let poorer = of_user.map(|watched| watched.compare(account)).find_map(Result::err);
        if let Some(what) = poorer {
            self.ledger.violated("I4", what);
        }
    }
}

impl Watched {
    fn compare(&self, account: &Account) -> Result<(), &'static str> {
        let acknowledged = self.replayed.acknowledged_revisions();
        let is_lost = account.lost.profile || account.lost.section;
        if let Some(least) = acknowledged.profile.filter(|_| !is_lost)
            && !self.profiles.range(least..).any(|(_, has)| Some(has) == account.profile.as_ref())
        {
            return Err("the provider's profile is poorer than what it acknowledged");
        }
        if let Some(least) = acknowledged.consent.filter(|_| !account.lost.consent)
            && !self.has_consent_since(least, account.consent)
        {
            return Err("the provider's consent is older than what it acknowledged");
        }
        if let Some(least) = acknowledged.terms.filter(|_| !account.lost.terms)
            && !self.terms.range(least..).any(|(_, given)| Some(given) == account.terms.as_ref())
        {
            return Err("the provider's terms are older than what it acknowledged");
        }
        for (kind, least) in &acknowledged.documents {
            let has = account.documents.get(kind);
            let is_lost = account.lost.documents.contains(kind);
            if !is_lost && !self.has_document_since(kind, *least, has) {
                return Err("the provider's document is older than what it acknowledged");
            }
        }
        for (number, wallet) in &self.replayed.wallets {
            let Some(least) = wallet.acknowledged else { continue };
            let mut since = self.wallets.range((*number, least)..=(*number, Revision(u32::MAX)));
            let is_there = since.any(|(_, given)| {
                let has = account.wallets.get(&given.address);
                has == Some(given) || account.lost.wallets.contains(&given.address)
            });
            if !is_there {
                return Err("the provider has not linked a wallet as it acknowledged it");
            }
        }
        Ok(())
    }

    /// Once all is at rest: what it showed that it has, it has.
    pub(crate) fn compare_with_shown(&self, account: &Account) -> Result<(), &'static str> {
        let revision = self.replayed.acknowledged_revisions().profile;
        let Some(shown) = revision.filter(|_| self.is_shown_whole && !account.lost.profile) else {
            return Ok(());
        };
        let is_it = self.profiles.get(&shown) == account.profile.as_ref();
        if is_it { Ok(()) } else { Err("a section that is not shown was not sent again") }
    }

    fn has_consent_since(&self, least: Revision, has: Option<Timestamp>) -> bool {
        self.consents.range(least..).any(|(_, given)| Some(*given) == has)
    }

    fn has_document_since(
        &self,
        kind: &DocumentType,
        least: Revision,
        has: Option<&Vec<u8>>,
    ) -> bool {
        let newest = (kind.clone(), Revision(u32::MAX));
        let mut since = self.documents.range((kind.clone(), least)..=newest);
        since.any(|(_, given)| Some(given) == has)
    }
}
