//! What the compiler answers with: needs, now and probably later, and what stands in the way.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Area, Field, Rule};
use crate::{Date, DocumentType, Product, Section};

/// What a user's wanted products come to. It names fields, never what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Compiled {
    /// Where the user lives, as far as the table tells places apart.
    pub area: Option<Area>,
    /// Every area where the user may live: several while a country or a state is not known.
    pub areas: BTreeSet<Area>,
    /// The legal entity of the provider that serves the area: the project has to be
    /// configured for it.
    pub entity: Option<String>,
    /// What is missing, and has to be supplied before verification.
    pub now: Vec<Need>,
    /// What may be asked for afterwards, the likeliest first.
    pub later: Vec<Need>,
    /// The products that can't be had, whatever is supplied.
    pub blocked: Vec<Blocked>,
    /// What is held and had better not be sent.
    pub unwanted: Vec<Unwanted>,
}

/// One thing that somebody has to supply. It may serve several products.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// What it is.
    #[serde(flatten)]
    pub what: What,
    /// The wanted products that ask for it.
    pub products: BTreeSet<Product>,
    /// How sure it is.
    pub certainty: Certainty,
    /// The words of the provider that it answers, such as `due-diligence` and `id`; empty
    /// where the table alone asks for it.
    pub asked: BTreeSet<String>,
    /// The rules that ask for it; empty where the provider alone does.
    pub rules: Vec<Cited>,
}

/// What a need is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum What {
    /// A section of the profile.
    Data {
        /// Which.
        section: Section,
        /// The fields that it lacks; none if the provider asks although nothing lacks that the
        /// table knows of.
        missing: Vec<Field>,
        /// Those of them that are given in words that nobody can make sense of.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        unreadable: Vec<Field>,
    },
    /// A document.
    Document {
        /// The provider's word for it.
        name: String,
        /// Any one of these will do.
        any_of: Vec<Alternative>,
    },
    /// The acceptance of the privacy policy.
    Consent,
    /// Something that the table does not know: an operator has to find out what is meant.
    Operator {
        /// The provider's word.
        name: String,
    },
}

/// Documents that together meet a need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Alternative {
    /// All of them.
    pub documents: Vec<DocumentType>,
    /// Those that are not held, such as the other side of a card.
    pub missing: Vec<DocumentType>,
}

/// How sure a need is, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// Without it the provider will ask.
    Now,
    /// It depends on the country or the state, which is not known.
    ByResidence,
    /// What is held is getting old.
    ByAge,
    /// If the provider decides for enhanced due diligence.
    IfAsked,
    /// If the newer versions of the documentation are right.
    NewerDocs,
    /// If the product is used beyond its limit.
    AboveLimit,
    /// If the older versions of the documentation are right.
    OlderDocs,
}

/// A rule, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Cited {
    /// The rule's name.
    pub rule: String,
    /// Where it is stated.
    pub source: String,
    /// On which day that was last read.
    pub date: Date,
}

impl From<&Rule> for Cited {
    fn from(rule: &Rule) -> Self {
        Self { rule: rule.id.clone(), source: rule.origin.source.clone(), date: rule.origin.date }
    }
}

/// A product that can't be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// Which.
    pub product: Product,
    /// Why.
    pub obstacle: Obstacle,
    /// The restriction that says so, if one does.
    pub rule: Option<Cited>,
}

/// What stands in the way of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// It is not to be had where the user lives.
    Residence,
    /// The provider refused the user.
    Rejected,
    /// The table has no rule for it: an operator has to find out what it asks for.
    UnknownProduct,
}

/// A field that is held and had better not be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Unwanted {
    /// Which.
    pub field: Field,
    /// The rule that says so.
    pub rule: Cited,
}
