//! The one compiler: a table and what is known of a user become the smallest set of needs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::merge::{is_about_the_same, merge_covered, order, without_what_is_asked};
use super::need::{
    Alternative, Blocked, Certainty, Cited, Compiled, Need, Obstacle, Unwanted, What,
};
use super::table::has_unreadable_state;
use super::{Area, Case, Diligence, Field, Requirements, Rule, When};
use crate::{
    DocumentType, Eligibility, Product, ProductStatus, Profile, Section, Timestamp, UNNAMED_REQUEST,
};

const DAY_MS: u64 = 86_400_000;

/// What the wanted products come to: what is missing now, what may be asked for later, and what
/// can't be had.
#[must_use]
pub fn compile(requirements: &Requirements, case: &Case<'_>) -> Compiled {
    let areas = requirements.areas_of(case.profile);
    let profile = case.profile.map_or(Value::Null, Profile::to_value);
    let mut compiler =
        Compiler { requirements, case, areas, profile, needs: Vec::new(), blocked: Vec::new() };
    for product in &case.wanted {
        compiler.product(product);
    }
    compiler.finish()
}

/// The smallest thing that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    Field(String),
    Document(String),
    Consent,
}

/// An ask of one product: how sure, where, and by which rules.
struct Demand<'a> {
    ask: Ask,
    /// The word that a field has to hold.
    word: Option<String>,
    certainty: Certainty,
    areas: BTreeSet<&'a Area>,
    rules: Vec<&'a Rule>,
}

struct Compiler<'a> {
    requirements: &'a Requirements,
    case: &'a Case<'a>,
    /// Where the user may live.
    areas: BTreeSet<&'a Area>,
    profile: Value,
    needs: Vec<Need>,
    blocked: Vec<Blocked>,
}

/// What the provider's word on a product leaves to the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Everything: it has not judged.
    All,
    /// What may still come: it has said what is missing, or that nothing is.
    Later,
    /// Nothing: the product is refused.
    Nothing,
}

impl<'a> Compiler<'a> {
    fn product(&mut self, product: &Product) {
        let words: Vec<&Eligibility> =
            self.case.eligibility.iter().filter(|word| word.product == *product).collect();
        let mut left = left(&words);
        for word in words {
            self.asked(product, word);
        }
        if left == Left::Nothing {
            self.block(product, Obstacle::Rejected, None);
        }
        let restriction =
            self.case.profile.and_then(|profile| self.requirements.restriction(product, profile));
        if let Some(restriction) = restriction {
            let cited = Cited {
                rule: restriction.id.clone(),
                source: restriction.origin.source.clone(),
                date: restriction.origin.date,
            };
            self.block(product, Obstacle::Residence, Some(cited));
            left = Left::Nothing;
        }
        if !self.requirements.rules.iter().any(|rule| rule.products.contains(product)) {
            self.block(product, Obstacle::UnknownProduct, None);
        }
        if left != Left::Nothing {
            self.by_table(product, left);
            self.beyond_the_limit(product);
        }
    }

    fn block(&mut self, product: &Product, obstacle: Obstacle, rule: Option<Cited>) {
        self.blocked.push(Blocked { product: product.clone(), obstacle, rule });
    }

    /// What the provider lists is missing, whatever is held.
    fn asked(&mut self, product: &Product, word: &Eligibility) {
        match word.status {
            ProductStatus::PendingPrivacyPolicy => {
                self.add(What::Consent, product, Certainty::Now, Some("privacy-policy"), &[]);
            }
            ProductStatus::RequiresData => {
                for section in &word.missing_data {
                    self.asked_section(product, section);
                }
                for name in &word.missing_documents {
                    let what = self.document(name).unwrap_or(What::Operator { name: name.clone() });
                    self.add(what, product, Certainty::Now, Some(name), &[]);
                }
                if word.missing_data.is_empty() && word.missing_documents.is_empty() {
                    let name = UNNAMED_REQUEST.to_owned();
                    let what = What::Operator { name };
                    self.add(what, product, Certainty::Now, Some(UNNAMED_REQUEST), &[]);
                }
            }
            ProductStatus::NotStarted
            | ProductStatus::PendingReview
            | ProductStatus::Verified
            | ProductStatus::Rejected
            | ProductStatus::Other(_) => {}
        }
    }

    /// A section that the provider misses lacks what the table knows it to need.
    fn asked_section(&mut self, product: &Product, section: &Section) {
        let word = section.as_str();
        if matches!(section, Section::Other(_)) {
            let what = What::Operator { name: word.to_owned() };
            return self.add(what, product, Certainty::Now, Some(word), &[]);
        }
        let mut fields = Field::base(section);
        let mut rules = Vec::new();
        for demand in self.demands(product, Sections::All) {
            let Ask::Field(path) = &demand.ask else { continue };
            let field = Field { path: path.clone(), word: demand.word.clone() };
            if field.section() != *section || demand.certainty != Certainty::Now {
                continue;
            }
            rules.extend(demand.rules.iter().copied());
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields.retain(|field| !self.is_held(field, &rules));
        let rules: Vec<&Rule> = rules
            .into_iter()
            .filter(|rule| rule.fields.iter().any(|field| fields.contains(field)))
            .collect();
        let what = self.data(section.clone(), fields);
        self.add(what, product, Certainty::Now, Some(word), &rules);
    }

    /// What the table asks for and is not held.
    fn by_table(&mut self, product: &Product, left: Left) {
        for demand in self.demands(product, Sections::Sent) {
            let is_left = match demand.certainty {
                Certainty::IfAsked | Certainty::ByAge | Certainty::AboveLimit => true,
                Certainty::Now
                | Certainty::ByResidence
                | Certainty::NewerDocs
                | Certainty::OlderDocs => left == Left::All,
            };
            if is_left && !self.is_met(&demand) {
                self.add_demand(product, &demand, demand.certainty);
            } else if self.is_getting_old(&demand) {
                self.add_demand(product, &demand, Certainty::ByAge);
            }
        }
    }

    /// What the product would ask for if it turned into another one.
    fn beyond_the_limit(&mut self, product: &Product) {
        let tiers = self.requirements.tiers.iter();
        for tier in tiers.filter(|tier| tier.product == *product) {
            if self.case.wanted.contains(&tier.becomes) {
                continue;
            }
            for demand in self.demands(&tier.becomes, Sections::Sent) {
                let is_owed = matches!(demand.certainty, Certainty::Now | Certainty::ByResidence);
                if is_owed && !self.is_met(&demand) {
                    self.add_demand(product, &demand, Certainty::AboveLimit);
                }
            }
        }
    }

    /// What the table asks for a product, in the areas where the user may live.
    fn demands(&self, product: &Product, sections: Sections) -> Vec<Demand<'a>> {
        let mut demands: BTreeMap<(Certainty, Ask), Demand<'a>> = BTreeMap::new();
        for rule in self.rules_for(product) {
            for (ask, word) in asks(rule) {
                if rule.when == When::IfSent && sections == Sections::Sent && !self.is_sent(&ask) {
                    continue;
                }
                let certainty = self.certainty(rule);
                let demand = demands.entry((certainty, ask.clone())).or_insert_with(|| Demand {
                    ask,
                    word: word.clone(),
                    certainty,
                    areas: BTreeSet::new(),
                    rules: Vec::new(),
                });
                if demand.word != word {
                    demand.word = None;
                }
                demand.areas.extend(rule.areas.iter());
                demand.rules.push(rule);
            }
        }
        let mut demands: Vec<Demand<'a>> = demands.into_values().collect();
        for demand in &mut demands {
            if demand.certainty == Certainty::Now && !self.areas.is_subset(&demand.areas) {
                demand.certainty = Certainty::ByResidence;
            }
        }
        demands
    }

    fn rules_for(&self, product: &Product) -> impl Iterator<Item = &'a Rule> {
        let rules = self.requirements.rules.iter();
        rules.filter(move |rule| {
            rule.products.contains(product)
                && rule.areas.iter().any(|area| self.areas.contains(area))
        })
    }

    const fn certainty(&self, rule: &Rule) -> Certainty {
        match (rule.when, self.case.diligence) {
            (When::Always | When::IfSent, _)
            | (When::EnhancedDueDiligence, Diligence::Enhanced) => Certainty::Now,
            (When::EnhancedDueDiligence, Diligence::Standard) => Certainty::IfAsked,
            (When::NewerDocs, _) => Certainty::NewerDocs,
            (When::OlderDocs, _) => Certainty::OlderDocs,
        }
    }

    fn is_sent(&self, ask: &Ask) -> bool {
        let Ask::Field(path) = ask else { return true };
        path.split('.').next().is_some_and(|section| self.profile.get(section).is_some())
    }

    fn is_met(&self, demand: &Demand<'_>) -> bool {
        match &demand.ask {
            Ask::Field(path) => {
                let field = Field { path: path.clone(), word: demand.word.clone() };
                self.is_held(&field, &demand.rules)
            }
            Ask::Document(name) => match self.document(name) {
                Some(What::Document { any_of, .. }) => any_of.iter().any(|it| self.is_whole(it)),
                _ => false,
            },
            Ask::Consent => self.case.consented.is_some(),
        }
    }

    fn is_held(&self, field: &Field, rules: &[&Rule]) -> bool {
        let ages = rules.iter().filter(|rule| rule.fields.contains(field));
        let oldest = ages.filter_map(|rule| rule.max_age_days).min();
        field.is_in(&self.profile)
            && !self.is_unreadable(field)
            && oldest.is_none_or(|days| !self.is_older(field, days))
    }

    /// Whether something is given there that nobody can make sense of.
    fn is_unreadable(&self, field: &Field) -> bool {
        field.is_state() && self.case.profile.is_some_and(has_unreadable_state)
    }

    fn is_getting_old(&self, demand: &Demand<'_>) -> bool {
        let Ask::Field(path) = &demand.ask else { return false };
        let field = Field { path: path.clone(), word: None };
        let days = demand.rules.iter().filter_map(|rule| rule.warn_age_days).min();
        self.is_met(demand) && days.is_some_and(|days| self.is_older(&field, days))
    }

    /// Whether the time in a field is more than so many days ago.
    fn is_older(&self, field: &Field, days: u32) -> bool {
        let time = field.text_in(&self.profile).and_then(|text| Timestamp::parse(text).ok());
        time.is_some_and(|time| time.plus_ms(u64::from(days) * DAY_MS).date() < self.case.today)
    }

    fn data(&self, section: Section, missing: Vec<Field>) -> What {
        let unreadable = missing.iter().filter(|field| self.is_unreadable(field)).cloned();
        What::Data { section, unreadable: unreadable.collect(), missing }
    }

    /// The alternatives for a document wherever the user may live; `None` if the table does not
    /// know the word.
    fn document(&self, name: &str) -> Option<What> {
        let mut any_of: Vec<Alternative> = Vec::new();
        let entries = self.requirements.accepts.iter();
        let here = entries.filter(|entry| {
            entry.requirement == name && entry.areas.iter().any(|area| self.areas.contains(area))
        });
        for group in here.flat_map(|entry| &entry.any_of) {
            if any_of.iter().all(|known| known.documents != *group) {
                any_of.push(self.alternative(group));
            }
        }
        (!any_of.is_empty()).then(|| What::Document { name: name.to_owned(), any_of })
    }

    fn alternative(&self, group: &[DocumentType]) -> Alternative {
        let lacks = |kind: &&DocumentType| !self.is_valid(kind);
        let missing: Vec<DocumentType> = group.iter().filter(lacks).cloned().collect();
        Alternative { documents: group.to_vec(), missing }
    }

    fn is_valid(&self, kind: &DocumentType) -> bool {
        let held = self.case.documents.get(kind);
        held.is_some_and(|expires| expires.is_none_or(|day| day >= self.case.today))
    }

    fn is_whole(&self, alternative: &Alternative) -> bool {
        alternative.missing.is_empty()
    }

    fn add_demand(&mut self, product: &Product, demand: &Demand<'_>, certainty: Certainty) {
        let what = match &demand.ask {
            Ask::Field(path) => {
                let field = Field { path: path.clone(), word: demand.word.clone() };
                self.data(field.section(), vec![field])
            }
            Ask::Document(name) => {
                self.document(name).unwrap_or(What::Operator { name: name.clone() })
            }
            Ask::Consent => What::Consent,
        };
        self.add(what, product, certainty, None, &demand.rules);
    }

    /// Adds a need, or to the one that is there already.
    fn add(
        &mut self,
        mut what: What,
        product: &Product,
        certainty: Certainty,
        asked: Option<&str>,
        rules: &[&Rule],
    ) {
        if let What::Document { any_of, .. } = &mut what {
            // What is asked for although it is held has to be supplied anew.
            for whole in any_of.iter_mut().filter(|it| it.missing.is_empty()) {
                whole.missing.clone_from(&whole.documents);
            }
        }
        let same = self
            .needs
            .iter_mut()
            .find(|need| need.certainty == certainty && is_about_the_same(&need.what, &what));
        let need = match same {
            Some(need) => need,
            None => {
                self.needs.push(Need {
                    what: what.clone(),
                    products: BTreeSet::new(),
                    certainty,
                    asked: BTreeSet::new(),
                    rules: Vec::new(),
                });
                self.needs.last_mut().expect("one was pushed just now")
            }
        };
        if let (
            What::Data { missing, unreadable, .. },
            What::Data { missing: more, unreadable: more_unreadable, .. },
        ) = (&mut need.what, what)
        {
            extend(missing, more);
            extend(unreadable, more_unreadable);
        }
        need.products.insert(product.clone());
        need.asked.extend(asked.map(str::to_owned));
        for cited in rules.iter().map(|rule| Cited::from(*rule)) {
            if !need.rules.contains(&cited) {
                need.rules.push(cited);
            }
        }
    }

    fn finish(self) -> Compiled {
        let unwanted = self.unwanted();
        let area = match self.case.profile {
            Some(profile) => self.requirements.area_of(profile),
            None => None,
        };
        let entity = area.as_ref().and_then(|area| self.requirements.entity_of(area));
        let entity = entity.map(str::to_owned);
        let areas = self.areas.iter().map(|area| (*area).clone()).collect();
        let Self { mut needs, blocked, .. } = self;
        needs.sort_by_key(|need| (need.certainty, order(&need.what)));
        for need in &mut needs {
            if let What::Data { missing, .. } = &mut need.what {
                missing.sort_by_key(Field::place);
            }
        }
        let mut now: Vec<Need> = Vec::new();
        let mut later: Vec<Need> = Vec::new();
        for need in needs {
            if need.certainty == Certainty::Now {
                now.push(need);
            } else if let Some(rest) = without_what_is_asked(need, now.iter().chain(&later)) {
                later.push(rest);
            }
        }
        Compiled { area, areas, entity, now: merge_covered(now), later, blocked, unwanted }
    }

    fn unwanted(&self) -> Vec<Unwanted> {
        let mut unwanted: Vec<Unwanted> = Vec::new();
        for rule in self.case.wanted.iter().flat_map(|product| self.rules_for(product)) {
            let is_sure = self.areas.iter().all(|area| rule.areas.contains(*area));
            for field in rule.leave_out.iter().filter(|field| field.is_in(&self.profile)) {
                let is_new = unwanted.iter().all(|known| known.field != *field);
                if is_sure && is_new {
                    unwanted.push(Unwanted { field: field.clone(), rule: rule.into() });
                }
            }
        }
        unwanted
    }
}

/// Whether a rule for fields of a section counts where the section is not held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sections {
    All,
    Sent,
}

fn extend(fields: &mut Vec<Field>, more: Vec<Field>) {
    for field in more {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
}

fn asks(rule: &Rule) -> Vec<(Ask, Option<String>)> {
    let fields = rule.fields.iter().map(|it| (Ask::Field(it.path.clone()), it.word.clone()));
    let documents = rule.documents.iter().map(|name| (Ask::Document(name.clone()), None));
    fields.chain(documents).chain(rule.consent.then_some((Ask::Consent, None))).collect()
}

/// Of several words on one product the least favourable counts.
fn left(words: &[&Eligibility]) -> Left {
    let says = |status: &ProductStatus| words.iter().any(|word| word.status == *status);
    let is_unsettled = |word: &&Eligibility| match word.status {
        ProductStatus::NotStarted
        | ProductStatus::PendingPrivacyPolicy
        | ProductStatus::Other(_) => true,
        ProductStatus::RequiresData
        | ProductStatus::PendingReview
        | ProductStatus::Verified
        | ProductStatus::Rejected => false,
    };
    if says(&ProductStatus::Rejected) {
        Left::Nothing
    } else if words.is_empty()
        || says(&ProductStatus::PendingPrivacyPolicy)
        || (!says(&ProductStatus::RequiresData) && words.iter().any(is_unsettled))
    {
        Left::All
    } else {
        Left::Later
    }
}
