//! The closed lists of words that labels take. What is not among them is `other`.

use onboarding::{Product, ProductStatus};

/// What a word that is in no list is counted under.
pub(super) const OTHER: &str = "other";

/// The status of a wanted product of which the provider said nothing yet.
pub(super) const UNTOLD: &str = "not-told";

/// The statuses that the API answers with.
const STATUSES: [&str; 22] = [
    "200", "201", "202", "204", "304", "400", "401", "403", "404", "405", "406", "408", "409",
    "410", "412", "413", "415", "422", "428", "429", "500", "503",
];

const METHODS: [&str; 7] = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"];

fn of(list: &[&'static str], given: &str) -> &'static str {
    list.iter().copied().find(|word| *word == given).unwrap_or(OTHER)
}

pub(super) fn method(given: &str) -> &'static str {
    of(&METHODS, given)
}

pub(super) fn status(given: u16) -> &'static str {
    of(&STATUSES, &given.to_string())
}

pub(super) fn product(given: &Product) -> &'static str {
    Product::KNOWN.iter().find(|known| *known == given).map_or(OTHER, Product::as_str)
}

pub(super) fn product_status(given: Option<&ProductStatus>) -> &'static str {
    let Some(given) = given else { return UNTOLD };
    ProductStatus::KNOWN.iter().find(|known| *known == given).map_or(OTHER, ProductStatus::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_or_a_client_makes_up_is_other() {
        assert_eq!(product(&Product::from("onramp")), "onramp");
        assert_eq!(product(&Product::from("ada@example.org")), OTHER);
        assert_eq!(product_status(None), UNTOLD);
        assert_eq!(product_status(Some(&ProductStatus::from("verified"))), "verified");
        assert_eq!(product_status(Some(&ProductStatus::from("Ada Brandt"))), OTHER);
        assert_eq!((method("GET"), method("ADA")), ("GET", OTHER));
        assert_eq!((status(200), status(299)), ("200", OTHER));
    }
}
