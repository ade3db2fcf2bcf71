//! What is shown of users who lack something.

use engine::views;
use onboarding::{Context, Event, Outcome, Reader, Section, Surroundings, UserLocator, apply};
use store::{Actor, Commit, ListRequest, PersonalData, Store, TaskRequest};

use crate::provider::asks_for;
use crate::world::{MINUTE, World, id};

const LACKS: [&str; 2] = ["kycData.nationality", "kycData.identityDocument.issuingCountryCode"];

/// Users 1 and 2, of whom the provider wants more of a section; user 3 is verified.
async fn asked() -> (World, [UserLocator; 3]) {
    let world = World::new();
    let users = [world.add_user(1).await, world.add_user(2).await, world.add_user(3).await];
    for user in &users[..2] {
        world.provider.will_say(user, [asks_for(Some(Section::KycData), None)]);
    }
    world.settle_for(&world.worker().await, MINUTE).await;
    (world, users)
}

/// The fields that each view of each open task names, by user.
async fn lacks(world: &World) -> Vec<(String, Vec<Vec<String>>)> {
    let reader = Reader::new(world.store.policy(), world.clock.time());
    let store = &*world.store;
    let page = store.list(ListRequest { state: None, after: None, limit: 10 }).await.unwrap();
    let tasks = store.tasks(TaskRequest::first(None, 10)).await.unwrap();
    let tasks = views::tasks(store, &tasks, &reader).await.unwrap();
    let listed = views::statuses(store, &page, &reader).await.unwrap();
    for (stored, of_list) in page.iter().zip(&listed) {
        assert_eq!(views::status(store, stored, &reader).await.unwrap(), *of_list);
        let around = Surroundings::default();
        let told = views::explanation(store, stored, &reader, &around).await.unwrap();
        let named = told.paragraph.as_str().contains("nationality");
        let of_tasks = tasks.iter().filter(|task| task.user == of_list.user);
        let of_tasks: Vec<_> = of_tasks.map(|task| task.task.clone()).collect();
        assert_eq!(of_list.pending_tasks, of_tasks);
        assert_eq!(named, of_tasks.iter().any(|task| !task.lacks.is_empty()));
    }
    tasks.into_iter().map(|task| (task.user, task.task.lacks)).collect()
}

#[tokio::test]
async fn every_view_names_what_the_profile_lacks() {
    let (world, [one, two, _]) = asked().await;
    let named = vec![LACKS.map(str::to_owned).to_vec()];
    let expected = [(one.as_str(), named.clone()), (two.as_str(), named)];
    assert_eq!(lacks(&world).await, expected.map(|(user, lacks)| (user.to_owned(), lacks)));
}

#[tokio::test]
async fn a_profile_that_can_not_be_read_leaves_the_general_text() {
    let (world, [one, ..]) = asked().await;
    let onboarding = world.onboarding(&one).await;
    let revision = onboarding.profile.as_ref().unwrap().revision;
    let now = world.clock.time();
    let cx = Context { policy: world.store.policy(), now };
    let held = Event::Held { reason: "damaged".to_owned() };
    let Outcome::Changed(transition) = apply(&onboarding, &held, &cx) else {
        panic!("it can be held");
    };
    let commit = Commit {
        personal: vec![PersonalData::Profile { revision, json: b"{".to_vec() }],
        ..Commit::new(id(1), one.clone(), vec![*transition], Actor::Cli, now)
    };
    world.store.commit(commit).await.unwrap();
    let found = lacks(&world).await;
    assert_eq!(found[0], (one.as_str().to_owned(), Vec::new()));
    assert_eq!(found[1].1.len(), 1, "of the other one it is known");
}
