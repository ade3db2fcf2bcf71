//! Verified is not the end: a product that was verified and is no longer is an event of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::apply::Reason;
use crate::onboarding::Onboarding;
use crate::{Eligibility, Product, ProductStatus, Timestamp};

/// A wanted product that was verified and is no longer: it can't be used until it is again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Regression {
    /// The product that is blocked.
    pub product: Product,
    /// Since when it was verified.
    pub verified_since: Timestamp,
    /// The provider's word on it now.
    pub status: ProductStatus,
    /// When the provider said so.
    pub observed_at: Timestamp,
}

/// The regressions of an onboarding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Regressions {
    /// Those that no event of their own tells of yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Regression>,
    /// How many there ever were.
    pub count: u32,
    /// The last one of each product that is not verified again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub standing: BTreeMap<Product, Regression>,
}

impl Regressions {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Onboarding {
    /// Compares the provider's word with what was verified before it.
    pub(crate) fn note_regressions(
        &mut self,
        products: &BTreeMap<Product, Eligibility>,
        now: Timestamp,
    ) {
        for (product, word) in products {
            if word.status == ProductStatus::Verified {
                self.verified_since.entry(product.clone()).or_insert(now);
                self.regressions.standing.remove(product);
                self.regressions.untold.retain(|untold| untold.product != *product);
            }
        }
        let status_now = |product: &Product| {
            products.get(product).map_or_else(
                || ProductStatus::Other("not-reported".to_owned()),
                |word| word.status.clone(),
            )
        };
        let lost: Vec<Product> = self
            .verified_since
            .keys()
            .filter(|product| status_now(product) != ProductStatus::Verified)
            .cloned()
            .collect();
        for product in lost {
            let Some(verified_since) = self.verified_since.remove(&product) else { continue };
            if self.wanted.contains(&product) {
                let status = status_now(&product);
                let regression = Regression { product, verified_since, status, observed_at: now };
                self.regressions.untold.push(regression);
            }
        }
    }

    /// A regression has its event.
    pub(crate) fn tell_regression(&mut self, told: &Regression) -> Result<(), Reason> {
        let place = self.regressions.untold.iter().position(|untold| untold == told);
        let regression = self.regressions.untold.remove(place.ok_or(Reason::AlreadySo)?);
        self.regressions.count += 1;
        self.regressions.standing.insert(regression.product.clone(), regression);
        Ok(())
    }
}
