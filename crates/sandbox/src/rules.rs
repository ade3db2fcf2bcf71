//! What each product asks for: the decision table of the provider's data
//! requirements, read anew and sharing nothing with the client's reading.

use crate::profile::{Product, Profile};
use crate::record::{Kyc, Record};

const EEA: [&str; 30] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS",
    "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The states of the US whose residents owe due diligence.
const DUE_DILIGENCE_STATES: [(&str, &str); 6] = [
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("VA", "Virginia"),
    ("VT", "Vermont"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Residence {
    Us,
    Eea,
    Spain,
    Elsewhere,
}

/// The words that the provider puts into `missingData` and `missingDocuments`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    pub data: Vec<&'static str>,
    pub documents: Vec<String>,
}

impl Missing {
    pub(crate) const fn is_empty(&self) -> bool {
        self.data.is_empty() && self.documents.is_empty()
    }
}

/// What is known of a user when a verification is triggered.
pub(crate) struct Facts<'a> {
    pub profile: Profile,
    pub record: &'a Record,
    pub document_types: &'a [&'static str],
    pub enhanced_due_diligence: bool,
    /// The word by which a selfie is asked for, where one is.
    pub selfie: Option<&'a str>,
}

impl Facts<'_> {
    /// What the product still lacks; both lists in the provider's order.
    pub(crate) fn missing(&self, product: Product) -> Missing {
        let mut missing = Missing::default();
        if self.record.user_details.is_none() {
            missing.data.push("user-details");
        }
        if product == Product::RegulatedTransfer {
            return missing;
        }
        if !self.record.kyc.as_ref().is_some_and(|kyc| self.kyc_suffices(product, kyc)) {
            missing.data.push("kyc-data");
        }
        if product == Product::OnrampLight {
            return missing;
        }
        if self.owes_due_diligence() && !self.due_diligence_suffices() {
            missing.data.push("due-diligence");
        }
        if !self.record.verification_history {
            missing.data.push("verification-history");
        }
        if self.owes_id() && !self.has_id() {
            missing.documents.push("id".to_owned());
        }
        if self.enhanced_due_diligence {
            let proofs = ["proof-of-address", "proof-of-income"];
            let lacking = proofs.into_iter().filter(|proof| !self.has(proof));
            missing.documents.extend(lacking.map(str::to_owned));
        }
        if let Some(word) = self.selfie.filter(|_| self.owes_selfie() && !self.has("selfie-front"))
        {
            missing.documents.push(word.to_owned());
        }
        missing
    }

    fn residence(&self) -> Residence {
        match self.record.country() {
            Some("US") => Residence::Us,
            Some("ES") => Residence::Spain,
            Some(country) if EEA.contains(&country) => Residence::Eea,
            Some(_) | None => Residence::Elsewhere,
        }
    }

    /// The quickstart knows no fields beyond those that its body must hold.
    fn kyc_suffices(&self, product: Product, kyc: &Kyc) -> bool {
        if self.profile == Profile::Quickstart {
            return true;
        }
        let identified = kyc.identity.as_ref().is_some_and(|identity| identity.has_issuing_country);
        let by_residence = match self.residence() {
            Residence::Us => {
                kyc.identity.as_ref().is_some_and(|identity| identity.kind == "ssn")
                    && kyc.state.is_some()
                    && (product == Product::Offramp || kyc.phone.is_some())
            }
            Residence::Eea | Residence::Spain => identified,
            Residence::Elsewhere => product == Product::OnrampLight || identified,
        };
        kyc.has_nationality && by_residence
    }

    fn owes_due_diligence(&self) -> bool {
        if self.profile == Profile::Quickstart || self.residence() != Residence::Us {
            return true;
        }
        let state = self.record.kyc.as_ref().and_then(|kyc| kyc.state.as_deref());
        state.is_some_and(|state| {
            DUE_DILIGENCE_STATES.iter().any(|(code, name)| {
                state.eq_ignore_ascii_case(code) || state.eq_ignore_ascii_case(name)
            })
        })
    }

    fn due_diligence_suffices(&self) -> bool {
        let income_owed = self.profile == Profile::Current && self.residence() == Residence::Us;
        self.record.due_diligence.as_ref().is_some_and(|section| section.has_income || !income_owed)
    }

    /// In the newer contract the SSN stands for a US resident's document until
    /// enhanced due diligence asks for one.
    fn owes_id(&self) -> bool {
        let ssn_stands_for_it =
            self.profile == Profile::Current && self.residence() == Residence::Us;
        !ssn_stands_for_it || self.enhanced_due_diligence
    }

    /// The SSN stands for a US resident's selfie as well. The quickstart knows none.
    fn owes_selfie(&self) -> bool {
        self.profile == Profile::Current && self.residence() != Residence::Us
    }

    fn has_id(&self) -> bool {
        let passport = self.has("id-passport");
        let both_sides = self.has("id-idcard-front") && self.has("id-idcard-back");
        match self.residence() {
            Residence::Us => passport || both_sides || self.has("id-ssn"),
            Residence::Eea => passport || both_sides,
            Residence::Spain => passport || both_sides || self.has("id-residency-permit"),
            Residence::Elsewhere => passport,
        }
    }

    fn has(&self, document_type: &str) -> bool {
        self.document_types.contains(&document_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{DueDiligence, Identity, UserDetails};

    /// A user with everything that the country could ask for.
    fn whole(country: &str, state: Option<&str>) -> Record {
        Record {
            user_details: Some(UserDetails { country: country.to_owned() }),
            kyc: Some(Kyc {
                email: "a@example.org".to_owned(),
                phone: Some("+15550100".to_owned()),
                has_nationality: true,
                state: state.map(str::to_owned),
                identity: Some(Identity {
                    kind: if country == "US" { "ssn" } else { "passport" },
                    has_issuing_country: true,
                }),
            }),
            due_diligence: Some(DueDiligence { has_income: country == "US" }),
            verification_history: true,
        }
    }

    struct Case {
        name: &'static str,
        profile: Profile,
        product: Product,
        record: Record,
        documents: &'static [&'static str],
        edd: bool,
        selfie: Option<&'static str>,
        data: &'static [&'static str],
        missing: &'static [&'static str],
    }

    /// A complete resident of the country, to be spoiled by each case.
    fn case(name: &'static str, country: &str, state: Option<&str>) -> Case {
        Case {
            name,
            profile: Profile::Current,
            product: Product::Onramp,
            record: whole(country, state),
            documents: &[],
            edd: false,
            selfie: None,
            data: &[],
            missing: &[],
        }
    }

    fn without_kyc_field(country: &str, state: Option<&str>, spoil: fn(&mut Kyc)) -> Record {
        let mut record = whole(country, state);
        spoil(record.kyc.as_mut().unwrap());
        record
    }

    fn check(cases: Vec<Case>) {
        for case in cases {
            let facts = Facts {
                profile: case.profile,
                record: &case.record,
                document_types: case.documents,
                enhanced_due_diligence: case.edd,
                selfie: case.selfie,
            };
            let missing = facts.missing(case.product);
            assert_eq!(missing.data, case.data, "data: {}", case.name);
            assert_eq!(missing.documents, case.missing, "documents: {}", case.name);
        }
    }

    #[test]
    fn the_id_is_asked_for_by_residence() {
        const CARD: &[&str] = &["id-idcard-front", "id-idcard-back"];
        check(vec![
            Case { missing: &["id"], ..case("nothing, EEA", "DE", None) },
            Case { documents: &["id-passport"], ..case("passport, EEA", "DE", None) },
            Case { documents: CARD, ..case("both sides, EEA", "NO", None) },
            Case {
                documents: &["id-idcard-front"],
                missing: &["id"],
                ..case("one side only", "FR", None)
            },
            Case {
                documents: &["id-residency-permit"],
                ..case("residence permit, Spain", "ES", None)
            },
            Case {
                documents: &["id-residency-permit"],
                missing: &["id"],
                ..case("residence permit, not Spain", "PT", None)
            },
            Case { documents: CARD, missing: &["id"], ..case("card, elsewhere", "BR", None) },
            Case { documents: &["id-passport"], ..case("passport, elsewhere", "BR", None) },
            case("none for the US", "US", Some("FL")),
            Case {
                profile: Profile::Quickstart,
                missing: &["id"],
                ..case("US in the quickstart", "US", None)
            },
            Case {
                profile: Profile::Quickstart,
                documents: &["id-ssn"],
                ..case("US in the quickstart with its card", "US", None)
            },
        ]);
    }

    #[test]
    fn enhanced_due_diligence_adds_the_proofs_and_a_document_in_the_us() {
        const PROOFS: &[&str] = &["proof-of-address", "proof-of-income"];
        check(vec![
            Case {
                edd: true,
                documents: &["id-passport"],
                missing: PROOFS,
                ..case("EEA", "DE", None)
            },
            Case {
                edd: true,
                documents: &["id-passport", "proof-of-address"],
                missing: &["proof-of-income"],
                ..case("one proof given", "DE", None)
            },
            Case {
                edd: true,
                missing: &["id", "proof-of-address", "proof-of-income"],
                ..case("US", "US", Some("IL"))
            },
            Case {
                edd: true,
                product: Product::RegulatedTransfer,
                ..case("regulated transfer never asks for documents", "DE", None)
            },
        ]);
    }

    #[test]
    fn a_selfie_is_asked_for_only_where_the_script_names_it() {
        const SELFIE: Option<&str> = Some("selfie");
        const PASSPORT: &[&str] = &["id-passport"];
        check(vec![
            Case { documents: PASSPORT, ..case("off", "DE", None) },
            Case {
                selfie: SELFIE,
                documents: PASSPORT,
                missing: &["selfie"],
                ..case("EEA", "DE", None)
            },
            Case {
                selfie: SELFIE,
                documents: PASSPORT,
                missing: &["selfie"],
                ..case("elsewhere", "JP", None)
            },
            Case {
                selfie: SELFIE,
                documents: &["id-passport", "selfie-left"],
                missing: &["selfie"],
                ..case("not from the front", "DE", None)
            },
            Case {
                selfie: SELFIE,
                documents: &["id-passport", "selfie-front"],
                ..case("given", "DE", None)
            },
            Case { selfie: SELFIE, ..case("US", "US", Some("IL")) },
            Case {
                selfie: SELFIE,
                product: Product::OnrampLight,
                ..case("the light tier", "DE", None)
            },
            Case {
                selfie: SELFIE,
                profile: Profile::Quickstart,
                documents: PASSPORT,
                ..case("the quickstart", "DE", None)
            },
        ]);
    }

    #[test]
    fn sections_are_asked_for_by_product_and_residence() {
        let bare = |country: &str| Record {
            user_details: whole(country, None).user_details,
            ..Record::default()
        };
        let no_due_diligence =
            |state: &'static str| Record { due_diligence: None, ..whole("US", Some(state)) };
        check(vec![
            Case {
                product: Product::RegulatedTransfer,
                record: bare("BR"),
                ..case("payout minimal", "BR", None)
            },
            Case {
                product: Product::RegulatedTransfer,
                record: Record::default(),
                data: &["user-details"],
                ..case("payout without anything", "BR", None)
            },
            Case {
                record: bare("DE"),
                data: &["kyc-data", "due-diligence", "verification-history"],
                missing: &["id"],
                ..case("userDetails only", "DE", None)
            },
            Case { record: no_due_diligence("FL"), ..case("US, unlisted state", "US", None) },
            Case {
                record: no_due_diligence("ny"),
                data: &["due-diligence"],
                ..case("US, listed state", "US", None)
            },
            Case {
                record: no_due_diligence("north carolina"),
                data: &["due-diligence"],
                ..case("US, listed state by name", "US", None)
            },
            Case {
                profile: Profile::Quickstart,
                record: no_due_diligence("FL"),
                documents: &["id-passport"],
                data: &["due-diligence"],
                ..case("the quickstart asks it of everyone", "US", None)
            },
        ]);
    }

    #[test]
    fn kyc_data_is_complete_by_product_and_residence() {
        let light = |case: Case| Case { product: Product::OnrampLight, ..case };
        let lacks = |case: Case| Case { data: &["kyc-data"], ..case };
        let no_identity = |country| without_kyc_field(country, None, |kyc| kyc.identity = None);
        let no_phone = || without_kyc_field("US", Some("FL"), |kyc| kyc.phone = None);
        let passport_in_the_us = without_kyc_field("US", Some("FL"), |kyc| {
            kyc.identity = Some(Identity { kind: "passport", has_issuing_country: true });
        });
        check(vec![
            light(Case { record: no_identity("BR"), ..case("light, elsewhere", "BR", None) }),
            lacks(light(Case { record: no_identity("DE"), ..case("light, EEA", "DE", None) })),
            lacks(light(Case { record: no_phone(), ..case("light, US, no phone", "US", None) })),
            lacks(Case { record: no_phone(), ..case("onramp, US, no phone", "US", None) }),
            Case {
                product: Product::Offramp,
                record: no_phone(),
                ..case("offramp, US, no phone", "US", None)
            },
            lacks(Case { record: whole("US", None), ..case("US, no state", "US", None) }),
            lacks(Case { record: passport_in_the_us, ..case("US, no SSN", "US", None) }),
            lacks(Case {
                record: without_kyc_field("DE", None, |kyc| kyc.has_nationality = false),
                documents: &["id-passport"],
                ..case("no nationality", "DE", None)
            }),
            Case {
                profile: Profile::Quickstart,
                record: without_kyc_field("DE", None, |kyc| kyc.has_nationality = false),
                documents: &["id-passport"],
                ..case("no nationality in the quickstart", "DE", None)
            },
        ]);
    }
}
