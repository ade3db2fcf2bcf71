//! What a text is about, in plain words.

use crate::{Date, ForWhom, Timestamp};

/// What a task asks for, and all that its texts tell about it.
///
/// Only words that the catalogue knows reach a user: any other word is told in general terms.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Subject {
    /// What sort of thing is asked for.
    pub kind: SubjectKind,
    /// Who has to do it.
    pub for_whom: ForWhom,
    /// What is asked for: a section (`kyc-data`), a requirement or document type (`id`,
    /// `proof-of-address`, `selfie-front`), a legal text (`privacy-policy`,
    /// `terms-of-service`), or the provider's word that an operator has to look into.
    /// For a renewal, what runs out; for a wallet, its number.
    pub name: String,
    /// The document types that meet it: any one group, each of it whole.
    pub accepts: Vec<Vec<String>>,
    /// Of each group of `accepts`, in its order, what is not held: document types, or the
    /// fields of a section, `kycData.phoneNumber`. Empty where no more is known.
    pub lacks: Vec<Vec<String>>,
    /// The onboardings of other users for whom the same file was given.
    pub duplicates: Vec<String>,
    /// Where the user lives, as the rules of what is required name it: `us`, `spain`.
    pub area: Option<String>,
    /// The products that ask for it.
    pub products: Vec<String>,
    /// How often it was asked for.
    pub round: u32,
    /// When it was last supplied, without avail.
    pub supplied_on: Option<Date>,
    /// When it was waived, if nothing was supplied in the round before this.
    pub waived_on: Option<Date>,
    /// For a renewal: the last day on which what we hold counts.
    pub valid_until: Option<Date>,
    /// By when it is due, and why then.
    pub due: Option<DueBy>,
    /// What files are taken.
    pub limits: Limits,
}

/// What sort of thing a task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum SubjectKind {
    /// The acceptance of the privacy policy.
    Consent,
    /// The acceptance of the terms of service.
    Terms,
    /// A section of the profile.
    Data,
    /// A document.
    Document,
    /// Something for an operator to find out: the user has nothing to do.
    #[default]
    Operator,
    /// Something that runs out.
    Renewal,
    /// Another wallet than one that the provider does not link.
    Wallet,
    /// A proof that the user owns a wallet.
    WalletProof,
}

impl SubjectKind {
    /// The kinds that there are.
    pub const ALL: [Self; 8] = [
        Self::Consent,
        Self::Terms,
        Self::Data,
        Self::Document,
        Self::Operator,
        Self::Renewal,
        Self::Wallet,
        Self::WalletProof,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Terms => "terms",
            Self::Data => "data",
            Self::Document => "document",
            Self::Operator => "operator",
            Self::Renewal => "renewal",
            Self::Wallet => "wallet",
            Self::WalletProof => "wallet-proof",
        }
    }
}

/// A word that is no kind's is an operator's to look into.
impl From<&str> for SubjectKind {
    fn from(word: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word).unwrap_or_default()
    }
}

/// A day by which something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueBy {
    /// The last day on which it is in time.
    pub on: Date,
    /// Where it comes from: `policy`, `document-expiry`, `verification-age`, `consent`.
    pub source: String,
}

/// What files are taken.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Limits {
    /// Media types: `image/png`, `application/pdf`. Nothing is told when there are none.
    pub media_types: Vec<String>,
    /// The largest file, in bytes.
    pub bytes_max: Option<u64>,
    /// The least pixels on a picture's shorter side.
    pub side_pixels_min: Option<u32>,
    /// The most pages.
    pub pages_max: Option<u32>,
}

/// How it stands with one product, for [`Texts::explain`](super::Texts::explain).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Standing {
    /// The product's word: `onramp`.
    pub product: String,
    /// The provider's word on it: `pending-review`.
    pub status: String,
    /// The onboarding's state, where it says more than the provider's word: `held`.
    pub state: Option<String>,
    /// Whether it can be used.
    pub usable: Usable,
    /// Who acts next: `user`, `company`, `operator`, `provider`, `gangway`, `nobody`.
    pub who: String,
    /// What is open for it.
    pub tasks: Vec<Subject>,
    /// What the user has to do where nothing is open.
    pub to_do: Option<ToDo>,
    /// Why it does not go on.
    pub stuck: Option<StuckBy>,
    /// When the provider last told us.
    pub observed_at: Option<Timestamp>,
    /// When we look again.
    pub next_look_at: Option<Timestamp>,
}

/// Why it does not go on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct StuckBy {
    /// The cause's word, for the user: `provider-slow`, `user-silent`.
    pub cause: String,
    /// The name of what staff is told.
    pub note: String,
}

/// What a user has to do before anything is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToDo {
    /// Give the details that are checked.
    GiveDetails,
    /// Say that the check may begin.
    AskForCheck,
}

/// Whether a product can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Usable {
    /// It can.
    Now,
    /// It can, and something has to be done by this day for it to stay so.
    NowUntil(Date),
    /// It can't yet.
    #[default]
    NotYet,
    /// It could before.
    NoLonger,
    /// It can't, and nothing is under way.
    Unavailable,
    /// It is not offered where the user lives, as far as is known.
    NotOffered,
}
