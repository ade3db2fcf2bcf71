//! What the provider still lacks: its last word, less what was supplied since.

use crate::task::{Request, TaskState, UNNAMED_REQUEST};
use crate::{Eligibility, Onboarding, ProductStatus, Section};

impl Onboarding {
    /// The provider's last word on each product without what was supplied since. When nothing is
    /// left of what it asked for, it is as good as in review.
    #[must_use]
    pub fn unsupplied(&self) -> Vec<Eligibility> {
        let words = self.observation.iter().flat_map(|it| it.products.values());
        let is_supplied = |request: &Request| {
            let mut tasks = self.tasks.iter();
            tasks.any(|task| task.request == *request && task.state == TaskState::Supplied)
        };
        words.map(|word| without(word.clone(), is_supplied)).collect()
    }
}

fn without(mut word: Eligibility, is_supplied: impl Fn(&Request) -> bool) -> Eligibility {
    let was_unnamed = word.missing_data.is_empty() && word.missing_documents.is_empty();
    word.missing_data.retain(|section| !is_supplied(&request_for(section)));
    word.missing_documents.retain(|name| {
        let document = Request::Document(name.clone());
        !is_supplied(&document) && !is_supplied(&Request::Operator(name.clone()))
    });
    let is_done = match word.status {
        ProductStatus::PendingPrivacyPolicy => is_supplied(&Request::Consent),
        ProductStatus::RequiresData if was_unnamed => {
            is_supplied(&Request::Operator(UNNAMED_REQUEST.to_owned()))
        }
        ProductStatus::RequiresData => {
            word.missing_data.is_empty() && word.missing_documents.is_empty()
        }
        ProductStatus::NotStarted
        | ProductStatus::PendingReview
        | ProductStatus::Verified
        | ProductStatus::Rejected
        | ProductStatus::Other(_) => false,
    };
    if is_done {
        word.status = ProductStatus::PendingReview;
    }
    word
}

fn request_for(section: &Section) -> Request {
    match section {
        Section::Other(word) => Request::Operator(word.clone()),
        known @ (Section::UserDetails
        | Section::KycData
        | Section::DueDiligence
        | Section::VerificationHistory) => Request::Data(known.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Product;

    #[test]
    fn what_was_supplied_since_the_provider_spoke_is_left_out_of_its_word() {
        let word = |status: &str, data: &[&str], documents: &[&str]| Eligibility {
            product: Product::Onramp,
            status: status.into(),
            missing_data: data.iter().map(|word| Section::from(*word)).collect(),
            missing_documents: documents.iter().map(ToString::to_string).collect(),
        };
        let unnamed = Request::Operator(UNNAMED_REQUEST.to_owned());
        let (id, kyc) = (Request::Document("id".to_owned()), Request::Data(Section::KycData));
        let asked = || word("requires-data", &["kyc-data"], &["id", "selfie"]);
        for (given, supplied, expected) in [
            (asked(), vec![], asked()),
            (asked(), vec![id.clone()], word("requires-data", &["kyc-data"], &["selfie"])),
            (
                asked(),
                vec![id, kyc, Request::Operator("selfie".to_owned())],
                word("pending-review", &[], &[]),
            ),
            (
                word("requires-data", &["kyc-data"], &[]),
                vec![Request::Data(Section::KycData)],
                word("pending-review", &[], &[]),
            ),
            (word("requires-data", &[], &[]), vec![], word("requires-data", &[], &[])),
            (word("requires-data", &[], &[]), vec![unnamed], word("pending-review", &[], &[])),
            (
                word("pending-privacy-policy", &[], &[]),
                vec![Request::Consent],
                word("pending-review", &[], &[]),
            ),
            (word("rejected", &[], &[]), vec![], word("rejected", &[], &[])),
        ] {
            assert_eq!(without(given, |request| supplied.contains(request)), expected);
        }
    }
}
