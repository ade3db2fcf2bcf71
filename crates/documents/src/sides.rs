//! Documents of which the provider wants several views.

use onboarding::DocumentType;

/// The other side of an ID card.
#[must_use]
pub fn other_side(document_type: &DocumentType) -> Option<DocumentType> {
    const SIDES: [DocumentType; 2] = [DocumentType::IdIdcardFront, DocumentType::IdIdcardBack];
    let [front, back] = SIDES;
    let is_front = *document_type == front;
    (is_front || *document_type == back).then_some(if is_front { back } else { front })
}

/// Whether both are views of one thing, so that one file can't be both.
pub(crate) fn are_views_of_one(one: &DocumentType, other: &DocumentType) -> bool {
    let is_selfie = |view: &DocumentType| {
        use DocumentType::{SelfieFront, SelfieLeft, SelfieRight};
        matches!(view, SelfieFront | SelfieLeft | SelfieRight)
    };
    other_side(one).as_ref() == Some(other) || (is_selfie(one) && is_selfie(other))
}
