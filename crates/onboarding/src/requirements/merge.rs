//! Fewer needs: two that are about the same become one, and what another one covers is left out.

use super::Field;
use super::need::{Need, What};
use crate::Section;

/// Whether two needs are about the same thing, so that they can be one.
pub(super) fn is_about_the_same(one: &What, other: &What) -> bool {
    match (one, other) {
        (What::Data { section: one, .. }, What::Data { section: other, .. }) => one == other,
        (What::Document { name: one, .. }, What::Document { name: other, .. })
        | (What::Operator { name: one }, What::Operator { name: other }) => one == other,
        (What::Consent, What::Consent) => true,
        (What::Data { .. } | What::Document { .. } | What::Operator { .. } | What::Consent, _) => {
            false
        }
    }
}

/// Consent comes first, then data, documents, and what an operator has to find out.
pub(super) fn order(what: &What) -> (u8, String) {
    match what {
        What::Consent => (0, String::new()),
        What::Data { section, .. } => {
            let place = Section::KNOWN.iter().position(|known| known == section);
            (1, format!("{}", place.unwrap_or(usize::MAX)))
        }
        What::Document { name, .. } => (2, name.clone()),
        What::Operator { name } => (3, name.clone()),
    }
}

/// What of a later need is not in an earlier one already.
pub(super) fn without_what_is_asked<'n>(
    mut need: Need,
    earlier: impl Iterator<Item = &'n Need>,
) -> Option<Need> {
    for known in earlier {
        match (&mut need.what, &known.what) {
            (What::Data { missing, unreadable, .. }, What::Data { missing: asked, .. }) => {
                let is_left = |field: &Field| asked.iter().all(|asked| asked.path != field.path);
                missing.retain(is_left);
                unreadable.retain(is_left);
                if missing.is_empty() {
                    return None;
                }
            }
            (what @ What::Document { .. }, other @ What::Document { .. }) => {
                if covers(other, what) {
                    return None;
                }
            }
            (What::Consent, What::Consent) => return None,
            (
                What::Data { .. } | What::Document { .. } | What::Operator { .. } | What::Consent,
                _,
            ) => {}
        }
    }
    Some(need)
}

/// Whether whoever meets `one` has met `other` by that.
fn covers(one: &What, other: &What) -> bool {
    let (What::Document { any_of: one, .. }, What::Document { any_of: other, .. }) = (one, other)
    else {
        return false;
    };
    one.iter().all(|given| {
        other.iter().any(|asked| asked.documents.iter().all(|it| given.documents.contains(it)))
    })
}

/// Takes out each need that another one covers, which then serves both.
pub(super) fn merge_covered(needs: Vec<Need>) -> Vec<Need> {
    let mut kept: Vec<Need> = Vec::new();
    for need in needs {
        if let Some(covering) = kept.iter_mut().find(|known| covers(&known.what, &need.what)) {
            absorb(covering, need);
            continue;
        }
        let (covered, mut others): (Vec<Need>, Vec<Need>) =
            kept.into_iter().partition(|known| covers(&need.what, &known.what));
        let mut need = need;
        for known in covered {
            absorb(&mut need, known);
        }
        others.push(need);
        kept = others;
    }
    kept
}

fn absorb(need: &mut Need, covered: Need) {
    need.products.extend(covered.products);
    need.asked.extend(covered.asked);
    for cited in covered.rules {
        if !need.rules.contains(&cited) {
            need.rules.push(cited);
        }
    }
}
