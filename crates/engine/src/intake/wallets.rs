//! Wallets that people give and take back. By its address a wallet is known again; the rules know
//! it by its number.

use onboarding::{
    Event, GivenWallet, LinkedWallet, Onboarding, Problems, Revision, Timestamp, UserLocator,
    WALLETS_MAX, WalletNumber,
};
use store::{PersonalData, Store, StoreError, Stored, WalletContent};

use super::{Asked, CONFLICTS_MAX, Intake, IntakeError, Request, Settled};

/// What becomes of a wallet that is given as it was, and that the provider refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is sent again: whoever gives this one wallet means it.
    IsSentAgain,
    /// It stays as it is: it stands in a file with much else.
    StaysSo,
}

impl<S: Store> Intake<S> {
    /// Gives a wallet, or another chain or proof for one that is held. Given as it was, it is not
    /// an edit unless the provider refused it: then it is sent again.
    ///
    /// # Errors
    /// When there are too many, there is no such user, the onboarding ended, or the store can't be
    /// used.
    pub async fn link_wallet(
        &self,
        user: &UserLocator,
        given: &GivenWallet,
        now: Timestamp,
    ) -> Result<Settled, IntakeError> {
        self.change(user, Asked::Wallet(given), now).await
    }

    /// Forgets a wallet that the provider has not linked. If its call is under way at this very
    /// moment, the provider may link it all the same.
    ///
    /// # Errors
    /// When there is no such wallet or user, the onboarding ended, or the store can't be used.
    pub async fn remove_wallet(
        &self,
        user: &UserLocator,
        address: &str,
        now: Timestamp,
    ) -> Result<Settled, IntakeError> {
        self.change(user, Asked::NoWallet(address), now).await
    }

    /// What giving one wallet comes to for `onboarding`.
    pub(super) async fn wallet_request(
        &self,
        onboarding: &Onboarding,
        given: &GivenWallet,
    ) -> Result<Request, IntakeError> {
        let held = self.store.wallets(onboarding.id).await?;
        let before = of_address(onboarding, &held, &given.address);
        let wallet = before.map_or_else(|| onboarding.next_wallet(), |held| held.number);
        let given = std::slice::from_ref(given);
        let request = given_wallets(onboarding, &held, given, Refused::IsSentAgain)?;
        Ok(Request { wallet: Some(wallet), ..request })
    }

    /// What taking back the wallet of this address comes to for `onboarding`.
    pub(super) async fn no_wallet_request(
        &self,
        onboarding: &Onboarding,
        address: &str,
    ) -> Result<Request, IntakeError> {
        let held = self.store.wallets(onboarding.id).await?;
        let held = of_address(onboarding, &held, address);
        let number = held.ok_or(IntakeError::NoSuchWallet)?.number;
        let events = vec![Event::WalletWithdrawn { number }];
        Ok(Request { events, ..Request::default() })
    }

    /// The wallets that are held for an edit of a user's data, if there may be any.
    pub(super) async fn held_wallets(
        &self,
        found: Option<&Stored>,
    ) -> Result<Vec<WalletContent>, IntakeError> {
        match found.filter(|stored| !stored.onboarding.wallets.is_empty()) {
            Some(stored) => Ok(self.store.wallets(stored.onboarding.id).await?),
            None => Ok(Vec::new()),
        }
    }
}

/// A user with the wallets as whoever may see personal data is shown them; `None` if there is no
/// such user.
///
/// # Errors
/// When the store can't be used, or what it holds does not fit together.
pub async fn linked_wallets<S: Store>(
    store: &S,
    user: &UserLocator,
) -> Result<Option<(Stored, Vec<LinkedWallet>)>, StoreError> {
    // The two are read one after the other, and someone may give a wallet between.
    let mut id = None;
    for _ in 0..CONFLICTS_MAX {
        let Some(stored) = store.find(user).await? else { return Ok(None) };
        let held = store.wallets(*id.insert(stored.onboarding.id)).await?;
        let views = held.iter().map(|held| held.view(&stored.onboarding));
        if let Some(views) = views.collect::<Option<Vec<LinkedWallet>>>() {
            return Ok(Some((stored, views)));
        }
    }
    let what = "its wallets are not stored as they were given".to_owned();
    Err(StoreError::Damaged { id: id.map(|id| id.to_string()).unwrap_or_default(), what })
}

/// What giving these wallets comes to for `onboarding`, of which `held` are in the store.
pub(super) fn given_wallets(
    onboarding: &Onboarding,
    held: &[WalletContent],
    given: &[GivenWallet],
    refused: Refused,
) -> Result<Request, IntakeError> {
    let mut request = Request::default();
    let mut next = onboarding.next_wallet();
    for wallet in given {
        let before = of_address(onboarding, held, &wallet.address);
        let (number, revision, wallet) = match before {
            None => {
                let number = next;
                next = WalletNumber(number.0.saturating_add(1));
                (number, Revision::following(None), wallet.clone())
            }
            Some(before) => {
                let known = &onboarding.wallets[&before.number];
                let is_known = before.wallet.covers(wallet);
                if is_known && !(refused == Refused::IsSentAgain && known.is_refused()) {
                    continue;
                }
                let newer = if is_known { &before.wallet } else { wallet };
                let address = before.wallet.address.clone();
                let revision = Revision::following(Some(known.revision));
                (before.number, revision, GivenWallet { address, ..newer.clone() })
            }
        };
        request.events.push(Event::WalletGiven { number, revision });
        request.personal.push(PersonalData::Wallet { number, revision, wallet });
    }
    let new = usize::try_from(next.0 - onboarding.next_wallet().0).unwrap_or(usize::MAX);
    if onboarding.wallets.len().saturating_add(new) > WALLETS_MAX {
        let mut problems = Problems::default();
        let message = format!("at most {WALLETS_MAX} wallets are kept of a user; take one back");
        problems.error("/linkedWallets", message);
        return Err(IntakeError::Refused(problems));
    }
    Ok(request)
}

/// The wallet of this address, if the rules know it, too.
fn of_address<'a>(
    onboarding: &Onboarding,
    held: &'a [WalletContent],
    address: &str,
) -> Option<&'a WalletContent> {
    let mut known = held.iter().filter(|held| onboarding.wallets.contains_key(&held.number));
    known.find(|held| held.wallet.is_of(address))
}
