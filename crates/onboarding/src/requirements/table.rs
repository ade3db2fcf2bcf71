//! The table itself: what a file of requirements says, once it is read and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use super::accepts::{Accepted, Accepts};
use super::{Area, Field, read};
use crate::problem::Problems;
use crate::{Date, DocumentType, Product, Profile};

const DEFAULT: &str = include_str!("../../../../config/requirements.toml");

/// The largest file of requirements that is read, in bytes.
pub const REQUIREMENTS_BYTES_MAX: usize = 256 * 1024;

/// What the provider asks of whom: the default is `config/requirements.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirements {
    /// Where users live; the first that fits holds, and the last takes the rest.
    pub areas: Vec<Residence>,
    /// What documents meet what the provider names.
    pub accepts: Vec<Alternatives>,
    /// Who owes what.
    pub rules: Vec<Rule>,
    /// What a product turns into beyond its limit.
    pub tiers: Vec<Tier>,
    /// Where a product is not to be had.
    pub restricted: Vec<Restriction>,
}

/// Where a rule comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// Where it is stated.
    pub source: String,
    /// On which day that was last read.
    pub date: Date,
    /// What a reader should know of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// An area: who lives in it, and which legal entity of the provider serves them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Residence {
    /// Its word.
    pub name: Area,
    /// ISO 3166-1 alpha-2; empty for all that are left.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub countries: BTreeSet<String>,
    /// The US states, by their two letters; empty for all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub states: BTreeSet<String>,
    /// The legal entity of the provider that the project has to be configured for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// Where this comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// What meets one of the provider's requirements in some areas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alternatives {
    /// The provider's word in `missingDocuments`.
    pub requirement: String,
    /// Where it holds.
    pub areas: BTreeSet<Area>,
    /// Any one of these groups, each of it whole.
    pub any_of: Vec<Vec<DocumentType>>,
    /// Where this comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// When a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// For everyone.
    Always,
    /// For those whose profile has the section.
    IfSent,
    /// For those whom the provider picks out; nobody learns of it before it asks.
    EnhancedDueDiligence,
    /// If the newer versions of the documentation are right.
    NewerDocs,
    /// If the older ones are.
    OlderDocs,
}

impl When {
    pub(super) const ALL: [Self; 5] =
        [Self::Always, Self::IfSent, Self::EnhancedDueDiligence, Self::NewerDocs, Self::OlderDocs];

    /// The word in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::IfSent => "if-sent",
            Self::EnhancedDueDiligence => "enhanced-due-diligence",
            Self::NewerDocs => "newer-docs",
            Self::OlderDocs => "older-docs",
        }
    }
}

/// Who owes what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// The products that ask for it.
    pub products: BTreeSet<Product>,
    /// Where.
    pub areas: BTreeSet<Area>,
    /// When.
    pub when: When,
    /// The fields, those that its sections can't be without included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// What the provider would name in `missingDocuments`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<String>,
    /// Whether the user has to accept the privacy policy.
    pub consent: bool,
    /// What had better not be sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leave_out: Vec<Field>,
    /// How many days old the times in its fields may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// From how many days on they are said to get old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_age_days: Option<u32>,
    /// Where this comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// What a product turns into beyond its limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tier {
    /// The product with the limit.
    pub product: Product,
    /// The product whose rules hold beyond it.
    pub becomes: Product,
    /// The limit, in words.
    pub above: String,
    /// Where this comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// Where a product is not to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restriction {
    /// Its name.
    pub id: String,
    /// The products.
    pub products: BTreeSet<Product>,
    /// ISO 3166-1 alpha-2.
    pub countries: BTreeSet<String>,
    /// Where this comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

impl Requirements {
    /// The table that comes with Gangway, read once.
    #[must_use]
    pub fn embedded() -> &'static Arc<Self> {
        static EMBEDDED: OnceLock<Arc<Requirements>> = OnceLock::new();
        EMBEDDED.get_or_init(Arc::default)
    }

    /// Reads a file of requirements, in TOML.
    ///
    /// # Errors
    /// Every mistake at once, each with its place and what to do about it.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        read::read(text)
    }

    /// The same of a provider that has no call to accept its privacy policy: nobody is asked for
    /// that ahead. A rule that asks for nothing else stays, so that its products are known.
    #[must_use]
    pub fn without_consents(&self) -> Self {
        let ask_less = |rule: &Rule| Rule { consent: false, ..rule.clone() };
        Self { rules: self.rules.iter().map(ask_less).collect(), ..self.clone() }
    }

    /// Where the user lives; `None` while the country is not known. A US user whose state is
    /// not known, or can't be read, is in the area of the states that are not listed.
    #[must_use]
    pub fn area_of(&self, profile: &Profile) -> Option<Area> {
        let country = country(profile)?;
        let fits = |area: &&Residence| area.fits(country, state(profile)) == Fit::Yes;
        self.areas.iter().find(fits).map(|area| area.name.clone())
    }

    /// Every area where the user may live, as far as is known.
    pub(super) fn areas_of(&self, profile: Option<&Profile>) -> BTreeSet<&Area> {
        let Some((profile, country)) = profile.and_then(|it| Some((it, country(it)?))) else {
            return self.areas.iter().map(|area| &area.name).collect();
        };
        let mut possible = BTreeSet::new();
        for area in &self.areas {
            match area.fits(country, state(profile)) {
                Fit::No => {}
                Fit::Perhaps => {
                    possible.insert(&area.name);
                }
                Fit::Yes => {
                    possible.insert(&area.name);
                    break;
                }
            }
        }
        possible
    }

    /// The legal entity that serves an area.
    #[must_use]
    pub fn entity_of(&self, area: &Area) -> Option<&str> {
        self.areas.iter().find(|known| known.name == *area)?.entity.as_deref()
    }

    /// What the state machine needs of the table.
    #[must_use]
    pub fn accepts(&self) -> Accepts {
        let mut accepts: BTreeMap<String, Vec<Accepted>> = BTreeMap::new();
        for entry in &self.accepts {
            let areas = accepts.entry(entry.requirement.clone()).or_default();
            if entry.areas.len() == self.areas.len() {
                areas.push(Accepted { area: None, groups: entry.any_of.clone() });
                continue;
            }
            for area in &entry.areas {
                areas.push(Accepted { area: Some(area.clone()), groups: entry.any_of.clone() });
            }
        }
        Accepts(accepts)
    }

    /// Which of `products` are not to be had where the user lives, as far as that is known.
    #[must_use]
    pub fn not_offered(
        &self,
        products: &BTreeSet<Product>,
        profile: Option<&Profile>,
    ) -> BTreeSet<Product> {
        let Some(profile) = profile else { return BTreeSet::new() };
        let is_restricted = |product: &&Product| self.restriction(product, profile).is_some();
        products.iter().filter(is_restricted).cloned().collect()
    }

    /// What stands in the way of `product` where the user lives.
    pub(super) fn restriction(&self, product: &Product, profile: &Profile) -> Option<&Restriction> {
        let country = country(profile)?;
        self.restricted.iter().find(|restriction| {
            restriction.products.contains(product) && restriction.countries.contains(country)
        })
    }
}

impl Default for Requirements {
    fn default() -> Self {
        Self::parse(DEFAULT).expect("a test reads the file that is built in")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Yes,
    Perhaps,
    No,
}

impl Residence {
    fn fits(&self, country: &str, state: Option<&str>) -> Fit {
        if !self.countries.is_empty() && !self.countries.contains(country) {
            return Fit::No;
        }
        match state {
            _ if self.states.is_empty() => Fit::Yes,
            Some(state) if self.states.contains(state) => Fit::Yes,
            Some(_) => Fit::No,
            None => Fit::Perhaps,
        }
    }
}

fn country(profile: &Profile) -> Option<&str> {
    profile.user_details.as_ref().map(|details| details.country_of_residence.as_str())
}

/// The US state by its two letters. What names none may still be meant for any of them.
fn state(profile: &Profile) -> Option<&str> {
    crate::profile::state("US", given_state(profile)?)
}

fn given_state(profile: &Profile) -> Option<&str> {
    profile.kyc_data.as_ref()?.address_of_residence.state_or_region.as_deref()
}

/// Whether a state or province is given where the provider goes by it, and names none.
pub(super) fn has_unreadable_state(profile: &Profile) -> bool {
    let (Some(country), Some(given)) = (country(profile), given_state(profile)) else {
        return false;
    };
    ["US", "CA"].contains(&country) && crate::profile::state(country, given).is_none()
}
