//! Linked wallets: what is known of them without their addresses, when they are sent, and what a
//! person has to do about them. They are no part of the verdict, and never in its way.

use serde::{Deserialize, Serialize};

use crate::apply::{Context, Reason, acknowledge};
use crate::onboarding::{LastError, Onboarding, Retry};
use crate::step::Call;
use crate::task::{Request, Task, TaskState};
use crate::{Failure, FailureClass, Policy, Revision, Revisions, Timestamp};

/// The most wallets that one user may have here.
pub const WALLETS_MAX: usize = 10;

/// With this the provider says that a wallet is linked to another user.
const CONFLICT: u16 = 409;

/// With this the provider says that the key has no right to it.
const FORBIDDEN: u16 = 403;

/// After so many failures in a row a provider that forbids such a call has refused the wallet.
const CLOSED_MAX: u32 = 5;

/// Counts the wallets of one onboarding from 1; a number is never given twice.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct WalletNumber(pub u32);

impl std::fmt::Display for WalletNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of a wallet that was given. Its address, chain, proof and challenge are personal
/// data, and not here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wallet {
    /// Each change of its chain or proof is a revision.
    pub revision: Revision,
    /// The last revision that the provider linked.
    pub acknowledged: Option<Revision>,
    /// What the provider said of the newest revision.
    pub word: Option<WalletWord>,
    /// The failures in a row of the call that links it. They are its own: nothing else waits.
    pub retry: Option<Retry>,
    /// The last failure of that call, until it succeeds or something newer is given.
    pub last_error: Option<LastError>,
    /// What a person has to do about it.
    pub task: Option<Task>,
}

/// What the provider said of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WalletWord {
    /// It linked it, and knows this of who owns it.
    Linked(Ownership),
    /// It is linked to another user.
    OtherUsers,
    /// It does not take it.
    Refused,
}

/// Whether the user has shown to own a wallet that is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ownership {
    /// Yes.
    Verified,
    /// No, and the provider says what is to be signed.
    ToProve,
    /// No, and nothing is asked for.
    Unverified,
    /// The provider does not say.
    NotSaid,
}

impl WalletWord {
    const fn is_refusal(self) -> bool {
        match self {
            Self::OtherUsers | Self::Refused => true,
            Self::Linked(_) => false,
        }
    }
}

impl Wallet {
    /// Whether the newest revision was refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.word.is_some_and(WalletWord::is_refusal)
    }

    /// Whether the provider is still to be told of this revision.
    fn is_to_be_linked(&self, revision: Revision) -> bool {
        self.revision == revision && self.acknowledged != Some(revision) && !self.is_refused()
    }

    /// Where it stands: `waiting` for its call, `linked`, `verified`, `to-prove`, `unverified`,
    /// `other-users` or `refused`.
    #[must_use]
    pub const fn standing(&self) -> &'static str {
        match self.word {
            None => "waiting",
            Some(WalletWord::Linked(Ownership::Verified)) => "verified",
            Some(WalletWord::Linked(Ownership::ToProve)) => "to-prove",
            Some(WalletWord::Linked(Ownership::Unverified)) => "unverified",
            Some(WalletWord::Linked(Ownership::NotSaid)) => "linked",
            Some(WalletWord::OtherUsers) => "other-users",
            Some(WalletWord::Refused) => "refused",
        }
    }

    /// What a person has to do about it.
    const fn request(&self, number: WalletNumber) -> Option<Request> {
        match self.word {
            Some(WalletWord::Linked(Ownership::ToProve)) => Some(Request::WalletProof(number)),
            Some(WalletWord::OtherUsers | WalletWord::Refused) => Some(Request::Wallet(number)),
            Some(WalletWord::Linked(
                Ownership::Verified | Ownership::Unverified | Ownership::NotSaid,
            ))
            | None => None,
        }
    }

    /// Something newer of it, or the same once more, is to be sent.
    fn send_again(&mut self, cx: &Context<'_>) {
        self.word = None;
        self.last_error = None;
        self.retry = Retry::mended(self.retry);
        if let Some(task) = &mut self.task {
            task.supply(cx);
        }
    }
}

impl Onboarding {
    /// The number of the wallet that is given next.
    #[must_use]
    pub const fn next_wallet(&self) -> WalletNumber {
        WalletNumber(self.wallet_count.saturating_add(1))
    }

    /// The wallet of which the provider is to be told next, and the earliest time for it. Nobody
    /// is linked to anything before the provider knows them, and a look that is asked for comes
    /// first: it shows whether the provider still does. The call for a wallet would not, as it
    /// makes a bare user of one who was lost.
    pub(crate) fn wallet_call(&self, policy: &Policy) -> Option<(Call, Timestamp)> {
        self.profile.as_ref()?.acknowledged?;
        if self.look {
            return None;
        }
        let waiting = self.wallets.iter().filter(|(_, held)| held.is_to_be_linked(held.revision));
        let calls = waiting.map(|(number, wallet)| {
            let call = Call::LinkWallet { number: *number, revision: wallet.revision };
            let due_at = wallet.retry.map(|retry| retry.due_at(self.id, policy));
            (call, due_at.unwrap_or(self.updated_at))
        });
        calls.min_by_key(|(_, due_at)| *due_at)
    }

    /// A wallet was given, or another chain or proof for one that is held.
    pub(crate) fn give_wallet(
        &mut self,
        number: WalletNumber,
        revision: Revision,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        let next = self.next_wallet();
        match self.wallets.get_mut(&number) {
            Some(held) if revision == Revision::following(Some(held.revision)) => {
                held.revision = revision;
                held.send_again(cx);
            }
            None if number == next && revision == Revision::following(None) => {
                self.wallet_count = number.0;
                // Another one was asked for, and here it is.
                for refused in self.wallets.values_mut().filter(|held| held.is_refused()) {
                    refused.task = None;
                }
                let (acknowledged, word, retry) = (None, None, None);
                let wallet =
                    Wallet { revision, acknowledged, word, retry, last_error: None, task: None };
                self.wallets.insert(number, wallet);
            }
            Some(_) | None => return Err(Reason::NotTheNextRevision),
        }
        // Also so that nobody in review waits with it for the policy's next look.
        self.look |= self.verification.triggered_with.is_some();
        Ok(())
    }

    /// A wallet was taken back. The provider has no call to unlink one that it linked.
    pub(crate) fn withdraw_wallet(&mut self, number: WalletNumber) -> Result<(), Reason> {
        let held = self.wallets.get(&number).ok_or(Reason::NeverHeld)?;
        if held.acknowledged.is_some() {
            return Err(Reason::AlreadyAcknowledged);
        }
        self.wallets.remove(&number);
        Ok(())
    }

    pub(crate) fn wallet_linked(
        &mut self,
        number: WalletNumber,
        revision: Revision,
        ownership: Ownership,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        let held = self.wallets.get_mut(&number).ok_or(Reason::NeverHeld)?;
        acknowledge(&mut held.acknowledged, revision, held.revision)?;
        if held.revision == revision {
            held.word = Some(WalletWord::Linked(ownership));
            (held.retry, held.last_error) = (None, None);
            self.ask_about_wallet(number, cx);
        }
        Ok(())
    }

    /// Its call did not succeed: later, or never with what was given. Neither stops anything else.
    pub(crate) fn take_wallet_failure(
        &mut self,
        number: WalletNumber,
        revision: Revision,
        failure: &Failure,
        cx: &Context<'_>,
    ) -> Result<(), Reason> {
        let held = self.wallets.get_mut(&number).filter(|held| held.is_to_be_linked(revision));
        let held = held.ok_or(Reason::NotTheAwaitedCall)?;
        held.last_error = Some(LastError::of(failure, cx.now));
        held.word = match failure.class {
            _ if failure.http_status == Some(CONFLICT) => Some(WalletWord::OtherUsers),
            // The call makes a user whom the provider does not know, so it is not about that.
            FailureClass::Refused | FailureClass::NotFound => Some(WalletWord::Refused),
            // A 403 may be said of wallets alone, to a key that may not link any: then somebody has
            // to be told. A key that is not known is nothing that another wallet would mend.
            FailureClass::ProviderClosed
                if failure.http_status == Some(FORBIDDEN)
                    && held.retry.is_some_and(|retry| retry.attempt >= CLOSED_MAX) =>
            {
                Some(WalletWord::Refused)
            }
            FailureClass::Transient | FailureClass::RateLimited | FailureClass::ProviderClosed => {
                None
            }
        };
        held.retry = held.word.is_none().then(|| Retry::after(held.retry, failure, cx.now));
        self.ask_about_wallet(number, cx);
        Ok(())
    }

    /// Brings a wallet's task in line with what the provider said of it. While it is being sent
    /// again, the task stays as it is.
    fn ask_about_wallet(&mut self, number: WalletNumber, cx: &Context<'_>) {
        let Some(wallet) = self.wallets.get_mut(&number).filter(|held| held.word.is_some()) else {
            return;
        };
        let Some(request) = wallet.request(number) else {
            wallet.task = None;
            return;
        };
        let due = cx.policy.due_of(&request, cx.now);
        match &mut wallet.task {
            Some(task) if task.request == request => {
                if task.state == TaskState::Supplied && task.waived.is_none() {
                    task.ask_again(due, cx);
                }
            }
            other => {
                self.task_count += 1;
                // It is for no product: none is judged by it.
                let (products, known) = (Default::default(), Revisions::default());
                *other = Some(Task::new(self.task_count, request, products, cx.now, known, due));
            }
        }
    }

    /// The provider lost the user, and the links with it. A 404 to a wallet may have been about
    /// that; what was refused for another reason stays refused.
    pub(crate) fn forget_wallets(&mut self) {
        for wallet in self.wallets.values_mut() {
            wallet.acknowledged = None;
            let was_refused =
                wallet.last_error.as_ref().is_some_and(|last| last.class != FailureClass::NotFound);
            wallet.word = wallet.word.filter(|word| word.is_refusal() && was_refused);
        }
    }

    /// Someone wants everything tried now, be it refused.
    pub(crate) fn retry_wallets(&mut self, cx: &Context<'_>) {
        for wallet in self.wallets.values_mut() {
            if wallet.is_refused() {
                wallet.send_again(cx);
            }
            wallet.retry = None;
        }
    }
}
