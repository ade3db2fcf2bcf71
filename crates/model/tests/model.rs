//! The small bounds hold, and every mutant is caught.

use model::{Bounds, Mutant, World};

#[test]
fn within_the_small_bounds_every_invariant_holds_and_rest_is_reached_from_every_state() {
    for (name, bounds) in Bounds::SMALL {
        let world = World::new(bounds);
        let found = world.explore();
        for (invariant, story) in found.invariants {
            if let Some(story) = story {
                panic!("{name} ({bounds}): {invariant} is violated\n{story}");
            }
        }
        let rest = world.rest();
        assert_eq!(rest.states, found.unique, "{name}: two explorations find the same states");
        assert!(rest.at_rest > 0, "{name}: something comes to rest");
        if let Some(story) = rest.stuck {
            panic!("{name} ({bounds}): rest is out of reach\n{story}");
        }
    }
}

#[test]
fn every_mutant_is_caught_by_the_invariant_that_it_breaks() {
    for mutant in Mutant::ALL {
        let caught = mutant.hunt();
        let invariant = caught.map(|caught| caught.invariant);
        assert_eq!(invariant, Some(mutant.breaks()), "{}", mutant.as_str());
    }
}

#[test]
fn without_a_mutant_its_bounds_hold() {
    for mutant in Mutant::ALL {
        let world = World::new(mutant.bounds());
        let broken = world.explore().invariants.into_iter().filter(|(_, story)| story.is_some());
        assert_eq!(broken.count(), 0, "{}", mutant.as_str());
        assert!(world.rest().stuck.is_none(), "{}", mutant.as_str());
    }
}

#[test]
fn a_counter_example_is_told_in_words() {
    let story = Mutant::AcknowledgeWithoutAnswer.hunt().expect("it is caught").story;
    let told = story.to_string();
    let last = told.lines().last().expect("a story has lines");
    assert_eq!(
        last,
        "     3. registering            a worker records accept-privacy-policy 1: done"
    );
    assert_eq!(told.lines().count(), story.len() + 1);
}
